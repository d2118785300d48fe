//! Entity functions: what the host is told of them, and how a batch runs.

use super::bindings;
use azure_functions::{
    func,
    in_process::{App, Call, Data, LogLine, Surroundings, TypedData},
    prelude::*,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// The register of the key-value database.
#[func(name = "Register")]
fn register(context: DurableEntityContext) -> Result<EntityOutput, EntityError> {
    match context.operation() {
        "set" => {
            let value: String = context.input_as()?;
            context.set_state(&value)?;
            Ok(value.into())
        }
        "get" => Ok(context.state::<String>()?.into()),
        _ => Err(context.unknown_operation(["set", "get"])),
    }
}

/// What is in stock.
#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Shelf {
    left: u32,
}

/// Waits inside each operation, and tells an audit what was taken.
#[func]
async fn stock(context: DurableEntityContext) -> Result<EntityOutput, Box<dyn std::error::Error + Send + Sync>> {
    let mut shelf: Shelf = context.state()?.unwrap_or_default();
    tokio::task::yield_now().await;
    match context.operation() {
        "take" => {
            let count: u32 = context.input_as()?;
            let audit = EntityId::new("audit", "all")?;
            // What fails later takes this back.
            context.signal_entity(&audit, "log", format!("took {count}"))?;
            shelf.left = shelf.left.wrapping_sub(count);
            context.set_state(&shelf)?;
            if shelf.left > 1000 {
                return Err("not enough".into());
            }
            Ok(().into())
        }
        "left" => Ok(shelf.left.into()),
        "burn" => {
            context.delete();
            panic!("it {}", "burns");
        }
        "clear" => {
            context.delete();
            Ok(context.exists().into())
        }
        "told" => Ok(json!([
            context.is_signal(),
            context.entity_id(),
            context.input(),
            context.exists()
        ])
        .into()),
        "flood" => {
            let audit = EntityId::new("audit", "all")?;
            for n in 0..99_999_999_999_u64 {
                context.signal_entity(&audit, "log", n)?;
            }
            Ok(().into())
        }
        "unwritable" => {
            context.set_state(&BTreeMap::from([((1, 2), 3)]))?;
            Ok(().into())
        }
        _ => Err(context.unknown_operation(["take"]).into()),
    }
}

/// Runs a batch, and gives the answer as text with all durations as they are in the reference.
async fn answer_with(function: &str, payload: &str, surroundings: &Surroundings) -> Result<String, String> {
    let app = App::linked().unwrap();
    let function = app.find(function).unwrap();
    let data = TypedData {
        data: Some(Data::String(payload.to_owned())),
    };
    let call = Call {
        inputs: vec![("context".to_owned(), data)],
        ..Call::default()
    };
    let outputs = app.invoke(function, call, surroundings).await?;
    assert!(outputs.outputs.is_empty());
    let Some(Data::Json(text)) = outputs.return_value.and_then(|value| value.data) else {
        panic!("the extension takes nothing but JSON")
    };
    Ok(text)
}

pub(crate) async fn answer(function: &str, payload: &str) -> String {
    answer_with(function, payload, &Surroundings::default()).await.unwrap()
}

/// Runs operations on a state, and gives the answer.
pub(crate) async fn run(function: &str, state: Option<Value>, operations: &[(&str, Value)]) -> Value {
    let batch: Vec<_> = operations
        .iter()
        .map(|(name, input)| json!({"name": name, "input": input.to_string(), "isSignal": false}))
        .collect();
    let payload = json!({
        "self": {"name": function.to_lowercase(), "key": "K"},
        "exists": state.is_some(),
        "state": state.map(|state| state.to_string()),
        "batch": batch,
    });
    serde_json::from_str(&answer(function, &payload.to_string()).await).unwrap()
}

/// The results as JSON values, those of errors with `error` before them.
pub(crate) fn results(answer: &Value) -> Vec<Value> {
    let one = |result: &Value| {
        let value: Value = result["result"]
            .as_str()
            .map_or(Value::Null, |text| serde_json::from_str(text).unwrap());
        match result["isError"].as_bool().unwrap() {
            true => json!({ "error": value }),
            false => value,
        }
    };
    answer["results"].as_array().unwrap().iter().map(one).collect()
}

