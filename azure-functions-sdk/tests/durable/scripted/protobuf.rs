//! The protobuf wire, with what the worker keeps of instances and entities between their turns.

use std::collections::{BTreeMap, BTreeSet};

use azure_functions_durable::protobuf::{
    CompleteOrchestrationAction, CreateSubOrchestrationAction, CreateTimerAction, EntityBatchRequest,
    EntityBatchResult, HistoryEvent, OperationAction, OperationResult, OperationResultFailure, OperationResultSuccess,
    OrchestrationInstance, OrchestrationStatus, OrchestratorAction, OrchestratorRequest, OrchestratorResponse,
    ScheduleTaskAction, SendEventAction, SendSignalAction, TaskFailureDetails, history_event::EventType,
    operation_action::OperationActionType, operation_result::ResultType, orchestrator_action::OrchestratorActionType,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, SecondsFormat, Utc};
use prost::Message;
use prost_types::{Timestamp, value::Kind};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Entity, Operation, Orchestration, ReturnValue, Stop, WorkResult,
    context::{Action, Context, Event, Turn},
    parsed,
};

/// What a failure of a script is called.
pub(super) const ERROR_TYPE: &str = "Scripted";

/// By instance id.
#[derive(Default)]
pub(super) struct Sessions {
    instances: BTreeMap<String, Execution>,
    entities: BTreeMap<String, Value>,
}

/// What is known of an execution.
#[derive(Clone, Default)]
struct Execution {
    id: String,
    input: Value,
    began: Option<DateTime<Utc>>,
    events: Vec<Event>,
    /// What came while the instance was suspended.
    held: Option<Vec<Event>>,
    terminated: Option<String>,
}

/// Runs one turn.
pub(super) fn answer(orchestration: &Orchestration, payload: &str, sessions: &mut Sessions) -> WorkResult {
    let request = decoded::<OrchestratorRequest>(payload);
    let instance_id = request.instance_id.clone();
    let has = |name: &str| flag(request.properties.get(name));
    let (in_session, with_history) = (has("IsExtendedSession"), has("IncludeState"));
    let kept = sessions.instances.remove(&instance_id);
    let mut execution = match (with_history, kept) {
        (true, _) => Execution::default(),
        (false, Some(kept)) => kept,
        (false, None) => {
            return encoded(&OrchestratorResponse {
                instance_id,
                requires_history: true,
                ..OrchestratorResponse::default()
            });
        }
    };
    for event in request.past_events.into_iter().chain(request.new_events) {
        execution.see(event);
    }
    let mut context = Context::new(Turn {
        instance_id: instance_id.clone(),
        input: execution.input.clone(),
        began: execution.began.expect("a turn begins with OrchestratorStarted"),
        events: execution.events.clone(),
    });
    let result = orchestration(&mut context);
    let mut asked = Asked::of(&instance_id, &execution);
    for action in context.actions {
        asked.push(action);
    }
    let end = match result {
        Err(Stop::Waiting) => None,
        Ok(output) => Some(completion(OrchestrationStatus::Completed, Some(output.to_string()))),
        Err(Stop::Continued) => Some(completion(
            OrchestrationStatus::ContinuedAsNew,
            asked.next_input.take().map(|input| input.to_string()),
        )),
        Err(Stop::Failed(message)) => Some(CompleteOrchestrationAction {
            failure_details: Some(failure(message)),
            ..completion(OrchestrationStatus::Failed, None)
        }),
    };
    let terminated = execution.terminated.take();
    let end = terminated
        .map(|reason| completion(OrchestrationStatus::Terminated, Some(reason)))
        .or(end);
    match end {
        Some(end) => {
            let end = OrchestratorActionType::CompleteOrchestration(end);
            asked.actions.push(numbered(asked.next_id, end));
        }
        None if in_session => {
            execution.events.append(&mut asked.events);
            sessions.instances.insert(instance_id.clone(), execution);
        }
        None => {}
    }
    encoded(&OrchestratorResponse {
        instance_id,
        actions: asked.actions,
        custom_status: Some(context.custom_status)
            .filter(|status| !status.is_null())
            .map(|status| status.to_string()),
        ..OrchestratorResponse::default()
    })
}

