//! Stores that fail: the hub must lose nothing, whenever the process ends and whatever the disk says.

use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use self::scripted::{Scripted, ok, on_both_wires};
use crate::durable::{
    Clock, Durability, HubName, TaskHub, TaskHubOptions, Via,
    engine::runtime_status::RuntimeStatus,
    hub::{HubRuntime, request_error::RequestError},
    store::{
        Commit, EntityPage, EntityQuery, EntityRow, InstanceKey, InstanceQuery, InstanceRow, InstanceState, Owner,
        Page, Recovery, Store, StoreError, sqlite::SqliteStore,
    },
    work::{self, Wire},
};

mod damage;
mod entities;
mod full_disk;
mod halted;
mod purging;
mod reads;
mod rewinding;
mod streams;

#[allow(dead_code)]
#[path = "../../../tests/durable/scripted/mod.rs"]
pub(in crate::durable) mod scripted;

const DEADLINE: Duration = Duration::from_secs(30);

/// The store on disk, until it fails.
struct Failing {
    disk: SqliteStore,
    /// Commits until the process "ends".
    left: AtomicUsize,
    ended: AtomicBool,
    full: AtomicBool,
    read_only: AtomicBool,
    /// Key of an instance whose part of the file is damaged.
    damaged: AtomicI64,
    /// Instances and histories that were looked up.
    reads: AtomicUsize,
    /// Pages of instances that were asked for.
    lists: AtomicUsize,
    /// Whoever holds it holds the look-ups of instances up.
    finds: std::sync::Mutex<()>,
    /// Whoever holds it holds the writer up.
    writes: tokio::sync::Mutex<()>,
}

impl Failing {
    fn open(options: &TaskHubOptions, left: usize) -> Arc<Self> {
        let disk = SqliteStore::open(&options.database(), Durability::Process).unwrap();
        Arc::new(Self {
            disk,
            left: left.into(),
            ended: false.into(),
            full: false.into(),
            read_only: false.into(),
            damaged: 0.into(),
            reads: 0.into(),
            lists: 0.into(),
            finds: ().into(),
            writes: ().into(),
        })
    }
}

impl Store for Failing {
    fn recover(&self) -> Result<Recovery, StoreError> {
        self.disk.recover()
    }

    fn write(&self, batch: &[Commit]) -> Result<(), StoreError> {
        drop(self.writes.blocking_lock());
        if self.full.load(Ordering::SeqCst) {
            let source = "database or disk is full".into();
            return Err(StoreError::Database {
                path: "hub.db".into(),
                source,
            });
        }
        if self.read_only.load(Ordering::SeqCst) {
            let source = "attempt to write a readonly database".into();
            return Err(StoreError::Unwritable {
                path: "hub.db".into(),
                source,
            });
        }
        let damaged = Owner::Instance(InstanceKey(self.damaged.load(Ordering::SeqCst)));
        if batch.iter().any(|commit| commit.owners().contains(&damaged)) {
            let source = "database disk image is malformed".into();
            return Err(StoreError::Corrupt {
                path: "hub.db".into(),
                source,
            });
        }
        for commit in batch {
            if self.left.load(Ordering::SeqCst) == 0 {
                self.ended.store(true, Ordering::SeqCst);
                return Err(StoreError::Closed);
            }
            self.left.fetch_sub(1, Ordering::SeqCst);
            self.disk.write(std::slice::from_ref(commit))?;
        }
        Ok(())
    }

    fn find(&self, id: &str) -> Result<Option<InstanceRow>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        drop(self.finds.lock().unwrap());
        self.disk.find(id)
    }

    fn history(&self, key: InstanceKey) -> Result<Vec<String>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.disk.history(key)
    }

    fn last_turn(&self, key: InstanceKey) -> Result<Option<String>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.disk.last_turn(key)
    }

    fn list(&self, query: &InstanceQuery) -> Result<Page, StoreError> {
        self.lists.fetch_add(1, Ordering::SeqCst);
        self.disk.list(query)
    }

    fn entity(&self, id: &str) -> Result<Option<EntityRow>, StoreError> {
        self.disk.entity(id)
    }

    fn entities(&self, query: &EntityQuery) -> Result<EntityPage, StoreError> {
        self.disk.entities(query)
    }

    fn close(&self) {
        self.disk.close();
    }
}

