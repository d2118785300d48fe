//! What grows, and must not grow faster than its history: long chains, monitors, events that wait; and what must not grow at all.

use std::time::{Duration, Instant};

use super::{
    Failure, Figures,
    client::Client,
    counted, expect,
    load::start_and_wait,
    megabytes,
    process::{App, Host},
};

const INSTANCES: &str = "/runtime/webhooks/durabletask/instances";

/// Chains of activities, monitors that look again and again, and instances for which events wait: a step of ten times as many takes as
/// long, and moves as many bytes.
pub(crate) async fn growth(figures: Figures) -> Result<(), Failure> {
    let sizes = figures.pick([1_000, 10_000], [10, 20]);
    println!(
        "\n{:<16}{:>8}{:>10}{:>14}{:>20}{:>22}{:>10}{:>12}",
        "history",
        "steps",
        "seconds",
        "µs per step",
        "bytes to the worker",
        "from it, per step",
        "host MB",
        "worker MB"
    );
    for name in ["chain", "looks", "takes_events"] {
        let mut per_step = Vec::new();
        for steps in sizes {
            let app = App::new()?;
            let host = Host::start(&app)?;
            let elapsed = one(&host, name, steps).await?;
            let (of_host, of_worker) = (host.usage()?.peak, host.worker_usage()?.peak);
            host.stop()?;
            // The relay costs time: it has a run of its own.
            let app = App::new()?;
            let counts = app.path("counts");
            let host = Host::start_counted(&app, &counts)?;
            one(&host, name, steps).await?;
            host.stop()?;
            let (received, sent) = counted::counts(&counts)?;
            let each = elapsed.as_secs_f64() * 1e6 / steps as f64;
            println!(
                "{name:<16}{steps:>8}{:>10.2}{each:>14.0}{:>20.0}{:>22.0}{:>10.1}{:>12.1}",
                elapsed.as_secs_f64(),
                received as f64 / steps as f64,
                sent as f64 / steps as f64,
                megabytes(of_host),
                megabytes(of_worker),
            );
            per_step.push(each);
        }
        println!(
            "{name:<16}time per step at {} over that at {}: {:.2}",
            sizes[1],
            sizes[0],
            per_step[1] / per_step[0]
        );
    }
    Ok(())
}

/// Runs an orchestration of so many steps to its end.
async fn one(host: &Host, name: &str, steps: usize) -> Result<Duration, Failure> {
    let mut client = Client::connect(host.port).await?;
    if name != "takes_events" {
        let begun = Instant::now();
        let (status, body) = client.post(&start_and_wait(name), &steps.to_string()).await?;
        expect(status == 200 && body == steps.to_string(), || {
            format!("{name}: {status} {body}")
        })?;
        return Ok(begun.elapsed());
    }
    let start = format!("/runtime/webhooks/durabletask/orchestrators/{name}/events");
    let (status, body) = client.post(&start, &steps.to_string()).await?;
    expect(status == 202, || format!("{name}: {status} {body}"))?;
    let begun = Instant::now();
    for _ in 0..steps {
        let (status, body) = client.post(&format!("{INSTANCES}/events/raiseEvent/news"), "1").await?;
        expect(status == 202, || format!("an event: {status} {body}"))?;
    }
    client.post(&format!("{INSTANCES}/events/raiseEvent/go"), "1").await?;
    until_ended(&mut client, "events").await?;
    Ok(begun.elapsed())
}

async fn until_ended(client: &mut Client, id: &str) -> Result<(), Failure> {
    loop {
        let (status, body) = client.get(&format!("{INSTANCES}/{id}?showInput=false")).await?;
        if status == 200 {
            let instance: serde_json::Value = serde_json::from_str(&body)?;
            return expect(instance["runtimeStatus"] == "Completed", || format!("{id}: {body}"));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub(crate) async fn fan_out(figures: Figures) -> Result<(), Failure> {
    let count = figures.pick(10_000, 100);
    let app = App::new()?;
    let host = Host::start(&app)?;
    let mut client = Client::connect(host.port).await?;
    let begun = Instant::now();
    let (status, body) = client.post(&start_and_wait("fan_out"), &count.to_string()).await?;
    let elapsed = begun.elapsed();
    let sum: u64 = count * (count + 1) * (2 * count + 1) / 6;
    expect(status == 200 && body == sum.to_string(), || {
        format!("fan_out: {status} {body}")
    })?;
    println!(
        "\nfan-out of {count} activities: {:.2} s; resident then: host {:.1} MB, worker {:.1} MB; database {:.1} MB",
        elapsed.as_secs_f64(),
        megabytes(host.usage()?.memory),
        megabytes(host.worker_usage()?.memory),
        megabytes(app.database_size()?),
    );
    host.stop()
}

/// An orchestration that never ends must not grow: compares an early generation with the last.
pub(crate) async fn eternal(figures: Figures) -> Result<(), Failure> {
    let generations: u64 = figures.pick(10_000, 50);
    let early_one = generations / 10;
    let app = App::new()?;
    let host = Host::start(&app)?;
    let mut client = Client::connect(host.port).await?;
    let begun = Instant::now();
    let start = "/runtime/webhooks/durabletask/orchestrators/looping/eternal";
    let input = format!("{{\"left\":{generations}}}");
    let (status, body) = client.post(start, &input).await?;
    expect(status == 202, || format!("looping: {status} {body}"))?;
    let mut early = None;
    loop {
        let (status, body) = client.get(&format!("{INSTANCES}/eternal")).await?;
        let instance: serde_json::Value = serde_json::from_str(&body)?;
        if status == 200 {
            expect(instance["runtimeStatus"] == "Completed", || format!("looping: {body}"))?;
            break;
        }
        let left = instance["input"]["left"].as_u64().unwrap_or(generations);
        if early.is_none() && left <= generations - early_one {
            early = Some(Size::of(&app, &host)?);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let elapsed = begun.elapsed();
    let late = Size::of(&app, &host)?;
    println!(
        "\neternal orchestration, {generations} generations with an activity each: {:.1} s ({:.0} generations/s)",
        elapsed.as_secs_f64(),
        generations as f64 / elapsed.as_secs_f64()
    );
    if figures == Figures::Quick {
        return host.stop();
    }
    let early = early.ok_or("the orchestration ended before it was looked at")?;
    println!("{:<24}{:>14}{:>14}{:>9}", "", "early", "late", "growth");
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
    fn of(app: &App, host: &Host) -> Result<Self, Failure> {
        Ok(Self {
            host: host.usage()?.memory,
            worker: host.worker_usage()?.memory,
            database: app.database_size()?,
        })
    }
}
