//! The worker without a Functions host, as a process of its own: this binary again. It works for `cargo func host`, and for the in-memory
//! backend of PyPI's `durabletask`.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read as _},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use azure_functions::{durable::OrchestrationClient, durable_task::ServerAddress, prelude::*};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    host::{LIMIT, is_alive, signal, until_within},
    languages::{Hub, python},
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Set for a process of this binary that is to be the worker of a server: its address.
const SERVER: &str = "E2E_DURABLE_TASK";

/// Not a test, but the worker of the tests below: they start this binary with the name of this function.
#[test]
fn worker_of_this_binary() {
    if let Ok(address) = std::env::var(SERVER) {
        let code = azure_functions::app().run_with(&["--durable-task".to_owned(), address]);
        std::process::exit(code.into());
    }
}

#[func(activity)]
fn add_one_alone(number: u64) -> u64 {
    number + 1
}

/// Adds one, three times.
#[func(orchestration)]
async fn add_three(context: DurableOrchestrationContext<u64>) -> Result<u64, CallError> {
    let mut number = context.input();
    for _ in 0..3 {
        number = context.call::<add_one_alone>(number).await?;
    }
    Ok(number)
}

#[func(activity)]
fn refuses(text: String) -> Result<String, std::io::Error> {
    Err(std::io::Error::other(format!("no {text}")))
}

#[func(orchestration)]
async fn fan_out_alone(context: DurableOrchestrationContext<u64>) -> Result<u64, CallError> {
    let calls = (0..context.input()).map(|number| context.call::<add_one_alone>(number));
    Ok(context.try_join_all(calls).await?.into_iter().sum())
}

#[func(orchestration)]
async fn fails_alone(context: DurableOrchestrationContext<Value>) -> Result<String, CallError> {
    context.call::<refuses>("tea".to_owned()).await
}

#[func(orchestration)]
async fn retries_alone(context: DurableOrchestrationContext<Value>) -> String {
    let options = RetryOptions::new(Duration::from_millis(20), 3);
    let result = context.call::<refuses>("coffee".to_owned()).retry(&options).await;
    result.unwrap_or_else(|error| error.to_string())
}

#[func(orchestration)]
async fn waits_alone(context: DurableOrchestrationContext<Value>) -> Result<Value, CallError> {
    context.set_custom_status("waiting");
    let answer: Value = context.wait_for_event("answer").await;
    context.create_timer_after(Duration::from_millis(20)).await;
    Ok(json!({"answer": answer, "sum": context.call_sub::<fan_out_alone>(4_u64).await?}))
}

#[func(orchestration)]
async fn counts_down(context: DurableOrchestrationContext<u64>) -> String {
    match context.input() {
        0 => "lift-off".to_owned(),
        left => context.start_over(left - 1).await,
    }
}

#[func]
fn tally(context: DurableEntityContext) -> Result<EntityOutput, EntityError> {
    match context.operation() {
        "add" => {
            let sum = context.state::<u64>()?.unwrap_or(0) + context.input_as::<u64>()?;
            context.set_state(&sum)?;
            Ok(sum.into())
        }
        _ => Err(context.unknown_operation(["add"])),
    }
}

#[func(orchestration)]
async fn tallies(context: DurableOrchestrationContext<u64>) -> Result<Value, BoxError> {
    let tally = EntityId::new("tally", context.instance_id())?;
    context.signal_entity(&tally, "add", 1)?;
    Ok(context.call_entity(&tally, "add", context.input()).await?)
}

/// A worker process.
struct WorkerProcess {
    process: Child,
    log: std::path::PathBuf,
}

impl WorkerProcess {
    fn start(server: &str, folder: &Path, name: &str) -> Self {
        let log = folder.join(format!("{name}.log"));
        let console = File::create(&log).unwrap();
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "self_hosted::worker_of_this_binary", "--nocapture"])
            .env(SERVER, server)
            .stdin(Stdio::null())
            .stdout(console.try_clone().unwrap())
            .stderr(console)
            .spawn()
            .unwrap();
        Self { process, log }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn is_connected(&self) -> bool {
        self.log().contains("connected to the Durable Task server")
    }

    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the worker does not end: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            println!("--- {}\n{}", self.log.display(), self.log());
        }
    }
}

fn client(grpc: &str) -> OrchestrationClient {
    let address: ServerAddress = grpc.parse().unwrap();
    OrchestrationClient::open(&address).unwrap()
}

/// Starts instances `prefix-0`, … of `add_three`, each with its number.
async fn start_all(client: &OrchestrationClient, prefix: &str, count: u64) {
    for batch in (0..count).collect::<Vec<_>>().chunks(50) {
        let starts = batch.iter().map(|number| {
            client
                .start_orchestration("add_three", number)
                .instance_id(format!("{prefix}-{number}"))
                .into_future()
        });
        for started in futures_util::future::join_all(starts).await {
            started.unwrap();
        }
    }
}

/// How many instances have ended so.
fn count(hub: &Hub, status: &str) -> usize {
    let found = hub.get(&format!("instances?runtimeStatus={status}&top=5000&showInput=false"));
    found.as_array().map_or(0, Vec::len)
}

