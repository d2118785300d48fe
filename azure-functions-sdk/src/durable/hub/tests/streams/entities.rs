//! Entities that workers of streams run, and what orchestrations of such workers do with entities.

use azure_functions_durable::protobuf::{
    AbandonEntityTaskRequest, EntityBatchResult, EntityFilter, EntityLockRequestedEvent, EntityOperationCalledEvent,
    EntityRequest, GetEntityRequest, GetEntityResponse, OperationAction, OperationResult, OperationResultSuccess,
    OrchestrationInstance, SendEntityMessageAction, SendEventAction, SendSignalAction, SignalEntityRequest,
    StartNewOrchestrationAction, operation_action::OperationActionType, operation_result::ResultType,
    send_entity_message_action::EntityMessageType,
};

use super::*;

const FIRST: &str = "6f3f8a52-94a6-4a58-b7b8-3c2a3f7d4b10";
const SECOND: &str = "0d5b1e5e-6a08-4f6f-8f62-0b9cf9c1a6aa";

async fn next_batch(items: &mut WorkItems) -> (String, EntityRequest) {
    match next(items).await {
        (token, Work::EntityRequestV2(request)) => (token, request),
        other => panic!("{other:?}"),
    }
}

fn operations(request: &EntityRequest) -> Vec<&str> {
    let names = request.operation_requests.iter().map(|event| match &event.event_type {
        Some(EventType::EntityOperationCalled(call)) => call.operation.as_str(),
        Some(EventType::EntityOperationSignaled(signal)) => signal.operation.as_str(),
        other => panic!("workers know nothing of {other:?}"),
    });
    names.collect()
}

fn result(token: &str, results: &[&str], state: Option<&str>) -> EntityBatchResult {
    let result = |result: &&str| OperationResult {
        result_type: Some(ResultType::Success(OperationResultSuccess {
            result: Some((*result).to_owned()),
            ..OperationResultSuccess::default()
        })),
    };
    EntityBatchResult {
        results: results.iter().map(result).collect(),
        entity_state: state.map(str::to_owned),
        completion_token: token.to_owned(),
        ..EntityBatchResult::default()
    }
}

async fn complete(hub: &TaskHub, result: EntityBatchResult) {
    ask::<()>(hub, "CompleteEntityTask", &result).await;
}

async fn signal(hub: &TaskHub, id: &str, name: &str) {
    let request = SignalEntityRequest {
        instance_id: id.to_owned(),
        name: name.to_owned(),
        ..SignalEntityRequest::default()
    };
    ask::<()>(hub, "SignalEntity", &request).await;
}

async fn entity(hub: &TaskHub, id: &str) -> Option<String> {
    let request = GetEntityRequest {
        instance_id: id.to_owned(),
        include_state: true,
    };
    let response: GetEntityResponse = ask(hub, "GetEntity", &request).await;
    response.entity.and_then(|entity| entity.serialized_state)
}

fn entities(names: &[&str]) -> GetWorkItemsRequest {
    let filter = |name: &&str| EntityFilter {
        name: (*name).to_owned(),
    };
    GetWorkItemsRequest {
        work_item_filters: Some(WorkItemFilters {
            entities: names.iter().map(filter).collect(),
            ..WorkItemFilters::default()
        }),
        ..everything()
    }
}

fn by_event(target: &str, data: &Value) -> Action {
    Action::SendEvent(SendEventAction {
        instance: Some(OrchestrationInstance {
            instance_id: target.to_owned(),
            execution_id: None,
        }),
        name: "op".to_owned(),
        data: Some(data.to_string()),
    })
}

fn by_message(message: EntityMessageType) -> Action {
    Action::SendEntityMessage(SendEntityMessageAction {
        entity_message_type: Some(message),
    })
}

fn locks(section: &str, entities: &[&str]) -> Action {
    by_message(EntityMessageType::EntityLockRequested(EntityLockRequestedEvent {
        critical_section_id: section.to_owned(),
        lock_set: entities.iter().map(|id| (*id).to_owned()).collect(),
        ..EntityLockRequestedEvent::default()
    }))
}

