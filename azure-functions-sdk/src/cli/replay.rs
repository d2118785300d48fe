//! `cargo func replay`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use serde_json::Value;

use super::{
    CommandResult,
    build::{App, Build},
};
use crate::shell::Shell;

/// What the app's own `replay` command exits with when history and code disagree.
const NON_DETERMINISTIC: i32 = 3;

/// Run an orchestration once on payloads that `run --record` kept, and print the worker's answers.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exits 3 if a payload's history contradicts the code; the report is on standard error.")]
pub(super) struct Args {
    /// Trigger payloads, as `run --record` writes them.
    #[arg(required = true, value_name = "PAYLOAD.json")]
    payloads: Vec<PathBuf>,
    /// Function to run, where it is not the one that the payload names.
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

/// Why a payload could not be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum ReplayError {
    #[error("there is no file `{}`: name a payload that `cargo func run --record DIR` kept", .0.display())]
    NoPayload(PathBuf),
    #[error("`{}` could not be read", .payload.display())]
    Read { payload: PathBuf, source: io::Error },
    #[error("`{}` is not JSON: name a payload that `cargo func run --record DIR` kept", .payload.display())]
    NoJson {
        payload: PathBuf,
        source: serde_json::Error,
    },
    #[error(
        "`{}` is not an orchestration's trigger payload: it has no `history`; `run --record` also keeps the payloads of activities, which cannot be replayed", .0.display()
    )]
    NoHistory(PathBuf),
    #[error("the app `{}` could not be started", .program.display())]
    Start { program: PathBuf, source: io::Error },
    #[error("the app ended before it answered to `{}` ({status})", .payload.display())]
    Crashed {
        payload: PathBuf,
        status: std::process::ExitStatus,
    },
}

impl Args {
    pub(super) fn run(self, shell: Shell) -> CommandResult {
        // Before the build, which may take a while.
        for payload in &self.payloads {
            check(payload)?;
        }
        let app = Build {
            path: &self.path,
            release: self.release,
            cargo_args: &self.cargo_args,
        }
        .run()?;
        let mut worst = 0;
        for payload in &self.payloads {
            shell.status("Replaying", payload.display());
            // Non-determinism outranks a payload that could not be run at all, which outranks success.
            worst = worst.max(replay(&app, self.function.as_deref(), payload)?);
        }
        Ok(ExitCode::from(worst))
    }
}

/// Whether the file can be the trigger payload of an orchestration; the app itself looks closer.
fn check(payload: &Path) -> Result<(), ReplayError> {
    if !payload.is_file() {
        return Err(ReplayError::NoPayload(payload.into()));
    }
    let bytes = fs::read(payload).map_err(|source| ReplayError::Read {
        payload: payload.into(),
        source,
    })?;
    let json: Value = serde_json::from_slice(&bytes).map_err(|source| ReplayError::NoJson {
        payload: payload.into(),
        source,
    })?;
    match json.get("history") {
        Some(Value::Array(_)) => Ok(()),
        _ => Err(ReplayError::NoHistory(payload.into())),
    }
}

/// Runs the app's `replay` command; its answer and its report go where ours would.
fn replay(app: &App, function: Option<&str>, payload: &Path) -> Result<u8, ReplayError> {
    let mut command = Command::new(&app.program);
    command.arg("replay").args(function).arg(payload).stdin(Stdio::null());
    let status = command.status().map_err(|source| ReplayError::Start {
        program: app.program.clone(),
        source,
    })?;
    match status.code() {
        Some(0) => Ok(0),
        Some(NON_DETERMINISTIC) => Ok(3),
        Some(1 | 2) => Ok(1),
        _ => Err(ReplayError::Crashed {
            payload: payload.into(),
            status,
        }),
    }
}
