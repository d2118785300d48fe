//! The host as a child process, whose app is this program again; and what `/proc` tells about it and its worker.

use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use super::{Failure, counted};

/// Of the kernel's clock in `/proc`, on every Linux.
const TICKS_PER_SECOND: u64 = 100;

/// The folder of an app, with the state of its hosts; removed when it is dropped.
pub(crate) struct App {
    folder: TempDir,
}

impl App {
    /// Of this program. It counts as built: `cargo func run --no-build` runs what the note in the folder of the state names.
    pub(crate) fn new() -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/durable-functions");
        fs::copy(example.join("host.json"), folder.path().join("host.json"))?;
        fs::write(folder.path().join("Cargo.toml"), "")?;
        fs::create_dir(folder.path().join("data"))?;
        let this = env::current_exe()?;
        fs::write(
            folder.path().join("data/built.txt"),
            this.to_str().ok_or("no path in UTF-8")?,
        )?;
        Ok(Self { folder })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Bytes of the database, its write-ahead log included.
    pub(crate) fn database_size(&self) -> Result<u64, Failure> {
        let mut bytes = 0;
        for entry in fs::read_dir(self.path("data"))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".db") || name.ends_with(".db-wal") {
                bytes += entry.metadata()?.len();
            }
        }
        Ok(bytes)
    }
}

pub(crate) struct Host {
    process: Child,
    worker: u32,
    /// The same, of a hub that has no app.
    of_stream: Option<Child>,
    pub(crate) port: u16,
    log: PathBuf,
    /// Open, so that the host can write to it until it ends.
    _listing: BufReader<ChildStdout>,
}

/// What a process has used so far.
pub(crate) struct Usage {
    /// User and system time.
    pub(crate) cpu: Duration,
    /// Resident bytes: now, and at most so far.
    pub(crate) memory: u64,
    pub(crate) peak: u64,
}

impl Usage {
    fn of(process: u32) -> Result<Self, Failure> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
        let ticks = |field: usize| fields(&stat).nth(field - 3).and_then(|text| text.parse::<u64>().ok());
        let ticks = ticks(14).zip(ticks(15)).map(|(user, system)| user + system);
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kilobytes = line.and_then(|text| text.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
            kilobytes.map(|kilobytes| kilobytes * 1024).ok_or("no memory in /proc")
        };
        Ok(Self {
            cpu: Duration::from_millis(ticks.ok_or("no times in /proc")? * 1000 / TICKS_PER_SECOND),
            memory: bytes("VmRSS:")?,
            peak: bytes("VmHWM:")?,
        })
    }

    /// The time used since then, and the memory now.
    pub(crate) fn since(self, earlier: &Self) -> Self {
        Self {
            cpu: self.cpu - earlier.cpu,
            ..self
        }
    }
}

impl Host {
    /// Starts the host on a free port, and waits until it has listed the app's functions.
    pub(crate) fn start(app: &App) -> Result<Self, Failure> {
        Self::wait_for(built(app), app.path("host.log"))
    }

    /// The same, with a worker whose bytes are [counted].
    pub(crate) fn start_counted(app: &App, file: &Path) -> Result<Self, Failure> {
        let mut command = built(app);
        command.env(counted::SETTING, file);
        Self::wait_for(command, app.path("host.log"))
    }

