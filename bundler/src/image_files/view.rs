use std::collections::BTreeMap;

use crate::layer_files::{FileKind, LayerFile, LayerFiles};

/// What layers leave under a path.
#[derive(Debug, PartialEq, Eq)]
pub enum Trace {
    Written(LayerFile),
    /// Taken away from whatever lies below.
    TakenAway,
}

impl Trace {
    pub fn file(self) -> Option<LayerFile> {
        match self {
            Self::Written(file) => Some(file),
            Self::TakenAway => None,
        }
    }
}

/// Layers, one upon the other.
#[derive(Debug, Default)]
pub struct View {
    pub files: BTreeMap<String, Trace>,
}

impl View {
    /// What a layer takes away lies below it, so that comes first.
    pub fn put_on(&mut self, layer: &LayerFiles) {
        for folder in &layer.opaque {
            self.remove_below(folder);
        }
        for path in &layer.whiteouts {
            self.remove_below(path);
            self.files.insert(path.clone(), Trace::TakenAway);
        }
        for (path, file) in &layer.files {
            if file.kind == FileKind::Folder {
                self.files.remove(path); // a folder shows what is in it
            } else {
                self.remove_below(path);
                self.files.insert(path.clone(), Trace::Written(file.clone()));
            }
        }
    }

    fn remove_below(&mut self, folder: &str) {
        let below = |path: &String| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        let first = format!("{folder}/");
        let gone: Vec<String> = if folder.is_empty() {
            self.files.keys().cloned().collect()
        } else {
            self.files.range(first..).map(|(path, _)| path).take_while(|path| below(path)).cloned().collect()
        };
        for path in gone {
            self.files.remove(&path);
        }
    }
}
