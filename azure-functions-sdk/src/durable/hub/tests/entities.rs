//! Entities on stores that fail, and with workers that do.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use ::tokio::sync::Semaphore;
use azure_functions_durable::protobuf::EntityBatchRequest;
use base64::{Engine, prelude::BASE64_STANDARD};
use http::StatusCode;
use prost::Message as _;
use serde_json::{Value, json};

use super::{
    Failing, call, eventually,
    scripted::{Scripted, Stop, on_both_wires},
    tokio,
};
use crate::durable::{
    HubName, TaskHub, TaskHubOptions,
    hub::tests::work::{ReturnValue, Wire, WorkError, WorkItem, WorkKind, WorkResult, Worker, WorkerDeath},
};

/// Keeps what it was told, in order.
fn worker(wire: Wire) -> Scripted {
    Scripted::on(wire)
        .counter()
        .entity("List", |operation| {
            let mut list = operation.state.as_array().cloned().unwrap_or_default();
            list.push(operation.input.clone());
            operation.state = list.into();
            Ok(Value::Null)
        })
        .orchestration("everything", |context| {
            context.signal("@list@l", "put", "first");
            context.lock(&["a", "b"])?;
            let a = context.call("@counter@a", "add", 5)?;
            let b = context.call("@counter@b", "add", 7)?;
            context.release(2);
            context.signal("@list@l", "put", "second");
            context.timer(0)?;
            context.lock(&["b"])?;
            context.signal("@list@l", "put", "third");
            Ok(json!([a, b]))
        })
}

async fn every_commit_can_be_the_last_and_every_message_to_an_entity_counts_once(wire: Wire) {
    let worker = Arc::new(worker(wire));
    for commits in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let options = TaskHubOptions::new(HubName::default(), folder.path());
        let store = Failing::open(&options, commits);
        let hub = TaskHub::open_with(options.clone(), worker.clone(), store.clone(), tokio()).unwrap();
        hub.set_functions(worker.functions());
        let (sent, _) = call(&hub, "POST", "/entities/list/c?op=put", "1").await;
        call(&hub, "POST", "/orchestrators/everything/i", "").await;
        eventually("the end of the process or of the instance", async || {
            let (_, status) = call(&hub, "GET", "/instances/i", "").await;
            store.ended.load(Ordering::SeqCst) || status["runtimeStatus"] == "Completed"
        })
        .await;
        drop(hub);
        let crashed = store.ended.load(Ordering::SeqCst);

        let hub = TaskHub::open(options, worker.clone()).unwrap();
        hub.set_functions(worker.functions());
        let (found, _) = call(&hub, "GET", "/instances/i", "").await;
        if found == StatusCode::NOT_FOUND {
            call(&hub, "POST", "/orchestrators/everything/i", "").await;
        }
        let wanted = json!(["first", "second", "third"]);
        let mut output = Value::Null;
        eventually("everything has arrived", async || {
            output = call(&hub, "GET", "/instances/i", "").await.1["output"].clone();
            call(&hub, "GET", "/entities/list/l", "").await.1 == wanted && !output.is_null()
        })
        .await;
        assert_eq!(output, json!([5, 7]), "after {commits} commits");
        // Whoever locks them now gets them.
        call(&hub, "POST", "/orchestrators/everything/again", "").await;
        eventually("the locks are free", async || {
            let (_, status) = call(&hub, "GET", "/instances/again", "").await;
            status["output"] == json!([10, 14])
        })
        .await;
        let (_, list) = call(&hub, "GET", "/entities/list/c", "").await;
        if sent == StatusCode::ACCEPTED {
            assert_eq!(list, json!([1]), "after {commits} commits");
        }
        if !crashed {
            assert!(commits > 15, "the whole run takes more commits than {commits}");
            return;
        }
    }
}

async fn answered_signals_count_once_however_often_the_process_ends(wire: Wire) {
    let worker = Arc::new(worker(wire));
    let folder = tempfile::tempdir().unwrap();
    let options = TaskHubOptions::new(HubName::default(), folder.path());
    let (mut answered, mut sent) = (BTreeSet::new(), 0);
    for commits in [40, 90, 7, 150, 60, usize::MAX] {
        let store = Failing::open(&options, commits);
        let hub = TaskHub::open_with(options.clone(), worker.clone(), store.clone(), tokio()).unwrap();
        hub.set_functions(worker.functions());
        let clients = (0..100).map(|client| {
            let (hub, first) = (&hub, sent + client * 10);
            async move {
                let mut accepted = Vec::new();
                for number in first..first + 10 {
                    let (status, _) = call(hub, "POST", "/entities/list/s?op=put", &number.to_string()).await;
                    if status == StatusCode::ACCEPTED {
                        accepted.push(number);
                    }
                }
                accepted
            }
        });
        let accepted = futures_util::future::join_all(clients).await;
        answered.extend(accepted.into_iter().flatten());
        sent += 1000;
    }
    let hub = TaskHub::open(options, worker.clone());
    let hub = match hub {
        Ok(hub) => hub,
        Err(error) => panic!("{error}"),
    };
    hub.set_functions(worker.functions());
    let mut list = Vec::new();
    eventually("every answered signal is there", async || {
        let (_, state) = call(&hub, "GET", "/entities/list/s", "").await;
        list = state
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_i64)
            .collect();
        let set: BTreeSet<i64> = list.iter().copied().collect();
        answered.is_subset(&set)
    })
    .await;
    assert!(answered.len() >= 1000, "{}", answered.len());
    let set: BTreeSet<i64> = list.iter().copied().collect();
    assert_eq!(set.len(), list.len(), "none counts twice");
    assert!(
        set.iter().all(|number| (0..sent).contains(number)),
        "nothing is there that was not sent"
    );
}

