//! The client over gRPC: the service `TaskHubSidecarService` of the Durable Task extension.

pub(super) mod address;
mod ask;
mod call;
mod convert;
mod entities;
mod history;
mod instances;
mod refusal;
mod shown_history;
mod wait;
