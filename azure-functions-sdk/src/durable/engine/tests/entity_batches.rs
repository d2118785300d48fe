//! Batches of entities on the protobuf wire: the real extension's requests made again, and what answers change.

use std::{collections::BTreeMap, path::Path};

use azure_functions_durable::protobuf::{
    EntityBatchRequest, EntityBatchResult, OperationAction, OperationResult, OperationResultFailure,
    OperationResultSuccess, SendSignalAction, StartNewOrchestrationAction, TaskFailureDetails,
    operation_action::OperationActionType, operation_result::ResultType,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::TimeDelta;
use prost::Message as _;
use prost_types::{Timestamp, value::Kind};

use super::ten;
use crate::durable::{
    engine::{
        entity::{Done, Entity, EntityId, EntityMessage, MAX_BATCH, Reply, Request, Turn},
        event::EventKind,
        settings::Settings,
    },
    work::{ReturnValue, WorkResult},
};

fn request(operation: &str, id: &str, parent: Option<&str>) -> Request {
    Request {
        signal: parent.is_none(),
        reply: Reply::Details,
        ..Request::signal(operation.to_owned(), None, id.to_owned(), parent.map(str::to_owned))
    }
}

fn counter() -> Entity {
    Entity {
        exists: true,
        state: Some("5".to_owned()),
        ..Entity::unknown(EntityId::new("counter", "a").unwrap())
    }
}

fn answered(requests: &[Request], answer: &WorkResult) -> Done {
    let entity = counter();
    let waiting: Vec<_> = requests.iter().cloned().map(EntityMessage::Op).collect();
    let turn = Turn::plan(&entity, &waiting, MAX_BATCH).unwrap();
    turn.finish_batch(answer, ten(), &mut || "fresh".to_owned())
}

fn text(text: &str) -> WorkResult {
    WorkResult::Succeeded(ReturnValue::Text(text.to_owned()))
}

fn encoded(result: &EntityBatchResult) -> WorkResult {
    text(&BASE64_STANDARD.encode(result.encode_to_vec()))
}

fn success(result: Option<&str>) -> OperationResult {
    OperationResult {
        result_type: Some(ResultType::Success(OperationResultSuccess {
            result: result.map(str::to_owned),
            ..OperationResultSuccess::default()
        })),
    }
}

fn failure(message: &str) -> TaskFailureDetails {
    TaskFailureDetails {
        error_type: "app::Error".to_owned(),
        error_message: message.to_owned(),
        ..TaskFailureDetails::default()
    }
}

fn inputs(done: &Done) -> Vec<String> {
    let events = done.answers.iter().map(|answer| match &answer.message.event.kind {
        EventKind::EventRaised { input, .. } => input.clone().unwrap(),
        other => panic!("{other:?}"),
    });
    events.collect()
}

#[test]
fn requests_are_those_of_the_extension_for_the_same_operations() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../azure-functions/tests/recorded/entity_batches.tsv");
    let recorded = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut entities: BTreeMap<(String, String), Entity> = BTreeMap::new();
    for line in recorded.lines() {
        let mut columns = line.split('\t');
        let scenario = columns.next().unwrap();
        let message = BASE64_STANDARD.decode(columns.next().unwrap()).unwrap();
        let answer = columns.next().unwrap();
        let request = EntityBatchRequest::decode(message.as_slice()).unwrap();
        let property = |name: &str| request.properties.get(name).and_then(|value| value.kind.clone());
        let settings = Settings {
            session_idle: (property("IsExtendedSession") == Some(Kind::BoolValue(true)))
                .then(|| TimeDelta::seconds(30)),
            ..Settings::default()
        };
        let with_state = property("IncludeState") != Some(Kind::BoolValue(false));
        let id = EntityId::parse(&request.instance_id).unwrap();
        let entity = entities
            .entry((scenario.to_owned(), request.instance_id.clone()))
            .or_insert_with(|| Entity {
                exists: request.entity_state.is_some(),
                state: request.entity_state.clone(),
                ..Entity::unknown(id)
            });
        let waiting: Vec<_> = request
            .operations
            .iter()
            .map(|operation| {
                EntityMessage::Op(Request::signal(
                    operation.operation.clone(),
                    operation.input.clone(),
                    operation.request_id.clone(),
                    None,
                ))
            })
            .collect();
        let turn = Turn::plan(entity, &waiting, MAX_BATCH).unwrap();
        let made = turn.batch(&settings, with_state).unwrap();
        let made = EntityBatchRequest::decode(&*BASE64_STANDARD.decode(made).unwrap()).unwrap();
        let mut expected = request.clone();
        for operation in &mut expected.operations {
            operation.trace_context = None;
        }
        assert_eq!(made, expected, "{scenario}");
        let done = turn.finish_batch(&text(answer), ten(), &mut || "fresh".to_owned());
        *entity = done.entity;
    }
    assert!(entities.len() > 20, "{}", entities.len());
}

#[test]
fn a_batch_has_results_failures_with_details_and_a_state_that_is_what_it_is_afterwards() {
    let requests = [
        request("add", "1", Some("order-7")),
        request("fail", "2", Some("order-7")),
        request("get", "3", Some("order-7")),
        request("get", "4", None),
    ];
    let result = EntityBatchResult {
        results: vec![
            success(None),
            OperationResult {
                result_type: Some(ResultType::Failure(OperationResultFailure {
                    failure_details: Some(failure("no")),
                    ..OperationResultFailure::default()
                })),
            },
            success(Some("6")),
        ],
        entity_state: Some("6".to_owned()),
        ..EntityBatchResult::default()
    };
    let done = answered(&requests, &encoded(&result));
    assert_eq!(done.taken, [0, 1, 2], "the fourth comes again");
    assert_eq!((done.entity.exists, done.entity.state.as_deref()), (true, Some("6")));
    assert_eq!(
        inputs(&done),
        [
            r#"{"result":null}"#,
            r#"{"result":null,"failureDetails":{"ErrorType":"app::Error","ErrorMessage":"no","StackTrace":null,"InnerFailure":null,"IsNonRetriable":false,"Properties":{}}}"#,
            r#"{"result":"6"}"#
        ]
    );
}

