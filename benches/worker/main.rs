//! HTTP invocations and episodes through the worker alone: a scripted host on loopback, and this same program as the worker process.
//! Beside every figure stands that of the [echo worker](echo), the limit.
//!
//! `cargo bench --bench worker`; arguments pick the functions of these names, `start`, and numbers of invocations in flight. Host and
//! worker share the machine's cores, as they do in production. Both workers are measured in turn, again and again, so that a busy machine
//! slows both; medians of the rounds are printed. Linux only: `/proc` tells about the processes.
//!
//! With `WORKER_PROGRAM`, the path of an app, only its start is measured: up to the answer of the function that `WORKER_FUNCTION` names.

mod echo;
#[path = "../../azure-functions/tests/worker/host.rs"]
mod host;
mod http2;
#[path = "../mode.rs"]
mod mode;
mod process;
mod requests;

use azure_functions::{
    bindings::DurableOrchestrationContext,
    durable::CallError,
    func,
    http::{HttpRequest, HttpResponse},
    rpc::{
        InvocationRequest, InvocationResponse, StreamingMessage, status_result::Status, streaming_message::Content,
        typed_data::Data,
    },
};
use host::Connection;
use process::{Kind, Worker};
use std::{
    path::Path,
    process::{Command, ExitCode},
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

/// What is measured, and with how many in flight.
const MEASURED: [(&str, &[usize]); 3] = [
    ("hello", &[1, 16, 64]),
    ("hello_blocking", &[1, 16, 64]),
    ("rounds", &[1, 16]),
];

/// How often, and for how long.
struct Effort {
    starts: usize,
    rounds: usize,
    window: Duration,
}

const FULL: Effort = Effort {
    starts: 21,
    rounds: 5,
    window: Duration::from_secs(1),
};
const QUICK: Effort = Effort {
    starts: 1,
    rounds: 1,
    window: Duration::from_millis(20),
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(option) = arguments.iter().position(|argument| argument == "--functions-uri") {
        if std::env::var_os(echo::SETTING).is_none() {
            return azure_functions::worker_main();
        }
        return match echo::run(&arguments[option + 1], &MEASURED.map(|(function, _)| function)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("the echo worker: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let effort = if mode::is_quick() { QUICK } else { FULL };
    let picked = mode::picked();
    let (numbers, names): (Vec<_>, Vec<_>) = picked.iter().partition(|argument| argument.parse::<usize>().is_ok());
    let wants = |name: &str| names.is_empty() || names.iter().any(|picked| *picked == name);
    let wants_number =
        |number: usize| numbers.is_empty() || numbers.iter().any(|picked| **picked == number.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    if let Some(program) = std::env::var_os("WORKER_PROGRAM") {
        let function = std::env::var("WORKER_FUNCTION").expect("WORKER_FUNCTION names a function of the app");
        runtime.block_on(starts_of(Path::new(&program), &function, &effort));
        return ExitCode::SUCCESS;
    }
    runtime.block_on(async {
        if wants("start") {
            starts(&effort).await;
        }
        println!(
            "\n{:<16}{:>10}  {:<6}{:>16}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>12}",
            "function",
            "in flight",
            "worker",
            "invocations/s",
            "CPU µs",
            "p50 µs",
            "p99 µs",
            "max µs",
            "RSS MB",
            "peak MB",
            "host CPU µs"
        );
        for (function, amounts) in MEASURED {
            for in_flight in amounts
                .iter()
                .copied()
                .filter(|number| wants(function) && wants_number(*number))
            {
                compare(function, in_flight, &effort).await;
            }
        }
    });
    ExitCode::SUCCESS
}

/// From the start of an app to the first answer of one of its functions, which may be that it fails.
async fn starts_of(program: &Path, function: &str, effort: &Effort) {
    let (mut times, mut memory) = (Vec::new(), Vec::new());
    let mut answer = None;
    for _ in 0..effort.starts {
        let begun = Instant::now();
        let mut worker = Worker::run(Command::new(program)).await;
        let id = worker.ids.get(function);
        let id = id.unwrap_or_else(|| panic!("{} has no function '{function}'", program.display()));
        send(&worker.connection, requests::get(&invocation_id(0, 0), id));
        answer = Some(next_answer(&mut worker.connection).await);
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        memory.push(worker.memory().0);
        worker.end().await;
    }
    println!(
        "{}: spawn to first answer ({:?}) {:.1} ms, at most {:.1} ms; resident then {:.1} MB",
        program.display(),
        answer
            .expect("it was started")
            .result
            .expect("an answer has a result")
            .status(),
        median(&mut times),
        times[times.len() - 1],
        median(&mut memory),
    );
}

/// From the start of the process to the first answer.
async fn starts(effort: &Effort) {
    let mut figures = [(Vec::new(), Vec::new()), (Vec::new(), Vec::new())];
    for _ in 0..effort.starts {
        for (kind, (times, memory)) in Kind::BOTH.into_iter().zip(&mut figures) {
            let begun = Instant::now();
            let mut worker = Worker::start(kind).await;
            send(
                &worker.connection,
                requests::get(&invocation_id(0, 0), &worker.ids["hello"]),
            );
            answered(&mut worker.connection).await;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
            memory.push(worker.memory().0);
            worker.end().await;
        }
    }
    for (kind, (times, memory)) in Kind::BOTH.into_iter().zip(&mut figures) {
        println!(
            "{}: spawn to first answer {:.1} ms, at most {:.1} ms; resident then {:.1} MB, at most {:.1} MB",
            kind.name(),
            median(times),
            times[times.len() - 1],
            median(memory),
            memory[memory.len() - 1],
        );
    }
}

/// What one round shows.
struct Round {
    per_second: f64,
    /// Of the worker and the host, per invocation.
    processor: f64,
    host_processor: f64,
    p50: f64,
    p99: f64,
    max: f64,
}

async fn compare(function: &str, in_flight: usize, effort: &Effort) {
    let mut workers = [Worker::start(Kind::Ours).await, Worker::start(Kind::Echo).await];
    let mut rounds = [Vec::new(), Vec::new()];
    for worker in &mut workers {
        measure(worker, function, in_flight, effort.window).await;
    }
    for _ in 0..effort.rounds {
        for (worker, rounds) in workers.iter_mut().zip(&mut rounds) {
            rounds.push(measure(worker, function, in_flight, effort.window).await);
        }
    }
    for ((worker, rounds), kind) in workers.iter().zip(&rounds).zip(Kind::BOTH) {
        let of = |figure: fn(&Round) -> f64| median(&mut rounds.iter().map(figure).collect::<Vec<_>>());
        let (resident, peak) = worker.memory();
        println!(
            "{function:<16}{in_flight:>10}  {:<6}{:>16.0}{:>10.1}{:>10.0}{:>10.0}{:>10.0}{resident:>10.1}{peak:>10.1}{:>12.1}",
            kind.name(),
            of(|round| round.per_second),
            of(|round| round.processor),
            of(|round| round.p50),
            of(|round| round.p99),
            of(|round| round.max),
            of(|round| round.host_processor),
        );
    }
    let [ours, echo] = &rounds;
    let ratio = |figure: fn(&Round) -> f64| {
        let pairs = ours.iter().zip(echo).map(|(ours, echo)| figure(ours) / figure(echo));
        median(&mut pairs.collect::<Vec<_>>())
    };
    println!(
        "{:>28}ours / echo: p50 {:.2}, invocations/s {:.2}",
        "",
        ratio(|round| round.p50),
        ratio(|round| round.per_second)
    );
    for worker in workers {
        worker.end().await;
    }
}

async fn measure(worker: &mut Worker, function: &str, in_flight: usize, window: Duration) -> Round {
    let this = std::process::id();
    let (worker_before, host_before) = (worker.processor_time(), process::processor_time(this));
    let begun = Instant::now();
    let mut latencies = run(worker, function, in_flight, window).await;
    let elapsed = begun.elapsed().as_secs_f64();
    let count = latencies.len() as f64;
    let processor = (worker.processor_time() - worker_before) / count;
    let host_processor = (process::processor_time(this) - host_before) / count;
    latencies.sort_unstable();
    let at = |share: f64| latencies[((count - 1.0) * share) as usize].as_secs_f64() * 1e6;
    Round {
        per_second: count / elapsed,
        processor,
        host_processor,
        p50: at(0.5),
        p99: at(0.99),
        max: at(1.0),
    }
}

/// Keeps so many invocations in flight; gives the latency of each.
async fn run(worker: &mut Worker, function: &str, in_flight: usize, window: Duration) -> Vec<Duration> {
    let id = worker.ids[function].clone();
    let request = match function {
        "rounds" => requests::turn,
        _ => requests::get,
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
        if now - start < window {
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
    let response = next_answer(connection).await;
    let result = response.result.unwrap();
    assert_eq!(result.status(), Status::Success, "{result:?}");
    if let Some(Data::String(turn)) = response.return_value.and_then(|value| value.data) {
        assert!(turn.starts_with("CgZyb3VuZHMS"), "{turn}");
    }
    response.invocation_id
}

/// What the worker answers next; what an app writes to its log before is passed over.
async fn next_answer(connection: &mut Connection) -> InvocationResponse {
    loop {
        let message = connection.from_worker.message().await.unwrap();
        match message.expect("the stream goes on").content {
            Some(Content::InvocationResponse(response)) => return response,
            Some(Content::RpcLog(_)) => {}
            other => panic!("unexpected {other:?}"),
        }
    }
}

fn send(connection: &Connection, request: InvocationRequest) {
    let message = StreamingMessage {
        request_id: String::new(),
        content: Some(Content::InvocationRequest(request)),
    };
    connection.to_worker.send(Ok(message)).unwrap();
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
