//! Why an operation of an entity failed.

use super::{CallError, FailureDetails, replay::history::History};
use crate::json_text;
use azure_functions_durable::EntityId;
use serde_json::Value;
use std::fmt;

/// An operation of an entity failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntityFailure {
    /// Instance id of the entity, `@name@key`.
    pub entity: String,
    /// The operation.
    pub operation: String,
    /// The entity's error: text, or whatever value the entity reports.
    pub error: Value,
    /// The error as the failing side described it, where the host records that.
    pub cause: Option<FailureDetails>,
}

impl EntityFailure {
    /// The entity's error as text.
    #[must_use]
    pub fn message(&self) -> String {
        match (&self.error, &self.cause) {
            (Value::String(text), _) => text.clone(),
            (Value::Null, Some(cause)) => cause.error_message.clone(),
            (error, _) => error.to_string(),
        }
    }

    /// Id of the entity, if it is one that can be called again.
    #[must_use]
    pub fn entity_id(&self) -> Option<EntityId> {
        self.entity.parse().ok()
    }
}

impl fmt::Display for EntityFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (entity, operation) = (&self.entity, &self.operation);
        write!(
            f,
            "operation '{operation}' of entity '{entity}' failed: {}",
            self.message()
        )
    }
}

impl std::error::Error for EntityFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

/// Reads the response of an entity. Results are JSON text; what is none, as the host's text about a time limit, is taken as
/// it stands. JSON that cannot be read is an error of the caller.
pub(super) fn read_response(
    history: &History,
    input: super::replay::history::Span,
    entity: &str,
    operation: &str,
) -> Result<Value, CallError> {
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
