//! The batches of entities on both wires: which of them it is shows in what arrives, and the answer takes the same way back.

use super::{Trigger, is_protobuf, json, protobuf};
use crate::{
    FunctionError,
    durable_wire::Wire,
    entities::batch::{Batch, BatchAnswer},
    rpc::Data,
};
use azure_functions_durable::{EntityId, protobuf::EntityBatchResult};
use prost::Message as _;

/// A trigger's text that is no batch which can be run.
#[derive(Debug)]
pub(crate) enum Unread {
    /// The invocation fails.
    Json(Box<FunctionError>),
    /// The invocation succeeds with this answer.
    Protobuf {
        answer: Box<Data>,
        /// In words, for the log.
        failure: String,
    },
}

/// How an answer is put, which is how the request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// JSON, or a message as base64.
    Text,
    /// The message itself.
    Message,
}

impl Form {
    /// Of the answer to a request.
    pub(crate) fn of(trigger: &Trigger) -> Self {
        match trigger {
            Trigger::Text(_) => Self::Text,
            Trigger::Message(_) => Self::Message,
        }
    }

    fn put(self, result: &EntityBatchResult) -> Data {
        match self {
            Self::Text => Data::String(protobuf::encode(result)),
            Self::Message => Data::Bytes(result.encode_to_vec().into()),
        }
    }
}

/// Reads a request.
///
/// # Errors
/// If it is no batch that can be run.
pub(crate) fn read(trigger: &Trigger, function: &str) -> Result<Batch, Unread> {
    let text = match trigger {
        Trigger::Text(text) if !is_protobuf(text) => text,
        _ => {
            return protobuf::entity_batch::read(trigger).map_err(|unread| Unread::Protobuf {
                answer: Box::new(Form::of(trigger).put(&protobuf::entity_batch::refuse(&unread))),
                failure: format!("entity function `{function}`: {}", unread.error),
            });
        }
    };
    json::entity_batch::read(text).map_err(|error| {
        let text = format!("entity function `{function}`: the host sent no batch that can be read: {error}");
        Unread::Json(Box::new(FunctionError::with_source(text, error)))
    })
}

/// Writes the answer of a batch that came on this wire.
///
/// # Errors
/// If it cannot be written, which no answer is known to do.
pub(crate) fn write(wire: Wire, form: Form, answer: &BatchAnswer<'_>) -> Result<Data, FunctionError> {
    Ok(match wire {
        Wire::Json => Data::Json(json::entity_batch::write(answer).map_err(FunctionError::from_error)?),
        Wire::Protobuf => form.put(&protobuf::entity_batch::write(answer)),
    })
}

/// The answer to a batch without its state, which is not kept either. Only the protobuf wire has such.
pub(crate) fn need_state(form: Form) -> Data {
    form.put(&protobuf::entity_batch::need_state())
}

/// The answer for a batch that came to no end, where an invocation must not fail for it: on the protobuf wire.
pub(crate) fn failed(trigger: &Trigger, error_type: &str, reason: &str) -> Option<Data> {
    let failed = || protobuf::entity_batch::failed(trigger, error_type, reason);
    answers_failures(trigger).then(|| Form::of(trigger).put(&failed()))
}

/// Whether the invocation must not fail.
pub(crate) fn answers_failures(trigger: &Trigger) -> bool {
    match trigger {
        Trigger::Text(text) => is_protobuf(text),
        Trigger::Message(_) => true,
    }
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
