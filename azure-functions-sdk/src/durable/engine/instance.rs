//! What the engine knows of an instance between episodes.

use azure_functions_durable::TraceContext;
use chrono::{DateTime, Utc};

use super::{
    ending::Ending,
    event::{ParentLink, Tags},
    history::History,
    message::Message,
    runtime_status::RuntimeStatus,
    trace::ExecutionTrace,
};
use crate::durable::work::Wire;

/// One orchestration instance with the history of its current execution.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Instance {
    /// Its id.
    pub(crate) instance_id: String,
    /// Its current execution: a GUID without dashes.
    pub(crate) execution_id: String,
    /// Name of the orchestration, as it was started.
    pub(crate) name: String,
    /// Its version; empty if unversioned.
    pub(crate) version: Option<String>,
    /// Who waits for its end.
    pub(crate) parent: Option<ParentLink>,
    /// Executions that continue-as-new ended before this one.
    pub(crate) generation: i32,
    /// Its status; never ContinuedAsNew.
    pub(crate) status: RuntimeStatus,
    /// Input of the current execution: JSON text.
    pub(crate) input: Option<String>,
    /// JSON text: output, or the text of a failure, or the reason of a termination or suspension.
    pub(crate) output: Option<String>,
    /// JSON text.
    pub(crate) custom_status: Option<String>,
    /// What it still waits for, though its code has ended.
    pub(crate) ending: Option<Ending>,
    /// When the current execution was started.
    pub(crate) created: DateTime<Utc>,
    /// History of the current execution; empty before its first episode.
    pub(crate) history: History,
    /// What it was started with.
    pub(crate) tags: Tags,
    /// How this execution travels; `None`: it has not had an episode, or began when there was JSON only.
    pub(crate) wire: Option<Wire>,
    /// The trace that the current execution belongs to.
    pub(crate) trace: Option<ExecutionTrace>,
}

impl Instance {
    /// The instance that a start message makes, before its first episode. `None` if the message starts nothing.
    pub(crate) fn pending(start: &Message) -> Option<Self> {
        let started = start.as_start()?;
        Some(Self {
            instance_id: started.instance_id.clone(),
            execution_id: started.execution_id.clone(),
            name: started.name.clone(),
            version: started.version.clone(),
            parent: started.parent.clone(),
            generation: started.generation,
            status: RuntimeStatus::Pending,
            input: started.input.clone(),
            output: None,
            custom_status: None,
            ending: None,
            created: start.event.timestamp,
            history: History::default(),
            tags: started.tags.clone(),
            wire: None,
            trace: started.trace.clone(),
        })
    }

    /// The trace context of what the orchestration asks for.
    pub(crate) fn trace_of_calls(&self) -> Option<TraceContext> {
        self.trace.as_ref().map(ExecutionTrace::context)
    }

    /// The trace of the execution that continues this one: what asked for the start is the same.
    pub(super) fn trace_of_next(&self) -> Option<ExecutionTrace> {
        Some(ExecutionTrace::from(self.trace.as_ref()?.parent.clone()))
    }
}
