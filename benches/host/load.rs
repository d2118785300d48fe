//! So many requests in flight, one after the other on a connection each.

use std::time::{Duration, Instant};

use super::{
    Failure, Figures,
    client::Client,
    expect, megabytes, milliseconds,
    process::{App, Host, Usage},
};

/// More than anything here takes on a busy machine, in seconds.
const PATIENCE: u64 = 300;

/// One request, sent again and again.
pub(crate) trait Load: Copy + 'static {
    async fn send(self, client: &mut Client) -> Result<(), Failure>;
}

/// The starter of the example, given a body that is no JSON: it binds its parameters, looks at the body, and refuses.
#[derive(Clone, Copy)]
pub(crate) struct Trivial;

impl Load for Trivial {
    async fn send(self, client: &mut Client) -> Result<(), Failure> {
        let (status, _) = client.post("/api/orchestrators/sequence", "no JSON").await?;
        expect(status == 400, || format!("the starter answered {status}"))
    }
}

/// `sequence` of the example, started and awaited by one request.
#[derive(Clone, Copy)]
pub(crate) struct Sequence;

impl Load for Sequence {
    async fn send(self, client: &mut Client) -> Result<(), Failure> {
        let (status, body) = client.post(&start_and_wait("sequence"), "").await?;
        // Python writes blanks between the texts.
        let greetings: [&str; 3] = serde_json::from_str(&body).unwrap_or_default();
        expect(
            status == 200 && greetings == ["Hello Tokyo!", "Hello London!", "Hello Seattle!"],
            || format!("sequence: {status} {body}"),
        )
    }
}

/// The path that starts an orchestration and answers once it has ended.
pub(crate) fn start_and_wait(name: &str) -> String {
    format!("/runtime/webhooks/durabletask/orchestrators/{name}?timeout={PATIENCE}&pollingInterval=1")
}

pub(crate) fn heading(title: &str) {
    println!("\n{title}");
    println!(
        "{:>10}{:>16}{:>10}{:>10}{:>14}{:>16}{:>10}{:>12}",
        "in flight", "per second", "p50 ms", "p99 ms", "host CPU µs", "worker CPU µs", "host MB", "worker MB"
    );
}

/// Keeps so many requests in flight at a host of the app, and prints a row.
pub(crate) async fn measure(load: impl Load, in_flight: usize, figures: Figures) -> Result<(), Failure> {
    let app = App::new()?;
    measure_at(Host::start(&app)?, load, in_flight, figures).await
}

/// Keeps so many requests in flight, each on a connection of its own, prints a row, and stops the host.
pub(crate) async fn measure_at(host: Host, load: impl Load, in_flight: usize, figures: Figures) -> Result<(), Failure> {
    let local = tokio::task::LocalSet::new();
    let results = local
        .run_until(async {
            run(load, host.port, in_flight, figures.warm_up()).await?;
            let (host_before, worker_before) = (host.usage()?, host.worker_usage()?);
            let begun = Instant::now();
            let latencies = run(load, host.port, in_flight, figures.window()).await?;
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