pub(crate) fn state(answer: &Value) -> Option<Value> {
    let state = answer["entityState"]
        .as_str()
        .map(|text| serde_json::from_str(text).unwrap());
    assert_eq!(answer["entityExists"], json!(state.is_some()));
    state
}

#[test]
fn the_host_is_told_the_name_in_lower_case() {
    assert_eq!(
        bindings("Register"),
        json!([{"name": "context", "type": "entityTrigger", "direction": "in", "entityName": "register"}])
    );
}

#[tokio::test]
async fn the_answer_to_a_batch_is_the_one_of_the_reference() {
    let payload = r#"{"self":{"name":"stock","key":"b-17"},"exists":true,"state":"{\"left\":3}",
 "batch":[{"name":"take","input":"1","isSignal":true},{"name":"left","input":null,"isSignal":false}]}"#;
    let expected = r#"{"entityExists":true,"entityState":"{\"left\":2}","signals":[{"target":{"name":"audit","key":"all"},"name":"log","input":"\"took 1\""}],"results":[{"isError":false,"duration":0,"result":null},{"isError":false,"duration":0,"result":"2"}]}"#;
    let answer = answer("stock", payload).await;
    let durations = answer.split("\"duration\":").skip(1);
    let durations: Vec<_> = durations.map(|rest| rest.split(',').next().unwrap()).collect();
    assert!(durations.iter().all(|duration| duration.parse::<u64>().is_ok()));
    let same_durations = durations.iter().fold(answer.clone(), |text, duration| {
        text.replace(&format!("\"duration\":{duration},"), "\"duration\":0,")
    });
    assert_eq!(same_durations, expected);
}

#[tokio::test]
async fn row_122_a_register_gets_and_sets() {
    let answer = run(
        "Register",
        None,
        &[("get", Value::Null), ("set", json!("my-value")), ("get", Value::Null)],
    )
    .await;
    assert_eq!(results(&answer), [Value::Null, json!("my-value"), json!("my-value")]);
    assert_eq!(state(&answer), Some(json!("my-value")));
    let later = run("Register", Some(json!("my-value")), &[("get", Value::Null)]).await;
    assert_eq!(results(&later), [json!("my-value")]);
}

#[tokio::test]
async fn reading_makes_no_state() {
    let answer = run("Register", None, &[("get", Value::Null)]).await;
    assert_eq!(state(&answer), None);
    assert_eq!(answer["signals"], json!([]));
}

#[tokio::test]
async fn signals_without_end_fail_their_operation_with_the_number_and_the_line() {
    let answer = run(
        "stock",
        Some(json!({"left": 3})),
        &[("flood", Value::Null), ("take", json!(1))],
    )
    .await;
    let results = results(&answer);
    let error = results[0]["error"].as_str().unwrap();
    assert!(
        error.contains("more than 100000 signals and orchestrations") && error.contains("entities.rs:"),
        "{error}"
    );
    assert_eq!(answer["signals"].as_array().unwrap().len(), 1, "none of them is sent");
}

#[tokio::test]
async fn row_126_what_fails_is_told_to_its_caller_and_changes_nothing() {
    let operations = [
        ("take", json!(1)),
        ("take", json!(5)),
        ("take", json!("many")),
        ("burn", Value::Null),
        ("unwritable", Value::Null),
        ("fly", Value::Null),
        ("take", json!(1)),
    ];
    let answer = run("stock", Some(json!({"left": 3})), &operations).await;
    let results = results(&answer);
    assert_eq!(results[0], Value::Null);
    assert_eq!(results[1], json!({"error": "not enough"}));
    assert_eq!(
        results[2],
        json!({"error": "the input cannot be read: invalid type: string \"many\", expected u32 at line 1 column 6"})
    );
    let panic = results[3]["error"].as_str().unwrap();
    assert!(panic.starts_with("function `stock` panicked at "), "{panic}");
    assert!(panic.ends_with("it burns"), "{panic}");
    assert_eq!(
        results[4],
        json!({"error": "the state cannot be written as JSON: key must be a string"})
    );
    assert_eq!(
        results[5],
        json!({"error": "the entity has no such operation; it has `take`"})
    );
    assert_eq!(results[6], Value::Null);
    assert_eq!(state(&answer), Some(json!({"left": 1})));
    let log = json!({"target": {"name": "audit", "key": "all"}, "name": "log", "input": "\"took 1\""});
    assert_eq!(answer["signals"], json!([log, log]));
}

