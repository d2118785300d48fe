//! `cargo func host`: PyPI's Durable Task worker and client against it. Python's packages come from its registry into a virtual
//! environment below the target folder, once; without Python or the registry the test says so and shows nothing.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::host::{DURABLE, LIMIT, signal};

const VERSION: &str = "1.12.0";

/// `cargo func host` as a process.
struct Hub {
    process: Child,
    grpc: String,
    http: String,
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Hub {
    fn start(data: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_cargo-func"))
            .args(["func", "host", "--port", "0", "--grpc-port", "0", "--data-dir"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                drop(sender.send(line));
            }
        });
        let mut hub = Self {
            process,
            grpc: String::new(),
            http: String::new(),
        };
        while hub.http.is_empty() {
            let line = receiver.recv_timeout(LIMIT).expect("the host tells its addresses");
            let address = line.split_once("http://").map(|(_, rest)| rest);
            let address = address
                .and_then(|rest| rest.split(['/', ' ']).next())
                .unwrap_or_default();
            if line.starts_with("Workers and clients: ") {
                hub.grpc = address.to_owned();
            } else if line.starts_with("Management: ") {
                hub.http = address.replace("localhost", "127.0.0.1");
            }
        }
        hub
    }

    fn get(&self, path: &str) -> Value {
        let mut stream = TcpStream::connect(&self.http).unwrap();
        let head = format!(
            "GET {DURABLE}/{path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            self.http
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or_else(|_| panic!("{path}: {body}"))
    }
}

/// A Python that has the package; the error says why there is none.
fn python() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("durabletask-{VERSION}"));
    let python = folder.join("bin/python");
    let done = folder.join("installed");
    if done.exists() {
        return Ok(python);
    }
    let said = |output: Output| String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let run = |command: &mut Command| match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(said(output)),
        Err(error) => Err(error.to_string()),
    };
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let package = format!("durabletask=={VERSION}");
    run(Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--retries",
            "1",
        ])
        .arg(package))?;
    fs::write(done, "").map_err(|error| error.to_string())?;
    Ok(python)
}

#[test]
fn python_runs_its_orchestrations_on_our_hub() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => {
            println!("SKIPPED: Python with the package durabletask cannot be had: {reason}");
            return;
        }
    };
    let folder = TempDir::new().unwrap();
    let mut hub = Hub::start(&folder.path().join("data"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/python_stories.py");
    let output = Command::new(python).arg(script).arg(&hub.grpc).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && told.ends_with("all done\n"),
        "{told}\n{complaints}"
    );

    // The same instances over HTTP.
    let status = hub.get("instances/queried-0");
    assert_eq!(status["runtimeStatus"], "Completed", "{status}");
    assert_eq!(status["output"], serde_json::json!([null, null]));

    signal(hub.process.id(), "-TERM");
    assert_eq!(hub.process.wait().unwrap().code(), Some(0));
}
