//! The history of an instance, event by event.

use crate::{FailureDetails, OrchestrationRuntimeStatus};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// One event of the history of an instance.
///
/// Source: `HistoryEvent` of the Durable Task protocol.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HistoryEvent {
    /// For what the orchestration asked for ([`TaskScheduled`](HistoryEventKind::TaskScheduled),
    /// [`TimerCreated`](HistoryEventKind::TimerCreated), …): the number of the call, from 0, by which completions refer to it. -1 for
    /// what came from outside.
    pub event_id: i32,
    /// When it happened; `None` if the host did not say.
    pub timestamp: Option<DateTime<Utc>>,
    /// What happened.
    pub kind: HistoryEventKind,
}

/// What happened. Inputs, results and outputs are JSON texts, as the host keeps them.
///
/// More kinds and members may be added: match with `..` and `_`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum HistoryEventKind {
    /// A turn of the orchestration began.
    OrchestratorStarted,
    /// A turn of the orchestration ended.
    OrchestratorCompleted,
    /// The instance, or its next execution, was started.
    #[non_exhaustive]
    ExecutionStarted {
        /// The name of the orchestration.
        name: String,
        /// The version that it was started with.
        version: Option<String>,
        /// Its input.
        input: Option<String>,
        /// The instance id.
        instance_id: String,
        /// Which life of the instance this is.
        execution_id: Option<String>,
        /// The instance that called this one.
        parent_instance_id: Option<String>,
        /// Not before this time.
        scheduled_start_time: Option<DateTime<Utc>>,
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// The orchestration returned, failed, or was terminated.
    #[non_exhaustive]
    ExecutionCompleted {
        /// How it ended.
        status: OrchestrationRuntimeStatus,
        /// Its output.
        result: Option<String>,
        /// Why it failed.
        failure: Option<FailureDetails>,
    },
    /// A client asked for the end of the instance.
    #[non_exhaustive]
    ExecutionTerminated {
        /// What becomes the output.
        output: Option<String>,
        /// Whether sub-orchestrations were to end, too.
        recursive: bool,
    },
    /// A client held the instance.
    #[non_exhaustive]
    ExecutionSuspended {
        /// Why.
        reason: Option<String>,
    },
    /// A client let a held instance go on.
    #[non_exhaustive]
    ExecutionResumed {
        /// Why.
        reason: Option<String>,
    },
    /// A client brought the failed instance back to life.
    #[non_exhaustive]
    ExecutionRewound {
        /// Why.
        reason: Option<String>,
    },
    /// The orchestration started over.
    #[non_exhaustive]
    ContinueAsNew {
        /// The next input.
        input: Option<String>,
    },
    /// An activity was called.
    #[non_exhaustive]
    TaskScheduled {
        /// The name of the activity.
        name: String,
        /// Its version.
        version: Option<String>,
        /// Its input. The extension leaves it out of histories.
        input: Option<String>,
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// An activity returned.
    #[non_exhaustive]
    TaskCompleted {
        /// The event id of its [`TaskScheduled`](Self::TaskScheduled).
        scheduled_id: i32,
        /// What it returned.
        result: Option<String>,
    },
    /// An activity failed.
    #[non_exhaustive]
    TaskFailed {
        /// The event id of its [`TaskScheduled`](Self::TaskScheduled).
        scheduled_id: i32,
        /// Why. Hosts leave it out for an activity that does not exist.
        failure: Option<FailureDetails>,
    },
    /// A sub-orchestration was called.
    #[non_exhaustive]
    SubOrchestrationCreated {
        /// The id of its instance.
        instance_id: String,
        /// The name of the orchestration.
        name: String,
        /// Its version.
        version: Option<String>,
        /// Its input. The extension leaves it out of histories.
        input: Option<String>,
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// A sub-orchestration returned.
    #[non_exhaustive]
    SubOrchestrationCompleted {
        /// The event id of its [`SubOrchestrationCreated`](Self::SubOrchestrationCreated).
        scheduled_id: i32,
        /// What it returned.
        result: Option<String>,
    },
    /// A sub-orchestration failed.
    #[non_exhaustive]
    SubOrchestrationFailed {
        /// The event id of its [`SubOrchestrationCreated`](Self::SubOrchestrationCreated).
        scheduled_id: i32,
        /// Why.
        failure: Option<FailureDetails>,
    },
    /// A timer was set.
    #[non_exhaustive]
    TimerCreated {
        /// When it is due.
        fire_at: Option<DateTime<Utc>>,
    },
    /// A timer was due.
    #[non_exhaustive]
    TimerFired {
        /// The event id of its [`TimerCreated`](Self::TimerCreated).
        timer_id: i32,
        /// When it was due.
        fire_at: Option<DateTime<Utc>>,
    },
    /// The orchestration sent an event to an instance, or a message to an entity.
    #[non_exhaustive]
    EventSent {
        /// To whom.
        instance_id: String,
        /// The name of the event.
        name: String,
        /// What was sent.
        input: Option<String>,
    },
    /// An event arrived, or the answer of an entity.
    #[non_exhaustive]
    EventRaised {
        /// The name of the event.
        name: String,
        /// What arrived.
        input: Option<String>,
    },
    /// An event that only the host has a use for, such as one that stands where a rewind took another away.
    #[non_exhaustive]
    Generic {
        /// What the host wrote there.
        data: Option<String>,
    },
    /// An event of a kind that this version does not know, or has no use for.
    #[non_exhaustive]
    Other {
        /// The name of the kind in the protocol; empty if it is not known.
        name: &'static str,
    },
}
