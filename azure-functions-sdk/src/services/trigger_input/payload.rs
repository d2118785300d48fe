//! The payload that a caller gives.

use crate::services::data::{Data, Payload};
use bytes::Bytes;
use serde_json::Value;

/// A payload that is one value.
#[derive(Debug)]
pub(super) enum One {
    Text(String),
    Bytes(Bytes),
}

impl One {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        }
    }

    pub(super) fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl From<One> for Data {
    fn from(payload: One) -> Self {
        match payload {
            One::Text(text) => Self::Text(text),
            One::Bytes(bytes) => Self::Bytes(bytes),
        }
    }
}

/// The payload of a trigger that brings one value.
pub(super) fn one(payload: Option<Payload>) -> Result<Option<One>, String> {
    match payload {
        None => Ok(None),
        Some(Payload::Text(text)) => Ok(Some(One::Text(text))),
        Some(Payload::Bytes(bytes)) => Ok(Some(One::Bytes(bytes))),
        Some(Payload::Batch(_)) => {
            Err("the function takes one value at a time, and not a batch of messages".to_owned())
        }
    }
}

/// A batch of JSON values as one JSON array.
pub(super) fn as_list(payload: Option<Payload>) -> Result<Option<Payload>, String> {
    let Some(Payload::Batch(items)) = payload else {
        return Ok(payload);
    };
    let items: Result<Vec<_>, _> = items.iter().map(|item| std::str::from_utf8(item)).collect();
    match items {
        Ok(items) => Ok(Some(Payload::Text(format!("[{}]", items.join(","))))),
        Err(_) => Err("an element of the batch is not text".to_owned()),
    }
}

/// The payload as JSON; `expected` says what it is.
pub(super) fn json(payload: Option<&One>, expected: &str) -> Result<Value, String> {
    let payload = payload.ok_or_else(|| format!("the trigger needs an input: {expected}"))?;
    let text = payload
        .text()
        .ok_or_else(|| format!("the input is not text; send {expected}"))?;
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("the input is not JSON (line {line}, column {column}); send {expected}")
    })
}
