//! From a release to a signed bundle.
//!
//! Layers, packages and documents become frames in nameless files, then the body in the order of FORMAT.md, then the
//! head. Stopped at any moment, nothing stands under the output's name.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::thread;

use wt_keys::chain::check_scope;
use wt_keys::console::Progress;
use wt_keys::{Signer, Utc, durable, folder_of};
use wt_manifests::bundle::{
    body_writer::BodyWriter,
    frame_writer::{Compression, FrameFile},
    sealing::HeadlessBundle,
};
use wt_manifests::bundle::{split, unsigned};
use wt_manifests::complete::SmallFile;
use wt_manifests::manifest::{Body, CHUNK_SIZE, Entry, FORMAT, Manifest};
use wt_manifests::release::{Release, ReleaseFile};
use wt_manifests::site::Site;

use crate::cache::{self, LayerCache, PackageCache};
use crate::image::{Collected, Keep};
use crate::packages::{Plan, Resolved};
use crate::press::{Frames, Press};
use crate::problems::Problems;
use crate::source::{Images, RegistryAccess};
use crate::{Error, Result, documents, release_files};

/// Measured on the benchmark's workload (eight images, 1.91 GB of layers), frames with long-distance matching in jobs of
/// 16 MiB beside `docker save | zstd -3` of 447.9 MB: level 6 makes 0.815 of it in 16.4 s of processor time, level 5 0.833
/// in 13.7 s. A bundle is built once and carried often; the limit that we set is 0.82.
const LAYERS: i32 = 6;
/// A package is compressed already.
const PACKAGES: i32 = 1;
const SMALL_FILES: i32 = 19;

/// What to build, with what, and where to.
#[derive(Debug)]
pub struct Build<'a> {
    pub release: &'a Release,
    pub form: Form<'a>,
    pub keep: Keep,
    pub output: PathBuf,
    pub created: Utc,
    pub threads: u32,
    pub registries: RegistryAccess,
    pub cache_sizes: CacheSizes,
    /// In bytes; what unpacks to more is refused.
    pub largest_layer: u64,
    pub progress: Progress,
}

/// How many bytes may be kept for the next build; none: nothing is, and nothing that was kept is used.
#[derive(Clone, Copy, Debug)]
pub struct CacheSizes {
    pub layers: Option<u64>,
    pub packages: Option<u64>,
}

/// What becomes of the body.
#[derive(Clone, Copy, Debug)]
pub enum Form<'a> {
    /// Signed, and cut into volumes of at most `split` bytes.
    Signed { signer: &'a Signer, split: Option<u64> },
    /// Left to be signed elsewhere.
    Unsigned,
}

/// What was built.
#[derive(Debug)]
pub struct Summary {
    pub files: Vec<PathBuf>,
    pub size: u64,
    pub images: usize,
    pub layers: usize,
    /// Layers that images have in common, and that would otherwise be there again.
    pub shared: usize,
    pub packages: usize,
    /// What went otherwise than was asked for, and hurts nobody.
    pub warnings: Vec<String>,
}

/// A bundle that lacks only its signature.
#[derive(Debug)]
pub struct Made {
    pub bundle: HeadlessBundle,
    pub manifest: Manifest,
    warnings: Vec<String>,
}

/// Those that are used.
struct Caches {
    layers: Option<LayerCache>,
    packages: Option<PackageCache>,
}

struct Gathered {
    images: Vec<Collected>,
    layers: Frames,
    packages: Vec<Resolved>,
}

