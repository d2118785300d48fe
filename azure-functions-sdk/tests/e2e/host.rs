//! `cargo func run` as a process of its own, its worker below it, and what a test does to them: requests, and signals of
//! the system.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

pub(crate) const DURABLE: &str = "/runtime/webhooks/durabletask";
const CARGO_FUNC: &str = env!("CARGO_BIN_EXE_cargo-func");
/// Building the app for the first time is the longest that anything takes.
const START_LIMIT: Duration = Duration::from_secs(600);
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// An example app: its folder, and what the last line of its list of functions says. The list is sorted by name below the
/// HTTP functions.
#[derive(Clone, Copy)]
pub(crate) struct App {
    pub(crate) name: &'static str,
    pub(crate) last_line: &'static str,
}

pub(crate) struct Host {
    pub(crate) process: Child,
    pub(crate) address: String,
    pub(crate) lines: Vec<String>,
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Host {
    pub(crate) fn start(app: App, data: &Path, more: &[&str]) -> Self {
        Self::start_by(Command::new(CARGO_FUNC), app, data, more)
    }

    /// The next host on the same state, with the program that the last one built; there is no cargo to ask.
    pub(crate) fn restart(app: App, data: &Path) -> Self {
        let mut command = Command::new(CARGO_FUNC);
        command.env("CARGO", data.join("no-cargo"));
        Self::start_by(command, app, data, &["--no-build"])
    }

    /// A host that may have so many files open.
    pub(crate) fn start_with_open_files(app: App, data: &Path, open_files: u32) -> Self {
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(format!("ulimit -n {open_files}; exec \"$0\" \"$@\""))
            .arg(CARGO_FUNC);
        Self::start_by(shell, app, data, &[])
    }

    fn start_by(mut command: Command, app: App, data: &Path, more: &[&str]) -> Self {
        command
            .args(["func", "run"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(app.name))
            .args(["--port", "0", "--data-dir"])
            .arg(data)
            .args(more);
        if !cfg!(debug_assertions) {
            // A measurement of the host is not one of a debug build of the worker.
            command.arg("--release");
        }
        let mut process = command
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
        // From here on dropping it ends the process.
        let mut host = Self {
            process,
            address: String::new(),
            lines: Vec::new(),
        };
        let deadline = Instant::now() + START_LIMIT;
        while !host.lines.iter().any(|line| line.contains(app.last_line)) {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = receiver.recv_timeout(left);
            host.lines
                .push(line.unwrap_or_else(|_| panic!("the list of functions ends with {:?}", host.lines)));
        }
        let urls = host.lines.iter().filter_map(|line| line.split_once("http://"));
        let address = urls.filter_map(|(_, url)| url.split('/').next()).next().unwrap();
        host.address = address.replace("localhost", "127.0.0.1");
        host
    }

    /// Status, headers and body; `None` if the host went away meanwhile.
    pub(crate) fn try_send(&self, method: &str, path: &str, body: &str) -> Option<(u16, String, String)> {
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

    pub(crate) fn send(&self, method: &str, path: &str, body: &str) -> (u16, String, String) {
        self.try_send(method, path, body).expect("an answer")
    }

    /// What the host answers to a `GET` on its durable API.
    pub(crate) fn get(&self, path: &str) -> Value {
        let (_, _, body) = self.send("GET", &format!("{DURABLE}/{path}"), "");
        serde_json::from_str(&body).unwrap_or_else(|_| panic!("{path}: {body}"))
    }

    pub(crate) fn status(&self, id: &str) -> Value {
        self.get(&format!("instances/{id}"))
    }

    pub(crate) fn completed(&self, id: &str) -> Value {
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
    pub(crate) fn worker(&self) -> Option<u32> {
        children(self.process.id()).into_iter().find(|pid| is_alive(*pid))
    }

    /// Ends the process as a power cut would; its worker goes with it.
    pub(crate) fn kill(&mut self) {
        let worker = self.worker();
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        if let Some(worker) = worker {
            until("the worker ends with its host", || !is_alive(worker));
        }
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
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

pub(crate) fn until(what: &str, holds: impl FnMut() -> bool) {
    until_within(LIMIT, what, holds);
}

/// Looks less often the longer it takes: looking costs the host time, too.
pub(crate) fn until_within(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(5);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(pause);
        pause = (pause * 5 / 4).min(Duration::from_millis(200));
    }
}

/// State and parent of a process.
fn stat(pid: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may contain anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

pub(crate) fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z' && state != 'X')
}

fn children(parent: u32) -> Vec<u32> {
    let pids = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|(_, its)| its == parent))
        .collect()
}

pub(crate) fn signal(pid: u32, signal: &str) {
    // It may have ended by itself meanwhile.
    let _ = Command::new("kill")
        .args([signal, &pid.to_string()])
        .stderr(Stdio::null())
        .status();
}
