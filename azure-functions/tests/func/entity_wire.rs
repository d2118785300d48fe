//! Batches of entities on the protobuf wire: what the real extension sent to the official .NET worker, given to an entity that does the
//! same here. `tests/recorded/entity_batches.tsv` has a line for each batch: scenario, request, response.

use azure_functions::{
    app::{Completed, Invocation, InvocationService},
    func,
    in_process::{App, Call, Data, Surroundings, TypedData},
    prelude::*,
};
use azure_functions_durable::protobuf::{
    EntityBatchRequest, EntityBatchResult, OperationAction, OperationRequest, OperationResultFailure,
    OperationResultSuccess, operation_action::OperationActionType, operation_result::ResultType,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use prost::Message;
use serde_json::{Value, json};
use std::error::Error;

type BoxError = Box<dyn Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
#[error("failed: {0}")]
struct SomeTrouble(String, #[source] Inner);

#[derive(Debug, thiserror::Error)]
#[error("inner")]
struct Inner;

/// Does what the recorded one does.
#[func(name = "RecordedCounter")]
fn counter(context: DurableEntityContext) -> Result<EntityOutput, BoxError> {
    let state: i64 = context.state()?.unwrap_or_default();
    match context.operation() {
        "add" => context.set_state(&(state + context.input_as::<i64>()?))?,
        "get" => return Ok(state.into()),
        "reset" => context.set_state(&0)?,
        "slow" => {}
        "delete" => context.delete(),
        "fail" => return Err(SomeTrouble(context.input_as()?, Inner).into()),
        "forward" => {
            let target = EntityId::new("counter", context.input_as::<String>()?)?;
            context.signal_entity(&target, "add", state)?;
            return Ok("forwarded".into());
        }
        "forwardlater" => {
            let target = EntityId::new("counter", context.input_as::<String>()?)?;
            let at = chrono::Utc::now() + chrono::TimeDelta::seconds(2);
            context.signal_entity_at(&target, "add", state, at)?;
        }
        "start" => {
            let id: String = context.input_as()?;
            return Ok(context.start_new("Child", Some(&id), "an entity's child")?.into());
        }
        // What it asked for counts for nothing, since it fails.
        "startandfail" => {
            context.set_state(&99)?;
            context.start_new("Child", None, ())?;
            return Err("after all".into());
        }
        "startanywhere" => return Ok(context.start_new("Child", None, ())?.into()),
        "startnowhere" => return Ok(context.start_new("Child", Some("a/b"), ())?.into()),
        "panic" => panic!("out of {}", "order"),
        "signal?" => return Ok(context.is_signal().into()),
        _ => return Err(context.unknown_operation(["add"]).into()),
    }
    Ok(().into())
}

async fn answer_text(payload: &str) -> Data {
    answer_of(&App::linked().unwrap(), payload).await
}

async fn answer_of(app: &App, payload: &str) -> Data {
    let function = app.find("RecordedCounter").unwrap();
    let call = Call {
        inputs: vec![(
            "context".to_owned(),
            TypedData {
                data: Some(Data::String(payload.to_owned())),
            },
        )],
        ..Call::default()
    };
    let outputs = app.invoke(function, call, &Surroundings::default()).await.unwrap();
    outputs.return_value.unwrap().data.unwrap()
}

pub(crate) async fn answer(payload: &str) -> EntityBatchResult {
    match answer_text(payload).await {
        Data::String(text) => decode(&text),
        other => panic!("the extension takes a text: {other:?}"),
    }
}

fn decode(text: &str) -> EntityBatchResult {
    EntityBatchResult::decode(BASE64_STANDARD.decode(text).unwrap().as_slice()).unwrap()
}

fn request(state: Option<&str>, operations: &[(&str, Value)]) -> String {
    let operations = operations
        .iter()
        .zip(1..)
        .map(|((name, input), number)| OperationRequest {
            operation: (*name).to_owned(),
            request_id: format!("request-{number}"),
            input: Some(input.to_string()).filter(|input| input != "null"),
            trace_context: None,
        });
    let request = EntityBatchRequest {
        instance_id: "@recordedcounter@k".to_owned(),
        entity_state: state.map(str::to_owned),
        operations: operations.collect(),
        ..EntityBatchRequest::default()
    };
    BASE64_STANDARD.encode(request.encode_to_vec())
}

fn json(text: &Option<String>) -> Value {
    text.as_deref()
        .map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
}

fn failure(result: &EntityBatchResult, index: usize) -> OperationResultFailure {
    match &result.results[index].result_type {
        Some(ResultType::Failure(failure)) => failure.clone(),
        other => panic!("{other:?} is no failure"),
    }
}

fn success(result: &EntityBatchResult, index: usize) -> OperationResultSuccess {
    match &result.results[index].result_type {
        Some(ResultType::Success(success)) => success.clone(),
        other => panic!("{other:?} is no success"),
    }
}

fn compare(ours: &EntityBatchResult, theirs: &EntityBatchResult, batch: &str) {
    assert_eq!(ours.requires_state, theirs.requires_state, "{batch}");
    assert_eq!(json(&ours.entity_state), json(&theirs.entity_state), "{batch}");
    assert_eq!(ours.entity_state.is_some(), theirs.entity_state.is_some(), "{batch}");
    assert_eq!(ours.failure_details, None, "{batch}");
    assert_eq!(ours.results.len(), theirs.results.len(), "{batch}");
    for index in 0..ours.results.len() {
        match &theirs.results[index].result_type {
            Some(ResultType::Success(theirs)) => {
                let ours = success(ours, index);
                assert_eq!(json(&ours.result), json(&theirs.result), "{batch}, {index}");
                assert_eq!(ours.result.is_some(), theirs.result.is_some(), "{batch}, {index}");
                assert!(ours.start_time_utc.is_some() && ours.end_time_utc.is_some());
            }
            Some(ResultType::Failure(theirs)) => {
                let ours = failure(ours, index);
                assert!(ours.start_time_utc.is_some() && ours.end_time_utc.is_some());
                let (ours, theirs) = (ours.failure_details.unwrap(), theirs.failure_details.clone().unwrap());
                assert!(!ours.error_type.is_empty());
                if theirs.error_type.ends_with("SomeTrouble") {
                    assert_eq!(ours.error_message, theirs.error_message, "{batch}, {index}");
                    let (ours, theirs) = (ours.inner_failure.unwrap(), theirs.inner_failure.unwrap());
                    assert_eq!(ours.error_message, theirs.error_message, "{batch}, {index}");
                }
            }
            None => panic!("{batch}"),
        }
    }
    let (ours, theirs) = (ours.actions.iter().map(told), theirs.actions.iter().map(told));
    assert_eq!(ours.collect::<Vec<_>>(), theirs.collect::<Vec<_>>(), "{batch}");
}

/// What an action says, but for the times that no two runs have in common.
fn told(action: &OperationAction) -> (&str, &str, Value, Option<String>, Option<i64>) {
    match action.operation_action_type.as_ref().unwrap() {
        OperationActionType::SendSignal(signal) => {
            let asked = signal.request_time.unwrap();
            let later = signal.scheduled_time.map(|at| {
                let millis = (at.seconds - asked.seconds) * 1000 + i64::from(at.nanos - asked.nanos) / 1_000_000;
                (millis + 500) / 1000
            });
            (&signal.instance_id, &signal.name, json(&signal.input), None, later)
        }
        OperationActionType::StartNewOrchestration(start) => {
            assert!(start.request_time.is_some());
            (
                &start.instance_id,
                &start.name,
                json(&start.input),
                start.version.clone(),
                start.scheduled_time.map(|at| at.seconds),
            )
        }
    }
}

#[tokio::test]
async fn recorded_batches_are_answered_as_the_official_worker_answered_them() {
    let recordings = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/recorded/entity_batches.tsv"
    ));
    let (mut batches, mut kept) = (0, 0);
    let mut app = ("", App::linked().unwrap());
    for line in recordings.lines() {
        let [scenario, request, response] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        // A worker of its own for each scenario, and one that has just started for the request of one that keeps nothing.
        if app.0 != scenario || scenario == "handmade_requires_history" {
            app = (scenario, App::linked().unwrap());
        }
        let theirs = decode(response);
        let Data::String(text) = answer_of(&app.1, request).await else {
            panic!("the extension takes a text");
        };
        let ours = decode(&text);
        kept += usize::from(is_without_state(request) && !ours.requires_state);
        // Not the .NET worker's answers.
        if theirs == EntityBatchResult::default() {
            continue;
        }
        batches += 1;
        compare(&ours, &theirs, &format!("{scenario}, batch {batches}"));
    }
    assert!(batches > 30, "{batches} batches");
    assert_eq!(kept, 1, "a state that the host left out");
}

