//! The values that travel through bindings, without the protocol around them.

use bytes::Bytes;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The value of a binding.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Text(String),
    /// JSON text.
    Json(String),
    Bytes(Bytes),
    Integer(i64),
    Double(f64),
    Texts(Vec<String>),
    ByteStrings(Vec<Bytes>),
    /// A reference that the function resolves itself: the extension that makes it, and its content as JSON text.
    Reference {
        source: &'static str,
        json: String,
    },
    /// A kind that no output takes, in a word.
    Other(&'static str),
}

impl Data {
    pub(crate) fn json(text: impl Into<String>) -> Self {
        Self::Json(text.into())
    }

    /// A value of the trigger metadata: texts as they are, and everything else as JSON.
    pub(crate) fn metadata(value: Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text),
            other => Self::Json(other.to_string()),
        }
    }
}

/// The value of a trigger, and its metadata.
#[derive(Clone, Debug, Default)]
pub(crate) struct TriggerValue {
    pub(crate) data: Option<Data>,
    pub(crate) metadata: HashMap<String, Data>,
}

impl TriggerValue {
    pub(crate) fn only(data: Data) -> Self {
        Self {
            data: Some(data),
            metadata: HashMap::new(),
        }
    }
}

/// What a caller of the admin API, or a test, gives of the trigger that starts a function.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct GivenTrigger {
    /// The payload of the trigger.
    pub payload: Option<Payload>,
    /// Trigger metadata, in place of what the host makes up or beside it.
    pub metadata: Map<String, Value>,
}

/// The payload of a trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Payload {
    /// Text.
    Text(String),
    /// Bytes, which may be no text.
    Bytes(Bytes),
    /// Several messages, each its bytes.
    Batch(Vec<Bytes>),
}

impl Payload {
    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            Self::Batch(_) => None,
        }
    }
}