/// Fails in every way that there is before it answers.
struct Stumbling {
    worker: Scripted,
    tries: AtomicUsize,
}

impl Worker for Stumbling {
    fn run(&self, item: WorkItem) -> std::pin::Pin<Box<dyn Future<Output = Result<WorkResult, WorkError>> + Send>> {
        let failure = match self.tries.fetch_add(1, Ordering::SeqCst) {
            0 => Err(WorkError::WorkerDied(WorkerDeath::new("abort", ""))),
            1 => Ok(WorkResult::Failed("boom".to_owned())),
            2 => Ok(WorkResult::Succeeded(ReturnValue::Text("{}".to_owned()))),
            _ => return self.worker.run(item),
        };
        assert_eq!(item.kind, WorkKind::Entity);
        Box::pin(std::future::ready(failure))
    }
}

/// The names of the operations of a batch.
fn operations(wire: Wire, payload: &str) -> Vec<String> {
    if wire == Wire::Protobuf {
        let batch = BASE64_STANDARD.decode(payload).unwrap();
        let batch = EntityBatchRequest::decode(batch.as_slice()).unwrap();
        return batch.operations.into_iter().map(|it| it.operation).collect();
    }
    let payload: Value = serde_json::from_str(payload).unwrap();
    let names = payload["batch"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str());
    names.map(|name| name.unwrap().to_owned()).collect()
}

/// Ends its process whenever a batch has the operation `bomb`.
struct Bombed {
    worker: Scripted,
    /// The operations of each batch that it did not survive.
    lost: Mutex<Vec<usize>>,
}

impl Worker for Bombed {
    fn run(&self, item: WorkItem) -> std::pin::Pin<Box<dyn Future<Output = Result<WorkResult, WorkError>> + Send>> {
        item.begun.reached(1);
        let batch = operations(self.worker.wire, item.payload.as_deref().unwrap());
        if !batch.iter().any(|operation| operation == "bomb") {
            return self.worker.run(item);
        }
        self.lost.lock().unwrap().push(batch.len());
        let mut death = WorkerDeath::new("signal 6", "");
        death.alone = true;
        Box::pin(std::future::ready(Err(WorkError::WorkerDied(death))))
    }
}

async fn an_operation_that_ends_every_process_fails_and_the_others_of_its_batch_do_not(wire: Wire) {
    let worker = Arc::new(Bombed {
        worker: worker(wire),
        lost: Mutex::default(),
    });
    let folder = tempfile::tempdir().unwrap();
    let options = TaskHubOptions::new(HubName::default(), folder.path());
    let hub = TaskHub::open(options, worker.clone()).unwrap();
    // They wait for a worker, so that they come in one batch.
    for operation in ["add", "add", "add", "bomb", "add", "add"] {
        let (status, _) = call(&hub, "POST", &format!("/entities/counter/c?op={operation}"), "1").await;
        assert_eq!(status, StatusCode::ACCEPTED);
    }
    hub.set_functions(worker.worker.functions());
    eventually("the other operations have run", async || {
        call(&hub, "GET", "/entities/counter/c", "").await.1 == 5
    })
    .await;
    let lost = worker.lost.lock().unwrap().clone();
    assert_eq!(lost, [&[6][..], &[1; 10]].concat(), "alone it has ten tries");
}

/// On the protobuf wire a batch whose answer is none fails at once, as with the extension.
#[::tokio::test]
async fn a_worker_that_fails_in_a_batch_gets_it_again() {
    let worker = Arc::new(Stumbling {
        worker: worker(Wire::Json),
        tries: AtomicUsize::new(0),
    });
    let folder = tempfile::tempdir().unwrap();
    let options = TaskHubOptions::new(HubName::default(), folder.path());
    let hub = TaskHub::open(options, worker.clone()).unwrap();
    hub.set_functions(worker.worker.functions());
    let (status, _) = call(&hub, "POST", "/entities/counter/c?op=add", "5").await;
    assert_eq!(status, StatusCode::ACCEPTED);
    eventually("the operation has run", async || {
        call(&hub, "GET", "/entities/counter/c", "").await.1 == 5
    })
    .await;
    assert_eq!(worker.tries.load(Ordering::SeqCst), 4);
}

