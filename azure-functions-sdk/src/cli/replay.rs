//! `cargo func replay`.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

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
    /// Function to run, where it is not the one that the payload was recorded from.
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
    #[error("`{}` is no file that can be read: check the path", .0.display())]
    NoPayload(PathBuf),
    #[error("`{}` does not tell the function's name: say it with --as NAME", .0.display())]
    NoName(PathBuf),
    #[error("the app `{}` could not be started", .program.display())]
    Start { program: PathBuf, source: io::Error },
    #[error("the app ended before it answered to `{}` ({status})", .payload.display())]
    Crashed { payload: PathBuf, status: std::process::ExitStatus },
}

impl Args {
    pub(super) fn run(self, shell: Shell) -> CommandResult {
        // Before the build, which may take a while.
        let mut jobs = Vec::new();
        for payload in &self.payloads {
            let text = std::fs::read_to_string(payload).map_err(|_| ReplayError::NoPayload(payload.clone()))?;
            let recorded = recorded_name(&text);
            let name = self.function.clone().or(recorded).ok_or_else(|| ReplayError::NoName(payload.clone()))?;
            jobs.push((name, payload));
        }
        let app = Build { path: &self.path, release: self.release, cargo_args: &self.cargo_args }.run()?;
        let mut worst = 0;
        for (name, payload) in jobs {
            shell.status("Replaying", format_args!("{name} on {}", payload.display()));
            // Non-determinism outranks a payload that could not be run at all, which outranks success.
            worst = worst.max(replay(&app, &name, payload)?);
        }
        Ok(ExitCode::from(worst))
    }
}

/// Runs the app's `replay` command; its answer and its report go where ours would.
fn replay(app: &App, name: &str, payload: &Path) -> Result<u8, ReplayError> {
    let mut command = Command::new(&app.program);
    command.args(["replay", name]).arg(payload).stdin(Stdio::null());
    let status =
        command.status().map_err(|source| ReplayError::Start { program: app.program.clone(), source })?;
    match status.code() {
        Some(0) => Ok(0),
        Some(NON_DETERMINISTIC) => Ok(3),
        Some(1 | 2) => Ok(1),
        _ => Err(ReplayError::Crashed { payload: payload.into(), status }),
    }
}

/// The orchestration's name: the first ExecutionStarted event of the history holds it.
fn recorded_name(text: &str) -> Option<String> {
    let payload: serde_json::Value = serde_json::from_str(text).ok()?;
    let history = payload.get("history")?.as_array()?;
    let started = history.iter().find(|event| event.get("EventType").and_then(serde_json::Value::as_u64) == Some(0))?;
    Some(started.get("Name")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::recorded_name;

    #[test]
    fn the_payload_tells_which_orchestration_it_was_recorded_from() {
        let payload = r#"{"history":[{"EventType":12},{"EventType":0,"Name":"flow","Input":"1"}],"input":1}"#;
        assert_eq!(recorded_name(payload).as_deref(), Some("flow"));
        for other in ["", "[]", "{}", r#"{"history":[]}"#, r#"{"history":[{"EventType":0}]}"#] {
            assert_eq!(recorded_name(other), None, "{other}");
        }
    }
}
