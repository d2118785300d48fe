//! No file uses another that uses it, not even by way of others.

use crate::READ;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn no_files_use_each_other_in_a_circle() {
    let mut found = Vec::new();
    for (name, imports) in &*READ {
        let arrows = imports.arrows();
        for circle in circles(&arrows) {
            found.push(format!("{name}:"));
            for file in &circle {
                let targets: Vec<_> = arrows[file].iter().filter(|target| circle.contains(*target)).collect();
                found.push(format!("  {file} uses {targets:?}"));
            }
        }
    }
    assert!(
        found.is_empty(),
        "move what both sides need into a file of its own; these use each other in a circle:\n{}",
        found.join("\n")
    );
}

/// The groups of files each of which reaches all others of its group.
pub(crate) fn circles<'a>(arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<BTreeSet<&'a str>> {
    let reached: BTreeMap<_, _> = arrows.keys().map(|&file| (file, reached_from(file, arrows))).collect();
    let in_circle = reached.iter().filter(|(file, seen)| seen.contains(*file));
    in_circle
        .map(|(file, seen)| {
            let back = seen.iter().filter(|other| reached[*other].contains(file));
            back.copied().collect()
        })
        .collect()
}

fn reached_from<'a>(file: &'a str, arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let (mut seen, mut next) = (BTreeSet::new(), vec![file]);
    while let Some(at) = next.pop() {
        let targets = arrows.get(at).into_iter().flatten();
        next.extend(targets.copied().filter(|target| seen.insert(*target)));
    }
    seen
}
