//! What a call is about, beside its message.

use std::time::Duration;

/// Whether a call may be made again when it is not known what has become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Reads,
    Changes,
}

/// One call as the operations describe it.
pub(super) struct Ask<'a> {
    /// For error messages: what follows "cannot".
    pub(super) operation: &'a str,
    pub(super) instance_id: Option<&'a str>,
    pub(super) task_hub: Option<&'a str>,
    pub(super) effect: Effect,
    pub(super) wrong_state: WrongState,
    pub(super) limit: Duration,
}

/// What `FAILED_PRECONDITION` means if its text names no state.
#[derive(Clone, Copy, Debug)]
pub(super) enum WrongState {
    /// The instance has ended.
    AlreadyDone,
    /// The state does not allow it; the status code that the durable HTTP API has for it.
    Conflict(u16),
}
