//! `cargo func run` and `replay` on the example app: every orchestration ends as its README says.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{cargo_func, checkout, target};

/// Long enough for a cold build of the app on a slow machine.
const BUILD_LIMIT: Duration = Duration::from_secs(600);
/// Long enough for any orchestration of the example.
const RUN_LIMIT: Duration = Duration::from_secs(60);

/// A running `cargo func run`; killed when dropped. What it logged is shown if the test fails.
pub(crate) struct Running {
    process: Child,
    log: PathBuf,
    pub(crate) port: u16,
    listing: String,
}

impl Running {
    /// Starts it, and waits until it lists its HTTP functions: it answers from then on.
    pub(crate) fn start(app: &Path, log: PathBuf, arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_cargo-func"))
            .args(["func", "run"])
            .arg(app)
            .args(["--port", "0"])
            .args(arguments)
            .env("CARGO_TARGET_DIR", target())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let (send, lines) = mpsc::channel();
        // Reads on after the listing: a full pipe would hold the host up.
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // There is no receiver after the listing.
                drop(send.send(line));
            }
        });
        let mut running = Self {
            process,
            log,
            port: 0,
            listing: String::new(),
        };
        let deadline = Instant::now() + BUILD_LIMIT;
        while running.port == 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = lines
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("no list of functions: {}", running.listing));
            if let Some((_, rest)) = line.split_once("http://localhost:") {
                running.port = rest
                    .chars()
                    .take_while(char::is_ascii_digit)
                    .collect::<String>()
                    .parse()
                    .unwrap();
            }
            running.listing += &(line + "\n");
        }
        running
    }

    /// Sends one request with a body of JSON; gives back status, head, and body.
    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> (u16, String, String) {
        self.send(method, path, Some("application/json"), body)
    }

    /// Sends one request; gives back status, head, and body.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        content_type: Option<&str>,
        body: &str,
    ) -> (u16, String, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let (port, length) = (self.port, body.len());
        let content_type = content_type.map_or(String::new(), |of| format!("Content-Type: {of}\r\n"));
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\n{content_type}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), head.to_owned(), body.to_owned())
    }

    fn get(&self, path: &str) -> Value {
        let (_, _, body) = self.request("GET", path, "");
        serde_json::from_str(&body).unwrap_or_else(|_| panic!("{path}: {body}"))
    }

    /// Asks until `wanted` says that the answer will do.
    pub(crate) fn poll(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + RUN_LIMIT;
        loop {
            let answer = self.get(path);
            if wanted(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{path}: {answer}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn status(&self, instance: &str) -> Value {
        self.poll(&format!("{INSTANCES}/{instance}"), |status| {
            ["Completed", "Failed", "Terminated"].contains(&status["runtimeStatus"].as_str().unwrap_or_default())
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        if thread::panicking() {
            eprintln!("{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

pub(crate) const INSTANCES: &str = "/runtime/webhooks/durabletask/instances";

pub(crate) fn example() -> PathBuf {
    checkout().join("examples/durable-functions")
}

#[test]
fn every_orchestration_of_the_example_ends_as_its_readme_says() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = folder.path().join("recorded");
    let data = folder.path().join("data");
    let app = Running::start(
        &example(),
        folder.path().join("log"),
        &[
            "--data-dir",
            data.to_str().unwrap(),
            "--record",
            recorded.to_str().unwrap(),
        ],
    );

    let (code, _, body) = app.request("GET", "/api/start", "");
    assert_eq!((code, body.as_str()), (200, "Orchestration started."));
    let all = app.poll(INSTANCES, |all| all[0]["runtimeStatus"] == "Completed");
    assert_eq!(all[0]["name"], "hello_world");
    assert_eq!(
        all[0]["output"],
        json!(["Hello Tokyo!", "Hello London!", "Hello Seattle!"])
    );

    let readme = fs::read_to_string(example().join("README.md")).unwrap();
    let cases = table(&readme);
    assert!(cases.len() >= 8, "{cases:?}");
    for (orchestration, input, _) in &cases {
        let path = format!("/api/orchestrators/{orchestration}?instanceId={orchestration}");
        let (code, head, body) = app.request("POST", &path, input);
        assert_eq!(code, 202, "{orchestration}: {body}");
        assert!(
            head.to_ascii_lowercase().contains("\r\nlocation: http://localhost"),
            "{head}"
        );
    }
    for (orchestration, _, output) in &cases {
        let status = app.status(orchestration);
        assert_eq!(
            status["output"],
            serde_json::from_str::<Value>(output).unwrap(),
            "{orchestration}: {status}"
        );
    }

    let path = "/api/orchestrators/event_with_timeout?instanceId=asked";
    assert_eq!(app.request("POST", path, "60000").0, 202);
    app.poll(&format!("{INSTANCES}/asked"), |status| {
        status["customStatus"] == "waiting for approval"
    });
    assert_eq!(
        app.request("POST", &format!("{INSTANCES}/asked/raiseEvent/approval"), "true")
            .0,
        202
    );
    assert_eq!(app.status("asked")["output"], "approved");
    drop(app);

    replay_gives_the_same_answers(&recorded);
}

/// The last payload of an orchestration holds its whole history, so its answer says that it is done.
fn replay_gives_the_same_answers(recorded: &Path) {
    let mut payloads: Vec<_> = fs::read_dir(recorded)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().contains("sequence"))
        .collect();
    payloads.sort();
    let last = payloads.last().expect("a recorded payload of `sequence`");
    let output = Command::new(env!("CARGO_BIN_EXE_cargo-func"))
        .args(["func", "replay", "--path"])
        .arg(example())
        .arg(last)
        .env("CARGO_TARGET_DIR", target())
        .output()
        .unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{answer}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(answer.contains("\"isDone\""), "{answer}");

    // The code of another orchestration contradicts this history.
    let output = Command::new(env!("CARGO_BIN_EXE_cargo-func"))
        .args(["func", "replay", "--path"])
        .arg(example())
        .arg("retry")
        .arg(last)
        .env("CARGO_TARGET_DIR", target())
        .output()
        .unwrap();
    let report = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{report}");
    assert!(report.contains("retry.rs:") && report.contains("say_hello"), "{report}");
}

/// Name, input, and output of the rows of the README's table.
pub(crate) fn table(readme: &str) -> Vec<(&str, &str, &str)> {
    let rows = readme.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row
            .trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().trim_matches('`'))
            .collect();
        (cells[0], if cells[2] == "none" { "" } else { cells[2] }, cells[3])
    })
    .collect()
}

#[test]
fn what_cannot_run_is_told_before_anything_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |line: &str| {
        let output = cargo_func(folder.path(), line);
        assert_eq!(output.status.code(), Some(1), "{line}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused("run").contains("there is no app in `.`"));
    assert!(refused("replay nothing.json").contains("there is no file `nothing.json`"));
    fs::write(folder.path().join("text.json"), "Tokyo").unwrap();
    assert!(refused("replay text.json").contains("`text.json` is not JSON: name a history"));
    for other in ["\"Tokyo\"", "{\"history\": 1}", "[[]]", "null"] {
        fs::write(folder.path().join("other.json"), other).unwrap();
        let said = refused("replay other.json");
        assert!(said.contains("it has no `history`; save one with"), "{said}");
    }
    let batch = r#"{"self": {"name": "list", "key": ""}, "batch": []}"#;
    fs::write(folder.path().join("batch.json"), batch).unwrap();
    assert!(refused("replay batch.json").contains("there is no app in `.`"));
    fs::write(folder.path().join("Cargo.toml"), "").unwrap();
    assert!(refused("run").contains("host.json"));
    fs::write(folder.path().join("host.json"), "{\"version\": \"2.0\"}").unwrap();
    fs::write(
        folder.path().join("local.settings.json"),
        "{\n\"IsEncrypted\": false\n\"Values\": {}\n}",
    )
    .unwrap();
    assert!(refused("start").contains("line 3, column 1: expected ','"));
}
