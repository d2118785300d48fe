//! The host as a child process, with its state in a folder of its own; and what `/proc` tells about it and its worker.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use super::Failure;

/// Name of the example's binary, cut off where the kernel cuts names off.
const WORKER: &str = "durable-functio";
/// Of the kernel's clock in `/proc`, on every Linux.
const TICKS_PER_SECOND: u64 = 100;

pub(crate) struct Host {
    process: Child,
    worker: u32,
    pub(crate) port: u16,
    /// Database, keys and log; removed at the end.
    data: TempDir,
    /// Open, so that the host can write to it until it ends.
    _listing: BufReader<std::process::ChildStdout>,
}

/// What a process has used so far.
pub(crate) struct Usage {
    /// User and system time.
    pub(crate) cpu: Duration,
    /// Resident bytes.
    pub(crate) memory: u64,
}

impl Usage {
    fn of(process: u32) -> Result<Self, Failure> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
        let ticks = |field: usize| fields(&stat).nth(field - 3).and_then(|text| text.parse::<u64>().ok());
        let ticks = ticks(14).zip(ticks(15)).map(|(user, system)| user + system);
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = resident.and_then(|text| text.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
        Ok(Self {
            cpu: Duration::from_millis(ticks.ok_or("no times in /proc")? * 1000 / TICKS_PER_SECOND),
            memory: kilobytes.ok_or("no memory in /proc")? * 1024,
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
    pub(crate) fn start() -> Result<Self, Failure> {
        let data = tempfile::tempdir()?;
        let mut process = Command::new(env!("CARGO_BIN_EXE_cargo-func"))
            .args(["run", "--release", "--port", "0", "--data-dir"])
            .arg(data.path())
            .arg(example())
            .env("CARGO_TARGET_DIR", target()?)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(data.path().join("host.log"))?)
            .spawn()?;
        let mut listing = BufReader::new(process.stdout.take().ok_or("no output")?);
        let mut line = String::new();
        let port = loop {
            line.clear();
            if listing.read_line(&mut line)? == 0 {
                let log = fs::read_to_string(data.path().join("host.log"))?;
                return Err(format!("the host ended at once:\n{log}").into());
            }
            if let Some((_, rest)) = line.split_once("localhost:") {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                break digits.parse()?;
            }
        };
        let worker = child_named(process.id(), WORKER)?;
        Ok(Self {
            process,
            worker,
            port,
            data,
            _listing: listing,
        })
    }

    pub(crate) fn usage(&self) -> Result<Usage, Failure> {
        Usage::of(self.process.id())
    }

    pub(crate) fn worker_usage(&self) -> Result<Usage, Failure> {
        Usage::of(self.worker)
    }

    /// Bytes of the database, its write-ahead log included.
    pub(crate) fn database_size(&self) -> Result<u64, Failure> {
        let mut bytes = 0;
        for entry in fs::read_dir(self.data.path())? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".db") || name.ends_with(".db-wal") {
                bytes += entry.metadata()?.len();
            }
        }
        Ok(bytes)
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
        let log = fs::read_to_string(self.data.path().join("host.log"))?;
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
        // After a failure; otherwise it has ended already, and there is nothing left to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Builds the example as the host will find it.
pub(crate) fn build() -> Result<(), Failure> {
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
    let this = std::env::current_exe()?;
    Ok(this.ancestors().nth(3).ok_or("no target folder")?.to_owned())
}

fn child_named(parent: u32, name: &str) -> Result<u32, Failure> {
    for entry in fs::read_dir("/proc")? {
        let Ok(process) = entry?.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        // It may have ended meanwhile.
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let is_child = fields(&stat).nth(1) == Some(&parent.to_string());
        if is_child && stat.contains(&format!("({name}")) {
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
