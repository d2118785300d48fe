//! Orchestrations that a real worker process keeps between their turns, and what becomes of them when it cannot.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};

use azure_functions::{durable::CallError, prelude::*};
use azure_functions_sdk::host::LocalHost;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    client::{Address, Client},
    host::{DURABLE, is_alive, signal, until_within},
    own_worker::{Quiet, options_with},
};

const LIMIT: Duration = Duration::from_secs(120);
const PARKED: &str = "AZURE_FUNCTIONS_PARKED_INSTANCES";

/// How often the code of a chain has begun in this process: once, where it is kept; with each turn, where it is not.
static BEGUN: AtomicU32 = AtomicU32::new(0);

/// Adds one; and when, in microseconds.
#[func]
fn add_one(number: u64) -> ActivityOutput<(u64, u64)> {
    let time = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    ActivityOutput::from((number + 1, u64::try_from(time.as_micros()).unwrap()))
}

/// Process id of the worker, and how often chains have begun in it.
#[func]
fn worker_state(_input: ()) -> ActivityOutput<(u32, u32)> {
    (std::process::id(), BEGUN.load(Ordering::Relaxed)).into()
}

/// So many steps, one after the other: the sum, and the microseconds of a step, early and late.
#[func]
async fn chain(context: DurableOrchestrationContext<u64>) -> Result<OrchestrationOutput<(u64, u64, u64)>, CallError> {
    BEGUN.fetch_add(1, Ordering::Relaxed);
    let steps = context.input();
    let (mut number, mut times) = (0, Vec::new());
    for _ in 0..steps {
        let time;
        (number, time) = context.call::<add_one>(number).await?;
        times.push(time);
    }
    let per_step = |times: &[u64]| match times {
        [first, .., last] => (last - first) / (times.len() as u64 - 1),
        _ => 0,
    };
    let count = times.len();
    // Around step 100, and the last ones.
    let (early, late) = (
        &times[count.min(50)..count.min(150)],
        &times[count.saturating_sub(100)..],
    );
    Ok((number, per_step(early), per_step(late)).into())
}

struct Started {
    host: LocalHost,
    runtime: Runtime,
    address: Address,
    _folder: TempDir,
}

impl Started {
    fn new(settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let runtime = Runtime::new().unwrap();
        let mut settings = settings.to_vec();
        settings.push(("AZURE_FUNCTIONS_DURABLE_WIRE", "protobuf"));
        let options = options_with(folder.path(), r#"{"version": "2.0"}"#, &settings);
        let host = runtime.block_on(LocalHost::start(options, Arc::new(Quiet))).unwrap();
        let address = Address::default();
        address.set(&host.address().to_string());
        Self {
            host,
            runtime,
            address,
            _folder: folder,
        }
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut client = Client::new(&self.address);
        let (status, body) = client
            .send(method, &format!("{DURABLE}/{path}"), &body.to_string())
            .expect("an answer");
        serde_json::from_str(&body).unwrap_or_else(|_| panic!("{path}: {status} {body}"))
    }

    fn start(&self, name: &str, id: &str, input: impl Into<Value>) {
        let answer = self.send("POST", &format!("orchestrators/{name}/{id}"), &input.into());
        assert!(answer["statusQueryGetUri"].is_string(), "{answer}");
    }

    fn output(&self, id: &str, limit: Duration) -> Value {
        let mut instance = Value::Null;
        until_within(limit, &format!("{id} ends"), || {
            instance = self.send("GET", &format!("instances/{id}"), &Value::Null);
            instance["runtimeStatus"] != "Running" && instance["runtimeStatus"] != "Pending"
        });
        assert_eq!(instance["runtimeStatus"], "Completed", "{instance}");
        instance["output"].clone()
    }

    /// Process id of the worker, and how often chains have begun in it.
    fn worker(&self, id: &str) -> (u32, u32) {
        self.start("one_activity", id, json!(["worker_state", null]));
        serde_json::from_value(self.output(id, LIMIT)).unwrap()
    }

    fn shutdown(self) {
        self.runtime.block_on(self.host.shutdown());
    }
}

#[test]
fn a_chain_goes_on_where_it_waited() {
    let host = Started::new(&[]);
    host.start("chain", "chain", 200);
    assert_eq!(host.output("chain", LIMIT)[0], 200);
    let (_, begun) = host.worker("state");
    assert_eq!(begun, 1, "the code began once, and was never replayed");
    host.shutdown();
}

#[test]
fn chains_for_which_there_is_no_room_are_replayed_and_complete() {
    let host = Started::new(&[(PARKED, "1")]);
    for id in ["a", "b", "c"] {
        host.start("chain", id, 40);
    }
    for id in ["a", "b", "c"] {
        assert_eq!(host.output(id, LIMIT)[0], 40, "{id}");
    }
    let (_, begun) = host.worker("state");
    assert!(begun > 3, "they took turns in the only place: {begun}");
    host.shutdown();
}

#[test]
fn a_chain_whose_worker_is_killed_is_replayed_by_the_next_one() {
    let host = Started::new(&[]);
    host.start("chain", "chain", 400);
    let (worker, begun) = host.worker("before");
    assert_eq!(begun, 1);
    signal(worker, "-KILL");
    until_within(LIMIT, "the worker ends", || !is_alive(worker));
    assert_eq!(host.output("chain", LIMIT)[0], 400);
    let (next, begun) = host.worker("after");
    assert!(next != worker && begun >= 1, "{next} {begun}");
    // Once for what it had not seen, and once more if the turn that was in flight was given to it alone.
    assert!(begun <= 2, "{begun}");
    host.shutdown();
}

/// `cargo test --release -p azure-functions-sdk --test e2e -- --ignored --nocapture a_step`.
#[test]
#[ignore = "it measures, and wants a release build on a quiet machine"]
fn a_step_of_ten_thousand_takes_no_longer_than_one_of_a_hundred_and_a_half() {
    let host = Started::new(&[]);
    host.start("chain", "chain", 10_000);
    let output = host.output("chain", Duration::from_secs(1_800));
    let (sum, early, late): (u64, u64, u64) = serde_json::from_value(output).unwrap();
    println!("per step: {early} µs at 100, {late} µs at 10,000");
    assert_eq!(sum, 10_000);
    assert_eq!(host.worker("state").1, 1);
    assert!(late * 2 <= early * 3, "{early} µs, then {late} µs");
    host.shutdown();
}