#[tokio::test]
async fn a_state_of_another_shape_is_an_error_with_the_place_in_it() {
    let answer = run("stock", Some(json!({"left": "three"})), &[("left", Value::Null)]).await;
    let error = results(&answer)[0]["error"].as_str().unwrap().to_owned();
    assert!(
        error.starts_with("the state cannot be read: left: invalid type: string \"three\", expected u32"),
        "{error}"
    );
    assert_eq!(state(&answer), Some(json!({"left": "three"})));
}

#[tokio::test]
async fn a_deleted_entity_is_as_if_it_had_never_been() {
    let answer = run(
        "stock",
        Some(json!({"left": 3})),
        &[("clear", Value::Null), ("left", Value::Null)],
    )
    .await;
    assert_eq!(results(&answer), [json!(false), json!(0)]);
    assert_eq!(state(&answer), None);
    let anew = run(
        "stock",
        Some(json!({"left": 3})),
        &[("clear", Value::Null), ("take", json!(0))],
    )
    .await;
    assert_eq!(state(&anew), Some(json!({"left": 0})));
}

#[tokio::test]
async fn an_operation_knows_who_asks_for_what() {
    let payload = r#"{"self":{"name":"stock","key":"é@1"},"new":1,
        "batch":[{"name":"told","input":"not JSON","isSignal":true,"id":"x"},{"name":"told"},{"name":"told","input":{"a":1}}]}"#;
    let answer: Value = serde_json::from_str(&answer("stock", payload).await).unwrap();
    let id = json!({"name": "stock", "key": "é@1"});
    assert_eq!(
        results(&answer),
        [
            json!([true, id, "not JSON", false]),
            json!([false, id, null, false]),
            json!([false, id, {"a": 1}, false])
        ]
    );
}

#[tokio::test]
async fn an_operation_whose_input_cannot_be_read_fails_alone_and_is_not_a_text() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let payload = json!({"self": {"name": "stock", "key": "a"}, "exists": false, "state": null, "batch": [
        {"name": "told", "input": deep, "isSignal": false},
        {"name": "told", "input": "1e400", "isSignal": false},
        {"name": "told", "input": "[1", "isSignal": false},
    ]});
    let answer: Value = serde_json::from_str(&answer("stock", &payload.to_string()).await).unwrap();
    let results = results(&answer);
    let error = |result: &Value| result["error"].as_str().unwrap_or_default().to_owned();
    assert!(
        error(&results[0]).contains("the input cannot be read: the JSON cannot be read: recursion limit exceeded"),
        "{results:?}"
    );
    assert!(error(&results[1]).contains("number out of range"), "{results:?}");
    assert_eq!(results[2][2], "[1");
}

#[tokio::test]
async fn the_error_of_a_signal_is_logged_because_there_is_no_caller_to_tell() {
    let lines: Arc<Mutex<Vec<LogLine>>> = Arc::default();
    let log = Arc::clone(&lines);
    let surroundings = Surroundings {
        log: Arc::new(move |line| log.lock().unwrap().push(line)),
        ..Surroundings::default()
    };
    let payload = r#"{"self":{"name":"stock","key":"a"},"exists":false,"state":null,
        "batch":[{"name":"fly","input":null,"isSignal":true},{"name":"swim","input":null,"isSignal":false}]}"#;
    answer_with("stock", payload, &surroundings).await.unwrap();
    let lines: Vec<_> = lines.lock().unwrap().iter().map(|line| line.message.clone()).collect();
    assert_eq!(
        lines,
        ["operation `fly` of entity `@stock@a` failed: the entity has no such operation; it has `take`"]
    );
}

#[tokio::test]
async fn only_what_is_no_batch_fails_the_invocation() {
    let failed = answer_with("Register", "{}", &Surroundings::default())
        .await
        .unwrap_err();
    assert!(
        failed.starts_with("entity function `Register`: the host sent no batch that can be read: "),
        "{failed}"
    );
}
