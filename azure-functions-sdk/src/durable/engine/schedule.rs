//! Makes history events and outgoing work of what an orchestrator has newly asked for.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;

use super::{
    action::{Action, Plan},
    decision::{ActivityTask, ChildStart, Decision, HTTP_ACTIVITY, Outgoing, TimerTask},
    event::{Event, EventKind, ExecutionStarted, Failure, ParentLink},
    instance::Instance,
    message::Message,
    settings::Settings,
    shim::{Task, Work},
    text::{activity_input, compact},
};

/// Makes events and outgoing work of what the orchestrator has newly scheduled.
pub(super) struct Scheduled<'a, 'p> {
    pub(super) instance: &'a Instance,
    pub(super) settings: &'a Settings,
    pub(super) plan: &'p Plan<'p>,
    pub(super) requests: BTreeMap<u32, String>,
    pub(super) now: DateTime<Utc>,
    pub(super) new_id: &'p mut dyn FnMut() -> String,
}

impl Scheduled<'_, '_> {
    pub(super) fn schedule(&mut self, task: &Task, id: i32, decision: &mut Decision) {
        let action = &self.plan.nodes[task.node as usize].action;
        let kind = match (task.work, action) {
            (Work::Timer(fire_at), _) => {
                if !task.is_cancelled_timer() {
                    decision.timers.push(TimerTask { timer_id: id, fire_at });
                }
                EventKind::TimerCreated { fire_at }
            }
            (
                Work::Child,
                Action::Child {
                    name,
                    instance_id,
                    version,
                    input,
                    ..
                },
            ) => self.start_child(name, instance_id.as_deref(), version.as_deref(), *input, id, decision),
            (_, Action::Activity { name, input, .. }) => {
                let input = input.and_then(activity_input);
                decision.activities.push(ActivityTask {
                    task_id: id,
                    name: name.to_string(),
                    input,
                });
                // The message carries the input; history does not, as the extension has it by default.
                EventKind::TaskScheduled {
                    name: name.to_string(),
                    version: Some(String::new()),
                    input: None,
                }
            }
            (work, Action::Http { request }) => {
                let poll = (work == Work::Poll).then(|| self.requests.remove(&task.node)).flatten();
                let input = Some(poll.unwrap_or_else(|| compact(request)));
                decision.activities.push(ActivityTask {
                    task_id: id,
                    name: HTTP_ACTIVITY.to_owned(),
                    input,
                });
                let name = HTTP_ACTIVITY.to_owned();
                EventKind::TaskScheduled {
                    name,
                    version: Some(String::new()),
                    input: None,
                }
            }
            // No other action makes tasks.
            _ => return,
        };
        decision.appended.push(Event::scheduled(id, self.now, kind));
    }

    fn start_child(
        &mut self,
        name: &str,
        instance_id: Option<&str>,
        version: Option<&str>,
        input: Option<&RawValue>,
        id: i32,
        decision: &mut Decision,
    ) -> EventKind {
        let own = self.instance;
        let child = instance_id.map_or_else(|| format!("{}:{id}", own.execution_id), str::to_owned);
        let version = Some(version.unwrap_or(&self.settings.default_version).to_owned());
        let link = ParentLink {
            name: own.name.clone(),
            instance_id: own.instance_id.clone(),
            execution_id: own.execution_id.clone(),
            task_id: id,
            version: own.version.clone(),
        };
        let same = |other: &str| other.to_lowercase() == child.to_lowercase();
        let problem = if child.starts_with('@') {
            Some("must not start with '@'")
        } else if same(&own.instance_id) {
            Some("is the id of the orchestration that calls it")
        } else if own.parent.as_ref().is_some_and(|parent| same(&parent.instance_id)) {
            Some("is the id of the parent orchestration")
        } else {
            None
        };
        match problem {
            // The extension leaves the caller waiting for ever; here the call fails.
            Some(problem) => {
                let reason =
                    format!("Sub-orchestration '{name}' was not started: its instance id '{child}' {problem}.");
                let message = Message::child_failed(
                    self.now,
                    &link,
                    Failure {
                        reason,
                        details: String::new(),
                    },
                );
                decision.messages.push(Outgoing {
                    instance_id: own.instance_id.clone(),
                    message,
                });
            }
            None => decision.children.push(ChildStart {
                message: Message::start(
                    self.now,
                    ExecutionStarted {
                        instance_id: child.clone(),
                        execution_id: (self.new_id)(),
                        name: name.to_owned(),
                        version: version.clone(),
                        input: input.map(compact),
                        parent: Some(link),
                        scheduled_start: None,
                        generation: 0,
                    },
                ),
            }),
        }
        EventKind::SubOrchestrationCreated {
            name: name.to_owned(),
            version,
            instance_id: child,
            input: None,
        }
    }

    pub(super) fn next_execution(&mut self, node: u32, carried: Vec<Event>) -> Message {
        let own = self.instance;
        let input = match &self.plan.nodes[node as usize].action {
            Action::ContinueAsNew { input } => input.map(compact),
            _ => None,
        };
        let started = ExecutionStarted {
            instance_id: own.instance_id.clone(),
            execution_id: (self.new_id)(),
            name: own.name.clone(),
            version: own.version.clone(),
            input,
            parent: own.parent.clone(),
            scheduled_start: None,
            generation: own.generation.saturating_add(1),
        };
        Message {
            carried,
            ..Message::start(self.now, started)
        }
    }
}