/// Lists in lists, so many levels.
fn nested(levels: usize) -> Value {
    (1..levels).fold(json!([]), |inner, _| json!([inner]))
}

/// An entity whose state can be made so deep that the hub does not take it: the worker takes three more levels of lists and objects.
fn nest(wire: Wire) -> Scripted {
    Scripted::on(wire).entity("Nest", |operation| {
        operation.state = match operation.name.as_str() {
            "wrap" => json!([operation.input]),
            _ => (operation.state.as_i64().unwrap_or(0) + operation.input.as_i64().unwrap()).into(),
        };
        Ok(Value::Null)
    })
}

/// On the protobuf wire a batch whose answer is none fails at once, as with the extension.
#[::tokio::test]
async fn an_operation_whose_state_cannot_be_read_back_fails_and_the_others_run() {
    let worker = Arc::new(nest(Wire::Json));
    let folder = tempfile::tempdir().unwrap();
    let options = TaskHubOptions::new(HubName::default(), folder.path());
    let hub = TaskHub::open(options, worker.clone()).unwrap();
    // They wait for a worker, so that they come in one batch.
    for (operation, input) in [("add", json!(1)), ("add", json!(2)), ("wrap", nested(124))] {
        let path = format!("/entities/nest/signaled?op={operation}");
        let (status, _) = call(&hub, "POST", &path, &input.to_string()).await;
        assert_eq!(status, StatusCode::ACCEPTED);
    }
    hub.set_functions(worker.functions());
    eventually("the other operations of the batch have run", async || {
        call(&hub, "GET", "/entities/nest/signaled", "").await.1 == 3
    })
    .await;
}

/// Holds answers back.
struct Gated {
    worker: Scripted,
    gate: Arc<Semaphore>,
}

impl Worker for Gated {
    fn run(&self, item: WorkItem) -> std::pin::Pin<Box<dyn Future<Output = Result<WorkResult, WorkError>> + Send>> {
        let (answer, gate) = (self.worker.run(item), self.gate.clone());
        Box::pin(async move {
            let answer = answer.await;
            gate.acquire().await.unwrap().forget();
            answer
        })
    }
}

async fn a_state_that_is_refused_is_not_that_of_the_next_operation(wire: Wire) {
    let gate = Arc::new(Semaphore::new(1));
    let worker = Arc::new(Gated {
        worker: nest(wire),
        gate: gate.clone(),
    });
    let folder = tempfile::tempdir().unwrap();
    let options = TaskHubOptions::new(HubName::default(), folder.path());
    let hub = TaskHub::open(options, worker.clone()).unwrap();
    hub.set_functions(worker.worker.functions());
    let state = async || call(&hub, "GET", "/entities/nest/e", "").await.1;
    let batches = || worker.worker.calls.lock().unwrap().len();
    for (batch, operation, input) in [(1, "add", json!(1)), (2, "wrap", nested(124)), (3, "add", json!(2))] {
        let path = format!("/entities/nest/e?op={operation}");
        let (status, _) = call(&hub, "POST", &path, &input.to_string()).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        match batch {
            1 => eventually("it has a state", async || state().await == 1).await,
            2 => eventually("the second batch runs", async || batches() == 2).await,
            // It waits for the end of the second: the entity stays in memory.
            _ => gate.add_permits(2),
        }
    }
    eventually("the third batch has run", async || batches() == 3).await;
    eventually("the state is kept", async || state().await != 1).await;
    assert_eq!(state().await, 3);
}

async fn a_state_that_is_refused_is_an_error_for_the_caller(wire: Wire) {
    let worker = nest(wire).orchestration("wraps", |context| {
        match context.call("@nest@called", "wrap", nested(124)) {
            Err(Stop::Failed(text)) => Ok(text.into()),
            other => other,
        }
    });
    let worker = Arc::new(worker);
    let folder = tempfile::tempdir().unwrap();
    let options = TaskHubOptions::new(HubName::default(), folder.path());
    let hub = TaskHub::open(options, worker.clone()).unwrap();
    hub.set_functions(worker.functions());
    call(&hub, "POST", "/orchestrators/wraps/i", "").await;
    let mut output = Value::Null;
    eventually("the caller gets an error", async || {
        output = call(&hub, "GET", "/instances/i", "").await.1["output"].clone();
        !output.is_null()
    })
    .await;
    let expected = match wire {
        Wire::Json => "Entity function 'nest' failed: its state cannot be read back: more than 124 levels",
        _ => "its state cannot be read back: more than 124 levels",
    };
    assert!(output.as_str().unwrap().starts_with(expected), "{output}");
}

on_both_wires!(
    every_commit_can_be_the_last_and_every_message_to_an_entity_counts_once,
    answered_signals_count_once_however_often_the_process_ends,
    an_operation_that_ends_every_process_fails_and_the_others_of_its_batch_do_not,
    a_state_that_is_refused_is_an_error_for_the_caller,
    a_state_that_is_refused_is_not_that_of_the_next_operation,
);