/// Runs one batch of an entity.
pub(super) fn run_batch(entity: &Entity, payload: &str, sessions: &mut Sessions) -> WorkResult {
    let request = decoded::<EntityBatchRequest>(payload);
    let has = |name: &str| request.properties.contains_key(name) && flag(request.properties.get(name));
    assert!(has("RollbackEntityOperationsOnExceptions"));
    let in_session = has("IsExtendedSession");
    let kept = sessions.entities.remove(&request.instance_id);
    let mut state = match (in_session && !has("IncludeState"), kept) {
        (false, _) => parsed(request.entity_state.as_deref()),
        (true, Some(kept)) => kept,
        (true, None) => {
            return encoded(&EntityBatchResult {
                requires_state: true,
                ..EntityBatchResult::default()
            });
        }
    };
    let mut signals = Vec::new();
    let mut results = Vec::new();
    for operation in request.operations {
        let input = parsed(operation.input.as_deref());
        let result = match Operation::run(entity, &operation.operation, input, &mut state, &mut signals) {
            Ok(value) => ResultType::Success(OperationResultSuccess {
                result: Some(value.to_string()),
                ..OperationResultSuccess::default()
            }),
            Err(message) => ResultType::Failure(OperationResultFailure {
                failure_details: Some(failure(message)),
                ..OperationResultFailure::default()
            }),
        };
        results.push(OperationResult {
            result_type: Some(result),
        });
    }
    let actions = signals
        .into_iter()
        .map(|(name, key, operation, input)| OperationAction {
            operation_action_type: Some(OperationActionType::SendSignal(SendSignalAction {
                instance_id: format!("@{}@{key}", name.to_lowercase()),
                name: operation,
                input: Some(input.to_string()),
                ..SendSignalAction::default()
            })),
            ..OperationAction::default()
        });
    if in_session {
        sessions.entities.insert(request.instance_id, state.clone());
    }
    encoded(&EntityBatchResult {
        results,
        actions: actions.collect(),
        entity_state: (!state.is_null()).then(|| state.to_string()),
        ..EntityBatchResult::default()
    })
}

impl Execution {
    fn see(&mut self, event: HistoryEvent) {
        let timestamp = event.timestamp.expect("every event has a time");
        let settled = |id: i32, result| Event::Settled { id: id.into(), result };
        let reason = |details: Option<TaskFailureDetails>| Err(details.map_or_else(String::new, |it| it.error_message));
        let id = event.event_id.into();
        let seen = match event.event_type.expect("every event has a type") {
            EventType::OrchestratorStarted(_) if self.began.is_none() => {
                self.began = DateTime::from_timestamp(timestamp.seconds, timestamp.nanos.try_into().unwrap());
                return;
            }
            EventType::ExecutionStarted(started) => {
                self.id = started.orchestration_instance.unwrap().execution_id.unwrap();
                self.input = parsed(started.input.as_deref());
                return;
            }
            EventType::ExecutionTerminated(terminated) => {
                self.terminated = Some(terminated.input.unwrap_or_default());
                return;
            }
            EventType::ExecutionSuspended(_) => {
                self.held.get_or_insert_default();
                return;
            }
            EventType::ExecutionResumed(_) => {
                self.events.extend(self.held.take().unwrap_or_default());
                return;
            }
            EventType::TaskCompleted(it) => settled(it.task_scheduled_id, Ok(parsed(it.result.as_deref()))),
            EventType::TaskFailed(it) => settled(it.task_scheduled_id, reason(it.failure_details)),
            EventType::SubOrchestrationInstanceCompleted(it) => {
                settled(it.task_scheduled_id, Ok(parsed(it.result.as_deref())))
            }
            EventType::SubOrchestrationInstanceFailed(it) => settled(it.task_scheduled_id, reason(it.failure_details)),
            EventType::TimerFired(it) => settled(it.timer_id, Ok(Value::Null)),
            EventType::EventRaised(it) => Event::Raised {
                name: it.name,
                input: parsed(it.input.as_deref()),
            },
            EventType::EventSent(it) => {
                let request = parsed(it.input.as_deref())["id"].clone();
                self.events.push(Event::Sent { id, request });
                return;
            }
            EventType::TaskScheduled(_)
            | EventType::TimerCreated(_)
            | EventType::SubOrchestrationInstanceCreated(_) => {
                self.events.push(Event::Scheduled { id });
                return;
            }
            _ => return,
        };
        match &mut self.held {
            Some(held) => held.push(seen),
            None => self.events.push(seen),
        }
    }
}

/// What a turn asks for, without what earlier turns asked for.
struct Asked {
    instance_id: String,
    execution_id: String,
    before: BTreeSet<i64>,
    next_id: i32,
    actions: Vec<OrchestratorAction>,
    /// What the actions become in the history.
    events: Vec<Event>,
    /// The critical section, and what it has locked.
    locked: (String, Vec<String>),
    next_input: Option<Value>,
}

impl Asked {
    fn of(instance_id: &str, execution: &Execution) -> Self {
        let before = execution.events.iter().filter_map(|event| match event {
            Event::Sent { id, .. } | Event::Scheduled { id } => Some(*id),
            _ => None,
        });
        Self {
            instance_id: instance_id.to_owned(),
            execution_id: execution.id.clone(),
            before: before.collect(),
            next_id: 0,
            actions: Vec::new(),
            events: Vec::new(),
            locked: Default::default(),
            next_input: None,
        }
    }

