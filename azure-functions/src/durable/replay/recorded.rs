//! What the history records of a failed task and of an entity's response, as the code gets it.

use super::{
    history::{Event, History, ScheduledKind, Source, Span},
    http_call::HTTP_ACTIVITY,
};
use crate::{
    durable::{CallError, EntityFailure, FailureDetails, TaskFailure},
    json_text,
};
use serde_json::Value;

impl CallError {
    /// Reads the failure event of an HTTP request at `place`.
    pub(crate) fn http_from_history(history: &History, place: usize) -> Self {
        match Self::from_history(history, place, HTTP_ACTIVITY) {
            Self::Activity(failure) => Self::Http(failure),
            other => other,
        }
    }

    /// Reads the failure event at `place`.
    pub(crate) fn from_history(history: &History, place: usize, function: &str) -> Self {
        let Some(Event::Failed {
            kind,
            reason,
            details,
            failure,
            ..
        }) = history.event(place)
        else {
            return Self::Activity(TaskFailure::on_protobuf(function, String::new(), None));
        };
        let text = |span| history.text(span).unwrap_or_default().into_owned();
        let cause = history.failure_details(failure);
        let mut reason = text(reason);
        if reason.is_empty() && cause.is_none() {
            reason = format!("'{function}' failed, and the host reports no reason: is there a function of this name?");
        }
        let failure = match history.source {
            Source::Json(_) => TaskFailure::on_json(function, reason, text(details), cause),
            Source::Protobuf(_) => TaskFailure::on_protobuf(function, reason, cause),
        };
        match kind {
            ScheduledKind::SubOrchestration => Self::SubOrchestration(failure),
            _ => Self::Activity(failure),
        }
    }
}

/// Reads the response of an entity. Results are JSON text; what is none, as the host's text about a time limit, is taken as
/// it stands. JSON that cannot be read is an error of the caller.
pub(crate) fn read_response(history: &History, input: Span, entity: &str, operation: &str) -> Result<Value, CallError> {
    let unreadable = |source| CallError::Unreadable {
        name: format!("{entity} {operation}"),
        source,
    };
    let response = history.nested_json(input).map_err(unreadable)?;
    let Value::Object(mut response) = response else {
        return Ok(response);
    };
    let result = match response.remove("result") {
        Some(Value::String(text)) => json_text::value_or_text(&text).map_err(unreadable)?,
        Some(other) => other,
        None => Value::Null,
    };
    let cause = response.remove("failureDetails").unwrap_or_default();
    let cause: Option<FailureDetails> = serde_json::from_value(cause).unwrap_or(None);
    let failed = response.get("exceptionType").is_some_and(|kind| !kind.is_null());
    if !failed && cause.is_none() {
        return Ok(result);
    }
    Err(CallError::Entity(Box::new(EntityFailure {
        entity: entity.to_owned(),
        operation: operation.to_owned(),
        error: result,
        cause,
    })))
}
