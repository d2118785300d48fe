//! Why an operation of an entity failed.

use super::FailureDetails;
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
