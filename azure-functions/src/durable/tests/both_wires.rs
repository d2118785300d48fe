//! The rules on both wires: what a test plays as JSON is played as protobuf as well, and must come to the same.
//!
//! The same are: whether the code waits, returned, failed or starts over; output, custom status and the report of changed code; the
//! actions that are new, with their ids. Only the JSON wire has waits for events and groups as actions, cancelled timers, and the actions
//! of the past; only there a failure that the code did not choose keeps what was asked for before.

use super::{parked::compare_parked, script::Turn};
use crate::durable::{Episode, KnownFunctions, Orchestrator, episode::Failure, run_episode};
use azure_functions_durable::protobuf::{
    CompleteOrchestrationAction, OrchestrationStatus, OrchestratorAction, OrchestratorResponse,
    history_event::EventType, orchestrator_action::OrchestratorActionType as Kind,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use prost::Message;
use request::handed_on;
pub(super) use request::request;
use serde_json::Value;
use std::collections::BTreeSet;

// The test of the shim has it, too.
#[path = "../../../tests/shim/request.rs"]
mod request;

/// Plays the payload of the JSON wire on the other one, and compares.
pub(super) fn compare(orchestrator: Orchestrator, payload: &Value, functions: &KnownFunctions, json: &Turn) {
    let (response, failure) = run_on_protobuf(orchestrator, payload, functions);
    assert_eq!(
        failure.as_ref().and_then(|(_, failure)| failure.nondeterminism.clone()),
        json.nondeterminism,
        "the report on protobuf"
    );
    if failure
        .as_ref()
        .is_none_or(|(_, failure)| failure.nondeterminism.is_none())
    {
        compare_parked(orchestrator, payload, functions, &response);
    }
    let is_broken = failure.as_ref().is_some_and(|(_, failure)| failure.broken);
    let completion = completion(&response);
    assert_eq!(ending(json), ended(completion), "the end on protobuf");
    if !is_broken {
        compare_events(json, completion);
        let status = response.custom_status.as_deref().map(read).unwrap_or_default();
        assert_eq!(status, json.answer["customStatus"], "the custom status on protobuf");
        assert_eq!(
            new_actions(payload, json, completion.is_some()),
            response.actions.iter().filter_map(action).collect::<Vec<_>>(),
            "the new actions on protobuf"
        );
    }
}

/// What an orchestration newly asks for on the protobuf wire.
pub(super) fn asked_on_protobuf(
    orchestrator: Orchestrator,
    payload: &Value,
    functions: &KnownFunctions,
) -> Vec<String> {
    let (response, _) = run_on_protobuf(orchestrator, payload, functions);
    response.actions.iter().filter_map(action).collect()
}

/// Plays the payload of the JSON wire on the protobuf wire.
pub(super) fn run_on_protobuf(
    orchestrator: Orchestrator,
    payload: &Value,
    functions: &KnownFunctions,
) -> (OrchestratorResponse, Option<(String, Failure)>) {
    let request = BASE64_STANDARD.encode(request(payload).encode_to_vec());
    match run_episode(request, "test", "src/test.rs:1", orchestrator, functions) {
        Episode::Protobuf { answer, failure, .. } => (*answer, failure),
        other => panic!("another wire: {other:?}"),
    }
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// How an execution ended, with its output or its next input.
fn ending(turn: &Turn) -> String {
    match (turn.failure.is_some(), next_input(turn)) {
        (true, _) => "failed".to_owned(),
        (false, Some(next)) if handed_on(next).is_some() => format!("starts over with {}", next["input"]),
        (false, Some(next)) => format!("starts over with {next}"),
        (false, None) if turn.is_done() => format!("returned {}", turn.output()),
        (false, None) => "waits".to_owned(),
    }
}

fn next_input(turn: &Turn) -> Option<&Value> {
    let list = turn.answer["actions"][0].as_array()?;
    let next = list.iter().find(|action| action["actionType"] == 4)?;
    Some(&next["input"])
}

fn ended(completion: Option<&CompleteOrchestrationAction>) -> String {
    let Some(completion) = completion else {
        return "waits".to_owned();
    };
    let result = completion.result.as_deref().map(read).unwrap_or_default();
    match completion.orchestration_status() {
        OrchestrationStatus::Completed => format!("returned {result}"),
        OrchestrationStatus::ContinuedAsNew => format!("starts over with {result}"),
        OrchestrationStatus::Failed => "failed".to_owned(),
        other => panic!("{other:?}"),
    }
}

/// The JSON wire's host hands on by itself what came after the last event that was taken.
fn compare_events(json: &Turn, completion: Option<&CompleteOrchestrationAction>) {
    let ours = json_events(next_input(json));
    let carried = carried(completion);
    assert!(
        carried.starts_with(&ours),
        "{carried:?} are handed on by protobuf, {ours:?} by JSON"
    );
}

fn carried(completion: Option<&CompleteOrchestrationAction>) -> Vec<(String, Value)> {
    let events = completion
        .map(|completion| completion.carryover_events.as_slice())
        .unwrap_or_default();
    let events = events.iter().map(|event| match &event.event_type {
        Some(EventType::EventRaised(event)) => {
            (event.name.clone(), event.input.as_deref().map(read).unwrap_or_default())
        }
        other => panic!("{other:?} is handed on"),
    });
    events.collect()
}

/// What goes into the next execution on the protobuf wire.
pub(super) fn handed_on_on_protobuf(orchestrator: Orchestrator, payload: &Value) -> Vec<(String, Value)> {
    let (response, _) = run_on_protobuf(orchestrator, payload, &KnownFunctions::any());
    carried(completion(&response))
}

fn completion(response: &OrchestratorResponse) -> Option<&CompleteOrchestrationAction> {
    response
        .actions
        .iter()
        .find_map(|action| match &action.orchestrator_action_type {
            Some(Kind::CompleteOrchestration(completion)) => Some(completion),
            _ => None,
        })
}

fn json_events(next: Option<&Value>) -> Vec<(String, Value)> {
    let events = next.and_then(handed_on).unwrap_or_default();
    events
        .iter()
        .map(|event| (event["name"].as_str().unwrap().to_owned(), event["input"].clone()))
        .collect()
}

/// What the answer on the JSON wire asks for and the history does not have.
fn new_actions(payload: &Value, turn: &Turn, ends: bool) -> Vec<String> {
    let history = payload["history"].as_array().unwrap();
    let recorded: BTreeSet<i64> = history
        .iter()
        .filter(|event| matches!(event["EventType"].as_u64(), Some(4 | 7 | 10 | 14)))
        .map(|event| event["EventId"].as_i64().unwrap())
        .collect();
    let mut leaves = Vec::new();
    for action in turn.answer["actions"][0].as_array().unwrap() {
        flatten(action, &mut leaves);
    }
    let mut found = Vec::new();
    let mut id = 0;
    let mut locked = Vec::new();
    for leaf in leaves {
        let text = |member: &str| leaf[member].as_str().unwrap_or_default().to_owned();
        let what = match leaf["actionType"].as_u64().unwrap() {
            0 => vec![format!(
                "activity {} {}",
                text("functionName"),
                leaf["input"].as_str().unwrap()
            )],
            2 => vec![format!("sub-orchestration {} {}", text("functionName"), leaf["input"])],
            // An unfired timer of an execution that ends is not asked for; the marker of a patch is.
            5 if ends && leaf["fireAt"].as_str() > Some("2000") => {
                id += 1;
                continue;
            }
            5 => vec!["timer".to_owned()],
            7 | 9 | 10 => vec![format!("message to {}", text("instanceId"))],
            8 => vec!["activity BuiltIn::HttpActivity".to_owned()],
            13 => {
                let entities = leaf["lockSet"].as_array().unwrap();
                locked = entities
                    .iter()
                    .map(|entity| {
                        format!(
                            "@{}@{}",
                            entity["name"].as_str().unwrap(),
                            entity["key"].as_str().unwrap()
                        )
                    })
                    .collect();
                vec![format!("message to {}", locked[0])]
            }
            14 => locked.iter().map(|entity| format!("message to {entity}")).collect(),
            _ => Vec::new(),
        };
        for what in what {
            if !recorded.contains(&id) {
                found.push(format!("#{id} {what}"));
            }
            id += 1;
        }
    }
    found
}

fn flatten<'a>(action: &'a Value, leaves: &mut Vec<&'a Value>) {
    match action["compoundActions"].as_array() {
        Some(members) => members.iter().for_each(|member| flatten(member, leaves)),
        None => leaves.push(action),
    }
}

fn action(action: &OrchestratorAction) -> Option<String> {
    let what = match action.orchestrator_action_type.as_ref()? {
        Kind::ScheduleTask(task) if task.name == "BuiltIn::HttpActivity" => format!("activity {}", task.name),
        Kind::ScheduleTask(task) => format!("activity {} {}", task.name, task.input.as_deref().unwrap_or_default()),
        Kind::CreateSubOrchestration(child) => format!(
            "sub-orchestration {} {}",
            child.name,
            child.input.as_deref().unwrap_or_default()
        ),
        Kind::CreateTimer(_) => "timer".to_owned(),
        Kind::SendEvent(event) => format!("message to {}", event.instance.as_ref()?.instance_id),
        Kind::CompleteOrchestration(_) => return None,
        other => panic!("{other:?}"),
    };
    Some(format!("#{} {what}", action.id))
}
