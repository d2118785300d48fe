//! The map of ARCHITECTURE.md: what it names is there.

use crate::workspace;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// A line's path, and what is said of it, with the lines that go on with it.
struct Entry {
    path: PathBuf,
    text: String,
}

#[test]
fn every_path_of_the_map_exists() {
    let page = fs::read_to_string(workspace().join("ARCHITECTURE.md")).unwrap();
    let map = page.split("## What lives where\n\n```text\n").nth(1).unwrap();
    let map = map.split("\n```").next().unwrap();
    let found = missing(&workspace(), map);
    assert!(found.is_empty(), "ARCHITECTURE.md names what is not there: {found:#?}");
}

/// What the map names and the folder does not have.
fn missing(root: &Path, map: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut crates = BTreeMap::new();
    for Entry { path, text } in entries(root, map) {
        if !exists(&path) {
            found.push(path.strip_prefix(root).unwrap().display().to_string());
        }
        let below = path.ancestors().find(|folder| folder.parent() == Some(root)).unwrap();
        let files = crates.entry(below.to_owned()).or_insert_with(|| {
            let mut files = Vec::new();
            list(below, &mut files);
            files
        });
        for name in text.split(|letter: char| letter.is_whitespace() || "`:;,()".contains(letter)) {
            let name = name.trim_end_matches('.');
            let is_path = [".rs", ".md", "/"].iter().any(|end| name.ends_with(end)) && !name.starts_with('/');
            let end = format!("/{}", name.trim_end_matches('/'));
            if is_path && !files.iter().any(|file| file.ends_with(&end)) && !exists(&root.join(name)) {
                found.push(format!("{name} (of {})", path.strip_prefix(root).unwrap().display()));
            }
        }
    }
    found
}

/// Lines hang on the last line with a smaller indent; what is indented by more than eight is text that goes on.
fn entries(root: &Path, map: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut above: Vec<(usize, PathBuf)> = Vec::new();
    for line in map.lines() {
        let shown = line.trim_start();
        let indent = line.len() - shown.len();
        if indent > 8 {
            if let Some(entry) = entries.last_mut() {
                entry.text.push(' ');
                entry.text.push_str(shown);
            }
            continue;
        }
        let (head, text) = shown.split_once("  ").unwrap_or((shown, ""));
        above.retain(|(other, _)| *other < indent);
        let folder = above.last().map_or(root, |(_, folder)| folder).to_owned();
        let mut beside: Option<PathBuf> = None;
        for name in head.split(", ") {
            let path = folder.join(name);
            // What follows the first name may be meant to stand beside it.
            let path = match &beside {
                Some(first) if !exists(&path) => first.join(name),
                _ => path,
            };
            beside = beside.or_else(|| path.parent().map(Path::to_owned));
            entries.push(Entry {
                path,
                text: text.to_owned(),
            });
        }
        above.push((indent, folder.join(head)));
    }
    entries
}

/// A file, a folder, or a module of this name.
fn exists(path: &Path) -> bool {
    path.exists() || path.with_extension("rs").exists()
}

/// All that is below a folder.
fn list(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        found.push(path.to_str().unwrap().replace('\\', "/"));
        if path.is_dir() {
            list(&path, found);
        }
    }
}

#[test]
fn what_is_not_there_is_found() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["a/src/host/run.rs", "a/src/host/http/head.rs", "a/src/door.rs"] {
        let file = folder.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "").unwrap();
    }
    let map = "a/            a crate\n  src/door.rs, host/  the door\n  src/host/     the host; http/head.rs heads\n    run, http/  it runs\n";
    assert!(missing(folder.path(), map).is_empty());
    let map = "a/            a crate\n  src/host/     the host; http/tail.rs tails\n                and old/ too\n    run, walk   it runs\n";
    assert_eq!(
        missing(folder.path(), map),
        [
            "http/tail.rs (of a/src/host)",
            "old/ (of a/src/host)",
            "a/src/host/walk"
        ]
    );
}
