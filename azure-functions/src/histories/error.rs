//! Why a history file does not replay.

use crate::instead::instead;
use std::{error::Error, fmt, io};

/// A history file does not replay on today's code, or cannot be replayed at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The code asks for something else than the history records: instances in flight would fail. The report stands
    /// history beside code and names the line.
    #[error("{0}")]
    Contradiction(Contradiction),
    /// The code asks for what the history records, but then fails where the instance completed or waited, or panics.
    #[error("orchestration '{orchestration}' (defined at {place}) fails on this history: {error}")]
    Failed {
        /// The orchestration.
        orchestration: String,
        /// `file:line` of its `#[func]`.
        place: String,
        /// What it said.
        error: String,
    },
    /// The app has no such orchestration.
    #[error(
        "this app has no orchestration named '{name}'; {}; if it has another name now, say which: `cargo func replay NAME FILE`",
        instead(name, .known)
    )]
    UnknownOrchestration {
        /// The name in the history.
        name: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// The name is that of another kind of function.
    #[error("`{0}` is not an orchestration")]
    NotAnOrchestration(String),
    /// The history does not say which orchestration it is of.
    #[error("the ExecutionStarted event names no orchestration: say which one it is of, `cargo func replay NAME FILE`")]
    Nameless,
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[source] io::Error),
    /// The file is not JSON; it may have been cut off.
    #[error("is not JSON (was it cut off?): {0}")]
    Json(#[source] serde_json::Error),
    /// JSON of something else.
    #[error(
        "is not the trigger payload of an orchestration, nor a list of history events: save one with `cargo func durable get-history`"
    )]
    NoHistory,
    /// A batch of operations of an entity has no history.
    #[error(
        "is a batch of operations of an entity, which has no history that code could contradict: `cargo func replay` on this file \
         alone prints today's answer"
    )]
    EntityBatch,
    /// What the durable HTTP API shows with `showHistory` lacks what a replay needs.
    #[error(
        "is the shortened history of the status API (`showHistory=true`), which drops the events that a replay needs: save the whole one with \
         `cargo func durable get-history`, or of an app in Azure with `func durable get-history` of the Azure Functions Core Tools"
    )]
    Lossy,
    /// The history does not begin with the start of the instance.
    #[error("has no ExecutionStarted event: save the whole history")]
    NotStarted,
    /// There is nothing to replay.
    #[error("there is no history file (*.json) in this folder or below it")]
    Empty,
    /// The functions of this binary cannot be used: two have the same name, for example.
    #[error("{0}")]
    App(String),
}

/// Where history and code part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    pub(super) orchestration: String,
    pub(super) place: String,
    pub(super) report: String,
}

impl Contradiction {
    /// The orchestration.
    #[must_use]
    pub fn orchestration(&self) -> &str {
        &self.orchestration
    }

    /// `file:line` of its `#[func]`.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The first difference, with `file:line` of the call.
    #[must_use]
    pub fn report(&self) -> &str {
        &self.report
    }
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  orchestration defined at {}", self.report, self.place)
    }
}

impl Error for Contradiction {}
