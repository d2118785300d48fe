//! History events: what is known about an execution.

mod entity;
mod json;

use std::collections::BTreeMap;

use azure_functions_durable::TraceContext;
use chrono::{DateTime, Utc};

pub(crate) use self::{
    entity::{EntityEvent, EntityOperation},
    json::{EventError, json_string, parse_events, readable_events, write_events, write_string},
};
use super::{failure_details::FailureDetails, runtime_status::RuntimeStatus, time::whole_ticks, trace::ExecutionTrace};

/// Name of the activity that does a `CallHttp`.
pub(crate) const HTTP_ACTIVITY: &str = "BuiltIn::HttpActivity";

/// A tag of what was restarted under another id: the id of the instance that it was made from. Clients cannot give it.
pub(crate) const SOURCE_INSTANCE_TAG: &str = "MS_DurableFunctions_SourceInstanceId";

/// Names and values that a start or a call was given.
pub(crate) type Tags = BTreeMap<String, String>;

/// One event of an execution's history.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    /// Sequence number of what the orchestrator scheduled and of its end; -1 on everything else.
    pub(crate) event_id: i32,
    /// When it happened.
    pub(crate) timestamp: DateTime<Utc>,
    /// What happened.
    pub(crate) kind: EventKind,
}

/// Kinds of history events and their members.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum EventKind {
    /// An execution was started.
    ExecutionStarted(Box<ExecutionStarted>),
    /// The execution ended.
    ExecutionCompleted(ExecutionEnd),
    /// A client, or a parent that was terminated, asked for termination; `recurse`: of the sub-orchestrations, too.
    ExecutionTerminated { reason: String, recurse: bool },
    /// An activity (or a built-in one: `BuiltIn::HttpActivity`) was scheduled.
    TaskScheduled {
        name: String,
        version: Option<String>,
        input: Option<String>,
        tags: Tags,
        /// The trace that it is run in.
        trace: Option<Box<TraceContext>>,
    },
    /// An activity succeeded; `result` is JSON text.
    TaskCompleted { task_id: i32, result: Option<String> },
    /// An activity failed.
    TaskFailed { task_id: i32, failure: Failure },
    /// A sub-orchestration was asked for.
    SubOrchestrationCreated {
        name: String,
        version: Option<String>,
        instance_id: String,
        input: Option<String>,
        /// The trace that it is run in.
        trace: Option<Box<TraceContext>>,
    },
    /// A sub-orchestration succeeded; `result` is JSON text.
    SubOrchestrationCompleted { task_id: i32, result: Option<String> },
    /// A sub-orchestration failed or was terminated.
    SubOrchestrationFailed { task_id: i32, failure: Failure },
    /// A durable timer was created.
    TimerCreated { fire_at: DateTime<Utc> },
    /// A durable timer fired.
    TimerFired { timer_id: i32, fire_at: DateTime<Utc> },
    /// An episode began.
    OrchestratorStarted,
    /// An episode ended.
    OrchestratorCompleted,
    /// A message went to another instance.
    EventSent {
        instance_id: String,
        name: String,
        input: Option<String>,
    },
    /// An external event came in; `input` is JSON text.
    EventRaised { name: String, input: Option<String> },
    /// A message to or from an entity, of a worker that has such messages.
    Entity(Box<EntityEvent>),
    /// The execution ended and the next one has its place.
    ContinueAsNew(ExecutionEnd),
    /// Data without meaning for replay.
    Generic { data: Option<String> },
    /// The instance was suspended.
    ExecutionSuspended { reason: String },
    /// The instance was resumed.
    ExecutionResumed { reason: String },
    /// The failed instance was rewound.
    ExecutionRewound { reason: String },
    /// A kind that this version does not know: kept as it was read, ignored by replay.
    Unknown { event_type: i32, json: String },
}

/// Members of ExecutionStarted: everything that makes an execution.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ExecutionStarted {
    /// Instance that is started.
    pub(crate) instance_id: String,
    /// Execution that is started: a GUID without dashes.
    pub(crate) execution_id: String,
    /// Name of the orchestration.
    pub(crate) name: String,
    /// Its version; empty if unversioned.
    pub(crate) version: Option<String>,
    /// JSON text.
    pub(crate) input: Option<String>,
    /// Who waits for the end.
    pub(crate) parent: Option<ParentLink>,
    /// Not to run before.
    pub(crate) scheduled_start: Option<DateTime<Utc>>,
    /// How many executions this instance had before, by continue-as-new.
    pub(crate) generation: i32,
    /// What the start was given, and what comes from the parent.
    pub(crate) tags: Tags,
    /// The trace that it belongs to.
    pub(crate) trace: Option<ExecutionTrace>,
}

/// The orchestration that waits for the end of a sub-orchestration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParentLink {
    /// Name of the parent orchestration.
    pub(crate) name: String,
    /// Its instance.
    pub(crate) instance_id: String,
    /// Its execution: the answer is for no other.
    pub(crate) execution_id: String,
    /// Task that the end completes.
    pub(crate) task_id: i32,
    /// Version of the parent.
    pub(crate) version: Option<String>,
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ExecutionEnd {
    /// Final status, or ContinuedAsNew.
    pub(crate) status: RuntimeStatus,
    /// JSON text of the output or of the next input; plain text of a failure or of the reason of a termination.
    pub(crate) result: Option<String>,
    /// Of a failure: what a worker of the protobuf wire said.
    pub(crate) failure: Option<Box<FailureDetails>>,
}

