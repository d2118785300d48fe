//! `replay [NAME] PATH...`: recorded histories on today's code, without any host.
//!
//! Of a single file the answer goes to stdout, also where it reports a failure; of several, and of folders, one line for
//! each. `--as NAME` is a name that may also be that of a file. What is wrong goes to stderr; what is wrong in several in the same way, once.

use super::{
    failure::{Failure, print},
    replay_batch,
};
use crate::{
    functions::Functions,
    histories::{ReplayError, Replayed, Run, directory_on, file_on, grouped, on_a_thread},
};
use std::path::{Path, PathBuf};

/// The history contradicts the code.
const CONTRADICTION: u8 = 3;

pub(super) fn run(app: &Functions, options: crate::App, arguments: &[&str]) -> Result<(), Failure> {
    let (name, paths) = match arguments {
        [] | ["--as"] | ["--as", _] => return Err(Failure::usage("expected `replay [NAME] PATH...`")),
        ["--as", name, paths @ ..] => (Some(*name), paths),
        [name, paths @ ..] if !paths.is_empty() && is_name(name) => (Some(*name), paths),
        paths => (None, paths),
    };
    match paths {
        [path] if !Path::new(path).is_dir() => one(app, options, name, path),
        paths => all(app, name, paths),
    }
}

/// Whether a word before the paths is the name of a function, and no path.
fn is_name(word: &str) -> bool {
    let is_in_a_name = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
    word.chars().all(is_in_a_name) && !Path::new(word).exists()
}

fn one(app: &Functions, options: crate::App, name: Option<&str>, path: &str) -> Result<(), Failure> {
    let unusable = |error: ReplayError| match error {
        ReplayError::App(_) => Failure::work(error.to_string()),
        error => Failure::input(format!("{path}: {error}")),
    };
    let run = match on_a_thread(|_| file_on(app, Path::new(path), name)) {
        Err(ReplayError::EntityBatch) => return replay_batch::run(app, options, name, path),
        run => run,
    };
    let Run { answer, verdict } = run.map_err(unusable)?;
    if !answer.is_empty() {
        print(&format!("{answer}\n"))?;
    }
    match verdict {
        Ok(replayed) => {
            if let Some(note) = replayed.note() {
                eprintln!("note: {note}");
            }
            Ok(())
        }
        Err(error @ ReplayError::Contradiction(_)) => Err(Failure::with_code(error.to_string(), CONTRADICTION)),
        Err(error) => Err(Failure::work(error.to_string())),
    }
}

fn all(app: &Functions, name: Option<&str>, paths: &[&str]) -> Result<(), Failure> {
    let mut count: usize = 0;
    let mut contradicting: Vec<(PathBuf, ReplayError)> = Vec::new();
    let mut failures: usize = 0;
    for path in paths {
        let path = Path::new(path);
        let results = on_a_thread(|_| {
            Ok(if path.is_dir() {
                directory_on(app, path, name)
            } else {
                vec![(path.to_owned(), file_on(app, path, name).and_then(|run| run.verdict))]
            })
        });
        let results: Vec<(PathBuf, Result<Replayed, ReplayError>)> =
            results.unwrap_or_else(|error| vec![(path.to_owned(), Err(error))]);
        for (path, result) in results {
            count += 1;
            let shown = path.display();
            match result {
                Ok(replayed) => print(&format!("agrees       {shown}: {replayed}\n"))?,
                Err(error @ ReplayError::Contradiction(_)) => {
                    print(&format!("contradicts  {shown}: see below\n"))?;
                    contradicting.push((path, error));
                }
                Err(error) => {
                    failures += 1;
                    print(&format!("fails        {shown}: {error}\n"))?;
                }
            }
        }
    }
    let contradictions = contradicting.len();
    for group in grouped(contradicting.iter().map(|(path, error)| (path.clone(), error))) {
        eprintln!("{}\n", group.told());
    }
    let files = if count == 1 { "file" } else { "files" };
    match (contradictions, failures) {
        (0, 0) => Ok(()),
        (0, failures) => Err(Failure::work(format!(
            "{failures} of {count} {files} could not be replayed"
        ))),
        (contradictions, 0) => Err(Failure::with_code(
            format!("the code contradicts {contradictions} of {count} {files}"),
            CONTRADICTION,
        )),
        (contradictions, failures) => Err(Failure::with_code(
            format!("the code contradicts {contradictions} of {count} {files}, and {failures} could not be replayed"),
            CONTRADICTION,
        )),
    }
}
