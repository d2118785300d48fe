//! The modules of the task hub import each other one way only; read off their `use` lines.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const ROOT: &str = "durable";

/// The modules below a folder and their texts, without tests.
fn modules(folder: &Path, name: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let module = if stem == "mod" {
            name.to_owned()
        } else {
            format!("{name}::{stem}")
        };
        if stem == "tests" {
            continue;
        }
        if path.is_dir() {
            modules(&path, &module, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            found.insert(module, code.to_owned());
        }
    }
}

/// The paths that the `use` lines of a module name.
fn imports(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("use ") {
        let line_start = rest[..at].rfind('\n').map_or(0, |end| end + 1);
        let before = rest[line_start..at].trim();
        rest = &rest[at + "use ".len()..];
        if before.is_empty() || before.starts_with("pub") {
            let tree = rest.split(';').next().unwrap_or_default();
            flatten("", &tree.split_whitespace().collect::<Vec<_>>().join(" "), &mut paths);
        }
    }
    paths
}

/// `a::{b, c::{d}}` as `a::b` and `a::c::d`.
fn flatten(before: &str, tree: &str, paths: &mut Vec<String>) {
    let Some((path, members)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        paths.push(format!("{before}{}", path.trim()));
        return;
    };
    let before = format!("{before}{}", path.trim());
    let members = members.trim_end().strip_suffix('}').unwrap_or(members);
    let (mut depth, mut start) = (0, 0);
    for (at, character) in members.char_indices().chain([(members.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let member = members[start..at].trim();
                start = at + 1;
                if !member.is_empty() {
                    flatten(&before, member, paths);
                }
            }
            _ => {}
        }
    }
}

/// The module that a path leads into, seen from another one.
fn target<'m>(from: &str, path: &str, modules: &'m BTreeMap<String, String>) -> Option<&'m str> {
    let (mut from, mut path) = (from, path);
    let mut full = match path.split_once("::")? {
        ("crate", rest) => rest.to_owned(),
        ("self", rest) => format!("{from}::{rest}"),
        ("super", _) => {
            while let Some(rest) = path.strip_prefix("super::") {
                from = from.rsplit_once("::")?.0;
                path = rest;
            }
            format!("{from}::{path}")
        }
        _ => return None,
    };
    loop {
        if let Some((module, _)) = modules.get_key_value(&full) {
            return Some(module);
        }
        full.truncate(full.rfind("::")?);
    }
}

fn within(inner: &str, outer: &str) -> bool {
    inner
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[test]
fn no_modules_of_the_task_hub_import_each_other() {
    let mut all = BTreeMap::new();
    modules(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/durable"),
        ROOT,
        &mut all,
    );
    assert!(all.len() > 60, "{}", all.len());
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (module, code) in &all {
        let imported = imports(code);
        let imported = imported.iter().filter_map(|path| target(module, path, &all));
        // A module and what is inside it are one thing.
        let others = imported.filter(|other| !within(other, module) && !within(module, other));
        edges.insert(module, others.collect());
    }
    let has = |from, to| edges.get(from).is_some_and(|to_all| to_all.contains(to));
    assert!(has("durable::hub::episode", "durable::engine::episode"), "{edges:#?}");
    assert!(has("durable::hub::entity::inbox", "durable::hub::state"), "{edges:#?}");
    // What imports nothing of the rest is in no circle, and so on: what is left is one, or leads into one.
    while let Some(leaf) = edges.iter().find(|(_, to)| to.is_empty()).map(|(from, _)| *from) {
        edges.remove(leaf);
        for to in edges.values_mut() {
            to.remove(leaf);
        }
    }
    assert!(edges.is_empty(), "these import each other, or what does: {edges:#?}");
}
