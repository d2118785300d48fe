//! The payload of an entity trigger, and what the worker says to it.

use azure_functions_durable::{TraceContext, check_instance_id};
use chrono::{DateTime, Utc};
use serde::{Deserialize, de::IgnoredAny};

use super::{Entity, EntityId, Request};
use crate::durable::{
    engine::{
        event::{json_string, write_string},
        failure_details::FailureDetails,
    },
    json,
    work::{ReturnValue, WorkResult},
};

/// What the worker answered to a batch.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::durable::engine) struct Answer {
    pub(in crate::durable::engine) entity_exists: bool,
    /// JSON text.
    #[serde(default)]
    pub(in crate::durable::engine) entity_state: Option<String>,
    /// As many as operations; fewer if the worker stopped before the last.
    pub(in crate::durable::engine) results: Vec<OperationResult>,
    pub(in crate::durable::engine) signals: Vec<Signal>,
    /// On the protobuf wire.
    #[serde(skip)]
    pub(in crate::durable::engine) starts: Vec<Start>,
}

/// What became of an operation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::durable::engine) struct OperationResult {
    #[serde(default)]
    pub(in crate::durable::engine) is_error: bool,
    /// JSON text.
    #[serde(default)]
    pub(in crate::durable::engine) result: Option<String>,
    /// Of an error on the protobuf wire.
    #[serde(skip)]
    pub(in crate::durable::engine) details: Option<FailureDetails>,
}

impl OperationResult {
    /// A failed operation.
    pub(in crate::durable::engine) fn failed(details: FailureDetails) -> Self {
        Self {
            is_error: true,
            result: Some(json_string(&details.error_message)),
            details: Some(details),
        }
    }
}

/// A signal to another entity.
#[derive(Debug, Deserialize)]
pub(in crate::durable::engine) struct Signal {
    pub(in crate::durable::engine) target: EntityId,
    pub(in crate::durable::engine) name: String,
    /// JSON text; empty is none.
    #[serde(default)]
    pub(in crate::durable::engine) input: Option<String>,
    /// On the protobuf wire: not to run before.
    #[serde(skip)]
    pub(in crate::durable::engine) due: Option<DateTime<Utc>>,
    /// On the protobuf wire: the trace that it is run in.
    #[serde(skip)]
    pub(in crate::durable::engine) trace: Option<TraceContext>,
}

/// An orchestration to start.
#[derive(Debug)]
pub(in crate::durable::engine) struct Start {
    /// Empty: a fresh one is made.
    pub(in crate::durable::engine) instance_id: String,
    pub(in crate::durable::engine) name: String,
    pub(in crate::durable::engine) version: Option<String>,
    /// JSON text.
    pub(in crate::durable::engine) input: Option<String>,
    /// Not to run before.
    pub(in crate::durable::engine) due: Option<DateTime<Utc>>,
    /// The trace that it belongs to.
    pub(in crate::durable::engine) trace: Option<TraceContext>,
}

/// Why an answer is not taken.
#[derive(Debug)]
pub(in crate::durable::engine) enum Refused {
    /// The worker has not answered to the batch: it may the next time.
    TryAgain(String),
    /// The operations have ended with something that cannot be kept: they would again.
    Unreadable(String),
}

/// What the entity trigger delivers.
pub(in crate::durable::engine) fn payload<'a>(entity: &Entity, batch: impl Iterator<Item = &'a Request>) -> String {
    let mut out = String::from("{\"self\":{\"name\":");
    write_string(&entity.id.name, &mut out);
    out.push_str(",\"key\":");
    write_string(&entity.id.key, &mut out);
    out.push_str(if entity.exists {
        "},\"exists\":true,\"state\":"
    } else {
        "},\"exists\":false,\"state\":"
    });
    write_optional(entity.state.as_deref(), &mut out);
    out.push_str(",\"batch\":[");
    for (index, request) in batch.enumerate() {
        out.push_str(if index == 0 { "{\"name\":" } else { ",{\"name\":" });
        write_string(request.op.as_deref().unwrap_or_default(), &mut out);
        out.push_str(",\"input\":");
        write_optional(request.input.as_deref(), &mut out);
        out.push_str(if request.signal {
            ",\"isSignal\":true}"
        } else {
            ",\"isSignal\":false}"
        });
    }
    out.push_str("]}");
    out
}

fn write_optional(text: Option<&str>, out: &mut String) {
    match text {
        Some(text) => write_string(text, out),
        None => out.push_str("null"),
    }
}

/// Reads the answer to so many operations.
pub(in crate::durable::engine) fn read(answer: &WorkResult, operations: usize) -> Result<Answer, Refused> {
    let answer = parse(answer, operations).map_err(Refused::TryAgain)?;
    check(&answer).map_err(Refused::Unreadable)?;
    Ok(answer)
}

fn parse(answer: &WorkResult, operations: usize) -> Result<Answer, String> {
    let json = match answer {
        WorkResult::Succeeded(ReturnValue::Json(json)) => json,
        WorkResult::Succeeded(_) => return Err("the entity function did not return a JSON object".to_owned()),
        WorkResult::Failed(message) => return Err(format!("the entity function failed: {message}")),
    };
    let answer: Answer = serde_json::from_str(json)
        .map_err(|error| format!("the entity function's answer is not what entities answer: {error}"))?;
    let results = answer.results.len();
    if results == 0 || results > operations {
        return Err(format!(
            "the entity function answered with {results} results to {operations} operations"
        ));
    }
    Ok(answer)
}

/// Checks that everything in the answer can be kept and read again.
pub(in crate::durable::engine) fn check(answer: &Answer) -> Result<(), String> {
    let texts = [("state", answer.entity_state.as_deref())]
        .into_iter()
        .chain(answer.results.iter().map(|result| ("result", result.result.as_deref())))
        .chain(answer.signals.iter().map(|signal| ("signal", signal.input.as_deref())));
    for (what, text) in texts {
        // Text that is no JSON at all is shown as a string.
        let json = text.filter(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
        if let Some(Err(error)) = json.map(json::check) {
            return Err(format!("its {what} cannot be read back: {error}"));
        }
    }
    for signal in &answer.signals {
        EntityId::new(&signal.target.name, &signal.target.key)
            .map_err(|error| format!("it signals an entity whose id is not valid: {error}"))?;
    }
    for start in answer.starts.iter().filter(|start| !start.instance_id.is_empty()) {
        check_instance_id(&start.instance_id).map_err(|rule| {
            let id = &start.instance_id;
            format!("it starts an orchestration with the instance id {id:?}, which is not valid: {rule}")
        })?;
    }
    Ok(())
}
