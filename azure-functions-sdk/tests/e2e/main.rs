//! The product from outside: `cargo func run` on the example apps, spoken to as `curl` would, and `cargo func host`, by other languages.
//!
//! Every host has a free port and a data folder of its own. `AZURE_FUNCTIONS_KILLS=200` makes the kill test as long as a
//! release deserves, `AZURE_FUNCTIONS_READERS=40` and `AZURE_FUNCTIONS_TRICKLING=1000` those with crowds of clients, and
//! `AZURE_FUNCTIONS_NAP=5000` the one with an activity that ends its process.

#![cfg(target_os = "linux")]

mod client;
mod crowd;
mod host;
mod languages;
mod mcp;
mod own_worker;
mod parked;
mod poison;
mod self_hosted;
mod signals;
mod traces;
mod transfers;
mod wires;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use host::{App, DURABLE, Host, is_alive, signal, until};

const APP: App = App {
    name: "durable-functions",
    last_line: "timer: orchestrationTrigger",
};

fn greetings() -> Value {
    json!(["Hello Tokyo!", "Hello London!", "Hello Seattle!"])
}

#[test]
fn the_example_starts_runs_records_and_stops() {
    let folder = TempDir::new().unwrap();
    let record = folder.path().join("record");
    let mut host = Host::start(
        APP,
        &folder.path().join("data"),
        &["--record", record.to_str().unwrap()],
    );
    assert!(
        host.lines
            .contains(&"Worker process started and initialized.".to_owned()),
        "{:?}",
        host.lines
    );
    assert!(
        host.lines
            .iter()
            .any(|line| line.starts_with("\torchestrators: [POST] http://localhost:")),
        "{:?}",
        host.lines
    );

    assert_eq!(host.send("GET", "/api/start", "").2, "Orchestration started.");
    let mut listed = Value::Null;
    until("hello_world completes", || {
        listed = serde_json::from_str(&host.send("GET", &format!("{DURABLE}/instances"), "").2).unwrap();
        listed[0]["runtimeStatus"] == "Completed"
    });
    assert_eq!(
        (&listed[0]["name"], &listed[0]["output"]),
        (&json!("hello_world"), &greetings())
    );

    let (status, head, body) = host.send("POST", "/api/orchestrators/event_with_timeout?instanceId=e1", "");
    assert_eq!(status, 202, "{body}");
    assert!(
        head.contains("location: http://") && head.contains("retry-after: "),
        "{head}"
    );
    until("it waits", || {
        host.status("e1")["customStatus"] == "waiting for approval"
    });
    let raise = format!("{DURABLE}/instances/e1/raiseEvent/approval");
    assert_eq!(host.send("POST", &raise, "true").0, 202);
    assert_eq!(host.completed("e1"), "approved");
    assert_eq!(host.send("POST", &raise, "true").0, 410);
    // Over gRPC the start is taken, and the instance fails, as on Azure.
    let unknown = if std::env::var("AZURE_FUNCTIONS_DURABLE_WIRE").is_ok_and(|wire| wire == "json") {
        404
    } else {
        202
    };
    assert_eq!(host.send("GET", &format!("{DURABLE}/instances/nobody"), "").0, 404);
    assert_eq!(host.send("POST", "/api/orchestrators/no_such_flow", "").0, unknown);
    assert_eq!(host.send("GET", "/api/nothing", "").0, 404);

    let worker = host.worker().unwrap();
    let began = Instant::now();
    signal(host.process.id(), "-INT");
    assert_eq!(host.wait().code(), Some(0));
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "an idle host took {:?} to stop",
        began.elapsed()
    );
    assert!(!is_alive(worker));
    let recorded: Vec<_> = fs::read_dir(&record)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        recorded.iter().any(|name| name == "event_with_timeout-e1-1.json"),
        "{recorded:?}"
    );
    // On either wire they are JSON with the whole history, for `cargo func replay`.
    for name in recorded {
        let payload: Value = serde_json::from_slice(&fs::read(record.join(&name)).unwrap()).unwrap();
        let first = &payload["history"][1]["EventType"];
        assert_eq!(first, 0, "{name:?} begins with the start: {payload}");
    }
    let others_can_read = files_that_others_can_read(folder.path());
    assert_eq!(others_can_read, Vec::<PathBuf>::new());
}