#[tokio::test]
async fn calls_by_event_and_by_message_are_run_in_one_batch_and_answered_each_in_its_way() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    start(&hub, "flow", "i").await;
    let (token, request) = next_episode(&mut items).await;
    let data = json!({"op": "Add", "input": "5", "id": FIRST, "parent": "i", "parentExecution": request.execution_id});
    let call = by_message(EntityMessageType::EntityOperationCalled(EntityOperationCalledEvent {
        request_id: SECOND.to_owned(),
        operation: "get".to_owned(),
        target_instance_id: Some("@Counter@k".to_owned()),
        ..EntityOperationCalledEvent::default()
    }));
    respond(&hub, &token, vec![by_event("@Counter@k", &data), call]).await;
    let (token, request) = next_batch(&mut items).await;
    assert_eq!(request.instance_id, "@counter@k");
    assert_eq!(request.entity_state, None);
    assert_eq!(operations(&request), ["Add", "get"]);
    complete(&hub, result(&token, &["5", "6"], Some("5"))).await;
    let (mut heard, mut last) = (Vec::new(), String::new());
    while heard.len() < 2 {
        let (token, request) = next_episode(&mut items).await;
        for event in request.new_events {
            match event.event_type.unwrap() {
                EventType::EventRaised(raised) => heard.push((raised.name, raised.input.unwrap())),
                EventType::EntityOperationCompleted(completed) => {
                    heard.push((completed.request_id, completed.output.unwrap()));
                }
                _ => {}
            }
        }
        last = token;
        if heard.len() < 2 {
            respond(&hub, &last, Vec::new()).await;
        }
    }
    assert_eq!(
        heard,
        [
            (FIRST.to_owned(), "{\"result\":\"5\"}".to_owned()),
            (SECOND.to_owned(), "6".to_owned())
        ]
    );
    respond_from(&hub, &last, 2, vec![completes()]).await;
    assert_eq!(ended(&hub, "i").await.orchestration_status, completed());
    assert_eq!(entity(&hub, "@counter@k").await.as_deref(), Some("5"));
}

#[tokio::test]
async fn operations_of_a_stream_that_ended_are_given_out_again_and_a_late_answer_counts_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut first = connect(&hub, &everything());
    signal(&hub, "@counter@k", "add").await;
    let (lost, _) = next_batch(&mut first).await;
    let mut second = connect(&hub, &everything());
    drop(first);
    let (token, request) = next_batch(&mut second).await;
    assert_eq!(operations(&request), ["add"]);
    complete(&hub, result(&lost, &["9"], Some("9"))).await;
    complete(&hub, result(&token, &["1"], Some("1"))).await;
    complete(&hub, result(&token, &["2"], Some("2"))).await;
    eventually("it is written", async || entity(&hub, "@counter@k").await.is_some()).await;
    assert_eq!(entity(&hub, "@counter@k").await.as_deref(), Some("1"));
}

#[tokio::test]
async fn operations_that_are_abandoned_come_back_after_a_pause() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Manual::new();
    let hub = open(options(&folder).clock(clock.clone()));
    let mut items = connect(&hub, &everything());
    signal(&hub, "@counter@k", "add").await;
    let (token, _) = next_batch(&mut items).await;
    let abandoned = AbandonEntityTaskRequest {
        completion_token: token,
    };
    ask::<()>(&hub, "AbandonTaskEntityWorkItem", &abandoned).await;
    eventually("nothing runs", async || hub.running() == (0, 0)).await;
    assert!(work_now(&mut items).is_none());
    *clock.now.lock().unwrap() += TimeDelta::seconds(6);
    let (_, request) = next_batch(&mut items).await;
    assert_eq!(operations(&request), ["add"]);
}

async fn owner(hub: &TaskHub, id: &str) -> Option<String> {
    let request = GetEntityRequest {
        instance_id: id.to_owned(),
        include_state: false,
    };
    let response: GetEntityResponse = ask(hub, "GetEntity", &request).await;
    response.entity.and_then(|entity| entity.locked_by)
}

