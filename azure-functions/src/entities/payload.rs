//! The wire of an entity function: the batch that the durable extension sends as text, and the JSON object that it wants back.
//!
//! States, inputs and results are texts that hold JSON: they pass through unread, for only the function knows their types.

use azure_functions_durable::EntityId;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// What the trigger gives.
#[derive(Debug, Deserialize)]
pub(crate) struct BatchPayload {
    #[serde(rename = "self")]
    pub(crate) id: EntityId,
    #[serde(default)]
    pub(crate) exists: bool,
    #[serde(default, deserialize_with = "json_text")]
    pub(crate) state: Option<String>,
    pub(crate) batch: Vec<OperationPayload>,
}

/// Which entity a batch is for.
///
/// # Errors
/// If it is no batch.
pub(crate) fn addressee(payload: &str) -> Result<EntityId, serde_json::Error> {
    serde_json::from_str(payload).map(|batch: BatchPayload| batch.id)
}

/// One operation that somebody asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperationPayload {
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "json_text")]
    pub(crate) input: Option<String>,
    #[serde(default)]
    pub(crate) is_signal: bool,
}

/// What the host stores and sends on, as a whole or not at all. Members in the order in which other workers write them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchAnswer<'a> {
    pub(crate) entity_exists: bool,
    pub(crate) entity_state: Option<&'a str>,
    pub(crate) signals: &'a [Signal],
    pub(crate) results: &'a [OperationResult],
}

/// A message to another entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Signal {
    pub(crate) target: EntityId,
    pub(crate) name: String,
    pub(crate) input: String,
}

/// How one operation ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperationResult {
    pub(crate) is_error: bool,
    /// In milliseconds.
    pub(crate) duration: u64,
    /// JSON text of what it returned, or of the message of its error.
    pub(crate) result: Option<String>,
}

/// JSON text in a string. A value that is not wrapped so is taken as it is.
fn json_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Option::<Value>::deserialize(deserializer)? {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.is_empty() => None,
        Some(Value::String(text)) => Some(text),
        Some(value) => Some(value.to_string()),
    })
}
