//! Orchestrations that send operations to entities by type.

use super::function;
use azure_functions::{
    __private::{Handler, run_episode},
    prelude::*,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Default, Serialize, Deserialize)]
struct Goods {
    left: u32,
}

#[entity]
impl Goods {
    fn take(&mut self, count: u32) -> Result<u32, String> {
        self.left = self.left.checked_sub(count).ok_or("there are not enough")?;
        Ok(self.left)
    }

    fn clear(&mut self) {
        self.left = 0;
    }
}

#[func]
async fn takes(context: DurableOrchestrationContext<String>) -> OrchestrationOutput {
    let goods = context.entity::<Goods>(context.input());
    context.signal::<Goods>("log").clear().unwrap();
    let later = "2030-04-02T10:00:00Z".parse::<DateTime<Utc>>().unwrap();
    context.signal_at::<Goods>(later, "log").take(2).unwrap();
    match goods.take(3).await {
        Ok(left) => left.into(),
        Err(error) => error.message().into(),
    }
}

#[func]
async fn takes_in_a_section(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    let section = context.lock([Goods::entity_id("a")?]).await;
    section.entity::<Goods>("a").delete().await?;
    Ok("done".into())
}

#[func]
async fn takes_what_has_a_wrong_key(context: DurableOrchestrationContext) -> OrchestrationOutput {
    let call = context.entity::<Goods>("a/b").take(1).await.unwrap_err().to_string();
    let signal = context.signal::<Goods>("a/b").take(1).unwrap_err().to_string();
    vec![call, signal].into()
}

/// Runs an episode; the answer.
fn answer(name: &str, more: &[Value]) -> Value {
    let Handler::Orchestration(orchestrator) = function(name).handler else {
        panic!("`{name}` is no orchestration")
    };
    let mut history = vec![
        json!({"EventType": 12, "EventId": -1, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:00Z"}),
        json!({"EventType": 0, "EventId": -1, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:00Z", "Name": name, "Input": "\"b-17\""}),
    ];
    history.extend_from_slice(more);
    let payload = json!({
        "history": history,
        "input": "b-17",
        "instanceId": "order-7",
        "isReplaying": false,
        "parentInstanceId": null,
        "upperSchemaVersion": 1,
        "upperSchemaVersionNew": 4,
        "longRunningTimerIntervalDuration": "3.00:00:00",
        "maximumShortTimerDuration": "6.00:00:00",
    });
    let answer = run_episode(payload.to_string(), name, orchestrator).unwrap();
    serde_json::from_str(&answer).unwrap()
}

/// The history after the two signals and the call, up to this response.
fn answered(response: &Value) -> Vec<Value> {
    let sent = |id: u32, key: &str, name: &str, input: Value| {
        json!({"EventType": 14, "EventId": id, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:00Z",
               "InstanceId": format!("@goods@{key}"), "Name": name, "Input": input.to_string()})
    };
    vec![
        sent(0, "log", "op", json!({"op": "clear", "signal": true, "id": "0"})),
        sent(
            1,
            "log",
            "op@2030-04-02T10:00:00.0000000Z",
            json!({"op": "take", "signal": true, "id": "1", "input": "2"}),
        ),
        sent(2, "b-17", "op", json!({"op": "take", "id": "G", "input": "3"})),
        json!({"EventType": 13, "EventId": -1, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:00Z"}),
        json!({"EventType": 12, "EventId": -1, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:01Z"}),
        json!({"EventType": 15, "EventId": -1, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:01Z", "Name": "G", "Input": response.to_string()}),
    ]
}

#[test]
fn calls_and_signals_by_type_are_those_by_name() {
    let actions = answer("takes", &[])["actions"].to_string();
    for operation in [
        r#"{"actionType":9,"input":null,"instanceId":"@goods@log","operation":"clear"}"#,
        r#""instanceId":"@goods@log","operation":"take""#,
        r#"{"actionType":7,"input":3,"instanceId":"@goods@b-17","operation":"take"}"#,
    ] {
        assert!(actions.contains(operation), "{operation} in {actions}");
    }
}

#[test]
fn the_answer_has_the_type_of_the_operation() {
    let ended = answer("takes", &answered(&json!({"result": "7"})));
    assert_eq!(ended["output"], 7);
    let failed = answer(
        "takes",
        &answered(&json!({"result": "\"there are not enough\"", "exceptionType": "Error"})),
    );
    assert_eq!(failed["output"], "there are not enough");
    let other = answer("takes", &answered(&json!({"result": "\"seven\""})));
    assert_eq!(other["output"], "the output of 'take' is not a u32");
}

#[test]
fn a_critical_section_has_its_entities_by_type_too() {
    let first = answer("takes_in_a_section", &[]);
    assert_eq!(
        first["actions"][0][0]["lockSet"],
        json!([{"name": "goods", "key": "a"}])
    );
    let locked = [
        json!({"EventType": 14, "EventId": 0, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:00Z",
               "InstanceId": "@goods@a", "Name": "op", "Input": "{\"id\":\"L\",\"lockset\":[{\"name\":\"goods\",\"key\":\"a\"}]}"}),
        json!({"EventType": 13, "EventId": -1, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:00Z"}),
        json!({"EventType": 12, "EventId": -1, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:01Z"}),
        json!({"EventType": 15, "EventId": -1, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:01Z", "Name": "L",
               "Input": "{\"result\":\"Lock Acquisition Completed\"}"}),
    ];
    let actions = answer("takes_in_a_section", &locked)["actions"].to_string();
    assert!(
        actions.contains(r#"{"actionType":7,"input":null,"instanceId":"@goods@a","operation":"delete"}"#),
        "{actions}"
    );
}

#[test]
fn a_key_that_no_entity_can_have_is_an_error_and_sends_nothing() {
    let ended = answer("takes_what_has_a_wrong_key", &[]);
    let refused = "`a/b` cannot be the key of an entity; it must not have `/`, `\\`, `?`, `#` or control characters";
    assert_eq!(ended["output"], json!([refused, refused]));
    assert_eq!(ended["actions"], json!([[]]));
}