fn is_without_state(request: &str) -> bool {
    let request = EntityBatchRequest::decode(BASE64_STANDARD.decode(request).unwrap().as_slice()).unwrap();
    request
        .properties
        .get("IncludeState")
        .is_some_and(|value| value.kind == Some(prost_types::value::Kind::BoolValue(false)))
}

#[tokio::test]
async fn a_failed_operation_takes_back_its_state_and_actions_and_nothing_else() {
    let operations = [
        ("add", json!(1)),
        ("startandfail", Value::Null),
        ("panic", Value::Null),
        ("forward", json!("other")),
    ];
    let result = answer(&request(Some("4"), &operations)).await;
    assert_eq!(result.entity_state.as_deref(), Some("5"));
    assert_eq!(result.actions.len(), 1);
    assert_eq!(
        told(&result.actions[0]),
        ("@counter@other", "add", json!(5), None, None)
    );
    success(&result, 0);
    let details = failure(&result, 1).failure_details.unwrap();
    assert_eq!(details.error_message, "after all");
    let details = failure(&result, 2).failure_details.unwrap();
    assert_eq!(details.error_type, "panic");
    assert!(details.error_message.contains("out of order"), "{details:?}");
}

#[tokio::test]
async fn an_error_of_an_operation_keeps_its_type_message_and_causes() {
    let result = answer(&request(None, &[("fail", json!("why")), ("add", json!("no number"))])).await;
    assert_eq!(result.entity_state, None);
    let details = failure(&result, 0).failure_details.unwrap();
    assert_eq!(details.error_message, "failed: why");
    assert_eq!(details.inner_failure.unwrap().error_message, "inner");
    let details = failure(&result, 1).failure_details.unwrap();
    assert_eq!(details.error_type, "azure_functions::entities::EntityError");
    assert!(
        details.error_message.contains("the input cannot be read"),
        "{details:?}"
    );
}

