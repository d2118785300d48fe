//! HTTP invocations and episodes through the worker alone: a scripted host on loopback, and this same binary as the worker process.
//!
//! `cargo bench -p azure-functions --bench worker`; an argument picks the functions whose name contains it. Host and worker share the machine's cores, as they do in production.

#[path = "../tests/worker/host.rs"]
mod host;

use azure_functions::{
    bindings::DurableOrchestrationContext,
    durable::CallError,
    func,
    http::{HttpRequest, HttpResponse},
    rpc::{
        InvocationRequest, NullableString, ParameterBinding, RpcHttp, RpcTraceContext, StreamingMessage, TypedData,
        WorkerInitRequest, nullable_string, parameter_binding::RpcData, status_result::Status,
        streaming_message::Content, typed_data::Data,
    },
};
use host::{Connection, Host};
use std::{
    collections::HashMap,
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

#[func]
async fn hello(_request: HttpRequest) -> HttpResponse {
    "Hello from Rust!".into()
}

#[func]
fn hello_blocking(_request: HttpRequest) -> HttpResponse {
    "Hello from Rust!".into()
}

#[func(activity)]
fn square(number: i64) -> i64 {
    number * number
}

/// The orchestration whose turns were recorded: three rounds of 40 activities at once.
#[func(orchestration)]
async fn rounds(context: DurableOrchestrationContext) -> Result<i64, CallError> {
    let mut sum = 0;
    for _ in 0..3 {
        let squares = context
            .try_join_all((1..=40).map(|number| context.call::<square>(number)))
            .await?;
        sum += squares.iter().sum::<i64>();
    }
    Ok(sum)
}

/// The last turn of that, as the durable extension sent it: 120 activities in 12.5 kB. The output is 66,420.
fn last_turn() -> &'static str {
    let turns = include_str!("../tests/recorded/protobuf/long_history.tsv");
    turns.lines().last().unwrap().split('\t').nth(1).unwrap()
}

/// Each measurement runs for this long, after as much again to warm up.
const WINDOW: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    if std::env::args().any(|a| a == "--functions-uri") {
        return azure_functions::worker_main();
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let picked = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
        if picked.is_none() {
            starts().await;
        }
        throughput(&picked.unwrap_or_default()).await;
    });
    ExitCode::SUCCESS
}

struct Worker {
    process: Child,
    connection: Connection,
    ids: HashMap<String, String>,
}

impl Worker {
    async fn start() -> Self {
        let mut host = Host::listen().await;
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(host.arguments()).stdin(Stdio::null());
        let process = command.spawn().unwrap();
        let mut connection = host.accept().await;
        let ids = connection.start(WorkerInitRequest::default()).await;
        Self {
            process,
            connection,
            ids,
        }
    }

    /// Resident memory in megabytes.
    fn resident(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
        kilobytes.unwrap_or(f64::NAN) / 1024.0
    }

    /// Processor time of all threads, in microseconds.
    fn processor_time(&self) -> f64 {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.process.id()));
        let nanos = threads.into_iter().flatten().flatten().filter_map(|thread| {
            let times = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            times.split(' ').next()?.parse::<f64>().ok()
        });
        nanos.sum::<f64>() / 1e3
    }

    async fn end(mut self) {
        drop(self.connection);
        tokio::task::spawn_blocking(move || self.process.wait())
            .await
            .unwrap()
            .unwrap();
    }
}

async fn starts() {
    let (mut times, mut resident) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        let begun = Instant::now();
        let mut worker = Worker::start().await;
        send(&worker.connection, request("first", &worker.ids["hello"]));
        answered(&mut worker.connection).await;
        times.push(begun.elapsed());
        resident.push(worker.resident());
        worker.end().await;
    }
    times.sort();
    resident.sort_by(f64::total_cmp);
    println!(
        "spawn to first answer: median {:.1} ms, worst {:.1} ms; resident then: median {:.1} MB, worst {:.1} MB",
        milliseconds(times[times.len() / 2]),
        milliseconds(times[times.len() - 1]),
        resident[resident.len() / 2],
        resident[resident.len() - 1],
    );
}

async fn throughput(picked: &str) {
    println!(
        "{:<16}{:>10}{:>16}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "function", "in flight", "invocations/s", "CPU µs", "p50 µs", "p99 µs", "max µs", "RSS MB"
    );
    for (function, amounts) in [("hello", [1, 64]), ("hello_blocking", [1, 64]), ("rounds", [1, 16])] {
        if !function.contains(picked) {
            continue;
        }
        for in_flight in amounts {
            let mut worker = Worker::start().await;
            run(&mut worker, function, in_flight).await;
            let before = worker.processor_time();
            let mut latencies = run(&mut worker, function, in_flight).await;
            let processor_time = worker.processor_time() - before;
            latencies.sort();
            let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_nanos() as f64 / 1e3;
            println!(
                "{function:<16}{in_flight:>10}{:>16.0}{:>10.1}{:>10.0}{:>10.0}{:>10.0}{:>10.1}",
                latencies.len() as f64 / WINDOW.as_secs_f64(),
                processor_time / latencies.len() as f64,
                at(0.5),
                at(0.99),
                at(1.0),
                worker.resident(),
            );
            worker.end().await;
        }
    }
}

