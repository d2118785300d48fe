//! What brings a turn of an orchestration, or a batch of an entity.

use bytes::Bytes;

/// A request, as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// The text that a Functions host gives a trigger: JSON, or a message as base64.
    Text(String),
    /// The message itself, of a work item of a Durable Task server.
    Message(Bytes),
}

impl From<String> for Trigger {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
