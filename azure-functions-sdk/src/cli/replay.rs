//! `cargo func replay`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use serde_json::Value;

use super::{
    build::{App, Build},
    command_result::CommandResult,
};
use crate::shell::Shell;

/// What the app's own `replay` command exits with when history and code disagree.
const NON_DETERMINISTIC: i32 = 3;
/// Folder whose files are replayed where none are named.
const HISTORIES: &str = "histories";

/// Run the app's orchestrations on recorded histories, and tell where the code contradicts them.
///
/// A history is what `durable get-history` prints, or a payload that `run --record` kept. Of a single file the worker's
/// answer is printed, of several and of folders (all *.json in and below them) one line each. A single file may also be a
/// batch of operations of an entity: the operations are run, and the answer is printed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exits 3 if a history contradicts the code, else 1 if one could not be replayed.")]
pub(super) struct Args {
    /// History files, and folders of them [default: the folder `histories` of the app]. Before them may stand the NAME of the
    /// function to run, where it is not the one that the history names.
    #[arg(value_name = "[NAME] FILE|DIR")]
    histories: Vec<PathBuf>,
    /// The NAME, where there is also a file or folder of that name.
    #[arg(long = "as", value_name = "NAME")]
    function: Option<String>,
    /// Folder of the app.
    #[arg(long, value_name = "APP", default_value = ".")]
    path: PathBuf,
    /// Build with optimisations.
    #[arg(short, long)]
    release: bool,
    /// Arguments for `cargo build`, such as `--features x`.
    #[arg(last = true, value_name = "CARGO_ARGS")]
    cargo_args: Vec<String>,
}

/// Why nothing could be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum ReplayError {
    #[error(
        "there is no file `{}`: save a history with `cargo func durable get-history`, or payloads with `cargo func run --record DIR`", .0.display()
    )]
    NoFile(PathBuf),
    #[error("`{}` could not be read", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` is not JSON: name a history that `cargo func durable get-history` printed", .path.display())]
    NoJson { path: PathBuf, source: serde_json::Error },
    #[error(
        "`{}` is not an orchestration's history: it has no `history`; save one with `cargo func durable get-history`", .0.display()
    )]
    NoHistory(PathBuf),
    #[error("there is no history file (*.json) in `{}` or below it", .0.display())]
    Empty(PathBuf),
    #[error("the app `{}` could not be started", .program.display())]
    Start { program: PathBuf, source: io::Error },
    #[error("the app ended before it had replayed everything ({status})")]
    Crashed { status: std::process::ExitStatus },
}

impl Args {
    pub(super) fn run(mut self, shell: Shell) -> CommandResult {
        self.take_name();
        if self.histories.is_empty() {
            let folder = self.path.join(HISTORIES);
            // Short where it can be: it is shown before every name.
            self.histories
                .push(folder.strip_prefix(".").map_or(folder.clone(), Path::to_path_buf));
        }
        // Before the build, which may take a while.
        for path in &self.histories {
            check(path)?;
        }
        let app = Build {
            path: &self.path,
            release: self.release,
            cargo_args: &self.cargo_args,
        }
        .run()?;
        for path in &self.histories {
            shell.status("Replaying", path.display());
        }
        if let Some(function) = &self.function {
            for (path, name) in of_others(function, &self.histories) {
                shell.warn(format_args!(
                    "`{}` is the history of another function, `{name}`: what follows says whether `{function}` would have asked for the \
                     same",
                    path.display()
                ));
            }
        }
        let code = replay(&app, self.function.as_deref(), &self.histories)?;
        Ok(ExitCode::from(code))
    }

    /// Takes the function's name off the paths. One word alone is a path: it may be a misspelt one.
    fn take_name(&mut self) {
        if let [first, _, ..] = self.histories.as_slice()
            && self.function.is_none()
            && is_name(first)
            && !first.exists()
        {
            self.function = self.histories.remove(0).into_os_string().into_string().ok();
        }
    }
}

/// Whether a word can be the name of a function.
fn is_name(word: &Path) -> bool {
    let is_in_a_name = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
    word.to_str().is_some_and(|word| word.chars().all(is_in_a_name))
}