#[tokio::test]
async fn an_instance_that_an_entity_starts_has_the_same_id_when_the_batch_is_delivered_again() {
    let request = request(None, &[("startanywhere", Value::Null), ("startanywhere", Value::Null)]);
    let (first, second) = (answer(&request).await, answer(&request).await);
    let ids = |result: &EntityBatchResult| -> Vec<Value> {
        (0..2).map(|index| json(&success(result, index).result)).collect()
    };
    assert_eq!(ids(&first), ids(&second));
    assert_ne!(ids(&first)[0], ids(&first)[1]);
    assert_eq!(told(&first.actions[0]).0, ids(&first)[0].as_str().unwrap());
}

#[tokio::test]
async fn the_id_of_an_instance_that_an_entity_starts_is_checked() {
    let result = answer(&request(None, &[("startnowhere", Value::Null)])).await;
    let details = failure(&result, 0).failure_details.unwrap();
    assert!(
        details
            .error_message
            .starts_with("the instance id 'a/b' of orchestration 'Child' is not allowed"),
        "{details:?}"
    );
}

#[tokio::test]
async fn whether_an_operation_is_a_signal_is_not_known_on_this_wire() {
    let result = answer(&request(None, &[("signal?", Value::Null)])).await;
    assert_eq!(success(&result, 0).result.as_deref(), Some("false"));
}

/// A batch of an extended session.
fn in_session(state: Option<&str>, operation: (&str, Value), includes_state: bool) -> String {
    let mut batch =
        EntityBatchRequest::decode(BASE64_STANDARD.decode(request(state, &[operation])).unwrap().as_slice()).unwrap();
    use prost_types::value::Kind;
    for (name, kind) in [
        ("IncludeState", Kind::BoolValue(includes_state)),
        ("IsExtendedSession", Kind::BoolValue(true)),
        ("ExtendedSessionIdleTimeoutInSeconds", Kind::NumberValue(30.0)),
    ] {
        let value = prost_types::Value { kind: Some(kind) };
        batch.properties.insert(name.to_owned(), value);
    }
    BASE64_STANDARD.encode(batch.encode_to_vec())
}