/// As when its rows are damaged.
#[tokio::test]
async fn locks_of_an_orchestration_that_is_gone_are_released_when_the_hub_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    for id in ["@counter@a", "@counter@b"] {
        signal(&hub, id, "add").await;
        let (token, _) = next_batch(&mut items).await;
        complete(&hub, result(&token, &["1"], Some("1"))).await;
    }
    start(&hub, "flow", "i").await;
    let (token, _) = next_episode(&mut items).await;
    respond(&hub, &token, vec![locks(FIRST, &["@counter@a", "@counter@b"])]).await;
    next_episode(&mut items).await;
    // The episode is given out while the turn that granted the locks is being written.
    for id in ["@counter@a", "@counter@b"] {
        eventually("it is locked", async || owner(&hub, id).await.as_deref() == Some("i")).await;
    }
    hub.drain(Duration::ZERO).await;
    drop((items, hub));
    let rows = rusqlite::Connection::open(options(&folder).database()).unwrap();
    rows.execute_batch("delete from instances; delete from inbox").unwrap();
    drop(rows);

    let hub = open(options(&folder));
    for id in ["@counter@a", "@counter@b"] {
        eventually("it is released", async || owner(&hub, id).await.is_none()).await;
    }
}

#[tokio::test]
async fn entities_without_a_worker_wait_and_stand_in_no_ones_way_also_when_the_hub_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    for number in 0..10 {
        signal(&hub, &format!("@unknown@{number}"), "add").await;
    }
    signal(&hub, "@counter@k", "add").await;
    let mut items = connect(&hub, &entities(&["counter"]));
    let (token, request) = next_batch(&mut items).await;
    assert_eq!(request.instance_id, "@counter@k");
    complete(&hub, result(&token, &["1"], Some("1"))).await;
    assert!(hub.drain(DEADLINE).await);
    drop((items, hub));

    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    let mut found = Vec::new();
    for _ in 0..10 {
        found.push(next_batch(&mut items).await.1.instance_id);
    }
    found.sort();
    assert_eq!(found[9], "@unknown@9");
    assert_eq!(entity(&hub, "@counter@k").await.as_deref(), Some("1"));
}

/// There is none for the entities.
#[tokio::test]
async fn locks_need_no_worker_and_wait_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(&hub, &orchestrations(&["flow"]));
    start(&hub, "flow", "a").await;
    let (token, _) = next_episode(&mut items).await;
    respond(&hub, &token, vec![locks(FIRST, &["@stock@b", "@stock@a"])]).await;
    let granted = |request: &OrchestratorRequest| match &request.new_events.last().unwrap().event_type {
        Some(EventType::EntityLockGranted(granted)) => granted.critical_section_id.clone(),
        other => panic!("{other:?}"),
    };
    let (token, request) = next_episode(&mut items).await;
    assert_eq!(
        (request.instance_id.as_str(), granted(&request)),
        ("a", FIRST.to_owned())
    );

    start(&hub, "flow", "b").await;
    let (other, _) = next_episode(&mut items).await;
    respond(&hub, &other, vec![locks(SECOND, &["@stock@a", "@stock@b"])]).await;
    eventually("the other one waits", async || hub.running() == (0, 1)).await;
    // It ends without giving them back.
    respond_from(&hub, &token, 1, vec![completes()]).await;
    let (_, request) = next_episode(&mut items).await;
    assert_eq!(
        (request.instance_id.as_str(), granted(&request)),
        ("b", SECOND.to_owned())
    );
}