/// Whether there is something to replay; the app itself looks closer.
fn check(path: &Path) -> Result<(), ReplayError> {
    if path.is_dir() {
        return match has_json(path) {
            Ok(true) => Ok(()),
            Ok(false) => Err(ReplayError::Empty(path.into())),
            Err(source) => Err(ReplayError::Read {
                path: path.into(),
                source,
            }),
        };
    }
    if !path.is_file() {
        return Err(ReplayError::NoFile(path.into()));
    }
    let bytes = fs::read(path).map_err(|source| ReplayError::Read {
        path: path.into(),
        source,
    })?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let json: Value = serde_json::from_slice(text).map_err(|source| ReplayError::NoJson {
        path: path.into(),
        source,
    })?;
    let is_event = |event: &Value| event.get("EventType").is_some();
    match &json {
        // Of the status API: the app says what is wrong with it.
        Value::Object(members) if members.contains_key("historyEvents") => Ok(()),
        Value::Object(members) if members.get("history").is_some_and(Value::is_array) => Ok(()),
        // Of an entity.
        Value::Object(members) if members.contains_key("self") && members.contains_key("batch") => Ok(()),
        Value::Array(events) if events.iter().any(is_event) => Ok(()),
        _ => Err(ReplayError::NoHistory(path.into())),
    }
}

/// The histories that are not of this function, with the name of theirs. What cannot be read is told by the app.
fn of_others(function: &str, paths: &[PathBuf]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries = fs::read_dir(path).into_iter().flatten().flatten();
            let mut entries: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
            entries.retain(|entry| entry.is_dir() || is_json(entry));
            entries.sort();
            found.extend(of_others(function, &entries));
        } else if let Some(name) = name_of(path).filter(|name| !name.eq_ignore_ascii_case(function)) {
            found.push((path.clone(), name));
        }
    }
    found
}

/// The orchestration that a history tells of: it is in the event of its start.
fn name_of(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let json: Value = serde_json::from_slice(text).ok()?;
    let events = match &json {
        Value::Array(events) => events,
        json => ["history", "historyEvents"]
            .iter()
            .find_map(|member| json.get(member)?.as_array())?,
    };
    let is_start = |event: &&Value| event["EventType"] == 0 || event["EventType"] == "ExecutionStarted";
    let start = events.iter().find(is_start)?;
    let name = start.get("Name").or_else(|| start.get("FunctionName"))?;
    name.as_str().map(str::to_owned)
}

fn is_json(path: &Path) -> bool {
    let extension = path.extension();
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

fn has_json(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let found = match entry.file_type()?.is_dir() {
            true => has_json(&path)?,
            false => is_json(&path),
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Runs the app's `replay` command; what it says goes where ours would.
fn replay(app: &App, function: Option<&str>, histories: &[PathBuf]) -> Result<u8, ReplayError> {
    let mut command = Command::new(&app.program);
    command
        .arg("replay")
        .args(function.iter().flat_map(|name| ["--as", name]))
        .args(histories)
        .stdin(Stdio::null());
    let status = command.status().map_err(|source| ReplayError::Start {
        program: app.program.clone(),
        source,
    })?;
    match status.code() {
        Some(0) => Ok(0),
        Some(NON_DETERMINISTIC) => Ok(3),
        Some(1 | 2) => Ok(1),
        _ => Err(ReplayError::Crashed { status }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    /// The function and the number of paths.
    fn read(line: &[&str]) -> (Option<String>, usize) {
        let mut args = Line::parse_from(["replay"].iter().chain(line)).args;
        args.take_name();
        (args.function, args.histories.len())
    }

    #[test]
    fn the_name_of_the_function_may_stand_before_the_files() {
        assert_eq!(read(&["flow", "a.json"]), (Some("flow".into()), 1));
        assert_eq!(read(&["flow", "a.json", "b.json"]), (Some("flow".into()), 2));
        assert_eq!(read(&["--as", "flow", "a.json"]), (Some("flow".into()), 1));
        assert_eq!(read(&["--as", "flow", "old", "a.json"]), (Some("flow".into()), 2));
        assert_eq!(read(&["old.json", "new.json"]), (None, 2), "a file that is missing");
        assert_eq!(read(&["src", "a.json"]), (None, 2), "a folder that is there");
        assert_eq!(read(&["historeis"]), (None, 1));
    }

    #[test]
    fn a_history_of_another_function_is_told_apart_in_every_form() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::create_dir(path.join("old")).unwrap();
        for (file, text) in [
            (
                "a.json",
                r#"{"history": [{"EventType": 12}, {"EventType": 0, "Name": "flow"}]}"#,
            ),
            (
                "b.json",
                r#"{"historyEvents": [{"EventType": "ExecutionStarted", "FunctionName": "other"}]}"#,
            ),
            ("old/c.json", "\u{feff}[{\"EventType\": 0, \"Name\": \"older\"}]"),
            ("old/c.txt", r#"[{"EventType": 0, "Name": "older"}]"#),
            ("torn.json", "{"),
        ] {
            fs::write(path.join(file), text).unwrap();
        }
        let found = of_others("Flow", &[path.to_owned()]);
        let wanted = [("b.json", "other"), ("old/c.json", "older")];
        assert_eq!(found, wanted.map(|(file, name)| (path.join(file), name.to_owned())));
    }
}