#[test]
fn two_workers_share_the_work_while_one_is_killed_one_stops_and_the_hub_is_killed_twice() {
    const INSTANCES: u64 = 1_000;
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let runtime = Runtime::new().unwrap();
    let mut hub = Hub::start(&data);
    let address = hub.grpc.clone();
    let port = address.rsplit_once(':').unwrap().1.to_owned();
    let mut killed = WorkerProcess::start(&address, folder.path(), "killed");
    let mut polite = WorkerProcess::start(&address, folder.path(), "polite");
    runtime.block_on(start_all(&client(&address), "shared", INSTANCES));

    let limit = Duration::from_secs(120);
    let reach = |hub: &Hub, share: u64| {
        let wanted = usize::try_from(INSTANCES * share / 100).unwrap();
        until_within(limit, "instances complete", || count(hub, "Completed") >= wanted);
    };
    let restart = |mut hub: Hub| {
        hub.process.kill().unwrap();
        hub.process.wait().unwrap();
        drop(hub);
        Hub::start_on(&data, &port)
    };
    reach(&hub, 10);
    signal(killed.process.id(), "-KILL");
    killed.wait();
    let _next = WorkerProcess::start(&address, folder.path(), "next");
    reach(&hub, 30);
    hub = restart(hub);
    reach(&hub, 50);
    signal(polite.process.id(), "-TERM");
    assert_eq!(polite.wait().code(), Some(0), "{}", polite.log());
    reach(&hub, 70);
    hub = restart(hub);
    reach(&hub, 100);

    // Each result counts once.
    for number in (0..INSTANCES).step_by(10) {
        let path = format!("instances/shared-{number}?showHistory=true&showHistoryOutput=true");
        let status = hub.get(&path);
        assert_eq!(status["output"], number + 3, "{status}");
        let results: Vec<_> = status["historyEvents"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|event| event["EventType"] == "TaskCompleted")
            .map(|event| event["Result"].as_u64().unwrap())
            .collect();
        assert_eq!(results, [number + 1, number + 2, number + 3]);
    }
    let all = hub.get("instances?top=5000&showInput=false");
    assert!(
        all.as_array()
            .unwrap()
            .iter()
            .all(|status| status["runtimeStatus"] == "Completed")
    );
}

#[test]
fn a_worker_that_is_there_before_its_server_takes_work_when_that_comes() {
    let folder = TempDir::new().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let address = format!("127.0.0.1:{port}");
    let mut worker = WorkerProcess::start(&address, folder.path(), "early");
    until_within(LIMIT, "it tries", || worker.log().contains("cannot take work"));
    let hub = Hub::start_on(&folder.path().join("data"), &port.to_string());
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let client = client(&hub.grpc);
        let run = async |name: &str, input: Value| {
            let id = client.start_orchestration(name, input).await.unwrap();
            let ended = client
                .wait_for_completion(&id, LIMIT, Duration::from_millis(50))
                .await
                .unwrap();
            serde_json::to_value(ended.status()).unwrap()
        };
        assert_eq!(run("fan_out_alone", json!(20)).await["output"], 210);
        let failed = run("fails_alone", json!(null)).await;
        assert_eq!(failed["runtimeStatus"], "Failed", "{failed}");
        assert!(failed["output"].to_string().contains("no tea"), "{failed}");
        assert_eq!(run("counts_down", json!(3)).await["output"], "lift-off");
        assert_eq!(run("tallies", json!(5)).await["output"], 6);
    });
    signal(worker.process.id(), "-INT");
    assert_eq!(worker.wait().code(), Some(0), "{}", worker.log());
    let log = worker.log();
    assert!(log.contains("these functions need a Functions host"), "{log}");
    assert!(is_alive(hub.process.id()));
}

#[test]
fn the_console_of_the_hub_tells_which_workers_come_and_go_and_once_what_waits_for_one() {
    let folder = TempDir::new().unwrap();
    let hub = Hub::start(&folder.path().join("data"));
    let runtime = Runtime::new().unwrap();
    let client = client(&hub.grpc);
    runtime.block_on(async {
        for _ in 0..3 {
            client.start_orchestration("counts_down", 0).await.unwrap();
        }
        client.start_orchestration("not_here", 0).await.unwrap();
    });
    let mut worker = WorkerProcess::start(&hub.grpc, folder.path(), "told");
    until_within(LIMIT, "instances complete", || count(&hub, "Completed") == 3);
    signal(worker.process.id(), "-TERM");
    assert_eq!(worker.wait().code(), Some(0), "{}", worker.log());
    until_within(LIMIT, "it is told", || hub.log().contains("has disconnected"));
    let log = hub.log();
    let told = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    for name in ["counts_down", "not_here"] {
        let waits = format!("orchestration '{name}' waits: no worker that is connected takes it");
        assert_eq!(told(&waits), 1, "{log}");
    }
    assert_eq!(told("worker 1 (Rust, azure-functions-rust/"), 2, "{log}");
    assert_eq!(
        told("has connected to task hub 'default': it takes the orchestrations 'add_three', "),
        1,
        "{log}"
    );
    assert_eq!(told("has disconnected from task hub 'default'"), 1, "{log}");
}

#[test]
fn the_worker_works_for_the_in_memory_backend_of_python() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => {
            println!("SKIPPED: Python with the package durabletask cannot be had: {reason}");
            return;
        }
    };
    let folder = TempDir::new().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/languages/python_backend.py");
    let mut backend = Command::new(python)
        .arg(script)
        .arg(port.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(backend.stdout.take().unwrap());
    let mut first = String::new();
    told.read_line(&mut first).unwrap();
    assert_eq!(first, "serving\n");
    let mut worker = WorkerProcess::start(&format!("127.0.0.1:{port}"), folder.path(), "of-python");
    until_within(LIMIT, "it is connected", || worker.is_connected());
    let mut stories = String::new();
    told.read_to_string(&mut stories).unwrap();
    let mut complaints = String::new();
    backend.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
    let status = backend.wait().unwrap();
    assert!(
        status.success() && stories.ends_with("all done\n"),
        "{stories}\n{complaints}\n{}",
        worker.log()
    );
    signal(worker.process.id(), "-TERM");
    assert_eq!(worker.wait().code(), Some(0), "{}", worker.log());
}
