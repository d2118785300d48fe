//! What one episode changes: everything in it is to be committed at once, together with the removal of the messages
//! that the episode took.

use azure_functions_durable::TraceContext;
use chrono::{DateTime, Utc};

use super::{
    ending::{Ending, open_children},
    entity::{Posted, critical},
    event::{Event, EventKind, ExecutionEnd, ExecutionStarted, Failure, Tags, json_string},
    failure_details::FailureDetails,
    instance::Instance,
    message::{Message, Outgoing},
    runtime_status::RuntimeStatus,
};
use crate::durable::work::Wire;

/// The outcome of an episode.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Decision {
    /// Events to append to the history. Empty with `continued`: that history is gone.
    pub(crate) appended: Vec<Event>,
    /// Status of the instance from now on.
    pub(crate) status: RuntimeStatus,
    /// Output of the instance from now on: JSON text.
    pub(crate) output: Option<String>,
    /// Custom status of the instance from now on: JSON text.
    pub(crate) custom_status: Option<String>,
    /// What the instance still waits for, though its code has ended.
    pub(crate) ending: Option<Ending>,
    /// Activities to run, in the order of their ids.
    pub(crate) activities: Vec<ActivityTask>,
    /// Timers to arm, in the order of their ids.
    pub(crate) timers: Vec<TimerTask>,
    /// Timers of earlier episodes that the orchestrator has cancelled and that need not fire any more.
    pub(crate) cancelled_timers: Vec<i32>,
    /// Sub-orchestrations to start.
    pub(crate) children: Vec<ChildStart>,
    /// Messages to instances: to the parent, to others, or to this one.
    pub(crate) messages: Vec<Outgoing>,
    /// Messages to entities, in order.
    pub(crate) posted: Vec<Posted>,
    /// The execution ended by continue-as-new: replace the history by nothing, the row by `Decision::apply`, and put this
    /// start message in the inbox.
    pub(crate) continued: Option<Box<Message>>,
    /// How the execution travels.
    pub(crate) wire: Option<Wire>,
}

/// An activity to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ActivityTask {
    /// Id of the task in its execution.
    pub(crate) task_id: i32,
    /// Name of the activity, or `BuiltIn::HttpActivity`, whose input is the request. For one that the app does not have,
    /// `outcome::activity_missing` says what to answer.
    pub(crate) name: String,
    /// Text that the activity trigger delivers; `None`: no data.
    pub(crate) input: Option<String>,
    /// The version that was asked for; workers of streams have it.
    pub(crate) version: Option<String>,
    /// What the call was given; workers of streams have it.
    pub(crate) tags: Tags,
    /// The trace that it is run in.
    pub(crate) trace: Option<TraceContext>,
}

/// A timer to arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerTask {
    /// Id of the timer in its execution.
    pub(crate) timer_id: i32,
    /// When it is due; may be past.
    pub(crate) fire_at: DateTime<Utc>,
}

/// A sub-orchestration to start.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChildStart {
    /// The message that starts it; always an ExecutionStarted with a parent.
    pub(crate) message: Message,
}

impl ChildStart {
    /// Members of the start message.
    pub(crate) fn started(&self) -> Option<&ExecutionStarted> {
        self.message.as_start()
    }

    /// What to send to the parent instead of starting the child (its id is in use, for example).
    pub(crate) fn refused(&self, now: DateTime<Utc>, reason: String) -> Option<Outgoing> {
        let parent = self.started()?.parent.as_ref()?;
        let failure = Failure::text(reason);
        Some(Outgoing {
            instance_id: parent.instance_id.clone(),
            message: Message::child_failed(now, parent, failure),
        })
    }
}

/// How an execution ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With an output: JSON text.
    Completed(Option<String>),
    /// What the output and a parent say.
    Failed {
        reason: String,
        details: String,
        cause: Option<Box<FailureDetails>>,
    },
    /// For a reason.
    Terminated(String),
}

impl End {
    pub(super) fn failed(reason: &str) -> Self {
        Self::Failed {
            reason: reason.to_owned(),
            details: format!("Message: {reason}, StackTrace: "),
            cause: None,
        }
    }
}

/// The reason of a client as the output, which shows it: JSON as it is, any other text as a string.
pub(super) fn reason_as_output(reason: &str) -> Option<String> {
    if reason.is_empty() {
        return None;
    }
    Some(match serde_json::from_str::<serde_json::Value>(reason) {
        Ok(_) => reason.to_owned(),
        Err(_) => json_string(reason),
    })
}