#[tokio::test]
async fn an_entity_signals_another_and_starts_an_orchestration() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    let mut items = connect(&hub, &everything());
    signal(&hub, "@counter@a", "forward").await;
    let (token, _) = next_batch(&mut items).await;
    let action = |action| OperationAction {
        id: 0,
        operation_action_type: Some(action),
    };
    let answer = EntityBatchResult {
        actions: vec![
            action(OperationActionType::SendSignal(SendSignalAction {
                instance_id: "@Counter@b".to_owned(),
                name: "add".to_owned(),
                ..SendSignalAction::default()
            })),
            action(OperationActionType::StartNewOrchestration(
                StartNewOrchestrationAction {
                    instance_id: "started".to_owned(),
                    name: "flow".to_owned(),
                    version: Some(String::new()),
                    ..StartNewOrchestrationAction::default()
                },
            )),
        ],
        ..result(&token, &["1"], Some("1"))
    };
    complete(&hub, answer).await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        match next(&mut items).await {
            (_, Work::EntityRequestV2(request)) => {
                assert_eq!(operations(&request), ["add"]);
                match &request.operation_requests[0].event_type {
                    Some(EventType::EntityOperationSignaled(signal)) => {
                        assert!(uuid::Uuid::try_parse(&signal.request_id).is_ok(), "{signal:?}");
                    }
                    other => panic!("{other:?}"),
                }
                seen.push(request.instance_id);
            }
            (_, Work::OrchestratorRequest(request)) => seen.push(request.instance_id),
            other => panic!("{other:?}"),
        }
    }
    seen.sort();
    assert_eq!(seen, ["@counter@b", "started"]);
}

#[tokio::test]
async fn an_answer_without_a_token_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    for (method, answer) in [
        ("CompleteEntityTask", result("", &["1"], None).encode_to_vec()),
        ("CompleteActivityTask", ActivityResponse::default().encode_to_vec()),
        (
            "CompleteOrchestratorTask",
            OrchestratorResponse::default().encode_to_vec(),
        ),
    ] {
        let refused = hub.call(Caller::Sdk, method, answer.into()).await.unwrap_err();
        assert_eq!(refused.code, Code::InvalidArgument, "{method}");
    }
}

/// A key that workers of .NET take, and the hub does not.
#[tokio::test]
async fn an_operation_whose_answer_cannot_be_taken_fails_alone() {
    let folder = tempfile::tempdir().unwrap();
    let hub = open(options(&folder));
    for name in ["add", "forward", "add"] {
        signal(&hub, "@counter@k", name).await;
    }
    let unusable = |token: &str, results: &[&str]| EntityBatchResult {
        actions: vec![OperationAction {
            id: 0,
            operation_action_type: Some(OperationActionType::SendSignal(SendSignalAction {
                instance_id: "@counter@a/b".to_owned(),
                name: "add".to_owned(),
                ..SendSignalAction::default()
            })),
        }],
        ..result(token, results, Some("9"))
    };
    let mut items = connect(&hub, &everything());
    let (token, request) = next_batch(&mut items).await;
    assert_eq!(operations(&request), ["add", "forward", "add"]);
    complete(&hub, unusable(&token, &["1", "2", "3"])).await;
    for (name, state) in [("add", "1"), ("forward", "9"), ("add", "2")] {
        let (token, request) = next_batch(&mut items).await;
        assert_eq!(operations(&request), [name]);
        match name {
            "forward" => complete(&hub, unusable(&token, &["2"])).await,
            _ => complete(&hub, result(&token, &["1"], Some(state))).await,
        }
    }
    eventually("it is written", async || {
        entity(&hub, "@counter@k").await.as_deref() == Some("2")
    })
    .await;
}

#[tokio::test]
async fn an_operation_that_every_worker_ends_with_fails_alone() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Manual::new();
    let hub = open(options(&folder).clock(clock.clone()));
    signal(&hub, "@counter@k", "crash").await;
    signal(&hub, "@counter@k", "add").await;
    for time in 1..=MAX_DEATHS {
        let mut items = connect(&hub, &everything());
        let (_, request) = next_batch(&mut items).await;
        let both = ["crash", "add"];
        assert_eq!(operations(&request), both[..if time > 2 { 1 } else { 2 }]);
        drop(items);
        eventually("nothing runs", async || hub.running() == (0, 0)).await;
        *clock.now.lock().unwrap() += TimeDelta::seconds(6);
    }
    let mut items = connect(&hub, &everything());
    let (_, request) = next_batch(&mut items).await;
    assert_eq!(operations(&request), ["add"]);
}
