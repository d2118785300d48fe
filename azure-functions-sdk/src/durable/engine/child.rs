//! A sub-orchestration that an orchestrator asks for.

use azure_functions_durable::{TraceContext, check_instance_id};
use chrono::{DateTime, Utc};

use super::{
    decision::{ChildStart, Decision},
    event::{EventKind, ExecutionStarted, Failure, ParentLink, Tags},
    instance::Instance,
    message::{Message, Outgoing},
    trace::ExecutionTrace,
};

/// A sub-orchestration to start.
pub(super) struct Child {
    pub(super) instance_id: String,
    pub(super) name: String,
    pub(super) version: Option<String>,
    /// JSON text.
    pub(super) input: Option<String>,
    /// Its own, besides those of the parent.
    pub(super) tags: Tags,
    /// The trace that it belongs to.
    pub(super) trace: Option<TraceContext>,
}

impl Child {
    /// Starts it as the task of this id of `own`. One whose instance id cannot be had fails: the extension leaves the caller
    /// waiting for ever, or starts an instance that nothing can be sent to.
    pub(super) fn start(
        self,
        own: &Instance,
        id: i32,
        now: DateTime<Utc>,
        new_id: &mut dyn FnMut() -> String,
        decision: &mut Decision,
    ) -> EventKind {
        let link = ParentLink {
            name: own.name.clone(),
            instance_id: own.instance_id.clone(),
            execution_id: own.execution_id.clone(),
            task_id: id,
            version: own.version.clone(),
        };
        let event = EventKind::SubOrchestrationCreated {
            name: self.name.clone(),
            version: self.version.clone(),
            instance_id: self.instance_id.clone(),
            input: None,
            trace: self.trace.clone().map(Box::new),
        };
        match self.problem(own) {
            Some(problem) => {
                let reason = format!(
                    "Sub-orchestration '{}' was not started: the instance id '{}' is not valid: {problem}.",
                    self.name,
                    self.instance_id.escape_debug()
                );
                decision.messages.push(Outgoing {
                    instance_id: own.instance_id.clone(),
                    message: Message::child_failed(now, &link, Failure::text(reason)),
                });
            }
            None => {
                let mut tags = own.tags.clone();
                tags.extend(self.tags);
                let started = ExecutionStarted {
                    instance_id: self.instance_id,
                    execution_id: new_id(),
                    name: self.name,
                    version: self.version,
                    input: self.input,
                    parent: Some(link),
                    scheduled_start: None,
                    generation: 0,
                    tags,
                    trace: self.trace.map(ExecutionTrace::from),
                };
                decision.children.push(ChildStart {
                    message: Message::start(now, started),
                });
            }
        }
        event
    }

    fn problem(&self, own: &Instance) -> Option<String> {
        let same = |other: &str| other.to_lowercase() == self.instance_id.to_lowercase();
        if let Err(rule) = check_instance_id(&self.instance_id) {
            Some(rule.to_string())
        } else if same(&own.instance_id) {
            Some("it is the id of the orchestration that calls it".to_owned())
        } else if own.parent.as_ref().is_some_and(|parent| same(&parent.instance_id)) {
            Some("it is the id of the parent orchestration".to_owned())
        } else {
            None
        }
    }
}
