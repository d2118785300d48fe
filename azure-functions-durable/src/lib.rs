//! Client of the Durable Functions HTTP API.

#[cfg(feature = "client")]
mod client;
mod entity_id;
mod purge;
mod runtime_status;
mod status;

#[cfg(feature = "client")]
pub use client::{
    CheckStatusResponse, OrchestrationClient, OrchestrationClientError, StatusPage, StatusQuery, WaitOutcome,
};
pub use entity_id::{EntityId, EntityIdError};
pub use purge::PurgeHistoryResult;
pub use runtime_status::{OrchestrationRuntimeStatus, ParseRuntimeStatusError};
pub use status::OrchestrationStatusQueryResult;
