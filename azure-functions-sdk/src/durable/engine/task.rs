//! A task that the actions of an orchestrator ask for.

use chrono::{DateTime, Utc};

/// Something with a sequence number.
#[derive(Clone, Debug)]
pub(super) struct Task {
    /// Node that it works for.
    pub(super) node: u32,
    /// What was asked for.
    pub(super) work: Work,
    /// Its event is in the history.
    pub(super) recorded: bool,
    /// Its end has not come.
    pub(super) running: bool,
    /// It holds the end of the execution while it runs.
    pub(super) holds: bool,
}

/// What a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// An activity, or the first request of an HTTP call.
    Activity,
    /// A further request of an HTTP call.
    Poll,
    /// A sub-orchestration.
    Child,
    /// A timer.
    Timer(DateTime<Utc>),
    /// A call of an entity.
    Call,
    /// A signal to an entity; over when issued.
    Signal,
    /// The request of locks.
    Lock,
    /// The end of one of the locks that the task `lock`, which works for `node`, asked for; over when issued.
    Release { lock: i32, node: u32, part: u32 },
}

impl Task {
    /// A cancelled timer that has not fired.
    pub(super) fn is_cancelled_timer(&self) -> bool {
        matches!(self.work, Work::Timer(_)) && self.running && !self.holds
    }
}
