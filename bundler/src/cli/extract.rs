use std::path::PathBuf;

use serde::Serialize;
use wt_keys::console::{Done, Output, Size};
use wt_manifests::bundle::Bundle;

use super::bundle_argument::BundleArgument;
use crate::extract::{Extracted, extract};
use crate::new_file::refuse_existing;
use crate::selection::Selection;
use crate::{Error, Result, image_archive};

/// Take files out of a bundle, each checked before it gets its name
#[derive(Debug, clap::Args)]
#[command(
    name = "extract",
    after_help = "Example:\n  wt-bundle extract worktile-5.2.0-amd64.tar.zst stack.yaml packages/debian-12/ -o unpacked\n  wt-bundle extract worktile-5.2.0-amd64.tar.zst --image redis:7 -o redis.tar\n\nA PATH is a file, a folder, or a pattern with `*` and `?`. Nothing is overwritten: a file that is there with the same\ncontent is left alone, any other is an error."
)]
pub struct ExtractVerb {
    #[command(flatten)]
    bundle: BundleArgument,
    /// What to take: a file, a folder or a pattern (left out: everything)
    #[arg(value_name = "PATH", conflicts_with = "image")]
    paths: Vec<String>,
    /// The folder to write to; with `--image` the archive
    #[arg(short = 'o', long = "output", value_name = "DIR", visible_short_alias = 'C')]
    target: PathBuf,
    /// Write one image as an archive for `docker load`
    #[arg(long, value_name = "NAME")]
    image: Option<String>,
}

#[derive(Serialize)]
struct Report {
    schema: &'static str,
    output: String,
    /// The image that was written, if it was one.
    image: Option<String>,
    written: Vec<String>,
    /// Bytes that were written, of an image those of its blobs.
    bytes: u64,
    present: usize,
}

impl ExtractVerb {
    pub fn run(self, output: Output) -> Done {
        let bundle = self.bundle.open()?;
        let (report, text) = match &self.image {
            Some(name) => self.image(&bundle, name, output)?,
            None => self.files(&bundle, output)?,
        };
        output.report(&report, "");
        if !output.json {
            output.say(text);
        }
        for path in &report.written {
            output.detail(path);
        }
        Ok(())
    }

    fn files(&self, bundle: &Bundle, output: Output) -> Result<(Report, String)> {
        let selection = Selection::new(&self.paths, bundle.manifest())?;
        let Extracted { written, bytes, present } =
            extract(bundle, &selection, &self.target, &output.progress())?;
        let text = match (written.len(), present) {
            (0, present) => format!("nothing to write: {present} files are there already"),
            (written, 0) => format!("{written} files, {}", Size(bytes)),
            (written, present) => format!("{written} files, {}; {present} were there already", Size(bytes)),
        };
        let written = written.iter().map(ToString::to_string).collect();
        Ok((Report { written, bytes, present, ..self.report(None) }, text))
    }

    fn image(&self, bundle: &Bundle, name: &str, output: Output) -> Result<(Report, String)> {
        let image = image_archive::find(bundle.manifest(), name)?;
        if self.target.is_dir() {
            let example = self.target.join("image.tar");
            return Err(Error::OutputFolder { path: self.target.clone(), example });
        }
        refuse_existing(&self.target)?;
        let bytes = image_archive::size(bundle.manifest(), image);
        let phase = output.progress().phase("writing the image", Some(bytes));
        image_archive::write(bundle, image, &self.target, &phase)?;
        let text = format!("{}, {}; `docker load -i` takes it", image.name, Size(bytes));
        Ok((Report { bytes, ..self.report(Some(image.name.to_string())) }, text))
    }

    fn report(&self, image: Option<String>) -> Report {
        Report {
            schema: "wt.bundle.extract.v1",
            output: self.target.display().to_string(),
            image,
            written: Vec::new(),
            bytes: 0,
            present: 0,
        }
    }
}
