//! The history of earlier episodes as the next payload shows it: written once, when the events come.

use bytes::Bytes;

use super::{
    event::{Event, write_events},
    protobuf::{append_past, chunks},
};
use crate::durable::work::Wire;

/// The events of earlier episodes on one wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Played {
    /// What stands between the brackets of the payload's `history`.
    Json(String),
    /// The `pastEvents` of a request, on one of the two wires that have them.
    Protobuf(Wire, Vec<u8>),
}

impl Default for Played {
    fn default() -> Self {
        Self::Json(String::new())
    }
}

impl Played {
    /// Nothing has been played.
    pub(crate) fn none(wire: Wire) -> Self {
        match wire {
            Wire::Json => Self::default(),
            Wire::Protobuf | Wire::Stream => Self::Protobuf(wire, Vec::new()),
        }
    }

    /// The events of a whole history.
    pub(crate) fn of(wire: Wire, events: &[Event]) -> Self {
        let mut played = Self::none(wire);
        match &mut played {
            Self::Json(text) => write_events(events, true, text),
            Self::Protobuf(wire, bytes) => append_past(events, *wire, bytes),
        }
        played
    }

    /// Adds the events of an episode, which are `json` in the stored form.
    pub(crate) fn add(&mut self, events: &[Event], json: &str) {
        match self {
            Self::Json(text) => {
                if !text.is_empty() {
                    text.push(',');
                }
                text.push_str(json);
            }
            Self::Protobuf(wire, bytes) => append_past(events, *wire, bytes),
        }
    }

    /// As a request has it, on the wires of messages.
    pub(super) fn as_protobuf(&self) -> Option<&[u8]> {
        match self {
            Self::Json(_) => None,
            Self::Protobuf(_, bytes) => Some(bytes),
        }
    }

    /// As `HistoryChunk` messages; `None` on the wire of JSON, where no worker fetches a history.
    pub(crate) fn chunks(&self) -> Option<Vec<Bytes>> {
        self.as_protobuf().map(chunks)
    }

    /// In bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Json(text) => text.len(),
            Self::Protobuf(_, bytes) => bytes.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the payloads of this wire show it.
    pub(super) fn is_for(&self, wire: Wire) -> bool {
        match self {
            Self::Json(_) => wire == Wire::Json,
            Self::Protobuf(own, _) => *own == wire,
        }
    }
}
