//! The batches of entities on both wires: which of them it is shows in what arrives, and the answer takes the same way back.

use super::{is_protobuf, json, protobuf};
use crate::{
    FunctionError,
    durable_wire::Wire,
    entities::batch::{Batch, BatchAnswer},
    rpc::Data,
};
use azure_functions_durable::EntityId;

/// A trigger's text that is no batch which can be run.
#[derive(Debug)]
pub(crate) enum Unread {
    /// The invocation fails.
    Json(Box<FunctionError>),
    /// The invocation succeeds with this answer, a message as base64.
    Protobuf {
        answer: String,
        /// In words, for the log.
        failure: String,
    },
}

/// Reads a trigger's text.
///
/// # Errors
/// If it is no batch that can be run.
pub(crate) fn read(text: &str, function: &str) -> Result<Batch, Unread> {
    if is_protobuf(text) {
        return protobuf::entity_batch::read(text).map_err(|unread| Unread::Protobuf {
            answer: protobuf::entity_batch::refuse(&unread),
            failure: format!("entity function `{function}`: {}", unread.error),
        });
    }
    json::entity_batch::read(text).map_err(|error| {
        let text = format!("entity function `{function}`: the host sent no batch that can be read: {error}");
        Unread::Json(Box::new(FunctionError::with_source(text, error)))
    })
}

/// Writes the answer of a batch that came on this wire.
///
/// # Errors
/// If it cannot be written, which no answer is known to do.
pub(crate) fn write(wire: Wire, answer: &BatchAnswer<'_>) -> Result<Data, FunctionError> {
    Ok(match wire {
        Wire::Json => Data::Json(json::entity_batch::write(answer).map_err(FunctionError::from_error)?),
        Wire::Protobuf => Data::String(protobuf::entity_batch::write(answer)),
    })
}

/// The answer to a batch without its state, which is not kept either. Only the protobuf wire has such.
pub(crate) fn need_state() -> Data {
    Data::String(protobuf::entity_batch::need_state())
}

/// The answer for a batch that came to no end, where an invocation must not fail for it: on the protobuf wire.
pub(crate) fn failed(text: &str, error_type: &str, reason: &str) -> Option<Data> {
    is_protobuf(text).then(|| Data::String(protobuf::entity_batch::failed(text, error_type, reason)))
}

/// Whether the invocation must not fail.
pub(crate) fn answers_failures(text: &str) -> bool {
    is_protobuf(text)
}

/// Which entity a batch is for.
///
/// # Errors
/// If it is no batch.
pub(crate) fn addressee(text: &str) -> Result<EntityId, FunctionError> {
    match is_protobuf(text) {
        true => protobuf::entity_batch::addressee(text).map_err(FunctionError::from_error),
        false => match json::entity_batch::read(text) {
            Ok(batch) => Ok(batch.id),
            Err(error) => Err(FunctionError::from_error(error)),
        },
    }
}