    /// The same, for the example: `cargo func run` asks cargo first whether anything must be built.
    pub(crate) fn start_example(app: &App) -> Result<Self, Failure> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-func"));
        command.args(["run", "--release", "--port", "0", "--data-dir"]);
        command.arg(app.path("data")).arg(example());
        command.env("CARGO_TARGET_DIR", target()?);
        Self::wait_for(command, app.path("host.log"))
    }

    /// Starts a hub without an app, and the worker that takes work from it at the given address.
    pub(crate) fn start_hub(app: &App, worker: impl FnOnce(&str) -> Result<Command, Failure>) -> Result<Self, Failure> {
        // The port is free as long as no other program takes it now.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-func"));
        command.args(["host", "--port", "0", "--grpc-port", &port.to_string(), "--data-dir"]);
        command.arg(app.path("data"));
        let mut host = Self::listening(command, app.path("host.log"))?;
        let console = File::create(app.path("worker.log"))?;
        let worker = worker(&format!("127.0.0.1:{port}"))?
            .stdin(Stdio::null())
            .stdout(console.try_clone()?)
            .stderr(console)
            .spawn()?;
        host.worker = worker.id();
        host.of_stream = Some(worker);
        Ok(host)
    }

    fn wait_for(command: Command, log: PathBuf) -> Result<Self, Failure> {
        let mut host = Self::listening(command, log)?;
        host.worker = child_of(host.process.id())?;
        Ok(host)
    }

    /// Its worker is not known yet.
    fn listening(mut command: Command, log: PathBuf) -> Result<Self, Failure> {
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()?;
        let mut listing = BufReader::new(process.stdout.take().ok_or("no output")?);
        let mut line = String::new();
        let port = loop {
            line.clear();
            if listing.read_line(&mut line)? == 0 {
                let log = fs::read_to_string(log)?;
                return Err(format!("the host ended at once:\n{log}").into());
            }
            // A hub names the port for its workers first.
            let is_http = !line.contains("(gRPC)");
            if let Some((_, rest)) = line.split_once("localhost:").filter(|_| is_http) {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                break digits.parse()?;
            }
        };
        Ok(Self {
            process,
            worker: 0,
            of_stream: None,
            port,
            log,
            _listing: listing,
        })
    }

    pub(crate) fn usage(&self) -> Result<Usage, Failure> {
        Usage::of(self.process.id())
    }

    pub(crate) fn worker_usage(&self) -> Result<Usage, Failure> {
        Usage::of(self.worker)
    }

    /// Stops the host as Ctrl-C does.
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        let signalled = Command::new("kill")
            .args(["-INT", &self.process.id().to_string()])
            .status()?;
        let ended = self.process.wait()?;
        if signalled.success() && ended.success() {
            return Ok(());
        }
        let log = fs::read_to_string(&self.log)?;
        let last: Vec<&str> = log.lines().rev().take(10).collect();
        Err(format!(
            "the host ended with {ended}; its last lines, newest first:\n{}",
            last.join("\n")
        )
        .into())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(worker) = &mut self.of_stream {
            let _ = worker.kill();
            let _ = worker.wait();
        }
        // After a failure; otherwise it has ended already, and there is nothing left to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn built(app: &App) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-func"));
    command.args(["run", "--no-build", "--port", "0", "--data-dir"]);
    command.arg(app.path("data")).arg(app.folder.path());
    command
}

/// Builds the example as the host will find it.
pub(crate) fn build_example() -> Result<(), Failure> {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--manifest-path"])
        .arg(example().join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", target()?)
        .status()?;
    if built.success() {
        Ok(())
    } else {
        Err("the example does not build".into())
    }
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/durable-functions")
}

/// The target folder that this benchmark was built in: `target/release/deps/host-…` lies three levels below.
fn target() -> Result<PathBuf, Failure> {
    let this = env::current_exe()?;
    Ok(this.ancestors().nth(3).ok_or("no target folder")?.to_owned())
}

fn child_of(parent: u32) -> Result<u32, Failure> {
    for entry in fs::read_dir("/proc")? {
        let Ok(process) = entry?.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        // It may have ended meanwhile.
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        if fields(&stat).nth(1) == Some(&parent.to_string()) {
            return Ok(process);
        }
    }
    Err("the host has no worker".into())
}

/// The fields of a `stat` file from the third on: what follows the name, which may hold anything.
fn fields(stat: &str) -> impl Iterator<Item = &str> {
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    after.split_ascii_whitespace()
}
