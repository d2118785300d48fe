//! The floors of ARCHITECTURE.md: a module uses only what is on a floor below its own.
//!
//! The page has a fenced block `floors FOLDER` for each folder of modules: one floor a line, the top one first. `lib` and
//! `mod` stand for the folder's own file.

use crate::{CRATES, READ, workspace};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

type Arrows<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

#[test]
fn modules_use_only_what_is_below_them_on_the_page() {
    let page = fs::read_to_string(workspace().join("ARCHITECTURE.md")).unwrap();
    let blocks = blocks(&page);
    let mut found = Vec::new();
    for (name, imports) in &*READ {
        let src = format!("{name}/src");
        if !blocks.iter().any(|(folder, _)| *folder == src) {
            found.push(format!("the page has no block `floors {src}`"));
        }
        let arrows = imports.arrows();
        for (folder, floors) in &blocks {
            let Some(below) = folder.strip_prefix(&src) else {
                continue;
            };
            let problems = problems(floors, below.trim_start_matches('/'), &arrows);
            found.extend(problems.into_iter().map(|problem| format!("{folder}: {problem}")));
        }
    }
    for (folder, _) in &blocks {
        if !CRATES.iter().any(|name| folder.starts_with(&format!("{name}/src"))) {
            found.push(format!("{folder}: no crate that the test reads"));
        }
    }
    assert!(
        found.is_empty(),
        "ARCHITECTURE.md and the code disagree:\n{}",
        found.join("\n")
    );
}

/// The folders of the page, and their floors.
fn blocks(page: &str) -> Vec<(&str, Vec<Vec<&str>>)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(folder) = line.strip_prefix("```floors ") {
            let floors = lines.by_ref().take_while(|line| *line != "```");
            let floors = floors.map(|line| line.split(',').map(str::trim).collect()).collect();
            blocks.push((folder.trim(), floors));
        }
    }
    blocks
}

/// The module of a folder that a file belongs to; none if the file is elsewhere.
fn module<'a>(file: &'a str, folder: &str) -> Option<&'a str> {
    let below = match folder {
        "" => file,
        _ => file.strip_prefix(folder)?.strip_prefix('/')?,
    };
    let first = below.split('/').next()?;
    Some(first.strip_suffix(".rs").unwrap_or(first))
}

fn problems(floors: &[Vec<&str>], folder: &str, arrows: &Arrows<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let mut floor_of = BTreeMap::new();
    for (floor, modules) in floors.iter().enumerate() {
        for module in modules {
            if floor_of.insert(*module, floor).is_some() {
                found.push(format!("`{module}` stands twice on the page"));
            }
        }
    }
    let modules: BTreeSet<_> = arrows.keys().filter_map(|file| module(file, folder)).collect();
    for module in &modules {
        if !floor_of.contains_key(module) {
            found.push(format!("`{module}` is not on the page"));
        }
    }
    for module in floor_of.keys().filter(|module| !modules.contains(*module)) {
        found.push(format!("`{module}` is on the page, but not in the code"));
    }
    for (file, targets) in arrows {
        for target in targets {
            let (Some(from), Some(to)) = (module(file, folder), module(target, folder)) else {
                continue;
            };
            let (Some(above), Some(below)) = (floor_of.get(from), floor_of.get(to)) else {
                continue;
            };
            if from != to && above >= below {
                found.push(format!(
                    "{file} uses {target}, but `{to}` is not below `{from}` on the page"
                ));
            }
        }
    }
    found
}

fn check(page: &str, folder: &str, files: &[(&'static str, &[&'static str])]) -> Vec<String> {
    let blocks = blocks(page);
    let [(_, floors)] = blocks.as_slice() else {
        panic!("{blocks:?}");
    };
    let arrows = files
        .iter()
        .map(|(file, targets)| (*file, targets.iter().copied().collect()));
    problems(floors, folder, &arrows.collect())
}

const PAGE: &str = "text\n```floors x/src\nlib\na, b\nc\n```\ntext\n";

#[test]
fn what_is_below_may_be_used_and_nothing_else() {
    let files: [(_, &[_]); 5] = [
        ("lib.rs", &["a/mod.rs", "c.rs"]),
        ("a/mod.rs", &["a/inner.rs", "c.rs"]),
        ("a/inner.rs", &["a/mod.rs"]),
        ("b.rs", &[]),
        ("c.rs", &[]),
    ];
    assert!(check(PAGE, "", &files).is_empty());
    let with = |file, target| {
        let mut files = files;
        let target: &'static [&'static str] = target;
        files
            .iter_mut()
            .filter(|(name, _)| *name == file)
            .for_each(|(_, targets)| *targets = target);
        check(PAGE, "", &files)
    };
    assert_eq!(
        with("a/inner.rs", &["b.rs"]),
        ["a/inner.rs uses b.rs, but `b` is not below `a` on the page"]
    );
    assert_eq!(
        with("c.rs", &["a/inner.rs"]),
        ["c.rs uses a/inner.rs, but `a` is not below `c` on the page"]
    );
    assert_eq!(
        with("b.rs", &["lib.rs"]),
        ["b.rs uses lib.rs, but `lib` is not below `b` on the page"]
    );
}

#[test]
fn page_and_code_have_the_same_modules() {
    let missing = check(
        PAGE,
        "",
        &[("lib.rs", &[]), ("a.rs", &[]), ("c.rs", &[]), ("d.rs", &[])],
    );
    assert_eq!(
        missing,
        ["`d` is not on the page", "`b` is on the page, but not in the code"]
    );
    let page = PAGE.replace('c', "a");
    let twice = check(&page, "", &[("lib.rs", &[]), ("a.rs", &[]), ("b.rs", &[])]);
    assert_eq!(twice, ["`a` stands twice on the page"]);
}

#[test]
fn a_folder_below_has_floors_of_its_own() {
    let files: [(_, &[_]); 5] = [
        ("lib.rs", &["x/b.rs"]),
        ("xa.rs", &[]),
        ("x/mod.rs", &["x/b.rs"]),
        ("x/a.rs", &[]),
        ("x/b.rs", &["lib.rs", "x/a.rs"]),
    ];
    let found = check("```floors y/src/x\nmod\na\nb\n```\n", "x", &files);
    assert_eq!(found, ["x/b.rs uses x/a.rs, but `a` is not below `b` on the page"]);
}
