//! What is kept of an entity from one turn to the next.

use super::{EntityId, Request};

/// An entity between its turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entity {
    /// Its id.
    pub(crate) id: EntityId,
    /// An operation has given it a state, and none has deleted it since.
    pub(crate) exists: bool,
    /// JSON text.
    pub(crate) state: Option<String>,
    /// The request of the lock that is held.
    pub(crate) lock: Option<Request>,
}

impl Entity {
    /// One that has had no message yet.
    pub(crate) fn unknown(id: EntityId) -> Self {
        Self {
            id,
            exists: false,
            state: None,
            lock: None,
        }
    }

    /// True if nothing of it need be kept.
    pub(crate) fn is_nothing(&self) -> bool {
        !self.exists && self.lock.is_none()
    }
}
