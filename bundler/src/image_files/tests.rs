use super::*;
use crate::layer_files::Kind as FileKind;

fn file(content: &str) -> LayerFile {
    LayerFile {
        kind: FileKind::File,
        size: content.len() as u64,
        mode: 0o644,
        owner: (0, 0),
        sha256: Some(Sha256Digest::of(content.as_bytes())),
        target: None,
    }
}

fn layer(files: &[(&str, &str)], whiteouts: &[&str], opaque: &[&str]) -> LayerFiles {
    LayerFiles {
        files: files.iter().map(|(path, content)| ((*path).to_owned(), file(content))).collect(),
        whiteouts: whiteouts.iter().map(ToString::to_string).collect(),
        opaque: opaque.iter().map(ToString::to_string).collect(),
    }
}

fn view(layers: &[LayerFiles]) -> View {
    let mut view = View::default();
    for layer in layers {
        view.put_on(layer);
    }
    view
}

fn changes(before: &[LayerFiles], after: &[LayerFiles]) -> Vec<(String, Kind)> {
    differ(view(before), view(after)).into_iter().map(|change| (change.path, change.change)).collect()
}

#[test]
fn files_are_compared_by_what_they_are() {
    let before = layer(&[("a", "1"), ("b", "1"), ("c", "1")], &[], &[]);
    let mut after = layer(&[("a", "1"), ("b", "2"), ("d", "1")], &[], &[]);
    assert_eq!(
        changes(&[before], &[after]),
        [("b".into(), Kind::Changed), ("c".into(), Kind::Removed), ("d".into(), Kind::Added)]
    );
    let before = layer(&[("a", "1")], &[], &[]);
    after = layer(&[("a", "1")], &[], &[]);
    after.files.get_mut("a").unwrap().mode = 0o755;
    assert_eq!(changes(&[before], &[after]), [("a".into(), Kind::Changed)]);
}

#[test]
fn an_upper_layer_hides_what_lies_below() {
    let lower = || layer(&[("app/a", "1"), ("app/b/c", "1"), ("app/bc", "1"), ("etc/x", "1")], &[], &[]);
    let upper = layer(&[("etc/x", "2")], &["app/b"], &[]);
    assert_eq!(
        changes(&[lower()], &[lower(), upper]),
        [("app/b".into(), Kind::Removed), ("app/b/c".into(), Kind::Removed), ("etc/x".into(), Kind::Changed)]
    );
    let opaque = layer(&[("app/new", "1")], &[], &["app"]);
    let left: Vec<String> = view(&[lower(), opaque]).files.into_keys().collect();
    assert_eq!(left, ["app/new", "etc/x"]);
    let replaced = layer(&[("app", "a file now")], &[], &[]);
    let left: Vec<String> = view(&[lower(), replaced]).files.into_keys().collect();
    assert_eq!(left, ["app", "etc/x"]);
}

#[test]
fn what_only_lies_in_layers_of_both_is_taken_away_by_a_whiteout() {
    assert_eq!(changes(&[], &[layer(&[], &["etc/old"], &[])]), [("etc/old".into(), Kind::Removed)]);
    assert_eq!(changes(&[layer(&[], &["etc/old"], &[])], &[]), [("etc/old".into(), Kind::Added)]);
    let both = || layer(&[], &["etc/old"], &[]);
    assert!(changes(&[both()], &[both()]).is_empty());
}
