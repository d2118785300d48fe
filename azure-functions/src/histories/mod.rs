//! Old histories as tests: today's code must still fit what instances have done.
//!
//! An instance in flight goes on with the code that is deployed now, which is run again from the start and must ask for
//! what the history records. A changed name, another order, a call more or less in the middle: each fails every instance
//! that has passed that point. So keep the histories of some instances in a folder of the app, and let a test replay them
//! all on today's code:
//!
//! ```no_run
//! #[test]
//! fn old_histories_still_replay() {
//!     azure_functions::histories::assert_replay("histories");
//! }
//! ```
//!
//! The test may stand in any module of the app, and the folder's path is from the app's `Cargo.toml`. It fails with the first
//! difference in each file, history beside code, and the line of the call. `cargo func replay`, in the app's folder, says the same
//! without a test. Nothing is called and nothing waits: activities are answered from the history.
//!
//! # Where histories come from
//!
//! * From the local host: `cargo func durable get-history ID --output histories/NAME.json`, whether the instance has ended or not.
//! * From an app in Azure that keeps its state in Azure Storage: `func durable get-history --id ID` of the Azure Functions Core Tools,
//!   which prints the list of events; save what it prints. Histories hold the inputs and results of the app: look at them
//!   before you put them into a repository.
//! * From `cargo func run --record DIR`, which keeps the trigger payload of every episode.
//!
//! What the durable HTTP API shows with `showHistory=true` is shortened and cannot be replayed. The batches that entities get are no
//! histories: what an entity did before is its state, and nothing in it can contradict the code.
//!
//! # What agrees
//!
//! A file agrees if the code asks for what the history records, in that order. The code may go on where the recorded instance waited,
//! failed or was terminated, and may return something else; [`Replayed::note`] tells what can be known of that. It does not agree if
//! the code asks for something else ([`ReplayError::Contradiction`]), or fails where the recorded instance completed or waited
//! ([`ReplayError::Failed`]).
//!
//! One history stands for all its beginnings: if the whole agrees, so does the history of an instance that had got only half as far,
//! because what the code sees at an event does not depend on those after it, but for [`is_replaying`] and [`patched`].
//!
//! To change code in the middle all the same, ask [`patched`]: the old history then takes the old way, and still agrees.
//!
//! [`is_replaying`]: crate::bindings::DurableOrchestrationContext::is_replaying
//! [`patched`]: crate::bindings::DurableOrchestrationContext::patched

mod error;
mod file;
mod grouped;
mod replayed;

pub use error::{Contradiction, ReplayError};
pub use replayed::Replayed;

pub(crate) use grouped::grouped;
pub(crate) use replayed::{Run, run};

use crate::functions::Functions;
use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
};

/// Replays one history file on the functions of this binary.
///
/// # Errors
/// The code contradicts the history, fails on it, or the file cannot be replayed.
pub fn replay_file(path: impl AsRef<Path>) -> Result<Replayed, ReplayError> {
    let path = path.as_ref();
    linked(|app| file_on(app, path, None)?.verdict)
}

/// Replays every history file (`*.json`) of a folder and of those below it, in the order of their paths. A folder
/// without any is an error, [`ReplayError::Empty`], as is one that cannot be read. So is a JSON file that is no history, the
/// saved answer to a failed request perhaps: it would guard nothing.
pub fn replay_directory(path: impl AsRef<Path>) -> Vec<(PathBuf, Result<Replayed, ReplayError>)> {
    let path = path.as_ref();
    let all = linked(|app| Ok(directory_on(app, path, None)));
    all.unwrap_or_else(|error| vec![(path.to_owned(), Err(error))])
}

/// Replays every history file of a folder, as [`replay_directory`] does, in a test.
///
/// # Panics
/// If a file does not replay. The text tells what the first difference in it is, and where; once, if it is the same in several.
#[track_caller]
pub fn assert_replay(path: impl AsRef<Path>) {
    let all = replay_directory(path);
    let mut failed = Vec::new();
    for (path, result) in &all {
        match result {
            Ok(replayed) if replayed.note().is_some() => eprintln!("{}: {replayed}", path.display()),
            Ok(_) => {}
            Err(error) => failed.push((path.clone(), error)),
        }
    }
    let (count, total) = (failed.len(), all.len());
    let text: Vec<_> = grouped(failed)
        .iter()
        .map(|group| format!("\n\n{}", group.told()))
        .collect();
    assert!(
        count == 0,
        "{count} of {total} histories do not replay:{}",
        text.concat()
    );
}

/// As `replay_directory`, on any app, and with the name of an orchestration to run instead of the recorded one.
pub(crate) fn directory_on(
    app: &Functions,
    path: &Path,
    name: Option<&str>,
) -> Vec<(PathBuf, Result<Replayed, ReplayError>)> {
    let mut files = Vec::new();
    if let Err(error) = collect(path, &mut files) {
        return vec![(path.to_owned(), Err(ReplayError::Read(error)))];
    }
    files.sort();
    let mut results = Vec::new();
    for file in files {
        match file_on(app, &file, name) {
            Err(error) => results.push((file, Err(error))),
            Ok(run) => results.push((file, run.verdict)),
        }
    }
    if results.is_empty() {
        results.push((path.to_owned(), Err(ReplayError::Empty)));
    }
    results
}

/// Replays one file.
pub(crate) fn file_on(app: &Functions, path: &Path, name: Option<&str>) -> Result<Run, ReplayError> {
    let text = fs::read_to_string(path).map_err(ReplayError::Read)?;
    run(app, &text, name)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        // Links to folders are not followed: they may lead back.
        if entry.file_type()?.is_dir() {
            collect(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
        {
            files.push(path);
        }
    }
    Ok(())
}

/// Does the work on the functions of this binary.
fn linked<T: Send>(work: impl FnOnce(&Functions) -> Result<T, ReplayError> + Send) -> Result<T, ReplayError> {
    let app = Functions::linked().map_err(|error| ReplayError::App(error.to_string()))?;
    on_a_thread(|_| work(&app))
}

/// Does the work on a thread of its own, inside a runtime: code that asks for a runtime must fail as it does under a host,
/// which has one, and callers may be inside another.
pub(crate) fn on_a_thread<T: Send>(
    work: impl FnOnce(&tokio::runtime::Runtime) -> Result<T, ReplayError> + Send,
) -> Result<T, ReplayError> {
    let inside = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| ReplayError::App(format!("cannot start a runtime: {error}")))?;
        let _inside = runtime.enter();
        work(&runtime)
    };
    thread::scope(|scope| scope.spawn(inside).join()).unwrap_or_else(|_| {
        Err(ReplayError::App(
            "the replay itself panicked; this is a bug of azure-functions".to_owned(),
        ))
    })
}
