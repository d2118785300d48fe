//! The batch that the durable extension sends to an entity function as JSON text, and the JSON object that it wants back.

use crate::{
    BindingError,
    binding_json::parse_json,
    durable_wire::Wire,
    entities::batch::{Batch, BatchAnswer, EntityAction, OperationRequest, OperationResult, Signal},
};
use azure_functions_durable::EntityId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::sync::Arc;

#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "self")]
    id: EntityId,
    #[serde(default)]
    exists: bool,
    #[serde(default, deserialize_with = "json_text")]
    state: Option<String>,
    batch: Vec<Operation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    #[serde(default)]
    name: Option<String>,
    #[serde(default, deserialize_with = "json_text")]
    input: Option<String>,
    #[serde(default)]
    is_signal: bool,
}

/// Members in the order in which other workers write them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    entity_exists: bool,
    entity_state: Option<&'a str>,
    signals: Vec<SentSignal<'a>>,
    results: Vec<Ended<'a>>,
}

#[derive(Serialize)]
struct SentSignal<'a> {
    target: &'a EntityId,
    name: &'a str,
    input: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ended<'a> {
    is_error: bool,
    /// In milliseconds.
    duration: u64,
    result: ResultText<'a>,
}

/// JSON text of what an operation returned, or of the message of its error.
struct ResultText<'a>(&'a OperationResult);

impl Serialize for ResultText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.ended {
            Ok(text) => text.serialize(serializer),
            Err(failure) => serializer.serialize_some(&Value::String(failure.message()).to_string()),
        }
    }
}

/// Reads a trigger's text.
///
/// # Errors
/// If it is no batch; the message says where.
pub(crate) fn read(text: &str) -> Result<Batch, BindingError> {
    let payload: Payload = parse_json(text.as_bytes())?;
    let operations = payload.batch.into_iter().map(|operation| OperationRequest {
        name: operation.name.unwrap_or_default(),
        input: operation.input,
        is_signal: Some(operation.is_signal),
        request_id: String::new(),
        trace: None,
    });
    Ok(Batch {
        wire: Wire::Json,
        id: payload.id,
        exists: payload.exists,
        state: payload.state.filter(|_| payload.exists).map(Arc::from),
        without_state: false,
        session: None,
        operations: operations.collect(),
    })
}

/// Writes the answer.
///
/// # Errors
/// What serde says; all of it are texts and numbers.
pub(crate) fn write(answer: &BatchAnswer<'_>) -> Result<String, serde_json::Error> {
    // What else there is, this wire has no words for: it was refused where it was asked for.
    let signals = answer.actions.iter().filter_map(|action| match action {
        EntityAction::Signal(Signal {
            target, name, input, ..
        }) => Some(SentSignal { target, name, input }),
        EntityAction::Start(_) => None,
    });
    let results = answer.results.iter().map(|result| Ended {
        is_error: result.ended.is_err(),
        duration: u64::try_from(result.duration.as_millis()).unwrap_or(u64::MAX),
        result: ResultText(result),
    });
    serde_json::to_string(&Answer {
        entity_exists: answer.exists,
        entity_state: answer.state,
        signals: signals.collect(),
        results: results.collect(),
    })
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
