//! The JSON wire.

use serde_json::{Value, json};

use super::{
    Entity, Operation, Orchestration, ReturnValue, Stop, WorkResult,
    context::{Action, Context, Event, Turn},
    parsed,
};

/// Runs one turn.
pub(super) fn answer(orchestration: &Orchestration, payload: &str) -> WorkResult {
    let payload: Value = serde_json::from_str(payload).expect("the payload is JSON");
    let mut context = Context::new(turn(&payload));
    let result = orchestration(&mut context);
    let actions: Vec<Value> = context.actions.into_iter().map(action).collect();
    let mut state = json!({
        "isDone": matches!(result, Ok(_) | Err(Stop::Continued)),
        "actions": [actions],
        "output": result.as_ref().ok(),
        "customStatus": context.custom_status,
        "schemaVersion": 3,
    });
    match result {
        Ok(_) | Err(Stop::Waiting | Stop::Continued) => WorkResult::Succeeded(ReturnValue::Json(state.to_string())),
        Err(Stop::Failed(message)) => {
            state["error"] = message.clone().into();
            WorkResult::Failed(format!("{message}\n\n$OutOfProcData$:{state}"))
        }
    }
}

/// Runs one batch of an entity.
pub(super) fn run_batch(entity: &Entity, payload: &str) -> WorkResult {
    let payload: Value = serde_json::from_str(payload).expect("the payload is JSON");
    let mut state = parsed(payload["state"].as_str());
    let mut signals = Vec::new();
    let mut results = Vec::new();
    for operation in payload["batch"].as_array().expect("there is a batch") {
        let (name, input) = (operation["name"].as_str().unwrap(), operation["input"].as_str());
        let result = Operation::run(entity, name, parsed(input), &mut state, &mut signals);
        let (result, is_error) = match result {
            Ok(value) => (value, false),
            Err(message) => (message.into(), true),
        };
        results.push(json!({"isError": is_error, "duration": 0, "result": result.to_string()}));
    }
    let signals: Vec<Value> = signals
        .into_iter()
        .map(|(name, key, operation, input)| {
            json!({"target": {"name": name, "key": key}, "name": operation, "input": input.to_string()})
        })
        .collect();
    let exists = !state.is_null();
    let state = exists.then(|| state.to_string());
    let answer = json!({"entityExists": exists, "entityState": state, "results": results, "signals": signals});
    WorkResult::Succeeded(ReturnValue::Json(answer.to_string()))
}

fn turn(payload: &Value) -> Turn {
    let history = payload["history"].as_array().expect("there is a history");
    assert_eq!(history[1]["EventType"], 0, "ExecutionStarted comes second");
    Turn {
        instance_id: payload["instanceId"].as_str().unwrap().to_owned(),
        input: payload["input"].clone(),
        began: history[0]["Timestamp"].as_str().unwrap().parse().unwrap(),
        events: history.iter().filter_map(event).collect(),
    }
}

fn event(event: &Value) -> Option<Event> {
    let text = |name: &str| event[name].as_str();
    let settled = |name: &str, result| Event::Settled {
        id: event[name].as_i64().unwrap(),
        result,
    };
    let reason = || text("Reason").unwrap().to_owned();
    Some(match event["EventType"].as_i64().unwrap() {
        5 | 8 => settled("TaskScheduledId", Ok(parsed(text("Result")))),
        6 | 9 => settled("TaskScheduledId", Err(reason())),
        11 => settled("TimerId", Ok(Value::Null)),
        14 => Event::Sent {
            id: event["EventId"].as_i64().unwrap(),
            request: parsed(text("Input"))["id"].clone(),
        },
        15 => Event::Raised {
            name: text("Name").unwrap().to_owned(),
            input: parsed(text("Input")),
        },
        _ => return None,
    })
}

fn action(action: Action) -> Value {
    match action {
        Action::Activity { name, input } => json!({"actionType": 0, "functionName": name, "input": input}),
        Action::Child {
            name,
            instance_id,
            input,
        } => json!({"actionType": 2, "functionName": name, "instanceId": instance_id, "input": input}),
        Action::ContinueAsNew(input) => json!({"actionType": 4, "input": input}),
        Action::Timer(fire_at) => json!({"actionType": 5, "fireAt": fire_at.to_rfc3339(), "isCanceled": false}),
        Action::AwaitEvent(name) => json!({"actionType": 6, "externalEventName": name}),
        Action::Call {
            target,
            operation,
            input,
        } => json!({"actionType": 7, "instanceId": target, "operation": operation, "input": input}),
        Action::Http(request) => json!({"actionType": 8, "httpRequest": request}),
        Action::Signal {
            target,
            operation,
            input,
            due: None,
        } => json!({"actionType": 9, "instanceId": target, "operation": operation, "input": input}),
        Action::Signal {
            target,
            operation,
            input,
            due: Some(due),
        } => {
            let due = due.to_rfc3339();
            json!({"actionType": 10, "instanceId": target, "operation": operation, "input": input, "fireAt": due})
        }
        Action::All(members) => {
            let members: Vec<Value> = members.into_iter().map(self::action).collect();
            json!({"actionType": 12, "compoundActions": members})
        }
        Action::Lock(set) => {
            let set: Vec<Value> = set
                .iter()
                .map(|(name, key)| json!({"name": name, "key": key}))
                .collect();
            json!({"actionType": 13, "lockSet": set, "lockRequestId": "x"})
        }
        Action::Release(_) => json!({"actionType": 14}),
    }
}