/// Keeps this many invocations in flight; gives the latency of each.
async fn run(worker: &mut Worker, function: &str, in_flight: usize) -> Vec<Duration> {
    let id = worker.ids[function].clone();
    let request = match function {
        "rounds" => turn,
        _ => request,
    };
    let connection = &mut worker.connection;
    let mut begun = vec![Instant::now(); in_flight];
    let mut latencies = Vec::with_capacity(1 << 20);
    let start = Instant::now();
    let mut sequence = 0_u64;
    for (slot, begun) in begun.iter_mut().enumerate() {
        *begun = Instant::now();
        send(connection, request(&invocation_id(slot, 0), &id));
    }
    let mut running = in_flight;
    while running > 0 {
        let answered = answered(connection).await;
        let slot = usize::from_str_radix(&answered[..8], 16).unwrap();
        let now = Instant::now();
        latencies.push(now - begun[slot]);
        if now - start < WINDOW {
            sequence += 1;
            begun[slot] = now;
            send(connection, request(&invocation_id(slot, sequence), &id));
        } else {
            running -= 1;
        }
    }
    latencies
}

fn invocation_id(slot: usize, sequence: u64) -> String {
    format!("{slot:08x}-0000-4000-8000-{sequence:012x}")
}

async fn answered(connection: &mut Connection) -> String {
    let message = connection
        .from_worker
        .message()
        .await
        .unwrap()
        .expect("the stream goes on");
    match message.content {
        Some(Content::InvocationResponse(response)) => {
            let result = response.result.unwrap();
            assert_eq!(result.status(), Status::Success, "{result:?}");
            if let Some(Data::String(turn)) = response.return_value.and_then(|value| value.data) {
                assert!(turn.starts_with("CgZyb3VuZHMS"), "{turn}");
            }
            response.invocation_id
        }
        other => panic!("unexpected {other:?}"),
    }
}

fn send(connection: &Connection, request: InvocationRequest) {
    let message = StreamingMessage {
        request_id: String::new(),
        content: Some(Content::InvocationRequest(request)),
    };
    connection.to_worker.send(Ok(message)).unwrap();
}

/// A turn of an orchestration. Hosts send its payload a second time, as trigger metadata.
fn turn(id: &str, function_id: &str) -> InvocationRequest {
    let payload = || TypedData {
        data: Some(Data::String(last_turn().to_owned())),
    };
    InvocationRequest {
        invocation_id: id.to_owned(),
        function_id: function_id.to_owned(),
        input_data: vec![ParameterBinding {
            name: "context".to_owned(),
            rpc_data: Some(RpcData::Data(payload())),
        }],
        trigger_metadata: HashMap::from([("context".to_owned(), payload())]),
        ..Default::default()
    }
}

/// A small GET as a host describes it to a worker of our capabilities.
fn request(id: &str, function_id: &str) -> InvocationRequest {
    let text = |value: &str| NullableString {
        string: Some(nullable_string::String::Value(value.to_owned())),
    };
    let headers = [
        ("host", "localhost:7071"),
        ("user-agent", "benchmark/1.0"),
        ("accept", "*/*"),
        ("accept-encoding", "gzip, br"),
    ];
    let http = RpcHttp {
        method: "GET".to_owned(),
        url: "http://localhost:7071/api/hello?name=you".to_owned(),
        nullable_headers: headers.iter().map(|(n, v)| ((*n).to_owned(), text(v))).collect(),
        nullable_query: HashMap::from([("name".to_owned(), text("you"))]),
        ..Default::default()
    };
    let json = |text: &str| TypedData {
        data: Some(Data::Json(text.to_owned())),
    };
    InvocationRequest {
        invocation_id: id.to_owned(),
        function_id: function_id.to_owned(),
        input_data: vec![ParameterBinding {
            name: "request".to_owned(),
            rpc_data: Some(RpcData::Data(TypedData {
                data: Some(Data::Http(Box::new(http))),
            })),
        }],
        trigger_metadata: HashMap::from([
            ("Query".to_owned(), json(r#"{"name":"you"}"#)),
            (
                "Headers".to_owned(),
                json(r#"{"host":"localhost:7071","user-agent":"benchmark/1.0","accept":"*/*"}"#),
            ),
            ("name".to_owned(), json(r#""you""#)),
        ]),
        trace_context: Some(RpcTraceContext {
            trace_parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