    fn push(&mut self, action: Action) {
        match action {
            Action::All(members) => members.into_iter().for_each(|member| self.push(member)),
            Action::AwaitEvent(_) => {}
            Action::ContinueAsNew(input) => self.next_input = Some(input),
            Action::Activity { name, input } => self.schedule(&name, &input),
            // It takes a list of one.
            Action::Http(request) => self.schedule("BuiltIn::HttpActivity", &json!([request])),
            Action::Child {
                name,
                instance_id,
                input,
            } => {
                let instance_id = instance_id.unwrap_or_else(|| self.guid().simple().to_string());
                let child = CreateSubOrchestrationAction {
                    instance_id,
                    name,
                    input: Some(input.to_string()),
                    ..CreateSubOrchestrationAction::default()
                };
                self.add(OrchestratorActionType::CreateSubOrchestration(child));
            }
            Action::Timer(fire_at) => {
                let fire_at = Some(Timestamp {
                    seconds: fire_at.timestamp(),
                    nanos: fire_at.timestamp_subsec_nanos().try_into().unwrap(),
                });
                self.add(OrchestratorActionType::CreateTimer(CreateTimerAction { fire_at }));
            }
            Action::Call {
                target,
                operation,
                input,
            } => self.send(
                &target,
                "op",
                &self.request(json!({"op": operation, "input": input.to_string()})),
            ),
            Action::Signal {
                target,
                operation,
                input,
                due,
            } => {
                let mut request = json!({"op": operation, "input": input.to_string(), "signal": true});
                let mut name = "op".to_owned();
                if let Some(due) = due {
                    let due = due.to_rfc3339_opts(SecondsFormat::Nanos, true).replace("00Z", "Z");
                    name = format!("op@{due}");
                    request["due"] = due.into();
                }
                self.send(&target, &name, &self.request(request));
            }
            Action::Lock(mut set) => {
                set.sort();
                set.dedup();
                let entities: Vec<Value> = set
                    .iter()
                    .map(|(name, key)| json!({"name": name, "key": key}))
                    .collect();
                let request = self.request(json!({"op": null, "lockset": entities, "IsLockRequest": true}));
                let ids: Vec<String> = set.iter().map(|(name, key)| format!("@{name}@{key}")).collect();
                self.locked = (request["id"].as_str().unwrap().to_owned(), ids.clone());
                self.send(&ids[0], "op", &request);
            }
            Action::Release(locks) => {
                let (id, targets) = std::mem::take(&mut self.locked);
                assert_eq!(targets.len(), usize::try_from(locks).unwrap());
                for target in targets {
                    self.send(&target, "release", &json!({"parent": self.instance_id, "id": id}));
                }
            }
        }
    }

    /// The same id for the same action in every turn.
    fn guid(&self) -> Uuid {
        let name = format!("{} {}", self.execution_id, self.next_id);
        Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
    }

    /// A request to an entity: what it says, and who asks.
    fn request(&self, mut request: Value) -> Value {
        request["id"] = self.guid().to_string().into();
        request["parent"] = self.instance_id.clone().into();
        request["parentExecution"] = self.execution_id.clone().into();
        request
    }

    fn schedule(&mut self, name: &str, input: &Value) {
        self.add(OrchestratorActionType::ScheduleTask(ScheduleTaskAction {
            name: name.to_owned(),
            input: Some(input.to_string()),
            ..ScheduleTaskAction::default()
        }));
    }

    fn send(&mut self, target: &str, name: &str, data: &Value) {
        let id = self.next_id.into();
        let text = data.to_string();
        let added = self.add(OrchestratorActionType::SendEvent(SendEventAction {
            instance: Some(OrchestrationInstance {
                instance_id: target.to_owned(),
                execution_id: None,
            }),
            name: name.to_owned(),
            data: Some(text),
        }));
        if added {
            let request = data["id"].clone();
            *self.events.last_mut().unwrap() = Event::Sent { id, request };
        }
    }

    /// True, unless an earlier turn has asked for it.
    fn add(&mut self, action: OrchestratorActionType) -> bool {
        let id = self.next_id;
        self.next_id += 1;
        let new = !self.before.contains(&id.into());
        if new {
            self.actions.push(numbered(id, action));
            self.events.push(Event::Scheduled { id: id.into() });
        }
        new
    }
}

fn numbered(id: i32, action: OrchestratorActionType) -> OrchestratorAction {
    OrchestratorAction {
        id,
        orchestrator_action_type: Some(action),
    }
}

fn completion(status: OrchestrationStatus, result: Option<String>) -> CompleteOrchestrationAction {
    CompleteOrchestrationAction {
        orchestration_status: status.into(),
        result,
        ..CompleteOrchestrationAction::default()
    }
}

fn failure(message: String) -> TaskFailureDetails {
    TaskFailureDetails {
        error_type: ERROR_TYPE.to_owned(),
        error_message: message,
        ..TaskFailureDetails::default()
    }
}

fn flag(property: Option<&prost_types::Value>) -> bool {
    match property.and_then(|value| value.kind.as_ref()) {
        Some(Kind::BoolValue(flag)) => *flag,
        other => panic!("{other:?} is neither true nor false"),
    }
}

fn decoded<T: Message + Default>(payload: &str) -> T {
    let bytes = BASE64_STANDARD.decode(payload).expect("the payload is base64");
    T::decode(bytes.as_slice()).expect("the payload is a message")
}

fn encoded(message: &impl Message) -> WorkResult {
    let text = BASE64_STANDARD.encode(message.encode_to_vec());
    WorkResult::Succeeded(ReturnValue::Text(text))
}
