//! One page of tables.

use std::collections::HashMap;
use std::fmt::Write as _;

use wt_keys::Sha256Digest;
use wt_keys::console::Size;
use wt_manifests::manifest::{Entry, PackageSet};

use super::super::table::Table;
use super::{Contents, Layer};

pub fn page(contents: &Contents<'_>, every_layer: bool) -> String {
    let mut page = front(contents);
    let mut section = |table: Table| {
        if !table.is_empty() {
            let _ = write!(page, "\n{table}");
        }
    };
    section(images(contents));
    if every_layer {
        section(layers(contents));
    }
    for set in contents.packages {
        section(packages(set, contents));
    }
    section(files(contents));
    section(site(contents));
    page
}

fn front(contents: &Contents<'_>) -> String {
    let signer = &contents.signer;
    let mut page = String::new();
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(page, "{name:<10} {value}");
    };
    line("product", &format_args!("{} {}", contents.product, contents.version));
    line("release", &contents.release);
    line("platform", &contents.platform);
    line("created", &contents.created);
    line("upgrades", &contents.upgrades_from);
    line(
        "size",
        &format_args!(
            "{} ({} unpacked), {} chunks, {} frames",
            Size(contents.size),
            Size(contents.unpacked),
            contents.chunks,
            contents.frames
        ),
    );
    line("signed by", &signer.key);
    line("valid", &format_args!("{} to {}", signer.not_before, signer.not_after));
    line(
        "trust",
        &format_args!("document {}, {} of {} roots", signer.trust_version, signer.threshold, signer.roots),
    );
    page
}

fn images(contents: &Contents<'_>) -> Table {
    let layers: HashMap<Sha256Digest, &Layer<'_>> =
        contents.layers.iter().map(|layer| (layer.digest, layer)).collect();
    let mut table = Table::new(&["IMAGE", "ID", "LAYERS>", "SIZE>", "IN FILE>", "SHARED>"]);
    for image in contents.images {
        let mut own: Vec<&Layer<'_>> =
            image.layers.iter().filter_map(|layer| layers.get(layer).copied()).collect();
        own.sort_by_key(|layer| layer.digest);
        own.dedup_by_key(|layer| layer.digest);
        let sum = |weight: fn(&Layer<'_>) -> u64| Size(own.iter().map(|layer| weight(layer)).sum());
        let shared = sum(|layer| if layer.images.len() > 1 { layer.stored } else { 0 });
        let (size, stored) = (sum(|layer| layer.size), sum(|layer| layer.stored));
        table.row([&image.name, &short(image.config), &image.layers.len(), &size, &stored, &shared]);
    }
    let total = |weight: fn(&Layer<'_>) -> u64| Size(contents.layers.iter().map(weight).sum());
    let (size, stored) = (total(|layer| layer.size), total(|layer| layer.stored));
    table.row([&"together", &"", &contents.layers.len(), &size, &stored, &""]);
    table
}

fn layers(contents: &Contents<'_>) -> Table {
    let mut table = Table::new(&["LAYER", "SIZE>", "IN FILE>", "IMAGES"]);
    for layer in &contents.layers {
        table.row([&short(layer.digest), &Size(layer.size), &Size(layer.stored), &layer.images.join(" ")]);
    }
    table
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
    let small = |entry: &&Entry| {
        let path = &entry.path;
        path.starts_with("conf") || path.starts_with("scripts") || path.as_str() == "stack.yaml"
    };
    let mut table = Table::new(&["FILE", "SIZE>", "MODE"]);
    for entry in contents.entries.iter().filter(small) {
        table.row([&entry.path, &Size(entry.size), &format_args!("{:04o}", entry.mode.bits())]);
    }
    table
}

fn site(contents: &Contents<'_>) -> Table {
    let site = contents.site;
    let mut table = Table::new(&["ON SITE", ""]);
    let needs = &site.requirements;
    table.row([&"needs", &format_args!("{} CPUs, {} memory, {} disk", needs.cpus, needs.memory, needs.disk)]);
    for port in &site.ports {
        table.row([&"port", &format_args!("{} {}", port.number, port.purpose)]);
    }
    for folder in &site.data {
        table.row([&"data", &format_args!("{} ({}, {})", folder.path, folder.owner, folder.mode)]);
    }
    if let Some(script) = &site.hooks.init_data {
        table.row([&"init-data", script]);
    }
    for step in &site.journey {
        table.row([
            &"journey",
            &format_args!(
                "{}: {} :{}{} → {}",
                step.name,
                step.method.as_str(),
                step.port,
                step.path,
                step.status
            ),
        ]);
    }
    if !site.modules.is_empty() {
        table.row([&"modules", &site.modules.join(" ")]);
    }
    table
}

/// As much of a digest as people compare.
fn short(digest: Sha256Digest) -> String {
    digest.to_string().chars().take(12).collect()
}
