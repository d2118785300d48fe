//! `cargo func host`: PyPI's and npm's Durable Task workers and clients against it. Their packages come from the registries into folders
//! below the target folder, once; without the language or the registry a test says so and shows nothing. The scripts are in languages/, and
//! upstream.py there runs the own tests of those packages.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, mpsc},
    thread,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    APP,
    host::{App, DURABLE, Host, LIMIT, signal},
};

const VERSION: &str = "1.12.0";
/// Of npm's `@microsoft/durabletask-js`.
const JS_VERSION: &str = "0.4.0";

/// `cargo func host` as a process.
pub(crate) struct Hub {
    pub(crate) process: Child,
    /// `127.0.0.1:PORT` for workers and clients.
    pub(crate) grpc: String,
    http: String,
    log: PathBuf,
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Hub {
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_on(data, "0")
    }

    /// With this port for workers and clients.
    pub(crate) fn start_on(data: &Path, grpc_port: &str) -> Self {
        let log = data.with_extension("log");
        let console = File::options().create(true).append(true).open(&log).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_cargo-func"))
            .args(["func", "host", "--port", "0", "--grpc-port", grpc_port, "--data-dir"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(console)
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
            log,
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

    /// What it has logged, also before it was started again.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) fn get(&self, path: &str) -> Value {
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
pub(crate) fn python() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("durabletask-{VERSION}"));
    let python = folder.join("bin/python");
    let done = folder.join("installed");
    if done.exists() {
        return Ok(python);
    }
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

fn run(command: &mut Command) -> Result<(), String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// A folder whose `node_modules` has the package; the error says why there is none.
fn node_modules() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("durabletask-js-{JS_VERSION}"));
    let done = folder.join("installed");
    if !done.exists() {
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let package = format!("@microsoft/durabletask-js@{JS_VERSION}");
        let npm = ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"];
        run(Command::new("npm")
            .args(npm)
            .args(["--fetch-retries=1", "--ignore-scripts", "--prefix"])
            .arg(&folder)
            .arg(package)
            .current_dir(&folder))?;
        fs::write(done, "").map_err(|error| error.to_string())?;
    }
    Ok(folder)
}

fn path_of(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/e2e/languages")
        .join(script)
}

/// One of our scripts, to be run; `None` if there is no Python for it.
fn script(name: &str) -> Option<Command> {
    // Tests of one process do not install it at the same time.
    static INSTALLING: Mutex<()> = Mutex::new(());
    let installing = INSTALLING.lock().unwrap();
    match python() {
        Ok(python) => {
            drop(installing);
            let mut command = Command::new(python);
            command.arg(path_of(name));
            Some(command)
        }
        Err(reason) => {
            println!("SKIPPED: Python with the package durabletask cannot be had: {reason}");
            None
        }
    }
}

/// What the script prints; it ends well.
fn told(script: &mut Command) -> String {
    let output = script.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && told.ends_with("all done\n"),
        "{told}\n{complaints}"
    );
    told.into_owned()
}

#[test]
fn python_runs_its_orchestrations_on_our_hub() {
    let Some(mut script) = script("python_stories.py") else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let mut hub = Hub::start(&folder.path().join("data"));
    told(script.arg(&hub.grpc));

    // The same instances over HTTP.
    let status = hub.get("instances/queried-0");
    assert_eq!(status["runtimeStatus"], "Completed", "{status}");
    assert_eq!(status["output"], serde_json::json!([null, null]));

    signal(hub.process.id(), "-TERM");
    assert_eq!(hub.process.wait().unwrap().code(), Some(0));
}

#[test]
fn javascript_runs_its_orchestrations_on_our_hub() {
    let modules = match node_modules() {
        Ok(modules) => modules,
        Err(reason) => {
            println!("SKIPPED: npm's package @microsoft/durabletask-js cannot be had: {reason}");
            return;
        }
    };
    let folder = TempDir::new().unwrap();
    let hub = Hub::start(&folder.path().join("data"));
    // Node.js looks for packages beside the script.
    let script = modules.join("js_stories.js");
    fs::copy(path_of("js_stories.js"), &script).unwrap();
    told(Command::new("node").arg(script).arg(&hub.grpc));
}

/// A program that is not ours starts an orchestration that is written in Rust, prints its id and addresses, and sees it complete; and a client
/// in Rust starts one that is written in Python.
#[test]
fn python_works_beside_an_app_in_rust() {
    let Some(mut script) = script("python_beside.py") else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let app = App {
        last_line: "Workers and clients of other languages: ",
        ..APP
    };
    let host = Host::start(app, &folder.path().join("data"), &["--grpc-port", "0"]);
    let line = host.lines.last().unwrap();
    let grpc = line
        .split_once("http://")
        .and_then(|(_, rest)| rest.split(' ').next())
        .unwrap();
    let management = format!("http://{}{DURABLE}", host.address);
    let told = told(script.arg(grpc).arg(&management));
    let id = told.lines().next().unwrap();
    assert!(
        told.contains(&format!("{management}/instances/{id}/terminate?reason={{text}}")),
        "{told}"
    );
    assert_eq!(host.completed(id), crate::greetings());
}

#[test]
fn a_hub_that_is_killed_loses_nothing_of_a_python_worker() {
    let Some(mut script) = script("python_crash.py") else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let mut hub = Hub::start(&data);
    let port = hub.grpc.rsplit_once(':').unwrap().1.to_owned();
    let mut running = script
        .arg(&hub.grpc)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    for progress in ["5", "20"] {
        assert!(lines.by_ref().map_while(Result::ok).any(|line| line == progress));
        drop(hub);
        hub = Hub::start_on(&data, &port);
    }
    let last = lines.map_while(Result::ok).last();
    assert!(running.wait().unwrap().success());
    assert_eq!(last.as_deref(), Some("all done"));
}