/// Why a task failed; both are sent as strings always, because JavaScript needs them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What user code sees first.
    pub(crate) reason: String,
    /// More.
    pub(crate) details: String,
    /// What a worker of the protobuf wire said.
    pub(crate) cause: Option<Box<FailureDetails>>,
}

impl Failure {
    /// A failure of which there is nothing but a text.
    pub(crate) fn text(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            ..Self::default()
        }
    }

    /// A failure that a worker has given details of.
    pub(super) fn of_details(details: FailureDetails) -> Self {
        Self {
            reason: details.in_words(),
            details: String::new(),
            cause: Some(Box::new(details)),
        }
    }
}

impl Event {
    /// An event that the orchestrator did not schedule: without a sequence number.
    pub(crate) fn new(timestamp: DateTime<Utc>, kind: EventKind) -> Self {
        Self::scheduled(-1, timestamp, kind)
    }

    /// An event with the sequence number of what the orchestrator scheduled.
    pub(crate) fn scheduled(event_id: i32, timestamp: DateTime<Utc>, kind: EventKind) -> Self {
        // As precise as the stored form, so that a replay from memory and one from the store see the same clock.
        Self {
            event_id,
            timestamp: whole_ticks(timestamp),
            kind,
        }
    }
}

impl EventKind {
    /// The wire's number.
    pub(crate) fn number(&self) -> i32 {
        match self {
            Self::ExecutionStarted(_) => 0,
            Self::ExecutionCompleted(_) => 1,
            Self::ExecutionTerminated { .. } => 3,
            Self::TaskScheduled { .. } => 4,
            Self::TaskCompleted { .. } => 5,
            Self::TaskFailed { .. } => 6,
            Self::SubOrchestrationCreated { .. } => 7,
            Self::SubOrchestrationCompleted { .. } => 8,
            Self::SubOrchestrationFailed { .. } => 9,
            Self::TimerCreated { .. } => 10,
            Self::TimerFired { .. } => 11,
            Self::OrchestratorStarted => 12,
            Self::OrchestratorCompleted => 13,
            Self::EventSent { .. } => 14,
            Self::EventRaised { .. } => 15,
            Self::ContinueAsNew(_) => 16,
            Self::Generic { .. } => 17,
            Self::ExecutionSuspended { .. } => 19,
            Self::ExecutionResumed { .. } => 20,
            Self::ExecutionRewound { .. } => 21,
            Self::Entity(entity) => entity.number(),
            Self::Unknown { event_type, .. } => *event_type,
        }
    }

    /// True for what came in as a message.
    pub(crate) fn is_received(&self) -> bool {
        matches!(
            self.number(),
            0 | 3 | 5 | 6 | 8 | 9 | 11 | 15 | 17 | 19..=21 | 25 | 26 | 28
        )
    }

    /// True for what the orchestrator scheduled and replay must find again.
    pub(crate) fn is_scheduled(&self) -> bool {
        matches!(self.number(), 4 | 7 | 10 | 14 | 23 | 24 | 27 | 29)
    }

    /// Bytes of what it carries: texts that others have given. A guess at how much a worker is sent of it.
    pub(crate) fn payload_len(&self) -> usize {
        let text = |text: &Option<String>| text.as_deref().map_or(0, str::len);
        match self {
            Self::ExecutionStarted(started) => text(&started.input),
            Self::TaskCompleted { result, .. } | Self::SubOrchestrationCompleted { result, .. } => text(result),
            Self::TaskFailed { failure, .. } | Self::SubOrchestrationFailed { failure, .. } => {
                failure.reason.len() + failure.details.len()
            }
            Self::EventRaised { name, input } => name.len() + text(input),
            Self::Entity(entity) => entity.payload_len(),
            Self::Generic { data } => text(data),
            Self::ExecutionTerminated { reason, .. }
            | Self::ExecutionSuspended { reason }
            | Self::ExecutionResumed { reason }
            | Self::ExecutionRewound { reason } => reason.len(),
            _ => 0,
        }
    }

    /// Task that this event settles.
    pub(crate) fn settles(&self) -> Option<i32> {
        match self {
            Self::TaskCompleted { task_id, .. }
            | Self::TaskFailed { task_id, .. }
            | Self::SubOrchestrationCompleted { task_id, .. }
            | Self::SubOrchestrationFailed { task_id, .. } => Some(*task_id),
            Self::TimerFired { timer_id, .. } => Some(*timer_id),
            _ => None,
        }
    }

    /// Task whose failure this event is.
    pub(crate) fn fails(&self) -> Option<i32> {
        match self {
            Self::TaskFailed { task_id, .. } | Self::SubOrchestrationFailed { task_id, .. } => Some(*task_id),
            _ => None,
        }
    }
}
