//! The product from outside: `cargo func run` on the example app, spoken to as `curl` would.
//!
//! Every host has a free port and a data folder of its own. `AZURE_FUNCTIONS_KILLS=200` makes the kill test as long as a
//! release deserves.

#![cfg(target_os = "linux")]

use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const APP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/durable-functions");
const DURABLE: &str = "/runtime/webhooks/durabletask";
/// Building the app for the first time is the longest that anything takes.
const START_LIMIT: Duration = Duration::from_secs(600);
const LIMIT: Duration = Duration::from_secs(60);

struct Host {
    process: Child,
    address: String,
    lines: Vec<String>,
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Host {
    fn start(data: &Path, more: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_cargo-func"))
            .args(["func", "run", APP, "--port", "0", "--data-dir"])
            .arg(data)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let (sender, receiver) = mpsc::channel();
        // Reads on after the list, so that the host is never held up by a full pipe.
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                drop(sender.send(line));
            }
        });
        let deadline = Instant::now() + START_LIMIT;
        let mut lines = Vec::new();
        // The last of the list, which is sorted by name below the HTTP functions.
        while !lines
            .iter()
            .any(|line: &String| line.contains("timer: orchestrationTrigger"))
        {
            let left = deadline.saturating_duration_since(Instant::now());
            lines.push(receiver.recv_timeout(left).expect("the list of functions"));
        }
        let start = lines.iter().find(|line| line.contains("/api/start")).unwrap();
        let address = start
            .split("http://")
            .nth(1)
            .unwrap()
            .split('/')
            .next()
            .unwrap()
            .replace("localhost", "127.0.0.1");
        Self {
            process,
            address,
            lines,
        }
    }

    /// Status, headers and body; `None` if the host went away meanwhile.
    fn try_send(&self, method: &str, path: &str, body: &str) -> Option<(u16, String, String)> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(LIMIT)).ok()?;
        let (address, length) = (&self.address, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all((head + body).as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, head.to_ascii_lowercase(), body.to_owned()))
    }

    fn send(&self, method: &str, path: &str, body: &str) -> (u16, String, String) {
        self.try_send(method, path, body).expect("an answer")
    }

    fn status(&self, id: &str) -> Value {
        serde_json::from_str(&self.send("GET", &format!("{DURABLE}/instances/{id}"), "").2).unwrap()
    }

    fn completed(&self, id: &str) -> Value {
        let mut status = Value::Null;
        until(&format!("{id} ends"), || {
            status = self.status(id);
            ["Completed", "Failed", "Terminated"]
                .iter()
                .any(|end| status["runtimeStatus"] == *end)
        });
        assert_eq!(status["runtimeStatus"], "Completed", "{status}");
        status["output"].clone()
    }

    /// The worker process, if there is one now.
    fn worker(&self) -> Option<u32> {
        children(self.process.id()).into_iter().find(|pid| is_alive(*pid))
    }

    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the host does not end");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// State and parent of a process.
fn stat(pid: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may contain anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z' && state != 'X')
}

fn children(parent: u32) -> Vec<u32> {
    let pids = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|(_, its)| its == parent))
        .collect()
}

fn signal(pid: u32, signal: &str) {
    // It may have ended by itself meanwhile.
    let _ = Command::new("kill")
        .args([signal, &pid.to_string()])
        .stderr(Stdio::null())
        .status();
}

fn greetings() -> Value {
    json!(["Hello Tokyo!", "Hello London!", "Hello Seattle!"])
}

#[test]
fn the_example_starts_runs_records_and_stops() {
    let folder = TempDir::new().unwrap();
    let record = folder.path().join("record");
    let mut host = Host::start(&folder.path().join("data"), &["--record", record.to_str().unwrap()]);
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
    assert_eq!(host.send("GET", &format!("{DURABLE}/instances/nobody"), "").0, 404);
    assert_eq!(host.send("POST", "/api/orchestrators/no_such_flow", "").0, 404);
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
    let mut host = Host::start(&data, &[]);
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
            let worker = host.worker();
            host.process.kill().unwrap();
            host.process.wait().unwrap();
            if let Some(worker) = worker {
                until("the worker ends with its host", || !is_alive(worker));
            }
            host = Host::start(&data, &[]);
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
