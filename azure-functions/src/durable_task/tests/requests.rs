//! What the worker asks for, and what it answers where no function runs.

use super::{
    super::{served::Served, server::Completion},
    script::{Asked, Playing, Script, Step},
};
use crate::{
    invocation::Outputs,
    registry::{DurableKind, Function, Handler},
};
use azure_functions_durable::protobuf::{
    EntityBatchRequest, EntityOperationCalledEvent, EntityRequest, ExecutionStartedEvent, HistoryEvent,
    OperationRequest, OrchestratorRequest, OrchestratorStartedEvent, WorkItem, history_event::EventType,
    operation_result::ResultType, orchestrator_action::OrchestratorActionType, work_item::Request,
};
use std::time::Duration;

static NAMED: Function = Function {
    name: "named",
    module: "test",
    file: "src/test.rs",
    line: 1,
    bindings: Vec::new,
    retry: None,
    parameters: &[],
    handler: Handler::Blocking(|_| Ok(Outputs::default())),
};

async fn answers(requests: Vec<Request>, histories: Vec<Vec<HistoryEvent>>) -> Vec<Completion> {
    let items = (0..).zip(requests).map(|(number, request)| {
        let item = WorkItem {
            request: Some(request),
            completion_token: format!("token-{number}"),
        };
        Step::Item(Duration::from_secs(1), Box::new(item))
    });
    let script = Script::new(vec![items.chain([Step::Silence]).collect()]);
    script.histories.lock().unwrap().extend(histories);
    let script = Playing::begin(script, Served::default())
        .after(Duration::from_secs(20))
        .await;
    let asked = script.asked().into_iter();
    asked
        .filter_map(|(_, asked)| match asked {
            Asked::Complete(completion) => Some(completion),
            _ => None,
        })
        .collect()
}

fn event(event_type: EventType) -> HistoryEvent {
    HistoryEvent {
        event_id: -1,
        timestamp: None,
        event_type: Some(event_type),
    }
}

fn begun(name: &str) -> Vec<HistoryEvent> {
    vec![
        event(EventType::OrchestratorStarted(OrchestratorStartedEvent {})),
        event(EventType::ExecutionStarted(ExecutionStartedEvent {
            name: name.to_owned(),
            ..ExecutionStartedEvent::default()
        })),
    ]
}

#[tokio::test(start_paused = true)]
async fn the_worker_names_its_functions_and_what_it_can_do() {
    let mut served = Served::default();
    served.add(&NAMED, DurableKind::Orchestration, "Flow");
    served.add(&NAMED, DurableKind::Activity, "Pay");
    served.add(&NAMED, DurableKind::Entity, "Counter");
    let script = Playing::begin(Script::new(Vec::new()), served)
        .after(Duration::from_secs(1))
        .await;
    let filters = script.asked().into_iter().find_map(|(_, asked)| match asked {
        Asked::WorkItems(request) => request.work_item_filters,
        _ => None,
    });
    let filters = filters.unwrap();
    assert_eq!(filters.orchestrations[0].name, "Flow");
    assert_eq!(filters.activities[0].name, "Pay");
    assert_eq!(filters.entities[0].name, "counter");
}

#[tokio::test(start_paused = true)]
async fn names_that_the_app_does_not_have_are_answered_as_other_workers_answer() {
    let orchestration = OrchestratorRequest {
        instance_id: "i".to_owned(),
        new_events: begun("Nope"),
        ..OrchestratorRequest::default()
    };
    let operation = OperationRequest {
        operation: "get".to_owned(),
        ..OperationRequest::default()
    };
    let entity = EntityBatchRequest {
        instance_id: "@counter@k".to_owned(),
        entity_state: Some("7".to_owned()),
        operations: vec![operation.clone(), operation],
        ..EntityBatchRequest::default()
    };
    let answers = answers(
        vec![
            Request::OrchestratorRequest(orchestration),
            Request::EntityRequest(entity),
        ],
        Vec::new(),
    )
    .await;
    let [Completion::Orchestration(turn), Completion::Entity(batch)] = &answers[..] else {
        panic!("{answers:?}");
    };
    let Some(OrchestratorActionType::CompleteOrchestration(completion)) = &turn.actions[0].orchestrator_action_type
    else {
        panic!("{turn:?}");
    };
    let details = completion.failure_details.as_ref().unwrap();
    assert_eq!(details.error_type, "OrchestratorTaskNotFound");
    assert_eq!(details.error_message, "No orchestrator task named 'Nope' was found.");
    assert!(details.is_non_retriable && completion.result.is_none());
    assert_eq!(turn.completion_token, "token-0");
    assert_eq!(batch.completion_token, "token-1");
    assert_eq!(batch.entity_state.as_deref(), Some("7"));
    let failures: Vec<_> = batch
        .results
        .iter()
        .map(|result| match &result.result_type {
            Some(ResultType::Failure(failure)) => failure.failure_details.as_ref().unwrap().error_type.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(failures, ["EntityTaskNotFound"; 2]);
}

#[tokio::test(start_paused = true)]
async fn an_entity_request_of_events_is_answered_with_whom_each_result_is_for() {
    let call = EntityOperationCalledEvent {
        request_id: "r".to_owned(),
        operation: "get".to_owned(),
        parent_instance_id: Some("parent".to_owned()),
        parent_execution_id: Some("execution".to_owned()),
        ..EntityOperationCalledEvent::default()
    };
    let request = EntityRequest {
        instance_id: "@counter@k".to_owned(),
        operation_requests: vec![event(EventType::EntityOperationCalled(call))],
        ..EntityRequest::default()
    };
    let answers = answers(vec![Request::EntityRequestV2(request)], Vec::new()).await;
    let [Completion::Entity(batch)] = &answers[..] else {
        panic!("{answers:?}");
    };
    assert_eq!((batch.results.len(), batch.operation_infos.len()), (1, 1));
    let destination = batch.operation_infos[0].response_destination.as_ref().unwrap();
    assert_eq!(destination.instance_id, "parent");
    assert_eq!(destination.execution_id.as_deref(), Some("execution"));
}

#[tokio::test(start_paused = true)]
async fn a_long_history_is_fetched_and_one_that_cannot_be_had_is_given_back() {
    let request = OrchestratorRequest {
        instance_id: "i".to_owned(),
        requires_history_streaming: true,
        ..OrchestratorRequest::default()
    };
    let two = vec![
        Request::OrchestratorRequest(request.clone()),
        Request::OrchestratorRequest(request),
    ];
    let answers = answers(two, vec![begun("Streamed")]).await;
    let [Completion::Orchestration(turn)] = &answers[..] else {
        panic!("{answers:?}");
    };
    assert!(format!("{turn:?}").contains("No orchestrator task named 'Streamed' was found."));
}

#[tokio::test(start_paused = true)]
async fn a_history_without_a_beginning_fails_its_instance() {
    let request = OrchestratorRequest {
        instance_id: "i".to_owned(),
        ..OrchestratorRequest::default()
    };
    let answers = answers(vec![Request::OrchestratorRequest(request)], Vec::new()).await;
    assert!(
        format!("{answers:?}").contains("has no ExecutionStarted event"),
        "{answers:?}"
    );
}