impl Build<'_> {
    pub fn run(&self) -> Result<Summary> {
        let Made { bundle, manifest, warnings } = self.make()?;
        let files = self.finish(bundle, &manifest)?;
        Ok(Summary { warnings, ..summary(files, &manifest) })
    }

    /// Everything but the signature; nothing stands under the output's name.
    pub fn make(&self) -> Result<Made> {
        let mut manifest = self.draft();
        self.check_form(&manifest)?;
        let (files, images) = self.find()?;
        let mut warnings = Vec::new();
        let caches = self.caches(&mut warnings);
        let Gathered { images, layers, packages } = self.gather(images, caches)?;
        warnings.extend(packages.iter().flat_map(|resolved| resolved.warnings.iter().cloned()));
        let frames = self.frames(&files, &images, layers, &packages)?;
        let bundle = self.write(frames)?;
        manifest.body = bundle.body.clone();
        manifest.entries.clone_from(&bundle.entries);
        manifest.images = images.into_iter().map(|image| image.image).collect();
        manifest.packages = packages.into_iter().map(|resolved| resolved.set).collect();
        manifest.name_features();
        Ok(Made { bundle, manifest, warnings })
    }

    /// What would otherwise be refused at the end of a long build.
    fn check_form(&self, manifest: &Manifest) -> Result<()> {
        let Form::Signed { signer, split } = self.form else { return Ok(()) };
        check_scope(&signer.certificate, manifest)?;
        match split {
            Some(wanted) => Ok(split::check(wanted, &self.output)?),
            None => Ok(()),
        }
    }

    /// What the bundle is made of, all of it there. Where something lacks, packages are looked for as well, so that all
    /// is said at once; else that is done while layers are compressed.
    fn find(&self) -> Result<(Vec<SmallFile>, Images<'_>)> {
        let mut problems = Problems::default();
        let files = problems.keep("the release folder", release_files::read(self.release));
        let (files, missing) = files.unwrap_or_default();
        problems.extend(missing);
        let images = Images::find(self.release, &self.registries, &self.progress, &mut problems);
        if problems.are_of_release() {
            self.plan_packages(&mut problems);
        }
        problems.into_result()?;
        Ok((files, images))
    }

    /// Images and packages, side by side.
    fn gather(&self, images: Images<'_>, caches: Caches) -> Result<Gathered> {
        thread::scope(|scope| {
            let packages = scope.spawn(|| self.packages(caches.packages.as_ref()));
            let images = self.images(images, caches.layers);
            let packages = packages.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let (images, layers) = images?;
            Ok(Gathered { images, layers, packages: packages? })
        })
    }

    /// Warns of a cache that cannot be used.
    fn caches(&self, warnings: &mut Vec<String>) -> Caches {
        let open_layers = |most| {
            let folder = cache::folder(cache::LAYERS)?;
            Some(LayerCache::open(folder, self.compression(LAYERS), most))
        };
        let open_packages = |most| Some(PackageCache::open(cache::folder(cache::PACKAGES)?, most));
        let layers = self.cache_sizes.layers.and_then(open_layers).transpose();
        let wanted = self.cache_sizes.packages.filter(|_| !self.release.file.packages.is_empty());
        let packages = wanted.and_then(open_packages).transpose();
        warnings.extend([layers.as_ref().err(), packages.as_ref().err()].into_iter().flatten().cloned());
        Caches { layers: layers.unwrap_or_default(), packages: packages.unwrap_or_default() }
    }

    fn images(&self, images: Images<'_>, cache: Option<LayerCache>) -> Result<(Vec<Collected>, Frames)> {
        let phase = self.progress.phase("compressing layers", None);
        let press = Press::start(&self.folder(), cache, self.compression(LAYERS), self.largest_layer, phase);
        match images.collect(&press, self.keep) {
            Ok(collected) => Ok((collected, press.finish()?)),
            Err(Error::PressStopped) => Err(press.finish().err().unwrap_or(Error::PressStopped)),
            Err(error) => Err(error),
        }
    }

    fn packages(&self, cache: Option<&PackageCache>) -> Result<Vec<Resolved>> {
        let mut problems = Problems::default();
        let plans = self.plan_packages(&mut problems);
        problems.into_result()?;
        plans.into_iter().map(|plan| plan.fetch(cache)).collect()
    }

    /// Of all targets that can be had.
    fn plan_packages(&self, problems: &mut Problems) -> Vec<Plan> {
        let file = &self.release.file;
        let plan = |target| Plan::of(target, &file.platform, self.created, &self.progress, problems);
        file.packages.iter().filter_map(plan).collect()
    }

    /// All frames in their order.
    fn frames(
        &self,
        files: &[SmallFile],
        images: &[Collected],
        mut layers: Frames,
        packages: &[Resolved],
    ) -> Result<Vec<FrameFile>> {
        let folder = self.folder();
        let mut frames = vec![release_files::frame(files, &folder, self.compression(SMALL_FILES))?];
        for resolved in packages {
            frames.extend(resolved.frames(&folder, self.compression(PACKAGES))?);
        }
        let in_order = images.iter().flat_map(|image| image.image.stored());
        frames.extend(in_order.filter_map(|layer| layers.remove(layer)));
        let before = frames.iter().flat_map(|frame| &frame.entries);
        let last = documents::frame(images, before, &folder, self.compression(SMALL_FILES))?;
        frames.push(last);
        Ok(frames)
    }

    fn write(&self, frames: Vec<FrameFile>) -> Result<HeadlessBundle> {
        let total = frames.iter().map(|frame| frame.frame.length).sum();
        let phase = self.progress.phase("writing", Some(total));
        let mut body = BodyWriter::create(&self.body_output(), expected_head(&frames, total))?;
        for frame in frames {
            let length = frame.frame.length;
            body.append(frame)?;
            phase.advance(length);
        }
        Ok(body.finish())
    }

    /// What the release alone says.
    fn draft(&self) -> Manifest {
        let file = &self.release.file;
        Manifest {
            format: FORMAT,
            features: Vec::new(),
            product: file.product.clone(),
            version: file.version.clone(),
            release: self.release.name.clone(),
            platform: file.platform.clone(),
            created: self.created,
            trust_version: None, // the signer's
            upgrades_from: file.upgrades_from.clone(),
            body: Body { length: 0, chunks: Vec::new(), frames: Vec::new() },
            entries: Vec::new(),
            images: Vec::new(),
            packages: Vec::new(),
            site: site(file),
        }
    }

    /// Signs, reads back, and gives the result its name. Returns the files that were made.
    fn finish(&self, bundle: HeadlessBundle, manifest: &Manifest) -> Result<Vec<PathBuf>> {
        let Form::Signed { signer, split } = self.form else {
            return self.leave_unsigned(bundle, manifest);
        };
        let length = manifest.body.length;
        let sealed = {
            let phase = self.progress.phase("reading it back", Some(length));
            bundle.seal(manifest, signer, &|bytes| phase.advance(bytes))?
        };
        if let Some(wanted) = split {
            let phase = self.progress.phase("cutting volumes", Some(length));
            return Ok(sealed.split(wanted, &|bytes| phase.advance(bytes))?);
        }
        sealed.publish()?;
        Ok(vec![self.output.clone()])
    }

    /// The manifest first: an unsigned bundle without it cannot be signed elsewhere.
    fn leave_unsigned(&self, bundle: HeadlessBundle, manifest: &Manifest) -> Result<Vec<PathBuf>> {
        let carried = self.output.with_added_extension("manifest");
        durable::write(&carried, &unsigned::to_bytes(manifest), 0o644)?;
        bundle.leave_unsigned(manifest)?;
        Ok(vec![self.body_output(), carried])
    }

    /// The name of the file that the body goes to.
    fn body_output(&self) -> PathBuf {
        match self.form {
            Form::Signed { .. } => self.output.clone(),
            Form::Unsigned => self.output.with_added_extension("unsigned"),
        }
    }

    fn folder(&self) -> PathBuf {
        folder_of(&self.output)
    }

    fn compression(&self, level: i32) -> Compression {
        Compression { level, threads: self.threads }
    }
}

