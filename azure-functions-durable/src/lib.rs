#![cfg_attr(feature = "client", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "client"),
    doc = "The data types of the Durable Functions APIs. The client itself needs the feature `client`."
)]

#[cfg(feature = "client")]
mod client;
mod entity_id;
mod entity_state;
mod failure_details;
mod history;
mod instance_id;
#[cfg(feature = "protobuf")]
#[doc(hidden)]
pub mod protobuf;
mod purge;
mod runtime_status;
#[cfg(feature = "grpc")]
#[doc(hidden)]
pub mod server;
mod status;
mod terminate;
mod trace_context;

#[cfg(feature = "client")]
pub use client::{
    CheckStatusResponse, CleanEntityStorage, CleanEntityStorageResult, ClientFuture, ClientWire, EntityPage,
    EntityQuery, Exchange, HistoryStream, Listing, OrchestrationClient, OrchestrationClientError, Pause, QueryStatus,
    Retries, StartOrchestration, StatusPage, StatusQuery, Transport, TransportError, WaitOutcome,
};
pub use entity_id::{EntityId, EntityIdError};
pub use entity_state::{EntityStateResponse, EntityStatus};
pub use failure_details::FailureDetails;
pub use history::{HistoryEvent, HistoryEventKind};
pub use instance_id::{InstanceIdError, MAX_INSTANCE_ID_LENGTH, check_instance_id, is_forbidden_in_id};
pub use purge::PurgeHistoryResult;
pub use runtime_status::{OrchestrationRuntimeStatus, ParseRuntimeStatusError};
#[cfg(feature = "grpc")]
pub use server::{AccessToken, ServerAddress, ServerAddressError, TokenError, TokenSource};
pub use status::{OrchestrationEnding, OrchestrationStatusQueryResult};
pub use terminate::TerminateResult;
pub use trace_context::TraceContext;
