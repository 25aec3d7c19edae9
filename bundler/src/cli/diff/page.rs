//! What differs, in tables; what is the same is not mentioned.

use std::fmt::{Display, Write as _};

use serde_json::Value;
use wt_keys::console::Size;

use super::report::{Report, Side};
use crate::changes::{Change, Load, Turn};
use crate::cli::table::Table;
use crate::image_files::ImageFiles;

pub fn page(report: &Report<'_>, images: &[ImageFiles], every_file: bool) -> String {
    let mut page = front(&report.before, &report.after).to_string();
    if report.same {
        page += "\nthe same images, packages, files and settings\n";
    }
    let mut sections =
        vec![image_table(report), folder_table(report), package_table(report), file_table(report)];
    if every_file {
        sections.push(every_file_table(images));
    }
    sections.extend([site_table(report), layer_table(report), carry_table(report)]);
    for section in sections.iter().filter(|section| !section.is_empty()) {
        let _ = write!(page, "\n{section}");
    }
    for file in &report.lines {
        let _ = write!(page, "\n{}", file.unified.replace('\t', "    "));
    }
    page
}

fn front(before: &Side, after: &Side) -> Table {
    let mut front = Table::of_lines();
    let mut line = |name: &str, before: &dyn Display, after: &dyn Display| {
        let (before, after) = (before.to_string(), after.to_string());
        if before == after {
            front.row([&name, &before]);
        } else {
            front.row([&name, &format_args!("{before} → {after}")]);
        }
    };
    line("product", &before.product, &after.product);
    line("version", &before.version, &after.version);
    line("platform", &before.platform, &after.platform);
    line("created", &before.created, &after.created);
    line("size", &Size(before.size), &Size(after.size));
    line("signed by", &before.signer, &after.signer);
    front
}

fn word(kind: Change) -> &'static str {
    match kind {
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Changed => "changed",
    }
}

fn image_table(report: &Report<'_>) -> Table {
    let mut table =
        Table::new(&["IMAGE", "", "LAYERS KEPT>", "NEW>", "GONE>", "FILES ADDED>", "REMOVED>", "CHANGED>"]);
    for image in &report.changes.images {
        let name = match &image.name_before {
            Some(before) => format!("{before} → {}", image.name),
            None => image.name.to_string(),
        };
        let files = report.image_files.iter().find(|files| *files.image == image.name);
        let count = |number: Option<usize>| number.map(|number| number.to_string()).unwrap_or_default();
        table.row([
            &name,
            &word(image.change),
            &image.layers_kept,
            &image.layers_added,
            &image.layers_removed,
            &count(files.map(|files| files.added)),
            &count(files.map(|files| files.removed)),
            &count(files.map(|files| files.changed)),
        ]);
    }
    table
}

fn folder_table(report: &Report<'_>) -> Table {
    let mut table = Table::new(&["FILES OF", "IN", "COUNT>", "BYTES>"]);
    for image in &report.image_files {
        if let Some(why) = image.unreadable {
            table.row([&image.image, &format_args!("cannot be compared: {why}"), &"", &""]);
        }
        for folder in &image.folders {
            table.row([&image.image, &folder.path, &folder.files, &Size(folder.bytes)]);
        }
    }
    table
}

fn every_file_table(images: &[ImageFiles]) -> Table {
    let mut table = Table::new(&["FILE OF", "", "SIZE>", "SHA-256", "PATH"]);
    for image in images {
        for file in &image.files {
            let shown = file.after.as_ref().or(file.before.as_ref());
            let digest = shown.and_then(|file| file.sha256).map(|digest| digest.to_string());
            let digest: String = digest.unwrap_or_default().chars().take(12).collect();
            let path = match shown.and_then(|file| file.target.as_ref()) {
                Some(target) => format!("/{} → {target}", file.path),
                None => format!("/{}", file.path),
            };
            table.row([&image.image, &word(file.change), &Size(file.size()), &digest, &path]);
        }
    }
    table
}

fn package_table(report: &Report<'_>) -> Table {
    let mut table = Table::new(&["PACKAGE", "FOR", "", "BEFORE", "AFTER"]);
    for package in &report.changes.packages {
        let turn = match package.turn {
            Turn::Added => "added",
            Turn::Removed => "removed",
            Turn::Upgraded => "upgraded",
            Turn::Downgraded => "DOWNGRADED",
            Turn::Rebuilt => "rebuilt",
        };
        let version = |version: &Option<String>| version.clone().unwrap_or_default();
        let (before, after) = (version(&package.before), version(&package.after));
        table.row([&package.name, &package.target, &turn, &before, &after]);
    }
    table
}

fn file_table(report: &Report<'_>) -> Table {
    let mut table = Table::new(&["FILE", "", "BEFORE>", "AFTER>"]);
    for file in &report.changes.files {
        let size = |size: Option<u64>| size.map(|size| Size(size).to_string()).unwrap_or_default();
        let before = size(file.before.as_ref().map(|state| state.size));
        let after = size(file.after.as_ref().map(|state| state.size));
        let modes = [&file.before, &file.after].map(|state| state.as_ref().map(|state| state.mode));
        let change = match (modes, file.change) {
            ([Some(before), Some(after)], Change::Changed) if before != after => {
                format!("changed, mode {:04o} → {:04o}", before.bits(), after.bits())
            }
            (_, change) => word(change).to_owned(),
        };
        table.row([&file.path, &change, &before, &after]);
    }
    table
}

fn site_table(report: &Report<'_>) -> Table {
    let mut table = Table::new(&["ON SITE", "BEFORE", "AFTER"]);
    for field in &report.changes.site {
        table.row([&field.field, &shown(&field.before), &shown(&field.after)]);
    }
    table
}

/// A list by its items; everything else as JSON has it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

fn layer_table(report: &Report<'_>) -> Table {
    let changes = report.changes;
    let mut table = Table::new(&["LAYERS", "COUNT>", "IN FILE>", "SIZE>"]);
    if changes.layers_added.is_empty() && changes.layers_removed.is_empty() {
        return table;
    }
    for (name, layers) in [("new", &changes.layers_added), ("gone", &changes.layers_removed)] {
        let stored = Size(layers.iter().map(|layer| layer.stored).sum());
        let size = Size(layers.iter().map(|layer| layer.size).sum());
        table.row([&name, &layers.len(), &stored, &size]);
    }
    table.row([&"kept", &changes.layers_kept, &"", &""]);
    table
}

fn carry_table(report: &Report<'_>) -> Table {
    let carry = &report.changes.carry;
    let mut table = Table::new(&["AN UPGRADE CARRIES", "COUNT>", "IN FILE>", "UNPACKED>"]);
    let rows = [
        ("layers", carry.layers),
        ("packages", carry.packages),
        ("files and documents", carry.files),
        ("together", carry.together),
    ];
    if carry.together == Load::default() {
        return table;
    }
    for (name, load) in rows {
        table.row([&name, &load.count, &Size(load.stored), &Size(load.unpacked)]);
    }
    table
}
