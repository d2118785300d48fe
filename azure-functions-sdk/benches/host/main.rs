//! The whole product under load: `cargo-func run` with `examples/durable-functions`, driven over HTTP on loopback.
//!
//! `cargo bench -p azure-functions-sdk --bench host` measures everything; `-- NAME…` only the parts named (`start`, `http`,
//! `orchestrations`, `fan-out`, `eternal`), and a number there only with so many in flight. Host, worker and the load that
//! this process makes share the machine's cores. The state is on disk, and the log is written (to a file), as it is for a
//! user. CPU time is user and system time. Linux only: `/proc` tells about the processes.

mod client;
mod process;

use std::time::{Duration, Instant};

use client::Client;
use process::{Host, Usage};

/// Each measurement runs for this long, after a short time to warm up.
const WINDOW: Duration = Duration::from_secs(4);
const WARM_UP: Duration = Duration::from_secs(1);
/// More than anything here takes on a busy machine.
const PATIENCE: u64 = 300;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let (numbers, parts): (Vec<_>, Vec<_>) = wanted.iter().partition(|name| name.parse::<usize>().is_ok());
    let wants = |part: &str| parts.is_empty() || parts.iter().any(|name| *name == part);
    let wants_number = |number: usize| numbers.is_empty() || numbers.iter().any(|text| **text == number.to_string());
    process::build()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if wants("start") {
            start().await?;
        }
        if wants("http") {
            heading("HTTP invocations of a function that answers at once");
            for in_flight in [1, 64].into_iter().filter(|number| wants_number(*number)) {
                measure(Trivial, in_flight).await?;
            }
        }
        if wants("orchestrations") {
            heading("orchestrations, three activities in sequence, from start to completion");
            for in_flight in [1, 16, 256].into_iter().filter(|number| wants_number(*number)) {
                measure(Sequence, in_flight).await?;
            }
        }
        if wants("fan-out") {
            fan_out().await?;
        }
        if wants("eternal") {
            eternal().await?;
        }
        Ok(())
    })
}

/// From the start of the process to the first answer of a function. `run` asks cargo first whether anything must be built.
async fn start() -> Result<(), Failure> {
    let (mut whole, mut cargo) = (Vec::new(), Vec::new());
    let (mut host_memory, mut worker_memory) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let begun = Instant::now();
        process::build()?;
        cargo.push(begun.elapsed());
        let begun = Instant::now();
        let host = Host::start()?;
        Trivial.send(&mut Client::connect(host.port).await?).await?;
        whole.push(begun.elapsed());
        host_memory.push(host.usage()?.memory);
        worker_memory.push(host.worker_usage()?.memory);
        host.stop()?;
    }
    println!(
        "\nspawn of `cargo-func run` to first answer: {:.0} ms, of which cargo's own check takes {:.0} ms; resident then: \
         host {:.1} MB, worker {:.1} MB (medians of {})",
        milliseconds(median(&mut whole)),
        milliseconds(median(&mut cargo)),
        megabytes(median(&mut host_memory)),
        megabytes(median(&mut worker_memory)),
        whole.len(),
    );
    Ok(())
}

/// One request, sent again and again.
trait Load: Copy + 'static {
    async fn send(self, client: &mut Client) -> Result<(), Failure>;
}

/// The starter of the example, given a body that is no JSON: it binds its parameters, looks at the body, and refuses.
#[derive(Clone, Copy)]
struct Trivial;

impl Load for Trivial {
    async fn send(self, client: &mut Client) -> Result<(), Failure> {
        let (status, _) = client.post("/api/orchestrators/sequence", "no JSON").await?;
        expect(status == 400, || format!("the starter answered {status}"))
    }
}

/// `sequence` of the example, started and awaited by one request.
#[derive(Clone, Copy)]
struct Sequence;

impl Load for Sequence {
    async fn send(self, client: &mut Client) -> Result<(), Failure> {
        let (status, body) = client.post(&start_and_wait("sequence"), "").await?;
        expect(
            status == 200 && body == r#"["Hello Tokyo!","Hello London!","Hello Seattle!"]"#,
            || format!("sequence: {status} {body}"),
        )
    }
}

fn start_and_wait(name: &str) -> String {
    format!("/runtime/webhooks/durabletask/orchestrators/{name}?timeout={PATIENCE}&pollingInterval=1")
}

/// Keeps so many requests in flight, each on a connection of its own, and prints a row.
async fn measure(load: impl Load, in_flight: usize) -> Result<(), Failure> {
    let host = Host::start()?;
    let local = tokio::task::LocalSet::new();
    let results = local
        .run_until(async {
            run(load, host.port, in_flight, WARM_UP).await?;
            let (host_before, worker_before) = (host.usage()?, host.worker_usage()?);
            let begun = Instant::now();
            let latencies = run(load, host.port, in_flight, WINDOW).await?;
            let elapsed = begun.elapsed();
            let used = (
                host.usage()?.since(&host_before),
                host.worker_usage()?.since(&worker_before),
            );
            Ok::<_, Failure>((latencies, elapsed, used))
        })
        .await?;
    let (mut latencies, elapsed, (host_used, worker_used)) = results;
    latencies.sort();
    let at = |share: f64| milliseconds(latencies[((latencies.len() - 1) as f64 * share) as usize]);
    let each = |usage: &Usage| usage.cpu.as_secs_f64() * 1e6 / latencies.len() as f64;
    println!(
        "{in_flight:>10}{:>16.0}{:>10.2}{:>10.2}{:>14.0}{:>16.0}{:>10.1}{:>12.1}",
        latencies.len() as f64 / elapsed.as_secs_f64(),
        at(0.5),
        at(0.99),
        each(&host_used),
        each(&worker_used),
        megabytes(host_used.memory),
        megabytes(worker_used.memory),
    );
    host.stop()
}