#[tokio::test]
async fn a_state_that_the_host_leaves_out_is_the_one_of_the_last_answer_or_is_asked_for() {
    let app = App::linked().unwrap();
    let state = async |payload: String| match answer_of(&app, &payload).await {
        Data::String(text) => {
            let result = decode(&text);
            (!result.requires_state).then_some(result.entity_state)
        }
        other => panic!("the extension takes a text: {other:?}"),
    };
    assert_eq!(state(in_session(None, ("add", json!(1)), false)).await, None);
    let number = |number: i64| Some(Some(number.to_string()));
    assert_eq!(state(in_session(Some("4"), ("add", json!(1)), true)).await, number(5));
    assert_eq!(state(in_session(None, ("add", json!(2)), false)).await, number(7));
    // What fails changes nothing, and what the host does send counts.
    assert_eq!(state(in_session(None, ("panic", Value::Null), false)).await, number(7));
    assert_eq!(state(in_session(Some("1"), ("add", json!(1)), true)).await, number(2));
    // That it has no state is known, too.
    assert_eq!(
        state(in_session(None, ("delete", Value::Null), false)).await,
        Some(None)
    );
    assert_eq!(state(in_session(None, ("add", json!(3)), false)).await, number(3));
    // A batch outside of sessions ends them.
    assert_eq!(state(request(Some("3"), &[("add", json!(1))])).await, number(4));
    assert_eq!(state(in_session(None, ("add", json!(1)), false)).await, None);
}

/// Without a state in the answer, the host deletes it.
#[tokio::test]
async fn a_request_that_cannot_be_read_is_answered_with_a_failure_that_keeps_the_state() {
    let whole = BASE64_STANDARD
        .decode(request(Some("4"), &[("add", json!(1))]))
        .unwrap();
    let cut = BASE64_STANDARD.encode(&whole[..whole.len() - 3]);
    let result = answer(&cut).await;
    assert_eq!(result.entity_state.as_deref(), Some("4"));
    let details = result.failure_details.unwrap();
    assert_eq!(details.error_type, "unreadable batch");
    assert!(details.error_message.contains("it ends within a field"), "{details:?}");
    let result = answer("AAA").await;
    assert!(result.failure_details.unwrap().error_message.contains("not base64"));
}

/// A layer that lets nothing through.
#[tokio::test]
async fn a_batch_that_a_layer_refuses_is_answered_with_a_failure_that_keeps_the_state() {
    let layer = tower::layer::layer_fn(|_inner: InvocationService| {
        tower::service_fn(|_: Invocation| async { Err::<Completed, BoxError>("closed for today".into()) })
    });
    let app = App::start(azure_functions::app().layer(layer)).await.unwrap();
    let Data::String(text) = answer_of(&app, &request(Some("4"), &[("add", json!(1))])).await else {
        panic!("the extension takes a text");
    };
    let result = decode(&text);
    assert_eq!(result.entity_state.as_deref(), Some("4"));
    assert_eq!(result.failure_details.unwrap().error_message, "closed for today");
}

#[tokio::test]
async fn the_json_wire_has_no_words_for_later_signals_and_starts() {
    let payload = json!({
        "self": {"name": "recordedcounter", "key": "k"},
        "exists": false,
        "state": null,
        "batch": [
            {"name": "forwardlater", "input": "\"x\"", "isSignal": false},
            {"name": "start", "input": "\"x\"", "isSignal": false},
        ],
    });
    let Data::Json(text) = answer_text(&payload.to_string()).await else {
        panic!("JSON is answered with JSON");
    };
    let answer: Value = serde_json::from_str(&text).unwrap();
    for (index, words) in [
        "an entity cannot signal another one at a later time: the JSON wire has no words for that",
        "an entity cannot start an orchestration by its answer: the JSON wire has no words for that",
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(answer["results"][index]["isError"], true);
        let result = answer["results"][index]["result"].as_str().unwrap();
        assert!(result.contains(words), "{result}");
    }
    assert_eq!(answer["signals"], json!([]));
}
