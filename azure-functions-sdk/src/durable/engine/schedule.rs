//! Makes history events and outgoing work of what an orchestrator has newly asked for.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;

use super::{
    action::{Action, Plan},
    child::Child,
    decision::{ActivityTask, Decision, TimerTask},
    entity::{EntityId, EntityMessage, Posted, Release, Request, event_name, missing, response},
    event::{Event, EventKind, ExecutionStarted, HTTP_ACTIVITY, Tags, json_string},
    instance::Instance,
    message::Message,
    settings::Settings,
    task::{Task, Work},
    text::{activity_input, compact},
};
use crate::durable::json;

/// Makes events and outgoing work of what the orchestrator has newly scheduled.
pub(super) struct Scheduled<'a, 'p> {
    pub(super) instance: &'a Instance,
    pub(super) settings: &'a Settings,
    pub(super) plan: &'p Plan<'p>,
    pub(super) requests: BTreeMap<u32, String>,
    /// Request ids of tasks that are in the history.
    pub(super) ids: BTreeMap<i32, String>,
    pub(super) now: DateTime<Utc>,
    pub(super) new_id: &'p mut dyn FnMut() -> String,
    /// Whether the app has an entity of this lower-cased name.
    pub(super) has_entity: &'p dyn Fn(&str) -> bool,
}

impl Scheduled<'_, '_> {
    /// The error fails the orchestration: the task cannot be scheduled.
    pub(super) fn schedule(&mut self, task: &Task, id: i32, decision: &mut Decision) -> Result<(), String> {
        let action = &self.plan.nodes[task.node as usize].action;
        check_input(action)?;
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
                    version: None,
                    tags: Tags::new(),
                    trace: self.instance.trace_of_calls(),
                });
                // The message carries the input; history does not, as the extension has it by default.
                EventKind::TaskScheduled {
                    name: name.to_string(),
                    version: Some(String::new()),
                    input: None,
                    tags: Tags::new(),
                    trace: self.instance.trace_of_calls().map(Box::new),
                }
            }
            (work, Action::Http { request }) => {
                let poll = (work == Work::Poll).then(|| self.requests.remove(&task.node)).flatten();
                let input = Some(poll.unwrap_or_else(|| compact(request)));
                decision.activities.push(ActivityTask {
                    task_id: id,
                    name: HTTP_ACTIVITY.to_owned(),
                    input,
                    version: None,
                    tags: Tags::new(),
                    trace: self.instance.trace_of_calls(),
                });
                let name = HTTP_ACTIVITY.to_owned();
                EventKind::TaskScheduled {
                    name,
                    version: Some(String::new()),
                    input: None,
                    tags: Tags::new(),
                    trace: self.instance.trace_of_calls().map(Box::new),
                }
            }
            (
                Work::Call,
                Action::CallEntity {
                    target,
                    operation,
                    input,
                },
            ) => {
                let request = Request {
                    signal: false,
                    parent_execution: Some(self.instance.execution_id.clone()),
                    ..self.request(operation, *input)
                };
                self.call_entity(target, request, decision)
            }
            (
                Work::Signal,
                Action::SignalEntity {
                    target,
                    operation,
                    input,
                    fire_at,
                },
            ) => {
                self.check_entity(target)?;
                let mut request = self.request(operation, *input);
                request.due = fire_at.map(|due| event_name(Some(due)).split_off("op@".len()));
                sent(target, request, *fire_at, decision)
            }
            (Work::Lock, Action::LockEntities { targets }) => {
                for target in targets {
                    self.check_entity(target)?;
                }
                let Some(first) = targets.first() else { return Ok(()) };
                let request = Request {
                    op: None,
                    signal: false,
                    parent_execution: Some(self.instance.execution_id.clone()),
                    lockset: targets.clone(),
                    ..self.request("", None)
                };
                self.ids.insert(id, request.id.clone());
                sent(first, request, None, decision)
            }
            (Work::Release { lock, node, part }, _) => match &self.plan.nodes[node as usize].action {
                Action::LockEntities { targets } => self.release(lock, &targets[part as usize], decision),
                _ => return Ok(()),
            },
            // No other action makes tasks.
            _ => return Ok(()),
        };
        decision.appended.push(Event::scheduled(id, self.now, kind));
        Ok(())
    }

    fn check_entity(&self, target: &EntityId) -> Result<(), String> {
        if (self.has_entity)(&target.name) {
            Ok(())
        } else {
            Err(missing(&target.name))
        }
    }

    /// Checks the input of the next execution, as [`schedule`](Self::schedule) does those of tasks.
    pub(super) fn check_next(&self, node: u32) -> Result<(), String> {
        check_input(&self.plan.nodes[node as usize].action)
    }

    /// A signal with a fresh id.
    fn request(&mut self, operation: &str, input: Option<&RawValue>) -> Request {
        let id = (self.new_id)();
        // GUIDs of the protocol have dashes.
        let id = uuid::Uuid::try_parse(&id).map_or(id, |id| id.to_string());
        let parent = Some(self.instance.instance_id.clone());
        Request {
            trace: self.instance.trace_of_calls(),
            ..Request::signal(operation.to_owned(), input.map(compact), id, parent)
        }
    }

    fn call_entity(&self, target: &EntityId, request: Request, decision: &mut Decision) -> EventKind {
        if (self.has_entity)(&target.name) {
            return sent(target, request, None, decision);
        }
        // The extension leaves the caller waiting for ever; here the call fails.
        let text = json_string(&missing(&target.name));
        decision.messages.extend(response(&request, self.now, &text, true));
        event_sent(target, &request, None)
    }

    /// Gives one of the locks back that the task of this number has.
    fn release(&self, lock: i32, target: &EntityId, decision: &mut Decision) -> EventKind {
        let release = Release {
            parent: self.instance.instance_id.clone(),
            id: self.ids.get(&lock).cloned().unwrap_or_default(),
        };
        let kind = EventKind::EventSent {
            instance_id: target.to_string(),
            name: "release".to_owned(),
            input: Some(release.to_json()),
        };
        decision.posted.push(Posted {
            target: target.clone(),
            message: EntityMessage::Release(release),
            due: None,
        });
        kind
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
        let child = Child {
            instance_id: instance_id.map_or_else(|| format!("{}:{id}", own.execution_id), str::to_owned),
            name: name.to_owned(),
            version: Some(version.unwrap_or(&self.settings.default_version).to_owned()),
            input: input.map(compact),
            tags: Tags::new(),
            trace: own.trace_of_calls(),
        };
        child.start(own, id, self.now, self.new_id, decision)
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
            tags: own.tags.clone(),
            trace: own.trace_of_next(),
        };
        Message {
            carried,
            ..Message::start(self.now, started)
        }
    }
}