#[test]
fn a_caller_on_the_json_wire_is_answered_in_its_words() {
    let requests = [
        Request {
            reply: Reply::Text,
            ..request("fail", "1", Some("order-7"))
        },
        Request {
            reply: Reply::Text,
            ..request("add", "2", Some("order-7"))
        },
    ];
    let result = EntityBatchResult {
        results: vec![
            OperationResult {
                result_type: Some(ResultType::Failure(OperationResultFailure {
                    failure_details: Some(failure("no")),
                    ..OperationResultFailure::default()
                })),
            },
            success(None),
        ],
        ..EntityBatchResult::default()
    };
    let done = answered(&requests, &encoded(&result));
    assert_eq!(
        inputs(&done),
        [r#"{"result":"\"no\"","exceptionType":"Error"}"#, r#"{"result":"null"}"#]
    );
    assert!(!done.entity.exists, "no state is deleted");
}

#[test]
fn an_entity_signals_later_and_starts_orchestrations() {
    let result = EntityBatchResult {
        results: vec![success(None)],
        actions: [
            OperationActionType::SendSignal(SendSignalAction {
                instance_id: "@counter@b".to_owned(),
                name: "add".to_owned(),
                input: Some("1".to_owned()),
                scheduled_time: Some(Timestamp {
                    seconds: ten().timestamp() + 60,
                    nanos: 0,
                }),
                ..SendSignalAction::default()
            }),
            OperationActionType::StartNewOrchestration(StartNewOrchestrationAction {
                instance_id: "started".to_owned(),
                name: "Child".to_owned(),
                version: Some(String::new()),
                input: Some("\"x\"".to_owned()),
                ..StartNewOrchestrationAction::default()
            }),
        ]
        .map(|action| OperationAction {
            id: 0,
            operation_action_type: Some(action),
        })
        .into(),
        entity_state: Some("5".to_owned()),
        ..EntityBatchResult::default()
    };
    let done = answered(&[request("go", "1", None)], &encoded(&result));
    assert_eq!(done.posted[0].due, Some(ten() + TimeDelta::minutes(1)));
    let started = done.starts[0].started().unwrap();
    assert_eq!(
        (started.instance_id.as_str(), started.version.as_deref()),
        ("started", None)
    );
    assert_eq!(started.parent.as_ref().unwrap().instance_id, "@counter@a");
    assert_eq!(started.tags["FireAndForget"], "");
}

#[test]
fn a_rubbish_answer_fails_the_calls_loses_the_signals_and_leaves_the_state() {
    let requests = [request("add", "1", Some("order-7")), request("add", "2", None)];
    let state = EntityBatchResult {
        requires_state: true,
        ..EntityBatchResult::default()
    };
    let too_many = EntityBatchResult {
        results: vec![success(None), success(None), success(None)],
        ..EntityBatchResult::default()
    };
    let bad_signal = EntityBatchResult {
        results: vec![success(None), success(None)],
        actions: vec![OperationAction {
            id: 0,
            operation_action_type: Some(OperationActionType::SendSignal(SendSignalAction::default())),
        }],
        ..EntityBatchResult::default()
    };
    let bad_start = |id: &str| EntityBatchResult {
        results: vec![success(None), success(None)],
        actions: vec![OperationAction {
            id: 0,
            operation_action_type: Some(OperationActionType::StartNewOrchestration(
                StartNewOrchestrationAction {
                    instance_id: id.to_owned(),
                    name: "Child".to_owned(),
                    ..StartNewOrchestrationAction::default()
                },
            )),
        }],
        ..EntityBatchResult::default()
    };
    for answer in [
        encoded(&bad_start("a/b")),
        encoded(&bad_start("a\nb")),
        encoded(&bad_start("@counter@b")),
        WorkResult::Succeeded(ReturnValue::None),
        text(""),
        text("rubbish!"),
        text("AAAA"),
        WorkResult::Failed("it panicked".to_owned()),
        encoded(&state),
        encoded(&too_many),
        encoded(&bad_signal),
    ] {
        let done = answered(&requests, &answer);
        assert_eq!((done.taken.as_slice(), &done.entity), ([0, 1].as_slice(), &counter()));
        let inputs = inputs(&done);
        assert_eq!(inputs.len(), 1);
        assert!(
            inputs[0].contains("\"ErrorType\":\"FunctionInvocationFailed\""),
            "{inputs:?}"
        );
    }
}

#[test]
fn a_failure_of_the_batch_is_that_of_all_operations_without_a_result() {
    let result = EntityBatchResult {
        results: vec![success(Some("1"))],
        entity_state: Some("5".to_owned()),
        failure_details: Some(failure("it stopped")),
        ..EntityBatchResult::default()
    };
    let requests = [request("a", "1", Some("order-7")), request("b", "2", Some("order-7"))];
    let done = answered(&requests, &encoded(&result));
    let inputs = inputs(&done);
    assert_eq!(inputs[0], r#"{"result":"1"}"#);
    assert!(inputs[1].contains("it stopped"), "{inputs:?}");
}
