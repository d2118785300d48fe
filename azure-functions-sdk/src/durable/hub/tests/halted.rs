//! Writes that can never succeed: what cannot be written stands still, and nothing else.

use std::sync::Arc;

use azure_functions_durable::protobuf::{
    EntityBatchResult, OperationAction, OperationResult, OperationResultSuccess, StartNewOrchestrationAction,
    operation_action::OperationActionType, operation_result::ResultType,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use prost::Message as _;

use super::*;
use crate::durable::work::{DurableFunctions, ReturnValue, WorkError, WorkItem, WorkKind, WorkResult, Worker};

fn world(wire: Wire, folder: &tempfile::TempDir) -> (Arc<Failing>, TaskHub) {
    let worker = Arc::new(worker(wire).orchestration("waiter", |context| context.event("go")));
    let options = TaskHubOptions::new(HubName::default(), folder.path());
    let store = Failing::open(&options, usize::MAX);
    let hub = TaskHub::open_with(options, worker.clone(), store.clone(), tokio()).unwrap();
    hub.set_functions(worker.functions());
    (store, hub)
}

async fn until_status(hub: &TaskHub, id: &str, status: &str) {
    eventually(&format!("{id} is {status}"), async || {
        call(hub, "GET", &format!("/instances/{id}"), "").await.1["runtimeStatus"] == status
    })
    .await;
}

async fn an_instance_whose_rows_are_damaged_is_halted_and_the_others_go_on(wire: Wire) {
    let folder = tempfile::tempdir().unwrap();
    let (store, hub) = world(wire, &folder);
    for id in ["bad", "good"] {
        call(&hub, "POST", &format!("/orchestrators/waiter/{id}"), "").await;
        until_status(&hub, id, "Running").await;
    }
    let key = store.disk.find("bad").unwrap().unwrap().key;
    store.damaged.store(key.0, Ordering::SeqCst);
    for id in ["bad", "good"] {
        let (code, body) = call(&hub, "POST", &format!("/instances/{id}/raiseEvent/go"), "5").await;
        assert_eq!(code, StatusCode::ACCEPTED, "{id}: {body}");
    }
    until_status(&hub, "good", "Completed").await;
    call(&hub, "POST", "/orchestrators/waiter/new", "").await;
    until_status(&hub, "new", "Running").await;
    eventually("it is halted", async || {
        hub.inner.state().instances.get(&key).is_some_and(|live| live.halted)
    })
    .await;
    assert_eq!(
        call(&hub, "GET", "/instances/bad", "").await.1["runtimeStatus"],
        "Running"
    );
    drop(hub);

    // The file has been repaired. The event was accepted, so it is there.
    drop(store);
    let (_store, hub) = world(wire, &folder);
    until_status(&hub, "bad", "Completed").await;
}

async fn a_hub_whose_file_has_become_read_only_refuses_at_once_and_says_what_to_do(wire: Wire) {
    let folder = tempfile::tempdir().unwrap();
    let (store, hub) = world(wire, &folder);
    call(&hub, "POST", "/orchestrators/waiter/i", "").await;
    until_status(&hub, "i", "Running").await;
    store.read_only.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        let (code, body) = call(&hub, "POST", "/instances/i/raiseEvent/go", "5").await;
        let text = body.to_string();
        assert!(code.is_server_error(), "{code} {text}");
        assert!(text.contains("start the host again"), "{text}");
    }
    drop(hub);
    drop(store);
    let (_store, hub) = world(wire, &folder);
    until_status(&hub, "i", "Running").await;
    let (code, _) = call(&hub, "POST", "/instances/i/raiseEvent/go", "5").await;
    assert_eq!(code, StatusCode::ACCEPTED);
    until_status(&hub, "i", "Completed").await;
}

/// An entity of the protobuf wire that starts the instance `chosen`, when it is let.
#[derive(Default)]
struct Starter {
    asked: Arc<::tokio::sync::Notify>,
    leave: Arc<::tokio::sync::Notify>,
}

impl Worker for Starter {
    fn run(&self, item: WorkItem) -> Pin<Box<dyn Future<Output = Result<WorkResult, WorkError>> + Send>> {
        if item.kind != WorkKind::Entity {
            return Box::pin(std::future::pending());
        }
        let start = StartNewOrchestrationAction {
            instance_id: "chosen".to_owned(),
            name: "waiter".to_owned(),
            ..StartNewOrchestrationAction::default()
        };
        let answer = EntityBatchResult {
            results: vec![OperationResult {
                result_type: Some(ResultType::Success(OperationResultSuccess::default())),
            }],
            actions: vec![OperationAction {
                id: 0,
                operation_action_type: Some(OperationActionType::StartNewOrchestration(start)),
            }],
            ..EntityBatchResult::default()
        };
        let answer = BASE64_STANDARD.encode(answer.encode_to_vec());
        self.asked.notify_one();
        let leave = Arc::clone(&self.leave);
        Box::pin(async move {
            leave.notified().await;
            Ok(WorkResult::Succeeded(ReturnValue::Text(answer)))
        })
    }
}

#[tokio::test]
async fn a_halted_entity_gives_the_ids_back_that_it_has_reserved() {
    let folder = tempfile::tempdir().unwrap();
    let worker = Arc::new(Starter::default());
    let options = TaskHubOptions::new(HubName::default(), folder.path());
    let hub = TaskHub::open(options, worker.clone()).unwrap();
    let functions = [(WorkKind::Entity, "starter"), (WorkKind::Orchestration, "waiter")];
    hub.set_functions(DurableFunctions {
        functions: functions
            .map(|(kind, name)| ((kind, name.to_owned()), name.to_owned()))
            .into(),
        wire: Wire::Protobuf,
        ..DurableFunctions::default()
    });
    call(&hub, "POST", "/entities/starter/e?op=start", "").await;
    worker.asked.notified().await;
    for live in hub.inner.state().entities.values_mut() {
        live.halted = true;
    }
    worker.leave.notify_one();
    eventually("the turn is over", async || {
        hub.inner.state().running_entities.all() == 0
    })
    .await;
    eventually("the id is free", async || hub.inner.state().starting.is_empty()).await;
    let (code, body) = call(&hub, "POST", "/orchestrators/waiter/chosen", "").await;
    assert_eq!(code, StatusCode::ACCEPTED, "{body}");
}

#[test]
fn what_could_not_be_written_is_told_of_owners_that_are_not_in_memory_too() {
    let mut state = crate::durable::hub::state::State::default();
    for (owner, told) in [
        (
            Owner::Instance(InstanceKey(7)),
            "what the orchestration instance of row 7 did could not be written: it is damaged",
        ),
        (
            Owner::Entity("@counter@a".into()),
            "what entity '@counter@a' did could not be written: it is damaged",
        ),
    ] {
        let problem = state.halt(&owner, "it is damaged").unwrap();
        assert!(problem.starts_with(told), "{problem}");
    }
}

on_both_wires!(
    an_instance_whose_rows_are_damaged_is_halted_and_the_others_go_on,
    a_hub_whose_file_has_become_read_only_refuses_at_once_and_says_what_to_do,
);
