//! A hundred thousand instances: created, found, counted, kept over a restart, purged.

use std::time::{Duration, Instant};

use super::{
    Failure, Figures,
    client::Client,
    expect, median, megabytes, milliseconds,
    process::{App, Host},
};

const DURABLE: &str = "/runtime/webhooks/durabletask";
const CLIENTS: usize = 64;
const ALL: &str = "createdTimeFrom=2000-01-01T00:00:00Z";

pub(crate) async fn instances(figures: Figures) -> Result<(), Failure> {
    let count = figures.pick(100_000, 100);
    // What has ended, and what waits: the host keeps in memory what has not ended.
    for (what, orchestration, input) in [
        ("that have ended", "looping", r#"{"left":0}"#),
        ("that wait for an event", "event_with_timeout", "86400000"),
    ] {
        let app = App::new()?;
        let host = Host::start(&app)?;
        println!(
            "\n{count} instances {what}; the host begins with {:.1} MB",
            megabytes(host.usage()?.memory)
        );
        let begun = Instant::now();
        create(host.port, orchestration, input, count).await?;
        let accepted = begun.elapsed();
        let mut client = Client::connect(host.port).await?;
        let unfinished = match orchestration {
            "looping" => "Pending,Running",
            _ => "Pending",
        };
        while !page(&mut client, &format!("runtimeStatus={unfinished}&top=1"))
            .await?
            .is_empty()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let settled = begun.elapsed();
        let usage = host.usage()?;
        println!(
            "created: {:.0}/s; run, too: {:.0}/s; host {:.1} MB, at most {:.1} MB; worker {:.1} MB; database {:.1} MB",
            count as f64 / accepted.as_secs_f64(),
            count as f64 / settled.as_secs_f64(),
            megabytes(usage.memory),
            megabytes(usage.peak),
            megabytes(host.worker_usage()?.memory),
            megabytes(app.database_size()?),
        );
        lists(&mut client, count).await?;
        drop(client);
        host.stop()?;
        let begun = Instant::now();
        let host = Host::start(&app)?;
        let mut client = Client::connect(host.port).await?;
        let (status, body) = client.get(&format!("{DURABLE}/instances/{}", id(0))).await?;
        expect(status == 200 || status == 202, || {
            format!("after a restart: {status} {body}")
        })?;
        println!(
            "restart: {:.0} ms to the first answer; host {:.1} MB",
            milliseconds(begun.elapsed()),
            megabytes(host.usage()?.memory)
        );
        lists(&mut client, count).await?;
        if orchestration == "looping" {
            let begun = Instant::now();
            let (status, body) = client.delete(&format!("{DURABLE}/instances?{ALL}")).await?;
            expect(status == 200 && body.contains(&format!(":{count}")), || {
                format!("purge: {status} {body}")
            })?;
            println!(
                "purged: {:.0}/s; host {:.1} MB; database {:.1} MB",
                count as f64 / begun.elapsed().as_secs_f64(),
                megabytes(host.usage()?.memory),
                megabytes(app.database_size()?),
            );
        }
        host.stop()?;
    }
    Ok(())
}

fn id(number: usize) -> String {
    format!("instance-{number:06}")
}

async fn create(port: u16, orchestration: &'static str, input: &'static str, count: usize) -> Result<(), Failure> {
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            let loops = (0..CLIENTS).map(|first| {
                tokio::task::spawn_local(async move {
                    let mut client = Client::connect(port).await.map_err(|error| error.to_string())?;
                    for number in (first..count).step_by(CLIENTS) {
                        let path = format!("{DURABLE}/orchestrators/{orchestration}/{}", id(number));
                        let (status, body) = client.post(&path, input).await.map_err(|error| error.to_string())?;
                        if status != 202 {
                            return Err(format!("{orchestration}: {status} {body}"));
                        }
                    }
                    Ok(())
                })
            });
            for one in loops.collect::<Vec<_>>() {
                one.await??;
            }
            Ok(())
        })
        .await
}

/// Times of the first page of lists, by filter, and of all pages.
async fn lists(client: &mut Client, count: usize) -> Result<(), Failure> {
    let last = id(count - 1);
    let (prefix, one) = (
        format!("instanceIdPrefix={}", &id(0)[..9]),
        format!("instanceIdPrefix={last}"),
    );
    let mut figures = Vec::new();
    for (what, query) in [
        ("all", ""),
        ("ended", "runtimeStatus=Completed"),
        ("running", "runtimeStatus=Running"),
        ("no such status", "runtimeStatus=Failed"),
        ("none so late", "createdTimeFrom=2100-01-01T00:00:00Z"),
        ("none so early", "createdTimeTo=2000-01-01T00:00:00Z"),
        ("prefix of all", &prefix),
        ("prefix of one", &one),
    ] {
        let mut times = Vec::new();
        for _ in 0..9 {
            let begun = Instant::now();
            page(client, query).await?;
            times.push(begun.elapsed());
        }
        figures.push(format!("{what} {:.1}", milliseconds(median(&mut times))));
    }
    println!("first page of 100, in ms: {}", figures.join(", "));
    let begun = Instant::now();
    let (mut found, mut token) = (0, String::new());
    loop {
        let (page, next) = client
            .page(&format!("{DURABLE}/instances?showInput=false&top=1000"), &token)
            .await?;
        found += serde_json::from_str::<Vec<serde::de::IgnoredAny>>(&page)?.len();
        if next.is_empty() {
            break;
        }
        token = next;
    }
    expect(found == count, || format!("{found} instances of {count}"))?;
    println!("counted, in pages of 1,000: {:.0} ms", milliseconds(begun.elapsed()));
    Ok(())
}

async fn page(client: &mut Client, query: &str) -> Result<Vec<serde::de::IgnoredAny>, Failure> {
    let (status, body) = client.get(&format!("{DURABLE}/instances?{query}")).await?;
    expect(status == 200, || format!("{query}: {status} {body}"))?;
    Ok(serde_json::from_str(&body)?)
}