/// Of what a host has made in a folder, folders included.
fn files_that_others_can_read(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            found.extend(files_that_others_can_read(&path));
        }
        if metadata.permissions().mode() & 0o077 != 0 {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_host_that_crashes_as_the_real_one_ends_with_the_third_crash() {
    let folder = TempDir::new().unwrap();
    let mut host = Host::start(APP, &folder.path().join("data"), &["--crash-as-host"]);
    let mut killed = None;
    for _ in 0..3 {
        until("there is another worker", || {
            let worker = host.worker().filter(|worker| Some(*worker) != killed);
            killed = worker.or(killed);
            worker.is_some()
        });
        if let Some(worker) = killed {
            signal(worker, "-KILL");
            until("it has ended", || !is_alive(worker));
        }
    }
    assert_eq!(host.wait().code(), Some(1));
}

/// Every orchestration of the app, with its output.
fn orchestrations() -> [(&'static str, &'static str, Value); 8] {
    [
        ("hello_world", "", greetings()),
        ("sequence", "", greetings()),
        ("fan_out", "20", json!(2870)),
        ("sub_orchestration", "", json!({"greetings": greetings(), "sum": 385})),
        ("retry", "", json!("The service answered after 2 failures.")),
        ("looping", "{\"left\":5}", json!(55)),
        ("timer", "700", json!("Slept for 700 ms.")),
        ("event_with_timeout", "", json!("approved")),
    ]
}

/// A small generator: the moments of the kills need no better.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Results of activities in an instance's history, in order; `None` if it cannot be had now.
fn results(host: &Host, id: &str) -> Option<Vec<Value>> {
    let path = format!("{DURABLE}/instances/{id}?showHistory=true&showHistoryOutput=true");
    let (status, _, body) = host.try_send("GET", &path, "")?;
    let events: Value = serde_json::from_str(&body)
        .ok()
        .filter(|_| status == 200 || status == 202)?;
    let completed = |event: &&Value| event["EventType"] == "TaskCompleted";
    Some(
        events["historyEvents"]
            .as_array()?
            .iter()
            .filter(completed)
            .map(|event| event["Result"].clone())
            .collect(),
    )
}

#[test]
fn row_074_killing_host_or_worker_at_any_moment_loses_nothing() {
    let kills: u64 = std::env::var("AZURE_FUNCTIONS_KILLS").map_or(16, |text| text.parse().unwrap());
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1;
    println!("seed {seed}");
    let mut random = Random(seed);
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let mut host = Host::start(APP, &data, &[]);
    let mut expected = BTreeMap::new();
    let mut seen: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for kill in 0..kills {
        for (name, input, output) in orchestrations() {
            let id = format!("{name}-{kill}");
            // Starting an instance that is there already says 409: a start that was lost with its answer counts once.
            until("the start is accepted", || {
                let start = format!("{DURABLE}/orchestrators/{name}/{id}");
                let answer = host.try_send("POST", &start, input);
                answer.is_some_and(|(status, ..)| status == 202 || status == 409)
            });
            expected.insert(id, output);
        }
        let raise = format!("{DURABLE}/instances/event_with_timeout-{kill}/raiseEvent/approval");
        assert_eq!(host.send("POST", &raise, "true").0, 202);
        thread::sleep(Duration::from_millis(random.below(120)));
        if random.below(3) == 0 {
            host.kill();
            host = Host::restart(APP, &data);
        } else if let Some(worker) = host.worker() {
            signal(worker, "-KILL");
        }
        // Generations of `looping` begin with an empty history.
        for id in expected
            .keys()
            .filter(|id| !id.starts_with("looping") && random.below(4) == 0)
        {
            let Some(now) = results(&host, id) else { continue };
            let before = seen.entry(id.clone()).or_default();
            assert!(now.starts_with(before), "{id} had {before:?} and has {now:?}");
            *before = now;
        }
    }
    for (id, output) in expected {
        assert_eq!(host.completed(&id), output, "{id}");
    }
    assert!(
        seen.values().any(|results| results.len() > 2),
        "no history was ever looked at: {seen:?}"
    );
}
