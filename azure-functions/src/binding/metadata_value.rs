//! A member of a trigger's metadata as a value.

use super::BindingData;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A member's value: JSON, or a text, which may be JSON all the same.
pub(crate) fn value(data: BindingData) -> Option<Value> {
    let value = match data {
        BindingData::None => None,
        BindingData::String(text) => Some(Value::String(text)),
        BindingData::Json(text) => serde_json::from_str(&text).ok(),
        BindingData::Strings(texts) => Some(texts.into()),
        other => other.into_value().ok(),
    };
    value.filter(|value| !value.is_null())
}

/// Reads a value; a text also as what is written in it, since a host writes some numbers as text.
pub(crate) fn read<T: DeserializeOwned>(value: Value) -> Option<T> {
    match value {
        Value::String(text) => match serde_json::from_value(Value::String(text.clone())) {
            Ok(read) => Some(read),
            Err(_) => serde_json::from_str(&text).ok(),
        },
        Value::Null => None,
        other => serde_json::from_value(other).ok(),
    }
}
