//! A batch of operations, between the wire and the code that runs it.
//!
//! States, inputs and results are texts that hold JSON: they pass through unread, for only the function knows their types.

use crate::{FunctionError, durable_wire::Wire};
use azure_functions_durable::{EntityId, TraceContext};
use chrono::{DateTime, Utc};
use std::{sync::Arc, time::Duration};

/// What the trigger gives.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Where it came from, and the answer goes.
    pub(crate) wire: Wire,
    pub(crate) id: EntityId,
    pub(crate) exists: bool,
    pub(crate) state: Option<Arc<str>>,
    /// The host leaves the state out, for a worker that has kept it since the last batch.
    pub(crate) without_state: bool,
    /// How long the entity may be idle before the session ends in which the host may leave the state out; none without sessions.
    pub(crate) session: Option<Duration>,
    pub(crate) operations: Vec<OperationRequest>,
}

/// One operation that was asked for.
#[derive(Debug)]
pub(crate) struct OperationRequest {
    pub(crate) name: String,
    pub(crate) input: Option<String>,
    /// None where the wire does not say.
    pub(crate) is_signal: Option<bool>,
    /// Names the request, where the wire says it; else empty.
    pub(crate) request_id: String,
    /// The trace that the operation belongs to, where the wire says it.
    pub(crate) trace: Option<TraceContext>,
}

/// What an operation asks for besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EntityAction {
    Signal(Signal),
    Start(Start),
}

/// A message to another entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signal {
    pub(crate) target: EntityId,
    pub(crate) name: String,
    pub(crate) input: String,
    /// When it is to be delivered, if not at once.
    pub(crate) at: Option<DateTime<Utc>>,
    pub(crate) asked: DateTime<Utc>,
    /// The trace of the operation that asks.
    pub(crate) trace: Option<TraceContext>,
}

/// A new orchestration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) name: String,
    pub(crate) instance_id: String,
    pub(crate) input: String,
    /// When it is to begin, if not at once.
    pub(crate) at: Option<DateTime<Utc>>,
    pub(crate) asked: DateTime<Utc>,
    /// The trace of the operation that asks.
    pub(crate) trace: Option<TraceContext>,
}

/// How one operation ended.
#[derive(Debug)]
pub(crate) struct OperationResult {
    /// JSON text of what it returned.
    pub(crate) ended: Result<Option<String>, OperationFailure>,
    pub(crate) began: DateTime<Utc>,
    pub(crate) duration: Duration,
}

/// Why one operation failed.
#[derive(Debug)]
pub(crate) enum OperationFailure {
    Error(FunctionError),
    /// It panicked, in words.
    Panic(String),
}

impl OperationFailure {
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Error(error) => error.with_causes(),
            Self::Panic(text) => text.clone(),
        }
    }
}

/// What the host stores and sends on, as a whole or not at all.
#[derive(Debug)]
pub(crate) struct BatchAnswer<'a> {
    pub(crate) exists: bool,
    pub(crate) state: Option<&'a str>,
    pub(crate) actions: &'a [EntityAction],
    pub(crate) results: &'a [OperationResult],
}
