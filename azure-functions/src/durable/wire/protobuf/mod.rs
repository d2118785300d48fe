//! The protobuf wire: `OrchestratorRequest` in, `OrchestratorResponse` out, both as base64.
//!
//! Source: `proto/durabletask.proto` of `azure-functions-durable`, and recordings of durable extension 3.19.

pub(crate) mod answer;
mod failure;
mod fields;
mod message;
pub(crate) mod request;