fn summary(files: Vec<PathBuf>, manifest: &Manifest) -> Summary {
    let used: usize = manifest.images.iter().map(|image| image.layers.len()).sum();
    let layers = manifest.layers().map(|entry| entry.sha256).collect::<HashSet<_>>().len();
    let lengths = files.iter().filter_map(|file| std::fs::metadata(file).ok());
    Summary {
        size: lengths.map(|metadata| metadata.len()).sum(),
        files,
        images: manifest.images.len(),
        layers,
        shared: used - layers,
        packages: manifest.packages.iter().map(|set| set.packages.len()).sum(),
        warnings: Vec::new(),
    }
}

fn site(file: &ReleaseFile) -> Site {
    Site {
        modules: file.modules.clone(),
        hooks: file.hooks.clone(),
        requirements: file.requirements.clone(),
        ports: file.ports.clone(),
        data: file.data.clone(),
        conf: file.conf.clone(),
        journey: file.journey.clone(),
        domains: file.domains.clone(),
        license: file.license.clone(),
        logs: file.logs.clone(),
        stores: file.stores.clone(),
    }
}

/// About as long as the head will be; a wrong guess costs a moment, nothing else.
fn expected_head(frames: &[FrameFile], total: u64) -> u64 {
    let entries: Vec<&Entry> = frames.iter().flat_map(|frame| &frame.entries).collect();
    let paths: usize = entries.iter().map(|entry| entry.path.as_str().len()).sum();
    let json = 8192 + paths + entries.len() * 160 + frames.len() * 40;
    (json as u64 + total / CHUNK_SIZE * 67) * 4 / 3
}

/// `worktile-5.2.0-amd64.tar.zst`
pub fn default_output(release: &Release, folder: &Path) -> PathBuf {
    let file = &release.file;
    let (machine, variant) = (file.platform.machine(), file.platform.variant().unwrap_or_default());
    folder.join(format!("{}-{}-{machine}{variant}.tar.zst", file.product, file.version))
}

/// `SOURCE_DATE_EPOCH` where it is set, else `now`.
pub fn created(now: Utc) -> Result<Utc> {
    let Ok(found) = std::env::var("SOURCE_DATE_EPOCH") else { return Ok(now) };
    found.parse().ok().and_then(Utc::from_unix).ok_or(Error::Epoch { found })
}
