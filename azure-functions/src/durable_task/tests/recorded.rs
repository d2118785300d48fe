//! What a server and the official .NET worker said to each other, with our worker in the other's place: the server's side comes in as it
//! was recorded, and the answers ask for the same, under the same ids and names and with the same inputs.
//!
//! `tests/recorded/durable_task.tsv` has a message a line: its scenario, what it is, and the message as base64. Left out are scenarios about
//! what workers of .NET decide by themselves (versions, retries, two waits for one event: see the guide), those of clients, batches of
//! entities, and locks on termination, where our worker leaves the release to the server.

use super::{
    super::{served::Served, server::Completion},
    script::{Asked, Playing, Script, Step},
};
use crate::{
    FunctionError,
    durable::{CallError, DurableOrchestrationContext, OrchestrationOutput},
    entities::EntityId,
    error::BoxError,
    invocation::{Invocation, Outputs},
    registry::{DurableKind, Function, Handler},
    rpc::Data,
};
use azure_functions_durable::protobuf::{
    ActivityResponse, CompleteOrchestrationAction, HistoryChunk, HistoryEvent, OrchestrationStatus,
    OrchestratorResponse, WorkItem, history_event::EventType, orchestrator_action::OrchestratorActionType,
    send_entity_message_action::EntityMessageType, work_item::Request,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use prost::Message as _;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

const RECORDED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded/durable_task.tsv"));

const fn function(name: &'static str, handler: Handler) -> Function {
    Function {
        name,
        module: "recorded",
        file: "src/recorded.rs",
        line: 1,
        bindings: Vec::new,
        retry: None,
        parameters: &[],
        handler,
    }
}

type Ended = Result<OrchestrationOutput, BoxError>;

static SEQUENCE: Function = function("Sequence", Handler::Orchestration(|c| Box::pin(sequence(c))));
static FAN_OUT: Function = function("FanOut", Handler::Orchestration(|c| Box::pin(fan_out(c))));
static WAIT_FOR: Function = function("WaitFor", Handler::Orchestration(|c| Box::pin(wait_for(c))));
static COUNT_DOWN: Function = function("CountDown", Handler::Orchestration(|c| Box::pin(count_down(c))));
static FAILS_UNTIL: Function = function("FailsUntil", Handler::Orchestration(|c| Box::pin(fails_until(c))));
static ECHOING: Function = function(
    "Echoing",
    Handler::Orchestration(|c| Box::pin(async move { Ok(c.input().into()) })),
);
static COLLECT: Function = function("Collect", Handler::Orchestration(|c| Box::pin(collect(c))));
static CALLS_ENTITY: Function = function("CallsEntity", Handler::Orchestration(|c| Box::pin(calls_entity(c))));
static CALLS_FAILING: Function = function(
    "CallsFailingEntity",
    Handler::Orchestration(|c| Box::pin(calls_failing(c))),
);
static LOCKS: Function = function("Locks", Handler::Orchestration(|c| Box::pin(locks(c))));
static GREET: Function = function("Greet", Handler::Blocking(greet));
static SQUARE: Function = function("Square", Handler::Blocking(square));

async fn sequence(context: DurableOrchestrationContext) -> Ended {
    let mut greetings = Vec::new();
    for name in context.input().as_array().cloned().unwrap_or_default() {
        greetings.push(context.call_activity("Greet", name).await?);
    }
    Ok(Value::from(greetings).into())
}

async fn fan_out(context: DurableOrchestrationContext) -> Ended {
    let count = context.input().as_i64().unwrap_or_default();
    let calls: Vec<_> = (1..=count)
        .map(|number| context.call_activity("Square", number))
        .collect();
    let squares = context.try_join_all(calls).await?;
    Ok(json!(squares.iter().filter_map(Value::as_i64).sum::<i64>()).into())
}

async fn wait_for(context: DurableOrchestrationContext) -> Ended {
    let input = context.input();
    Ok(context.wait_for_event(input.as_str().unwrap_or_default()).await.into())
}

async fn count_down(context: DurableOrchestrationContext) -> Ended {
    match context.input().as_i64() {
        Some(left @ 1..) => Ok(context.start_over(json!(left - 1)).await),
        _ => Ok(json!(0).into()),
    }
}

async fn fails_until(context: DurableOrchestrationContext) -> Ended {
    context.call_activity("Greet", "before").await?;
    Ok(context.call_activity("FailTimes", context.input()).await?.into())
}

async fn collect(context: DurableOrchestrationContext) -> Ended {
    let mut state = context.input();
    let item = context.wait_for_event("item").await;
    state["Left"] = json!(state["Left"].as_i64().unwrap_or_default() - 1);
    if let Some(got) = state["Got"].as_array_mut() {
        got.push(item);
    }
    Ok(context.start_over(state).await)
}

async fn calls_entity(context: DurableOrchestrationContext) -> Ended {
    let counter = EntityId::new("Counter", context.input().as_str().unwrap_or_default())?;
    let first: Value = context.call_entity(&counter, "Add", 5).await?;
    context.signal_entity(&counter, "Add", 2)?;
    let second: Value = context.call_entity(&counter, "Get", Value::Null).await?;
    Ok(json!([first, second]).into())
}

async fn calls_failing(context: DurableOrchestrationContext) -> Ended {
    let counter = EntityId::new("Counter", "k")?;
    match context.call_entity(&counter, "Boom", "no").await {
        Err(CallError::Entity(failure)) => {
            let cause = failure.cause.clone();
            let error_type = cause.map(|cause| cause.error_type).unwrap_or_default();
            Ok(json!(format!("Boom|{error_type}|{}", failure.message())).into())
        }
        other => Ok(json!(format!("{other:?}")).into()),
    }
}

async fn locks(context: DurableOrchestrationContext) -> Ended {
    let (a, b) = (EntityId::new("Counter", "ka")?, EntityId::new("Counter", "kb")?);
    let section = context.lock([&a, &b]).await;
    section.call_entity(&a, "Get", Value::Null).await?;
    section.call_entity(&b, "Add", 2).await?;
    section.call_entity(&a, "Add", 1).await?;
    let left: Value = section.call_entity(&b, "Get", Value::Null).await?;
    drop(section);
    Ok(left.into())
}

fn input(invocation: &Invocation) -> Value {
    match invocation.inputs.first().and_then(|(_, value)| value.data.clone()) {
        Some(Data::Json(text)) => serde_json::from_str(&text).unwrap_or(Value::Null),
        _ => Value::Null,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as functions are called")]
fn greet(invocation: Invocation) -> Result<Outputs, FunctionError> {
    let name = input(&invocation);
    // Whom the recorded activity greets without a name.
    let text = json!(format!("Hello, {}!", name.as_str().unwrap_or("nobody")));
    Ok(Outputs::returned(Data::Json(text.to_string())))
}

#[expect(clippy::needless_pass_by_value, reason = "as functions are called")]
fn square(invocation: Invocation) -> Result<Outputs, FunctionError> {
    match input(&invocation).as_i64() {
        Some(number) => Ok(Outputs::returned(Data::Json((number * number).to_string()))),
        None => Err(FunctionError::new("no number")),
    }
}

fn served() -> Served {
    let mut served = Served::default();
    for function in [
        &SEQUENCE,
        &FAN_OUT,
        &WAIT_FOR,
        &COUNT_DOWN,
        &FAILS_UNTIL,
        &ECHOING,
        &COLLECT,
        &CALLS_ENTITY,
        &CALLS_FAILING,
        &LOCKS,
    ] {
        served.add(function, DurableKind::Orchestration, function.name);
    }
    for function in [&GREET, &SQUARE] {
        served.add(function, DurableKind::Activity, function.name);
    }
    served
}

fn parsed(text: Option<&str>) -> Value {
    text.map_or(Value::Null, |text| {
        serde_json::from_str(text).unwrap_or_else(|_| json!(text))
    })
}

fn completion(completion: &CompleteOrchestrationAction) -> Value {
    let carried: Vec<_> = completion
        .carryover_events
        .iter()
        .map(|event| match &event.event_type {
            Some(EventType::EventRaised(raised)) => json!([raised.name, parsed(raised.input.as_deref())]),
            other => json!(format!("{other:?}")),
        })
        .collect();
    match completion.orchestration_status() {
        // How a failure is worded is each worker's own.
        OrchestrationStatus::Failed => json!(["failed"]),
        status => json!([status.as_str_name(), parsed(completion.result.as_deref()), carried]),
    }
}

/// The kinds of events, with the ids of those that have one.
fn history(events: &[HistoryEvent]) -> Value {
    let kinds = events.iter().map(|event| {
        let kind = format!("{:?}", event.event_type);
        let kind = kind
            .trim_start_matches("Some(")
            .split('(')
            .next()
            .unwrap_or_default()
            .to_owned();
        json!([event.event_id, kind])
    });
    kinds.collect()
}

/// What an answer asks for.
fn turn(response: &OrchestratorResponse) -> Value {
    let actions = response
        .actions
        .iter()
        .map(|action| match &action.orchestrator_action_type {
            Some(OrchestratorActionType::ScheduleTask(task)) => {
                json!(["task", action.id, task.name, parsed(task.input.as_deref())])
            }
            Some(OrchestratorActionType::CompleteOrchestration(ended)) => completion(ended),
            Some(OrchestratorActionType::RewindOrchestration(rewound)) => {
                json!(["rewind", history(&rewound.new_history)])
            }
            Some(OrchestratorActionType::SendEntityMessage(sent)) => match &sent.entity_message_type {
                Some(EntityMessageType::EntityOperationCalled(call)) => {
                    json!([
                        "call",
                        action.id,
                        call.operation,
                        parsed(call.input.as_deref()),
                        call.target_instance_id,
                        call.parent_instance_id
                    ])
                }
                Some(EntityMessageType::EntityOperationSignaled(signal)) => {
                    json!([
                        "signal",
                        action.id,
                        signal.operation,
                        parsed(signal.input.as_deref()),
                        signal.target_instance_id
                    ])
                }
                Some(EntityMessageType::EntityLockRequested(lock)) => {
                    json!(["lock", action.id, lock.lock_set, lock.parent_instance_id])
                }
                Some(EntityMessageType::EntityUnlockSent(unlock)) => {
                    json!(["unlock", action.id, unlock.target_instance_id])
                }
                None => json!("nothing"),
            },
            other => json!(format!("{other:?}")),
        });
    json!([actions.collect::<Vec<_>>(), parsed(response.custom_status.as_deref())])
}

fn ended(response: &ActivityResponse) -> Value {
    match &response.failure_details {
        Some(failure) if failure.error_type.ends_with("NotFound") => {
            json!([
                "failed",
                failure.error_type,
                failure.error_message,
                failure.is_non_retriable
            ])
        }
        Some(_) => json!(["failed"]),
        None => json!([parsed(response.result.as_deref())]),
    }
}

/// Numbers the turns of each instance, as they come.
#[derive(Default)]
struct Turns(BTreeMap<String, usize>);

impl Turns {
    fn key(&mut self, instance: &str) -> String {
        let number = self.0.entry(instance.to_owned()).or_default();
        *number += 1;
        format!("turn {number} of {instance}")
    }
}

fn task(instance: &str, id: i32) -> String {
    format!("task {id} of {instance}")
}

async fn play(scenario: &str, left_out: &[&str]) {
    let (mut steps, mut expected, mut tokens) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    let (mut given, mut answered, mut histories) = (Turns::default(), Turns::default(), Vec::new());
    let is_left_out = |instance: &str| left_out.contains(&instance);
    let lines = RECORDED
        .lines()
        .filter_map(|line| line.strip_prefix(&format!("{scenario}\t")));
    for (number, line) in lines.enumerate() {
        let (kind, message) = line.split_once('\t').unwrap();
        let message = BASE64_STANDARD.decode(message).unwrap();
        match kind {
            "item" => {
                let mut item = WorkItem::decode(&*message).unwrap();
                // Some servers give none; here each has one, by which the answer is found.
                let token = format!("{}#{number}", item.completion_token);
                let key = match &item.request {
                    Some(Request::OrchestratorRequest(request)) if !is_left_out(&request.instance_id) => {
                        given.key(&request.instance_id)
                    }
                    Some(Request::ActivityRequest(request)) => {
                        let instance = request.orchestration_instance.as_ref().unwrap();
                        task(&instance.instance_id, request.task_id)
                    }
                    _ => continue,
                };
                tokens.insert(token.clone(), key);
                item.completion_token = token;
                steps.push(Step::Item(Duration::ZERO, Box::new(item)));
            }
            "orchestrator" => {
                let response = OrchestratorResponse::decode(&*message).unwrap();
                if !is_left_out(&response.instance_id) {
                    expected.insert(answered.key(&response.instance_id), turn(&response));
                }
            }
            "activity" => {
                let response = ActivityResponse::decode(&*message).unwrap();
                expected.insert(task(&response.instance_id, response.task_id), ended(&response));
            }
            "history" => histories.extend(HistoryChunk::decode(&*message).unwrap().events),
            other => panic!("{other}"),
        }
    }
    assert!(expected.len() > 1, "{scenario}: nothing is recorded");
    steps.push(Step::Silence);
    let script = Script::new(vec![steps]);
    script.histories.lock().unwrap().push_back(histories);
    let playing = Playing::begin(script, served());
    let deadline = Instant::now() + Duration::from_secs(30);
    let count = |asked: &Asked| matches!(asked, Asked::Complete(_));
    while playing.script.count(count) < expected.len() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let script = playing.after(Duration::ZERO).await;
    let answers: BTreeMap<String, Value> = script
        .asked()
        .into_iter()
        .filter_map(|(_, asked)| match asked {
            Asked::Complete(Completion::Orchestration(response)) => {
                Some((tokens[&response.completion_token].clone(), turn(&response)))
            }
            Asked::Complete(Completion::Activity(response)) => {
                Some((tokens[&response.completion_token].clone(), ended(&response)))
            }
            _ => None,
        })
        .collect();
    for (key, expected) in &expected {
        assert_eq!(answers.get(key), Some(expected), "{scenario}: {key}");
    }
    assert_eq!(answers.len(), expected.len(), "{scenario}");
}

#[tokio::test]
async fn recorded_streams_of_a_server_are_answered_as_the_official_worker_answered_them() {
    for scenario in [
        "sequence",
        "fan_out",
        "event",
        "continue_as_new",
        "suspend_resume",
        "terminate",
        "probe_tokens",
        "probe_history_streaming",
        "probe_rewind",
        "probe_odd_events",
    ] {
        play(scenario, &[]).await;
    }
}

#[tokio::test]
async fn recorded_messages_between_orchestrations_and_entities_are_those_of_the_official_worker() {
    // Terminated while it holds locks.
    play("probe_orchestrator_entities_managed", &["probe-locks-term"]).await;
}