impl Decision {
    /// The instance goes on as it was.
    pub(super) fn unchanged(instance: &Instance) -> Self {
        Self {
            appended: Vec::new(),
            status: instance.status,
            output: instance.output.clone(),
            custom_status: instance.custom_status.clone(),
            ending: instance.ending.clone(),
            activities: Vec::new(),
            timers: Vec::new(),
            cancelled_timers: Vec::new(),
            children: Vec::new(),
            messages: Vec::new(),
            posted: Vec::new(),
            continued: None,
            wire: instance.wire,
        }
    }

    /// True if the execution is over: whatever the store still holds for it (timers, activities) may go.
    pub(crate) fn ends_execution(&self) -> bool {
        self.continued.is_some() || self.status.is_terminal()
    }

    /// Gives back the locks that the execution still has, given its latest events.
    pub(super) fn release_locks(&mut self, instance: &Instance, latest: &[Event]) {
        let events = instance.history.iter().chain(latest);
        self.posted.extend(critical::releases(&instance.instance_id, events));
    }

    /// Where a termination asks for it, terminates the sub-orchestrations that are waited for.
    fn end_children(&mut self, instance: &Instance, latest: &[Event], reason: &str, now: DateTime<Utc>) {
        let recurse = |event: &Event| matches!(event.kind, EventKind::ExecutionTerminated { recurse: true, .. });
        if !latest.iter().any(recurse) {
            return;
        }
        let children = open_children(instance.history.iter().chain(latest));
        self.messages.extend(children.into_iter().map(|instance_id| Outgoing {
            instance_id: instance_id.to_owned(),
            message: Message::terminate_recursively(now, reason.to_owned()),
        }));
    }

    /// Appends the end of the execution, gives its locks back, and tells the parent.
    pub(super) fn end(&mut self, instance: &Instance, end: End, event_id: i32, now: DateTime<Utc>) {
        let (status, result) = match &end {
            End::Completed(output) => (RuntimeStatus::Completed, output.clone()),
            End::Failed { reason, .. } => (RuntimeStatus::Failed, Some(reason.clone())),
            End::Terminated(reason) => {
                let given = (!reason.is_empty()).then(|| reason.clone());
                (RuntimeStatus::Terminated, given)
            }
        };
        let appended = std::mem::take(&mut self.appended);
        self.release_locks(instance, &appended);
        if let End::Terminated(reason) = &end {
            self.end_children(instance, &appended, reason, now);
        }
        self.appended = appended;
        self.status = status;
        self.ending = None;
        self.output = match status {
            RuntimeStatus::Completed => result.clone(),
            RuntimeStatus::Terminated => result.as_deref().and_then(reason_as_output),
            _ => result.as_deref().map(json_string),
        };
        let failure = match &end {
            End::Failed { cause, .. } => cause.clone(),
            _ => None,
        };
        let ended = ExecutionEnd {
            status,
            result,
            failure,
        };
        self.appended
            .push(Event::scheduled(event_id, now, EventKind::ExecutionCompleted(ended)));
        let Some(parent) = &instance.parent else { return };
        let message = match end {
            End::Completed(output) => Message::child_completed(now, parent, output),
            End::Failed { reason, details, cause } => {
                Message::child_failed(now, parent, Failure { reason, details, cause })
            }
            // A worker of a stream may not survive a failure without details.
            End::Terminated(reason) if self.wire == Some(Wire::Stream) => {
                let failure = Failure::of_details(FailureDetails::of_termination(&reason));
                Message::child_failed(now, parent, failure)
            }
            // The extension sends no details then; JavaScript needs a string.
            End::Terminated(reason) => Message::child_failed(now, parent, Failure::text(reason)),
        };
        self.messages.push(Outgoing {
            instance_id: parent.instance_id.clone(),
            message,
        });
    }

    /// Brings the instance up to date, for a caller that keeps it: the events go there.
    pub(crate) fn apply(&mut self, instance: &mut Instance) {
        instance.status = self.status;
        instance.output.clone_from(&self.output);
        instance.custom_status.clone_from(&self.custom_status);
        instance.ending.clone_from(&self.ending);
        instance.wire = self.wire;
        match self.continued.as_deref().and_then(Instance::pending) {
            None => {
                // The worker's first answer may have said something of it.
                let started = self.appended.iter().find_map(|event| match &event.kind {
                    EventKind::ExecutionStarted(started) => Some(started),
                    _ => None,
                });
                if let Some(started) = started {
                    instance.trace.clone_from(&started.trace);
                }
                instance.history.append(&mut self.appended);
            }
            Some(next) => {
                let custom_status = instance.custom_status.take();
                // Pending is for instances that never ran.
                *instance = Instance {
                    custom_status,
                    status: self.status,
                    ..next
                };
            }
        }
    }
}
