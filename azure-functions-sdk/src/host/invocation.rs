//! What the host asks a worker to run, and how that can end.

use super::rpc::messages::{Data, ParameterBinding, RpcTraceContext, TypedData, parameter_binding::RpcData};
use crate::{
    durable::work::{Begun, WorkerDeath},
    services::{data::TriggerValue, protocol_value::protocol_values},
};
use azure_functions_durable::TraceContext;
use std::{collections::HashMap, time::Duration};
use tokio_util::sync::CancellationToken;

/// Why an invocation has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvokeError {
    /// The function ran and failed.
    #[error("{}", .0.message)]
    Failed(Failure),
    /// The worker process ended while it ran the function.
    #[error("the worker process ended while it ran the function: {0}")]
    WorkerDied(WorkerDeath),
    /// The function ran longer than `functionTimeout`.
    #[error("the function ran longer than functionTimeout of host.json ({0:?})")]
    TimedOut(Duration),
    /// The host is stopping.
    #[error("the host is shutting down")]
    ShuttingDown,
    /// No worker was ready in time.
    #[error("no worker process is ready: {0}")]
    NoWorker(String),
    /// The function has an error of its own and cannot run.
    #[error("the function `{function}` cannot run: {reason}")]
    FunctionInError {
        /// Its name.
        function: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// How a function failed, in the worker's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The exception's message.
    pub message: String,
    /// The exception's stack trace, or empty.
    pub stack: String,
}

/// The trigger's value and what comes with it.
#[derive(Clone, Debug, Default)]
pub struct TriggerInput {
    pub(crate) data: Option<Data>,
    pub(crate) metadata: HashMap<String, TypedData>,
}

impl TriggerInput {
    /// No value.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// A text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::data(Data::String(text.into()))
    }

    /// A JSON value, as JSON text.
    #[must_use]
    pub fn json(json: impl Into<String>) -> Self {
        Self::data(Data::Json(json.into()))
    }

    pub(crate) fn data(data: Data) -> Self {
        Self {
            data: Some(data),
            ..Self::default()
        }
    }

    /// Adds a text to the trigger metadata.
    #[must_use]
    pub fn with_metadata(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.metadata.insert(name.into(), typed(Data::String(text.into())));
        self
    }
}

impl From<TriggerValue> for TriggerInput {
    fn from(value: TriggerValue) -> Self {
        let metadata = value.metadata.into_iter();
        Self {
            data: value.data.and_then(|data| TypedData::from(data).data),
            metadata: metadata.map(|(name, data)| (name, data.into())).collect(),
        }
    }
}

protocol_values!(crate::host::rpc::messages);

pub(crate) fn typed(data: Data) -> TypedData {
    TypedData { data: Some(data) }
}

/// An input of an invocation; no data is null.
pub(crate) fn input(name: &str, data: Option<Data>) -> ParameterBinding {
    ParameterBinding {
        name: name.to_owned(),
        rpc_data: Some(RpcData::Data(TypedData { data })),
    }
}

impl From<&TraceContext> for RpcTraceContext {
    fn from(trace: &TraceContext) -> Self {
        Self {
            trace_parent: trace.trace_parent().to_owned(),
            trace_state: trace.trace_state().unwrap_or_default().to_owned(),
            ..Self::default()
        }
    }
}

/// What a caller brings to an invocation.
pub(crate) struct Prepared {
    pub(crate) trigger: TriggerInput,
    pub(crate) trace_context: Option<RpcTraceContext>,
    /// Cancelled when the caller has gone, it seems; `None`: it does not go.
    pub(crate) hung_up: Option<CancellationToken>,
    /// To be told when it has reached a worker.
    pub(crate) begun: Begun,
}

impl Prepared {
    pub(crate) fn plain(trigger: TriggerInput, begun: Begun) -> Self {
        Self {
            trigger,
            trace_context: None,
            hung_up: None,
            begun,
        }
    }
}
