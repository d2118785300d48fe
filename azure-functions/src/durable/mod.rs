//! Durable orchestrations: contexts, outputs and replay.
//!
//! An orchestration is an `async fn` that runs again from the start whenever something it waits for has happened. What it did
//! before is not done again, but answered from its history. So the code must ask for the same things in the same order every
//! time; everything but computation belongs into an activity. The [guide](crate::guide::orchestrations) explains this, and
//! [`misuse`] lists what is refused, and when.
//!
//! ```
//! use azure_functions::{
//!     bindings::{DurableActivityContext, DurableOrchestrationContext},
//!     durable::{ActivityOutput, OrchestrationOutput},
//!     func,
//! };
//!
//! #[func]
//! pub async fn hello_world(context: DurableOrchestrationContext) -> OrchestrationOutput {
//!     let greetings = context
//!         .join_all(["Tokyo", "London", "Seattle"].map(|city| context.call_activity("say_hello", city)))
//!         .await;
//!     greetings.into_iter().map(|r| r.unwrap_or_else(|e| e.to_string().into())).collect()
//! }
//!
//! #[func]
//! pub fn say_hello(context: DurableActivityContext) -> ActivityOutput {
//!     format!("Hello {}!", context.input().as_str().unwrap_or("stranger")).into()
//! }
//! ```
//!
//! # Values
//!
//! Inputs, outputs, events and states are JSON, and arrive as they were sent, with one exception. If the *first* member of a JSON
//! object is named `$type`, the durable extension takes it for the name of a .NET type and drops it, on the way into an activity and
//! out of it. The local host keeps it. Name the member otherwise, or put another one first; in a map that is sorted by its keys it
//! is often the first.
//!
//! JSON of more than 127 levels, with a number that no `f64` holds, or with half of a surrogate pair is refused where it is written. If
//! a host sends it nevertheless, reading it is an error: of the call, of the typed wait, or of the instance.
#![doc = include_str!("typed.md")]

mod boxed;
mod call;
mod call_error;
mod code;
mod context;
mod ended_execution;
mod entered_spans;
mod entities;
mod entity_failure;
mod episode;
mod expected;
mod http;
mod known_functions;
#[doc = include_str!("misuse.md")]
pub mod misuse {}
mod output;
mod parked;
mod parked_instances;
pub mod patterns;
mod replay;
mod retry_options;
mod task_failure;
mod task_future;
#[cfg(test)]
mod tests;
mod typed;
mod waiting;
mod wire;

pub use azure_functions_durable::{
    CheckStatusResponse, CleanEntityStorage, CleanEntityStorageResult, ClientFuture, ClientWire, EntityPage,
    EntityQuery, EntityStateResponse, EntityStatus, Exchange, HistoryEvent, HistoryEventKind, HistoryStream,
    InstanceIdError, Listing, OrchestrationClient, OrchestrationClientError, OrchestrationEnding,
    OrchestrationRuntimeStatus, OrchestrationStatusQueryResult, ParseRuntimeStatusError, Pause, PurgeHistoryResult,
    QueryStatus, Retries, StartOrchestration, StatusPage, StatusQuery, TerminateResult, TraceContext, Transport,
    TransportError, WaitOutcome, check_instance_id,
};
pub use boxed::BoxedFuture;
pub use call::{ActivityCall, EntityCall, ReturnedByActivity, SubOrchestrationCall};
pub use call_error::{CallError, InputError};
pub use context::{DurableOrchestrationContext, EventOrTimeout};
pub use entities::{CriticalSection, LockFuture};
pub use entity_failure::EntityFailure;
pub use http::{DurableHttpRequest, DurableHttpResponse, HttpCall, ManagedIdentity};
pub use output::{ActivityOutput, OrchestrationOutput};
pub use replay::combinator::{
    AsCompleted, Either, Either3, Either4, ForEachConcurrent, Join, JoinAll, JoinTuple, NextCompleted, Race, RaceTuple,
    Select, SelectAll, SelectTuple, Timeout, TryJoin, TryJoinAll, TryJoinTuple,
};
pub use retry_options::RetryOptions;
pub use task_future::{ContinueAsNewFuture, EventFuture, TimerFuture};

pub use crate::durable_wire::{Unsupported, Wire};
pub use task_failure::{FailureDetails, TaskFailure};
pub use typed::{
    Activity, EntityCalls, EntitySignals, Event, Orchestration, OutputError, ReadJson, StartOver, TypedClient,
    TypedEvent, WriteJson,
};

pub(crate) use typed::own_error;

pub(crate) use crate::action_limit::max_actions;
pub(crate) use ended_execution::EndedExecution;
pub(crate) use episode::{Episode, log_suppressed, run_episode, run_turn};
pub(crate) use known_functions::{CalledKind, KnownFunctions};
pub(crate) use parked_instances::{MAX_BYTES, MAX_COUNT, ParkedInstances};
pub(crate) use waiting::waits_for;
pub(crate) use wire::{
    Trigger, activity_failure, details_of_function, details_of_text, encode_message, entity_batch, failed_response,
    instance_of_request, seeming_session, wire_of,
};

use crate::error::BoxError;
use std::{future::Future, pin::Pin};

/// An orchestration as `#[func]` registers it. Its future is not `Send`: an episode runs on one thread.
pub type Orchestrator = fn(DurableOrchestrationContext) -> OrchestratorFuture;

/// One run of an orchestration's code.
pub type OrchestratorFuture = Pin<Box<dyn Future<Output = Result<OrchestrationOutput, BoxError>>>>;
