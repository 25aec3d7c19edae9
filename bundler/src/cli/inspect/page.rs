//! One page of tables.

use std::collections::HashMap;
use std::fmt::Write as _;

use wt_keys::Sha256Digest;
use wt_keys::certificate::ANY_PRODUCT;
use wt_keys::console::Size;
use wt_manifests::manifest::{Entry, PackageSet};
use wt_manifests::site::Requirements;

use super::super::table::Table;
use super::contents::{Contents, Signer};

pub fn page(contents: &Contents<'_>, every_layer: bool) -> String {
    let mut page = front(contents).to_string();
    let mut section = |table: Table| {
        if !table.is_empty() {
            let _ = write!(page, "\n{table}");
        }
    };
    section(images(contents));
    if every_layer {
        section(sources(contents));
        section(layers(contents));
    }
    for set in contents.packages {
        section(packages(set, contents));
    }
    section(files(contents));
    section(site(contents));
    page
}

fn front(contents: &Contents<'_>) -> Table {
    let signer = &contents.signer;
    let mut front = Table::of_lines();
    front.row([&"product", &format_args!("{} {}", contents.product, contents.version)]);
    front.row([&"release", &contents.release]);
    front.row([&"platform", &contents.platform]);
    front.row([&"created", &contents.created]);
    front.row([&"upgrades", &contents.upgrades_from]);
    let (size, unpacked) = (Size(contents.size), Size(contents.unpacked));
    let (chunks, frames) = (count(contents.chunks, "chunk"), count(contents.frames, "frame"));
    front.row([&"size", &format_args!("{size} ({unpacked} unpacked), {chunks}, {frames}")]);
    if !contents.features.is_empty() {
        front.row([&"features", &contents.features.join(" ")]);
    }
    front.row([&"signed by", &format_args!("{}, for {}", signer.key, products(signer))]);
    let (from, to) = (signer.not_before, signer.not_after);
    front.row([&"valid", &format_args!("{from} to {to}, {}", validity(signer.days_left))]);
    let (version, issued) = (signer.trust_version, signer.trust_issued);
    let roots = format_args!("{} of {} roots", signer.threshold, signer.roots);
    front.row([&"trust", &format_args!("document {version} of {issued}, {roots}")]);
    if let Some(version) = contents.trust_version {
        front.row([&"signed under", &format_args!("document {version}; an older one is refused")]);
    }
    front
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn products(signer: &Signer) -> &str {
    if signer.product == ANY_PRODUCT { "any product" } else { &signer.product }
}

fn validity(days_left: i64) -> String {
    match days_left {
        0 => "expires within a day".to_owned(),
        1.. => format!("{days_left} days left"),
        _ => "expired since; what it signed before stays good".to_owned(),
    }
}

fn images(contents: &Contents<'_>) -> Table {
    let mut table = Table::new(&["IMAGE", "ID", "LAYERS>", "SIZE>", "ONLY HERE>", "SHARED>"]);
    for (image, cost) in contents.images.iter().zip(&contents.costs) {
        let (own, shared) = (Size(cost.only_here), Size(cost.shared));
        table.row([&image.name, &short(image.config), &image.layers.len(), &Size(cost.size), &own, &shared]);
    }
    if !contents.images.is_empty() {
        let sum = |stored: &dyn Fn(usize) -> bool| {
            let layers = contents.layers.iter().filter(|layer| stored(layer.images.len()));
            Size(layers.map(|layer| layer.stored).sum())
        };
        let size = Size(contents.layers.iter().map(|layer| layer.size).sum());
        let (own, shared) = (sum(&|users| users == 1), sum(&|users| users > 1));
        table.row([&"together", &"", &contents.layers.len(), &size, &own, &shared]);
    }
    table
}

/// Where the images came from, with the digests that were there.
fn sources(contents: &Contents<'_>) -> Table {
    let mut table = Table::new(&["IMAGE", "FROM"]);
    for image in contents.images {
        if let Some(source) = &image.source {
            table.row([&image.name, source]);
        }
    }
    table
}

fn layers(contents: &Contents<'_>) -> Table {
    let mut table = Table::new(&["LAYER", "SIZE>", "IN FILE>", "RATIO>", "IMAGES"]);
    for layer in &contents.layers {
        let users: Vec<String> = layer.images.iter().map(ToString::to_string).collect();
        let ratio = percent(layer.stored, layer.size);
        table.row([
            &short(layer.digest),
            &Size(layer.size),
            &Size(layer.stored),
            &format_args!("{ratio} %"),
            &users.join(" "),
        ]);
    }
    table
}

fn percent(part: u64, whole: u64) -> u128 {
    u128::from(part) * 100 / u128::from(whole.max(1))
}

fn packages(set: &PackageSet, contents: &Contents<'_>) -> Table {
    let sizes: HashMap<&str, u64> =
        contents.entries.iter().map(|entry| (entry.path.as_str(), entry.size)).collect();
    let name = format!("PACKAGES {}", set.target);
    let mut table = Table::new(&[&name, "VERSION", "SIZE>", ""]);
    for package in &set.packages {
        let size = Size(sizes.get(package.path.as_str()).copied().unwrap_or_default());
        let asked = if set.install.contains(&package.name) { "asked for" } else { "" };
        table.row([&package.name, &package.version, &size, &asked]);
    }
    for source in &set.sources {
        table.row([&format_args!("from {}", source.suite), &source.date, &"", &""]);
    }
    table
}

/// What is neither of an image nor a package.
fn files(contents: &Contents<'_>) -> Table {
    let mut table = Table::new(&["FILE", "SIZE>", "MODE", ""]);
    for entry in contents.entries.iter().filter(|entry| entry.is_of_release()) {
        let mode = format_args!("{:04o}", entry.mode.bits()).to_string();
        table.row([&entry.path, &Size(entry.size), &mode, &purpose(entry, contents)]);
    }
    table
}

fn purpose(entry: &Entry, contents: &Contents<'_>) -> String {
    let site = contents.site;
    let hooks: Vec<&str> =
        site.hooks.named().filter(|(_, script)| **script == entry.path).map(|(name, _)| name).collect();
    if !hooks.is_empty() {
        return format!("hook: {}", hooks.join(", "));
    }
    let conf = entry.path.as_str().strip_prefix("conf/");
    let template = site.conf.iter().find(|conf_file| Some(conf_file.template.as_str()) == conf);
    match template {
        Some(template) if template.restart.is_empty() => "template".to_owned(),
        Some(template) => format!("template, read by {}", template.restart.join(" ")),
        None => String::new(),
    }
}

fn site(contents: &Contents<'_>) -> Table {
    let site = contents.site;
    let mut table = Table::new(&["ON SITE", ""]);
    let needs = &site.requirements;
    if *needs != Requirements::default() {
        let (cpus, memory, disk) = (needs.cpus, needs.memory, needs.disk);
        table.row([&"needs", &format_args!("{cpus} CPUs, {memory} memory, {disk} disk")]);
    }
    for port in &site.ports {
        table.row([&"port", &format_args!("{} {}", port.number, port.purpose)]);
    }
    for folder in &site.data {
        table.row([&"data", &format_args!("{} ({}, {})", folder.path, folder.owner, folder.mode)]);
    }
    for step in &site.journey {
        let request = format_args!("{} :{}{}", step.method.as_str(), step.port, step.path).to_string();
        table.row([&"journey", &format_args!("{}: {request} → {}", step.name, step.status)]);
    }
    if !site.modules.is_empty() {
        table.row([&"modules", &site.modules.join(" ")]);
    }
    if !site.domains.is_empty() {
        table.row([&"domains", &site.domains.join(" ")]);
    }
    if let Some(license) = &site.license {
        table.row([&"license", &format_args!("read by {}", license.service)]);
    }
    table
}

/// As much of a digest as people compare.
fn short(digest: Sha256Digest) -> String {
    digest.to_string().chars().take(12).collect()
}
