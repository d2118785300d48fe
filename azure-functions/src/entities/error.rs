//! What can go wrong between an entity's code and the JSON around it.

use crate::{BindingError, durable_wire::Unsupported, error_type::known_error};
use azure_functions_durable::{EntityId, EntityIdError, InstanceIdError};
use std::panic::Location;

known_error!(EntityError, "azure_functions::entities::EntityError");

/// An input or a state of another shape, a value that JSON cannot hold, or an operation that an entity does not have.
///
/// If an operation returns it, the caller gets its text, and the state stays as it was. The text names neither the entity nor the
/// operation: [`EntityFailure`](crate::durable::EntityFailure) does, and so does the log for a signal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntityError {
    /// The input of an operation is of another shape than its code expects.
    #[error("the input cannot be read: {source}")]
    Input {
        /// The entity.
        entity: EntityId,
        /// The operation.
        operation: String,
        /// What is wrong, and where in the input.
        source: BindingError,
    },
    /// The stored state is of another shape than the code expects: the type has changed since it was stored.
    #[error(
        "the state cannot be read: {source}; give what its type has gained a default \
         (`#[serde(default)]`), or delete the entity"
    )]
    State {
        /// The entity.
        entity: EntityId,
        /// What is wrong, and where in the state.
        source: BindingError,
    },
    /// A state, result or input of a signal cannot be written as JSON, say a map whose keys are not text.
    #[error("{what} cannot be written as JSON: {source}")]
    Write {
        /// What was to be written.
        what: String,
        /// Why it could not.
        source: serde_json::Error,
    },
    /// The entity has no such operation.
    #[error("the entity has no such operation; it has {}", list(operations))]
    UnknownOperation {
        /// The entity.
        entity: EntityId,
        /// What was asked for.
        operation: String,
        /// What it has.
        operations: Vec<String>,
    },
    /// One operation may send so many signals and start so many orchestrations, and no more: `AZURE_FUNCTIONS_EPISODE_MAX_ACTIONS` sets
    /// the limit.
    #[error(
        "the operation sends or starts more than {limit} signals and orchestrations ({at}): ask for fewer at a time, or raise \
         AZURE_FUNCTIONS_EPISODE_MAX_ACTIONS"
    )]
    TooManyActions {
        /// How many there may be.
        limit: usize,
        /// The call that was one too many.
        at: &'static Location<'static>,
    },
    /// The id of an orchestration to be started is not allowed.
    #[error("the instance id '{}' of orchestration '{name}' is not allowed: {source}", .id.escape_debug())]
    InstanceId {
        /// The orchestration.
        name: String,
        /// The id that was given.
        id: String,
        /// The rule it breaks.
        source: InstanceIdError,
    },
    /// The host's wire has no words for what the operation asked for.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// A name or key that no entity can have.
    #[error(transparent)]
    Id(#[from] EntityIdError),
}

/// `a`, `b` and `c`, each in backticks.
fn list(names: &[String]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((only, _)) => only.clone(),
        None => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_operation_is_told_with_those_that_there_are() {
        let error = |operations: &[&str]| {
            EntityError::UnknownOperation {
                entity: EntityId::new("counter", "a").unwrap(),
                operation: "substract".to_owned(),
                operations: operations.iter().map(ToString::to_string).collect(),
            }
            .to_string()
        };
        assert_eq!(
            error(&["add", "get", "delete"]),
            "the entity has no such operation; it has `add`, `get` and `delete`"
        );
        assert!(error(&["add"]).ends_with("it has `add`"));
        assert!(error(&[]).ends_with("it has none"));
    }
}
