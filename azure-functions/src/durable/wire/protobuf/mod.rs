//! The protobuf wire: `OrchestratorRequest` in, `OrchestratorResponse` out; `EntityBatchRequest` in, `EntityBatchResult`
//! out; all as base64.
//!
//! Source: `proto/durabletask.proto` of `azure-functions-durable`, and recordings of durable extension 3.19.

pub(crate) mod activity_failure;
pub(crate) mod answer;
pub(crate) mod entity_batch;
pub(crate) mod failure;
mod fields;
pub(crate) mod message;
pub(crate) mod request;

use base64::{Engine, prelude::BASE64_STANDARD};
use prost::Message;

/// A message as a Functions host takes it: as base64.
pub(crate) fn encode(message: &impl Message) -> String {
    BASE64_STANDARD.encode(message.encode_to_vec())
}
