//! Every row of `rows.md` has a test that is named for it, and every test that is named for a row names one of `rows.md`.
//! The sources of the workspace are read as text: a test counts wherever it stands.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// A function that is named for rows.
#[derive(Debug, PartialEq)]
struct Named {
    name: String,
    rows: Vec<u16>,
    /// It stands under `#[test]` or `#[tokio::test]`, and not under `#[ignore]`; or it is run on both wires.
    runs: bool,
}

fn numbers(table: &str) -> Vec<u16> {
    table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" |")?.0.parse().ok())
        .collect()
}

/// The rows in a name: `row_116_118_a_script` has two.
fn rows_of(name: &str) -> Vec<u16> {
    name.split('_')
        .skip(1)
        .map_while(|part| (part.len() == 3).then(|| part.parse().ok())?)
        .collect()
}

fn named(source: &str) -> Vec<Named> {
    let lines: Vec<_> = source.lines().map(str::trim).collect();
    let on_both_wires: BTreeSet<_> = lines
        .iter()
        .skip_while(|line| **line != "on_both_wires!(")
        .filter_map(|line| line.strip_suffix(','))
        .collect();
    lines
        .iter()
        .enumerate()
        .filter_map(|(index, line)| {
            let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn row_")?;
            let name = format!("row_{}", function.split(['(', '<']).next()?);
            let attributes = || {
                lines[..index]
                    .iter()
                    .rev()
                    .take_while(|line| line.starts_with(['#', '/']))
            };
            let is_test = |line: &&str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            Some(Named {
                rows: rows_of(&name),
                runs: on_both_wires.contains(name.as_str())
                    || attributes().any(is_test) && !attributes().any(|line| line.starts_with("#[ignore")),
                name,
            })
        })
        .collect()
}

/// Calls `see` with the text of each Rust file below `directory`.
fn each_source(directory: &Path, see: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                each_source(&path, see);
            }
        } else if name.ends_with(".rs") {
            see(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_row_has_a_test_and_every_test_a_row() {
    let rows = numbers(include_str!("rows.md"));
    assert_eq!(rows, (50..=131).collect::<Vec<_>>(), "the numbers in rows.md");
    let mut tests = BTreeMap::new();
    each_source(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join(".."),
        &mut |path, source| {
            for Named {
                name,
                rows: shown,
                runs,
            } in named(source)
            {
                let path = path.display();
                assert!(
                    runs,
                    "{path}: `{name}` is not run: it needs `#[test]`, and no `#[ignore]`"
                );
                assert!(
                    !shown.is_empty(),
                    "{path}: `{name}` names no row: three digits follow `row_`"
                );
                for row in shown {
                    assert!(
                        rows.contains(&row),
                        "{path}: `{name}` names row {row}, which rows.md does not have"
                    );
                    tests.entry(row).or_insert_with(Vec::new).push(name.clone());
                }
            }
        },
    );
    let missing: BTreeSet<_> = rows.into_iter().filter(|row| !tests.contains_key(row)).collect();
    assert!(
        missing.is_empty(),
        "no test is named for these rows of rows.md: {missing:?}"
    );
}

#[test]
fn names_are_read_with_their_rows_and_whether_they_run() {
    let source = "#[test]\nfn row_062_waits() {}\n\n#[tokio::test]\n/// Why.\nasync fn row_116_118_both() {}\n\n\
                  #[test]\n#[ignore]\nfn row_063_ignored() {}\n\nfn row_064_helper() {}\n\n#[test]\nfn row_7_short() {}\n\n\
                  async fn row_065_twice(wire: Wire) {}\n\non_both_wires!(\n    row_065_twice,\n);";
    let found: Vec<_> = named(source)
        .into_iter()
        .map(|Named { name, rows, runs }| (name, rows, runs))
        .collect();
    let expected = [
        ("row_062_waits", vec![62], true),
        ("row_116_118_both", vec![116, 118], true),
        ("row_063_ignored", vec![63], false),
        ("row_064_helper", vec![64], false),
        ("row_7_short", vec![], true),
        ("row_065_twice", vec![65], true),
    ];
    assert_eq!(found, expected.map(|(name, rows, runs)| (name.to_owned(), rows, runs)));
}
