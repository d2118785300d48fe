//! Histories in the notation of the protocol reference, and episodes over them.
//!
//! `"12 0 4#0(A) 13 12 5>0=1"` is: episode starts, execution starts, activity A scheduled as 0, episode ends, next one
//! starts, 0 completed with result `1`; `10#1=!p` is the marker of patch `p`,
//! `14#0(@stock@a)=call:G` is a call to an entity, and `15(G)={"result":"1"}` its response. Each 12 is a minute later than the one
//! before.

use super::both_wires;
use crate::durable::{
    DurableOrchestrationContext, Episode, KnownFunctions, OrchestrationOutput, Orchestrator,
    replay::patch_marker::PatchMarker, run_episode,
};
use azure_functions_durable::EntityId;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::future::Future;

/// Start of every scripted history.
pub(super) fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_935_655_200, 0).unwrap()
}

/// A minute of the script.
pub(super) fn minute(n: i64) -> String {
    (start() + TimeDelta::minutes(n))
        .format("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// Turns the notation into history events.
pub(super) fn history(script: &str) -> Vec<Value> {
    let mut clock = -1;
    script
        .split_whitespace()
        .map(|word| {
            let digits = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
            let kind: u8 = word[..digits].parse().unwrap();
            if kind == 12 {
                clock += 1;
            }
            event(kind, &word[digits..], &minute(clock.max(0)))
        })
        .collect()
}

fn event(kind: u8, rest: &str, timestamp: &str) -> Value {
    let mut event = json!({ "EventType": kind, "EventId": -1, "IsPlayed": false, "Timestamp": timestamp });
    let (head, value) = rest
        .split_once('=')
        .map_or((rest, None), |(head, value)| (head, Some(value)));
    let (head, name) = head
        .split_once('(')
        .map_or((head, ""), |(head, name)| (head, name.trim_end_matches(')')));
    let id = || head[1..].parse::<i64>().unwrap();
    match kind {
        0 => {
            event["Name"] = json!("test");
            event["Input"] = json!("null");
        }
        4 | 7 | 10 | 14 => {
            event["EventId"] = json!(id());
            match kind {
                10 => {
                    event["FireAt"] = match value.and_then(|value| value.strip_prefix('!')) {
                        Some(patch) => json!(PatchMarker::of(patch).fire_at()),
                        None => json!(value),
                    }
                }
                14 => {
                    event["InstanceId"] = json!(name);
                    event["Input"] = request(value).map_or(Value::Null, |request| json!(request.to_string()));
                    let release = value.is_some_and(|value| value.starts_with("release"));
                    event["Name"] = json!(if release { "release" } else { "op" });
                }
                _ => event["Name"] = json!(name),
            }
        }
        5 | 8 => {
            event["TaskScheduledId"] = json!(id());
            event["Result"] = json!(value);
        }
        6 | 9 => {
            event["TaskScheduledId"] = json!(id());
            let reason = value.unwrap_or("boom").replace('_', " ");
            event["Reason"] = json!(if name.is_empty() {
                reason
            } else {
                format!("Activity function '{name}' failed:  {reason}")
            });
            event["Details"] = json!("");
        }
        11 => event["TimerId"] = json!(id()),
        15 => {
            event["Name"] = json!(name);
            event["Input"] = json!(value);
        }
        _ => {}
    }
    event
}

/// The request of a message: `call:G`, `signal`, `lock:G[@a@x+@b@y]` or `release`, where the response is named `G`.
fn request(value: Option<&str>) -> Option<Value> {
    let (kind, rest) = value?.split_once(':').unwrap_or((value?, ""));
    Some(match kind {
        "call" => json!({"$type": "RequestMessage", "op": "work", "id": rest, "parent": "order-7f3a"}),
        "signal" => json!({"op": "work", "signal": true, "id": "ffffffff-0000-0000-0000-000000000000"}),
        "lock" => {
            let (id, set) = rest.split_once('[').unwrap();
            let set: Vec<_> = set.trim_end_matches(']').split('+').map(entity).collect();
            json!({"op": null, "id": id, "lockset": set})
        }
        "release" => json!({"parent": "order-7f3a", "id": "L"}),
        other => panic!("no such message: {other}"),
    })
}

/// A trigger payload as a host of today writes it.
pub(super) fn payload(script: &str, input: &Value) -> Value {
    json!({
        "history": history(script),
        "input": input,
        "instanceId": "order-7f3a",
        "isReplaying": false,
        "parentInstanceId": null,
        "upperSchemaVersion": 1,
        "upperSchemaVersionNew": 2,
        "longRunningTimerIntervalDuration": "3.00:00:00",
        "maximumShortTimerDuration": "6.00:00:00",
        "defaultHttpAsyncRequestSleepTimeMillseconds": 30000,
    })
}

/// What an episode came to.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) answer: Value,
    /// Text before the label, if it failed.
    pub(super) failure: Option<String>,
    pub(super) nondeterminism: Option<String>,
}

impl Turn {
    pub(super) fn is_done(&self) -> bool {
        self.answer["isDone"] == true
    }

    pub(super) fn output(&self) -> &Value {
        &self.answer["output"]
    }

    pub(super) fn failure(&self) -> &str {
        self.failure
            .as_deref()
            .unwrap_or_else(|| panic!("did not fail: {}", self.answer))
    }

    /// The actions in short: `A`, `all(A B)`, `any(A timer! noop)`, `wait(E)`, `patch(p)` for
    /// the patches `p` to `s`; `!` is cancelled.
    pub(super) fn actions(&self) -> String {
        let list = self.answer["actions"].as_array().unwrap();
        assert_eq!(list.len(), 1, "V2 takes exactly one list");
        short_list(&list[0])
    }
}

fn short_list(list: &Value) -> String {
    list.as_array().unwrap().iter().map(short).collect::<Vec<_>>().join(" ")
}

fn short(action: &Value) -> String {
    match action["actionType"].as_u64().unwrap() {
        0 => action["functionName"].as_str().unwrap().to_owned(),
        2 => format!("sub:{}", action["functionName"].as_str().unwrap()),
        4 => format!("new({})", action["input"]),
        5 if action["isCanceled"] == true => {
            let fire_at = action["fireAt"].as_str().unwrap().parse().unwrap();
            let marker = PatchMarker::of_timer(fire_at);
            let patch = ["p", "q", "r", "s"]
                .iter()
                .find(|patch| marker == Some(PatchMarker::of(patch)));
            patch.map_or("timer!".to_owned(), |patch| format!("patch({patch})"))
        }
        5 => "timer".to_owned(),
        6 if action["externalEventName"] == "azure-functions-rs.never" => "never".to_owned(),
        6 => format!("wait({})", action["externalEventName"].as_str().unwrap()),
        8 => "http".to_owned(),
        7 => format!("call({})", action["instanceId"].as_str().unwrap()),
        9 => format!("signal({})", action["instanceId"].as_str().unwrap()),
        10 => format!("later({})", action["instanceId"].as_str().unwrap()),
        13 => {
            let entities = action["lockSet"].as_array().unwrap().iter();
            let ids: Vec<_> = entities
                .map(|id| serde_json::from_value::<EntityId>(id.clone()).unwrap().to_string())
                .collect();
            format!("lock({})", ids.join(" "))
        }
        14 => "release".to_owned(),
        11 => format!("any({})", short_list(&action["compoundActions"])),
        12 if action["compoundActions"].as_array().unwrap().is_empty() => "noop".to_owned(),
        12 => format!("all({})", short_list(&action["compoundActions"])),
        other => panic!("unexpected action type {other}"),
    }
}

/// Runs an orchestration over a payload, on both wires.
pub(super) fn run_payload(orchestrator: Orchestrator, payload: &Value, functions: &KnownFunctions) -> Turn {
    let turn = run_on_json(orchestrator, payload, functions);
    both_wires::compare(orchestrator, payload, functions, &turn);
    turn
}

/// Runs an orchestration over a payload that only the JSON wire can have.
pub(super) fn run_on_json(orchestrator: Orchestrator, payload: &Value, functions: &KnownFunctions) -> Turn {
    match run_episode(payload.to_string(), "test", "src/test.rs:1", orchestrator, functions) {
        Episode::Answer(json) => Turn {
            answer: serde_json::from_str(&json).unwrap(),
            failure: None,
            nondeterminism: None,
        },
        Episode::Failed { message, failure } => {
            let (friendly, answer) = message.split_once("\n\n$OutOfProcData$:").unwrap_or((&message, "null"));
            Turn {
                answer: serde_json::from_str(answer).unwrap(),
                failure: Some(friendly.to_owned()),
                nondeterminism: failure.nondeterminism,
            }
        }
        other => panic!("the payload is JSON: {other:?}"),
    }
}

/// Runs an orchestration over a script.
pub(super) fn run(orchestrator: Orchestrator, script: &str) -> Turn {
    run_payload(orchestrator, &payload(script, &Value::Null), &KnownFunctions::any())
}

/// Runs an orchestration over a script, on a host that knows critical sections.
pub(super) fn run_with_locks(orchestrator: Orchestrator, script: &str) -> Turn {
    run_payload(orchestrator, &payload_with_locks(script), &KnownFunctions::any())
}

/// A trigger payload of a host that knows critical sections.
pub(super) fn payload_with_locks(script: &str) -> Value {
    let mut payload = payload(script, &Value::Null);
    payload["upperSchemaVersionNew"] = json!(3);
    payload
}

/// An entity by its instance id.
pub(super) fn entity(id: &str) -> EntityId {
    id.parse().unwrap()
}

/// Boxes an orchestration's body.
pub(super) fn body<F>(future: F) -> crate::durable::OrchestratorFuture
where
    F: Future<Output: Into<OrchestrationOutput>> + 'static,
{
    Box::pin(async move { Ok(future.await.into()) })
}

/// Boxes an orchestration's body that may fail.
pub(super) fn fallible<F>(future: F) -> crate::durable::OrchestratorFuture
where
    F: Future<Output = Result<Value, crate::error::BoxError>> + 'static,
{
    Box::pin(async move { Ok(future.await?.into()) })
}

/// The value of a call that must have worked.
pub(super) async fn ok(context: &DurableOrchestrationContext, activity: &str) -> Value {
    context
        .call_activity(activity, ())
        .await
        .unwrap_or_else(|e| json!(format!("error: {e}")))
}
