//! The protobuf wire: `OrchestratorRequest` in, `OrchestratorResponse` out; `EntityBatchRequest` in, `EntityBatchResult`
//! out; all as base64.
//!
//! Source: `proto/durabletask.proto` of `azure-functions-durable`, and recordings of durable extension 3.19.

pub(crate) mod activity_failure;
pub(crate) mod answer;
pub(crate) mod entity_batch;
mod failure;
mod fields;
pub(crate) mod message;
pub(crate) mod request;
