//! Operations: what the futures of the context stand for. A plain call or timer is one action; a retried call or a long
//! timer issues its actions one after the other, whatever is being awaited, and stops when its future is dropped.

use super::{
    action::ActionKind,
    attempts::{Attempts, RetryStage},
    frame::Frame,
    http_call::HttpCall,
    ids::{ArrivalId, OpId},
    segment::Mark,
};
use chrono::{DateTime, Utc};
use std::panic::Location;

/// One operation.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) state: OpState,
    pub(crate) course: Course,
    /// The frame that waits for it.
    pub(crate) waiter: Option<Frame>,
    /// The call of user code behind it.
    pub(crate) site: &'static Location<'static>,
}

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum OpState {
    Pending,
    Ready(Answered),
    /// Its future has returned.
    Taken,
    /// Its future is gone.
    Dropped,
}

/// What an operation ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// The completion or failure event at this place of the history.
    Event(usize),
    /// The timer fired.
    Fired,
    /// This external event.
    Arrival(ArrivalId),
    /// The event at this place of the history is the response of an entity to this action.
    Response { place: usize, action: u32 },
}

/// What an operation does with the answers to its actions.
#[derive(Debug)]
pub(crate) enum Course {
    /// One call: its answer is the operation's.
    Call,
    /// A call with a retry policy.
    Retry(Box<Retry>),
    /// A durable HTTP call.
    Http(Box<HttpCall>),
    /// A timer, in as many pieces as the host needs.
    Timer { task: u32, due: DateTime<Utc> },
    /// A wait for an external event.
    Wait,
}

/// A call with a retry policy, under way.
#[derive(Debug)]
pub(crate) struct Retry {
    pub(crate) call: ActionKind,
    pub(crate) attempts: Attempts,
    pub(crate) stage: RetryStage,
}

impl Operation {
    /// The timer action that is out, if there is one: what a drop cancels.
    pub(crate) fn open_timer(&self) -> Option<u32> {
        match &self.course {
            Course::Timer { task, .. } => Some(*task),
            Course::Retry(retry) => retry.stage.open_timer(),
            Course::Http(call) => call.stage.open_timer(),
            Course::Call | Course::Wait => None,
        }
    }
}

/// The newest call, if nothing has happened since it was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenCall {
    pub(super) op: OpId,
    pub(super) action: u32,
    /// The segments before it.
    pub(super) segments: Mark,
    /// Whether history and code agreed before it.
    pub(super) agreed: bool,
}
