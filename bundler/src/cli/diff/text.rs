//! The lines of small files that differ.

use std::time::Duration;

use serde::Serialize;
use similar::TextDiff;
use wt_manifests::bundle::Bundle;

use crate::Result;
use crate::changes::{Changes, EntryChange};

/// Larger files are configuration no more.
const LARGEST: u64 = 256 << 10;
/// Two files that have nothing in common could keep us busy; then the lines are compared more coarsely.
const PATIENCE: Duration = Duration::from_millis(500);

/// A file of the release, and its lines as `diff -u` shows them.
#[derive(Serialize)]
pub struct ChangedLines {
    pub path: String,
    pub unified: String,
}

/// Of every file that is on both sides and is text.
pub fn changed_lines(bundles: [&Bundle; 2], changes: &Changes) -> Result<Vec<ChangedLines>> {
    let mut lines = Vec::new();
    for file in &changes.files {
        if let Some(unified) = unified(bundles, file)? {
            lines.push(ChangedLines { path: file.path.clone(), unified });
        }
    }
    Ok(lines)
}

fn unified([before, after]: [&Bundle; 2], file: &EntryChange) -> Result<Option<String>> {
    let (Some(old), Some(new)) = (&file.before, &file.after) else { return Ok(None) };
    if old.sha256 == new.sha256 || old.size.max(new.size) > LARGEST {
        return Ok(None);
    }
    let read = |bundle: &Bundle| -> Result<Option<String>> {
        let bytes = bundle.read_entry(&file.path, LARGEST)?;
        Ok(String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')))
    };
    let (Some(old), Some(new)) = (read(before)?, read(after)?) else { return Ok(None) };
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(&old, &new);
    let names = (format!("a/{}", file.path), format!("b/{}", file.path));
    Ok(Some(diff.unified_diff().context_radius(3).header(&names.0, &names.1).to_string()))
}