fn tokio() -> HubRuntime {
    HubRuntime::Tokio(tokio::runtime::Handle::current())
}

async fn call(hub: &TaskHub, method: &str, path: &str, body: &str) -> (StatusCode, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("Content-Type", "application/json");
    let request = request.body(Bytes::from(body.to_owned())).unwrap();
    let response = hub.handle(request, &Via::webhook("http://localhost/d")).await;
    let status = response.status();
    (status, serde_json::from_slice(response.body()).unwrap_or_default())
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = tokio::time::Instant::now() + DEADLINE;
    while !holds().await {
        assert!(tokio::time::Instant::now() < end, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Every call of an activity has a result of its own, so that a result that was lost or changed shows.
fn worker(wire: Wire) -> Scripted {
    let calls = AtomicUsize::new(0);
    Scripted::on(wire)
        .activity("unique", move |_| ok(calls.fetch_add(1, Ordering::SeqCst)))
        .orchestration("child", |context| context.activity("unique", Value::Null))
        .orchestration("everything", |context| {
            let mut results = vec![context.activity("unique", Value::Null)?];
            let fan = context.all(&[("unique", json!(1)), ("unique", json!(2))])?;
            results.extend(fan.as_array().unwrap().iter().cloned());
            results.push(context.child("child", None, Value::Null)?);
            context.timer(0)?;
            results.push(context.event("go")?);
            match context.input.as_i64() {
                Some(1) => context.continue_as_new(json!(results)),
                _ => Ok(json!([context.input, results])),
            }
        })
}

/// Results that are on disk: those in the history, and those that the next execution was given.
fn recorded(status: &Value) -> (i64, BTreeSet<String>) {
    let generation = i64::from(status["input"].is_array());
    let events = status["historyEvents"].as_array().cloned().unwrap_or_default();
    let results = events.iter().filter(|event| event["EventType"] == "TaskCompleted");
    (generation, results.map(|event| event["Result"].to_string()).collect())
}

/// Everything that the instance still needs: start it if it is not there, raise its events, wait for its end.
async fn finish(hub: &TaskHub) -> Value {
    let mut output = Value::Null;
    let mut raised = BTreeSet::new();
    eventually("the instance completes", async || {
        let (code, status) = call(hub, "GET", "/instances/i?showHistory=true", "").await;
        if code == StatusCode::NOT_FOUND {
            let (code, _) = call(hub, "POST", "/orchestrators/everything/i", "1").await;
            assert_eq!(code, StatusCode::ACCEPTED);
        }
        assert_ne!(status["runtimeStatus"], "Failed", "{status:#}");
        output = status["output"].clone();
        // One event per execution, whoever raised it.
        let generation = status["historyEvents"][0]["Generation"].as_i64();
        let has_event = status["historyEvents"].to_string().contains("EventRaised");
        if let Some(generation) = generation
            && !has_event
            && raised.insert(generation)
        {
            call(hub, "POST", "/instances/i/raiseEvent/go", &generation.to_string()).await;
        }
        status["runtimeStatus"] == "Completed"
    })
    .await;
    output
}

async fn every_commit_can_be_the_last_and_nothing_recorded_is_lost(wire: Wire) {
    let worker = Arc::new(worker(wire));
    for commits in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let options = TaskHubOptions::new(HubName::default(), folder.path());
        let store = Failing::open(&options, commits);
        let hub = TaskHub::open_with(options.clone(), worker.clone(), store.clone(), tokio()).unwrap();
        hub.set_functions(worker.functions());
        call(&hub, "POST", "/orchestrators/everything/i", "1").await;
        eventually("the end of the process or of the instance", async || {
            let (_, status) = call(&hub, "GET", "/instances/i?showHistory=true", "").await;
            if status["historyEvents"].to_string().contains("TimerFired")
                && !status["historyEvents"].to_string().contains("EventRaised")
            {
                call(&hub, "POST", "/instances/i/raiseEvent/go", "0").await;
            }
            store.ended.load(Ordering::SeqCst) || status["runtimeStatus"] == "Completed"
        })
        .await;
        let crashed = store.ended.load(Ordering::SeqCst);
        drop(hub);

        let hub = TaskHub::open(options, worker.clone()).unwrap();
        let (_, before) = call(&hub, "GET", "/instances/i?showHistory=true&showHistoryOutput=true", "").await;
        hub.set_functions(worker.functions());
        let output = finish(&hub).await;
        let (generation, results) = recorded(&before);
        let kept = if generation == 0 { &output[0] } else { &output[1] };
        let kept: BTreeSet<String> = kept.as_array().unwrap().iter().map(Value::to_string).collect();
        assert!(
            results.is_subset(&kept),
            "after {commits} commits: {results:?} not in {output}"
        );
        if generation == 1 {
            assert_eq!(before["input"], output[0], "after {commits} commits");
        }
        if !crashed {
            assert!(commits > 15, "the whole run takes more commits than {commits}");
            return;
        }
    }
}

async fn the_recorded_history_is_whole_and_of_the_current_execution(wire: Wire) {
    let worker = Arc::new(worker(wire));
    let folder = tempfile::tempdir().unwrap();
    let options = TaskHubOptions::new(HubName::default(), folder.path());
    let hub = TaskHub::open(options, worker.clone()).unwrap();
    assert!(matches!(hub.recorded_history("i").await, Err(RequestError::NotFound)));
    call(&hub, "POST", "/orchestrators/everything/i", "1").await;
    let pending = hub.recorded_history("i").await;
    assert!(matches!(pending, Err(RequestError::WrongState(_))), "{pending:?}");

    hub.set_functions(worker.functions());
    let output = finish(&hub).await;
    let text = hub.recorded_history("i").await.unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let events = file["history"].as_array().unwrap();
    assert_eq!(text.lines().count(), events.len() + 2, "a line for every event: {text}");
    assert_eq!(
        (&file["instanceId"], &file["input"], &file["isReplaying"]),
        (&json!("i"), &output[0], &json!(true))
    );
    let numbers = |file: &Value| {
        let events = file["history"].as_array().unwrap().iter();
        events
            .map(|event| event["EventType"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    let numbers_of_i = numbers(&file);
    assert_eq!((&numbers_of_i[..2], numbers_of_i.last()), (&[12, 0][..], Some(&13)));
    for wanted in [1, 4, 5, 7, 8, 10, 11, 15] {
        assert!(numbers_of_i.contains(&wanted), "{wanted}: {text}");
    }

    let created = events.iter().find(|event| event["EventType"] == 7).unwrap();
    let child = hub
        .recorded_history(created["InstanceId"].as_str().unwrap())
        .await
        .unwrap();
    let child: Value = serde_json::from_str(&child).unwrap();
    assert_eq!(child["parentInstanceId"], "i");
    assert_eq!(numbers(&child), [12, 0, 4, 13, 12, 5, 1, 13]);
}

/// As an earlier version left it: the list goes on, what cannot be read is text, and the instance is not started again.
async fn a_stored_value_that_cannot_be_read_is_shown_as_text_and_refused_at_a_restart(wire: Wire) {
    let worker = Arc::new(worker(wire).orchestration("simple", |_| Ok(Value::Null)));
    let folder = tempfile::tempdir().unwrap();
    let options = TaskHubOptions::new(HubName::default(), folder.path());
    let hub = TaskHub::open(options.clone(), worker.clone()).unwrap();
    hub.set_functions(worker.functions());
    for id in ["old", "new"] {
        call(&hub, "POST", &format!("/orchestrators/simple/{id}"), "1").await;
        eventually("the instance completes", async || {
            call(&hub, "GET", &format!("/instances/{id}"), "").await.1["runtimeStatus"] == "Completed"
        })
        .await;
    }
    let other = rusqlite::Connection::open(options.database()).unwrap();
    let damage =
        r#"UPDATE inputs SET input = '"\ud83d"' WHERE instance = (SELECT key FROM instances WHERE id = 'old')"#;
    assert_eq!(other.execute(damage, []).unwrap(), 1);

    let (code, list) = call(&hub, "GET", "/instances", "").await;
    assert_eq!(code, StatusCode::OK);
    assert_eq!(
        (&list[0]["input"], &list[1]["input"]),
        (&json!(r#""\ud83d""#), &json!(1))
    );
    for new in ["true", "false"] {
        let restart = format!("/instances/old/restart?restartWithNewInstanceId={new}");
        let (code, body) = call(&hub, "POST", &restart, "").await;
        assert_eq!(
            (code, &body["Message"]),
            (StatusCode::BAD_REQUEST, &json!("Invalid JSON content"))
        );
        let why = body["ExceptionMessage"].as_str().unwrap();
        assert!(
            why.contains("cannot be read: ") && why.contains("line 1 column"),
            "{why}"
        );
    }
}

/// The history of the middle one of three is damaged.
async fn an_instance_is_terminated_although_a_history_below_it_cannot_be_read(wire: Wire) {
    let child = |name: &'static str| {
        move |context: &mut scripted::Context| {
            let id = format!("{}-{name}", context.instance_id);
            context.child(name, Some(&id), Value::Null)
        }
    };
    let worker = Scripted::on(wire).orchestration("leaf", |context| context.event("go"));
    let worker = worker
        .orchestration("middle", child("leaf"))
        .orchestration("top", child("middle"));
    let worker = Arc::new(worker);
    let folder = tempfile::tempdir().unwrap();
    let options = TaskHubOptions::new(HubName::default(), folder.path());
    let hub = TaskHub::open(options.clone(), worker.clone()).unwrap();
    hub.set_functions(worker.functions());
    for (recursive, expected) in [(false, StatusCode::ACCEPTED), (true, StatusCode::INTERNAL_SERVER_ERROR)] {
        let id = format!("top-{recursive}");
        call(&hub, "POST", &format!("/orchestrators/top/{id}"), "").await;
        let status = async |id: &str| call(&hub, "GET", &format!("/instances/{id}"), "").await.1;
        eventually("the leaf runs", async || {
            status(&format!("{id}-middle-leaf")).await["runtimeStatus"] == "Running"
        })
        .await;
        let other = rusqlite::Connection::open(options.database()).unwrap();
        let damage = "UPDATE history SET events = '?' WHERE instance = (SELECT key FROM instances WHERE id = ?1)";
        assert!(other.execute(damage, [format!("{id}-middle")]).unwrap() > 0);
        let path = format!("/instances/{id}/terminate?recursive={recursive}");
        let (code, body) = call(&hub, "POST", &path, "").await;
        assert_eq!(code, expected, "{body}");
        eventually("the instance is terminated", async || {
            status(&id).await["runtimeStatus"] == "Terminated"
        })
        .await;
    }
}

/// A time that is set, and pauses that end only when it is looked at.
#[derive(Debug)]
struct Manual {
    now: std::sync::Mutex<chrono::DateTime<chrono::Utc>>,
}

impl Manual {
    fn new() -> Arc<Self> {
        let now = chrono::DateTime::from_timestamp_secs(1_900_000_000).unwrap();
        Arc::new(Self { now: now.into() })
    }
}

impl Clock for Manual {
    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        *self.now.lock().unwrap()
    }

    fn sleep_until(&self, due: chrono::DateTime<chrono::Utc>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match due - self.now() > chrono::TimeDelta::hours(1) {
            true => Box::pin(std::future::pending()),
            false => Box::pin(tokio::time::sleep(Duration::from_millis(1))),
        }
    }
}

#[tokio::test]
async fn a_pause_does_not_keep_a_hub_that_was_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let options = TaskHubOptions::new(HubName::default(), folder.path()).clock(Manual::new());
    let hub = TaskHub::open(options, Arc::new(worker(Wire::Protobuf))).unwrap();
    let inner = Arc::downgrade(&hub.inner);
    hub.inner.after(Duration::from_secs(24 * 3600), |_| ());
    // It sleeps.
    tokio::task::yield_now().await;
    drop(hub);
    eventually("the hub is gone", async || inner.upgrade().is_none()).await;
}

/// Ends its process four times, each time after 200 seconds, then runs on and on.
struct Lingering {
    worker: Scripted,
    runs: AtomicUsize,
}

impl work::Worker for Lingering {
    fn run(
        &self,
        item: work::WorkItem,
    ) -> Pin<Box<dyn Future<Output = Result<work::WorkResult, work::WorkError>> + Send>> {
        if item.kind != work::WorkKind::Activity {
            return self.worker.run(item);
        }
        let run = self.runs.fetch_add(1, Ordering::SeqCst);
        item.begun.reached(run as u64);
        if run >= 4 {
            return Box::pin(std::future::pending());
        }
        let mut death = work::WorkerDeath::new("abort", "");
        death.ran = Duration::from_secs(200);
        Box::pin(std::future::ready(Err(work::WorkError::WorkerDied(death))))
    }
}

/// The trial takes 80 seconds, and nothing happens in it.
async fn work_that_a_trial_holds_up_begins_after_a_minute_of_it(wire: Wire) {
    let worker = Scripted::on(wire)
        .activity("lingers", |_| ok(0))
        .orchestration("lingering", |context| context.activity("lingers", Value::Null))
        .orchestration("other", |_| Ok(Value::Null));
    let functions = worker.functions();
    let worker = Arc::new(Lingering { worker, runs: 0.into() });
    let folder = tempfile::tempdir().unwrap();
    let clock = Manual::new();
    let options = TaskHubOptions::new(HubName::default(), folder.path()).clock(clock.clone());
    let hub = TaskHub::open(options, worker.clone()).unwrap();
    hub.set_functions(functions);
    call(&hub, "POST", "/orchestrators/lingering/i", "").await;
    eventually("its trial", async || worker.runs.load(Ordering::SeqCst) == 5).await;
    call(&hub, "POST", "/orchestrators/other/o", "").await;
    let status = async || call(&hub, "GET", "/instances/o", "").await.1["runtimeStatus"].clone();
    assert_eq!(status().await, "Pending");
    *clock.now.lock().unwrap() += chrono::TimeDelta::seconds(61);
    eventually("the other instance has run", async || status().await == "Completed").await;
}

/// Only a damaged file has such numbers: they must be told, not panic.
#[tokio::test]
async fn numbers_at_their_maximum_in_the_file_are_an_error_or_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let options = TaskHubOptions::new(HubName::default(), folder.path());
    let stored = |commit: Commit| {
        let store = SqliteStore::open(&options.database(), Durability::Process).unwrap();
        store.write(&[commit]).unwrap();
        store.close();
    };
    let ended = InstanceRow {
        key: InstanceKey(1),
        id: "last".to_owned(),
        name: "child".to_owned(),
        input: None,
        state: InstanceState {
            execution_id: "x".to_owned(),
            version: None,
            generation: i32::MAX,
            status: RuntimeStatus::Completed,
            created: i64::MAX,
            updated: i64::MAX,
            custom_status: None,
            output: None,
            ending: None,
            wire: None,
        },
        tags: None,
        parent: None,
        scheduled_start: None,
    };
    stored(Commit {
        created: vec![ended],
        ..Commit::default()
    });
    let worker = Arc::new(worker(Wire::Protobuf));
    let hub = TaskHub::open(options.clone(), worker.clone()).unwrap();
    hub.set_functions(worker.functions());
    assert_eq!(call(&hub, "GET", "/instances/last", "").await.0, StatusCode::OK);
    let again = call(&hub, "POST", "/orchestrators/child/last", "").await.0;
    assert_eq!(again, StatusCode::ACCEPTED);
    assert!(hub.drain(DEADLINE).await);
    drop(hub);

    stored(Commit {
        history: vec![(i64::MAX, InstanceKey(1), String::new())],
        ..Commit::default()
    });
    let error = TaskHub::open(options.clone(), worker.clone()).unwrap_err().to_string();
    assert!(
        error.contains("a row that cannot be read") && error.contains("922337203685477580"),
        "{error}"
    );
}

on_both_wires!(
    every_commit_can_be_the_last_and_nothing_recorded_is_lost,
    the_recorded_history_is_whole_and_of_the_current_execution,
    a_stored_value_that_cannot_be_read_is_shown_as_text_and_refused_at_a_restart,
    an_instance_is_terminated_although_a_history_below_it_cannot_be_read,
    work_that_a_trial_holds_up_begins_after_a_minute_of_it,
);
