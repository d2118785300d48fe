//! Messages to an instance: each becomes an event of its history.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::event::{Event, EventError, EventKind, ExecutionStarted, Failure, ParentLink, write_events, write_string};

/// What waits in the inbox of an instance.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    /// The only execution that this is for; `None`: whichever runs when it arrives.
    pub(crate) execution_id: Option<String>,
    /// What it adds to the history.
    pub(crate) event: Event,
    /// With ExecutionStarted after a continue-as-new: events that the old execution left over, oldest first.
    pub(crate) carried: Vec<Event>,
    /// With ExecutionStarted: a worker of the protobuf wire asked for it, to continue as new.
    pub(crate) continues: bool,
}

/// A message to an instance.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outgoing {
    /// Whom to tell.
    pub(crate) instance_id: String,
    /// What.
    pub(crate) message: Message,
}

impl Message {
    /// Starts an execution.
    pub(crate) fn start(at: DateTime<Utc>, started: ExecutionStarted) -> Self {
        Self::any(at, EventKind::ExecutionStarted(Box::new(started)))
    }

    /// An activity succeeded; `result` is JSON text.
    pub(crate) fn task_completed(at: DateTime<Utc>, execution_id: &str, task_id: i32, result: Option<String>) -> Self {
        Self::to(execution_id, at, EventKind::TaskCompleted { task_id, result })
    }

    /// An activity failed.
    pub(crate) fn task_failed(at: DateTime<Utc>, execution_id: &str, task_id: i32, failure: Failure) -> Self {
        Self::to(execution_id, at, EventKind::TaskFailed { task_id, failure })
    }

    /// A durable timer is due.
    pub(crate) fn timer_fired(at: DateTime<Utc>, execution_id: &str, timer_id: i32, fire_at: DateTime<Utc>) -> Self {
        Self::to(execution_id, at, EventKind::TimerFired { timer_id, fire_at })
    }

    /// A sub-orchestration ended well; for the parent.
    pub(crate) fn child_completed(at: DateTime<Utc>, parent: &ParentLink, result: Option<String>) -> Self {
        let kind = EventKind::SubOrchestrationCompleted {
            task_id: parent.task_id,
            result,
        };
        Self::to(&parent.execution_id, at, kind)
    }

    /// A sub-orchestration failed, was terminated, or could not be started; for the parent.
    pub(crate) fn child_failed(at: DateTime<Utc>, parent: &ParentLink, failure: Failure) -> Self {
        let kind = EventKind::SubOrchestrationFailed {
            task_id: parent.task_id,
            failure,
        };
        Self::to(&parent.execution_id, at, kind)
    }

    /// An external event; `input` is JSON text.
    pub(crate) fn event_raised(at: DateTime<Utc>, name: String, input: Option<String>) -> Self {
        Self::any(at, EventKind::EventRaised { name, input })
    }

    /// Ends the instance.
    pub(crate) fn terminate(at: DateTime<Utc>, reason: String) -> Self {
        Self::any(at, EventKind::ExecutionTerminated { reason, recurse: false })
    }

    /// Ends the instance and the sub-orchestrations that it waits for, and theirs.
    pub(crate) fn terminate_recursively(at: DateTime<Utc>, reason: String) -> Self {
        Self::any(at, EventKind::ExecutionTerminated { reason, recurse: true })
    }

    /// Suspends the instance.
    pub(crate) fn suspend(at: DateTime<Utc>, reason: String) -> Self {
        Self::any(at, EventKind::ExecutionSuspended { reason })
    }

    /// Resumes the instance.
    pub(crate) fn resume(at: DateTime<Utc>, reason: String) -> Self {
        Self::any(at, EventKind::ExecutionResumed { reason })
    }

    /// Wakes a rewound instance; made by `rewind`.
    pub(crate) fn rewound(at: DateTime<Utc>, reason: String) -> Self {
        Self::any(at, EventKind::ExecutionRewound { reason })
    }

    /// An event for one execution only; `None`: whichever runs.
    pub(crate) fn for_execution(execution_id: Option<String>, at: DateTime<Utc>, kind: EventKind) -> Self {
        Self {
            execution_id,
            ..Self::any(at, kind)
        }
    }

    fn any(at: DateTime<Utc>, kind: EventKind) -> Self {
        Self {
            execution_id: None,
            event: Event::new(at, kind),
            carried: Vec::new(),
            continues: false,
        }
    }

    fn to(execution_id: &str, at: DateTime<Utc>, kind: EventKind) -> Self {
        Self {
            execution_id: Some(execution_id.to_owned()),
            event: Event::new(at, kind),
            carried: Vec::new(),
            continues: false,
        }
    }

    /// Members of ExecutionStarted, if this starts an execution.
    pub(crate) fn as_start(&self) -> Option<&ExecutionStarted> {
        match &self.event.kind {
            EventKind::ExecutionStarted(started) => Some(started),
            _ => None,
        }
    }

    /// Bytes of what it carries; see [`EventKind::payload_len`].
    pub(crate) fn payload_len(&self) -> usize {
        let carried = self.carried.iter().map(|event| event.kind.payload_len());
        self.event.kind.payload_len() + carried.sum::<usize>()
    }

    /// The stored form.
    pub(crate) fn to_json(&self) -> String {
        let mut out = String::from("{\"executionId\":");
        match &self.execution_id {
            Some(id) => write_string(id, &mut out),
            None => out.push_str("null"),
        }
        out.push_str(",\"event\":");
        self.event.write_json(false, &mut out);
        if !self.carried.is_empty() {
            out.push_str(",\"carried\":[");
            write_events(&self.carried, false, &mut out);
            out.push(']');
        }
        if self.continues {
            out.push_str(",\"continues\":true");
        }
        out.push('}');
        out
    }

    /// Reads the stored form.
    pub(crate) fn parse(json: &str) -> Result<Self, EventError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Stored<'a> {
            execution_id: Option<String>,
            #[serde(borrow)]
            event: &'a RawValue,
            #[serde(borrow, default)]
            carried: Vec<&'a RawValue>,
            #[serde(default)]
            continues: bool,
        }
        let stored: Stored<'_> = serde_json::from_str(json)?;
        Ok(Self {
            execution_id: stored.execution_id,
            event: Event::parse(stored.event.get())?,
            carried: stored
                .carried
                .into_iter()
                .map(|raw| Event::parse(raw.get()))
                .collect::<Result<_, _>>()?,
            continues: stored.continues,
        })
    }
}