async fn run(load: impl Load, port: u16, in_flight: usize, window: Duration) -> Result<Vec<Duration>, Failure> {
    let mut clients = Vec::with_capacity(in_flight);
    for _ in 0..in_flight {
        clients.push(Client::connect(port).await?);
    }
    let begun = Instant::now();
    let loops = clients.into_iter().map(|mut client| {
        tokio::task::spawn_local(async move {
            let mut latencies = Vec::new();
            while begun.elapsed() < window {
                let sent = Instant::now();
                load.send(&mut client).await.map_err(|error| error.to_string())?;
                latencies.push(sent.elapsed());
            }
            Ok::<_, String>(latencies)
        })
    });
    let mut all = Vec::new();
    for one in loops.collect::<Vec<_>>() {
        all.extend(one.await??);
    }
    Ok(all)
}

async fn fan_out() -> Result<(), Failure> {
    const COUNT: u64 = 10_000;
    let host = Host::start()?;
    let mut client = Client::connect(host.port).await?;
    let begun = Instant::now();
    let (status, body) = client.post(&start_and_wait("fan_out"), &COUNT.to_string()).await?;
    let elapsed = begun.elapsed();
    let sum = COUNT * (COUNT + 1) * (2 * COUNT + 1) / 6;
    expect(status == 200 && body == sum.to_string(), || {
        format!("fan_out: {status} {body}")
    })?;
    println!(
        "\nfan-out of {COUNT} activities: {:.2} s; resident then: host {:.1} MB, worker {:.1} MB; database {:.1} MB",
        elapsed.as_secs_f64(),
        megabytes(host.usage()?.memory),
        megabytes(host.worker_usage()?.memory),
        megabytes(host.database_size()?),
    );
    host.stop()
}

/// An orchestration that never ends must not grow: compares generation 1,000 with the last of 10,000.
async fn eternal() -> Result<(), Failure> {
    const GENERATIONS: u64 = 10_000;
    const EARLY: u64 = 1_000;
    let host = Host::start()?;
    let mut client = Client::connect(host.port).await?;
    let begun = Instant::now();
    let start = "/runtime/webhooks/durabletask/orchestrators/looping/eternal";
    let input = format!("{{\"left\":{GENERATIONS}}}");
    let (status, body) = client.post(start, &input).await?;
    expect(status == 202, || format!("looping: {status} {body}"))?;
    let mut early = None;
    loop {
        let (status, body) = client.get("/runtime/webhooks/durabletask/instances/eternal").await?;
        let instance: serde_json::Value = serde_json::from_str(&body)?;
        if status == 200 {
            expect(instance["runtimeStatus"] == "Completed", || format!("looping: {body}"))?;
            break;
        }
        let left = instance["input"]["left"].as_u64().unwrap_or(GENERATIONS);
        if early.is_none() && left <= GENERATIONS - EARLY {
            early = Some(Size::of(&host)?);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let elapsed = begun.elapsed();
    let early = early.ok_or("the orchestration ended before it was looked at")?;
    let late = Size::of(&host)?;
    println!(
        "\neternal orchestration, {GENERATIONS} generations with an activity each: {:.1} s ({:.0} generations/s)",
        elapsed.as_secs_f64(),
        GENERATIONS as f64 / elapsed.as_secs_f64()
    );
    println!("{:<24}{:>14}{:>14}{:>9}", "", "at 1,000", "at 10,000", "growth");
    for (name, before, after) in [
        ("host, resident", early.host, late.host),
        ("worker, resident", early.worker, late.worker),
        ("database with its log", early.database, late.database),
    ] {
        let growth = after as f64 / before as f64 - 1.0;
        println!(
            "{name:<24}{:>11.1} MB{:>11.1} MB{:>8.1}%",
            megabytes(before),
            megabytes(after),
            growth * 100.0
        );
        expect(growth <= 0.1, || format!("{name} grew by more than a tenth"))?;
    }
    host.stop()
}

struct Size {
    host: u64,
    worker: u64,
    database: u64,
}

impl Size {
    fn of(host: &Host) -> Result<Self, Failure> {
        Ok(Self {
            host: host.usage()?.memory,
            worker: host.worker_usage()?.memory,
            database: host.database_size()?,
        })
    }
}

fn heading(title: &str) {
    println!("\n{title}");
    println!(
        "{:>10}{:>16}{:>10}{:>10}{:>14}{:>16}{:>10}{:>12}",
        "in flight", "per second", "p50 ms", "p99 ms", "host CPU µs", "worker CPU µs", "host MB", "worker MB"
    );
}

fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(otherwise().into()) }
}

fn median<T: Ord + Copy>(values: &mut [T]) -> T {
    values.sort();
    values[values.len() / 2]
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}