/// Sends a request to an entity.
fn sent(target: &EntityId, request: Request, due: Option<DateTime<Utc>>, decision: &mut Decision) -> EventKind {
    let kind = event_sent(target, &request, due);
    decision.posted.push(Posted {
        target: target.clone(),
        message: EntityMessage::Op(request),
        due,
    });
    kind
}

fn event_sent(target: &EntityId, request: &Request, due: Option<DateTime<Utc>>) -> EventKind {
    EventKind::EventSent {
        instance_id: target.to_string(),
        name: event_name(due),
        input: Some(request.to_json()),
    }
}

/// What is not readable now cannot be read by the function that it is for, nor in any list.
fn check_input(action: &Action<'_>) -> Result<(), String> {
    let (what, name, input) = match action {
        Action::Activity { name, input, .. } => ("activity", &**name, input),
        Action::Child { name, input, .. } => ("sub-orchestration", &**name, input),
        Action::CallEntity { operation, input, .. } | Action::SignalEntity { operation, input, .. } => {
            ("operation", &**operation, input)
        }
        Action::ContinueAsNew { input } => ("next execution", "continue_as_new", input),
        _ => return Ok(()),
    };
    let check = match action {
        Action::ContinueAsNew { .. } => json::check_next_input,
        _ => json::check,
    };
    match input.map(|input| check(input.get())) {
        Some(Err(error)) => Err(format!("the input of the {what} '{name}' cannot be read back: {error}")),
        _ => Ok(()),
    }
}
