//! A worker process, and what Linux knows of it.

use crate::{
    echo,
    host::{Connection, Host},
};
use azure_functions::rpc::WorkerInitRequest;
use std::{
    collections::HashMap,
    fs,
    process::{Child, Command, Stdio},
};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The worker of this crate.
    Ours,
    /// The one that only answers.
    Echo,
}

impl Kind {
    pub(crate) const BOTH: [Self; 2] = [Self::Ours, Self::Echo];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Echo => "echo",
        }
    }
}

pub(crate) struct Worker {
    process: Child,
    pub(crate) connection: Connection,
    pub(crate) ids: HashMap<String, String>,
}

impl Worker {
    /// Starts this program as a worker, up to where functions can be called.
    pub(crate) async fn start(kind: Kind) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        if kind == Kind::Echo {
            command.env(echo::SETTING, "1");
        }
        Self::run(command).await
    }

    /// Starts a worker, up to where functions can be called.
    pub(crate) async fn run(mut command: Command) -> Self {
        let mut host = Host::listen().await;
        let process = command.args(host.arguments()).stdin(Stdio::null()).spawn().unwrap();
        let mut connection = host.accept().await;
        let ids = connection.start(WorkerInitRequest::default()).await;
        Self {
            process,
            connection,
            ids,
        }
    }

    /// Resident memory in megabytes: now, and at most so far.
    pub(crate) fn memory(&self) -> (f64, f64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let megabytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kilobytes = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
            kilobytes.unwrap_or(f64::NAN) / 1024.0
        };
        (megabytes("VmRSS:"), megabytes("VmHWM:"))
    }

    /// Processor time of all threads, in microseconds.
    pub(crate) fn processor_time(&self) -> f64 {
        processor_time(self.process.id())
    }

    pub(crate) async fn end(mut self) {
        drop(self.connection);
        tokio::task::spawn_blocking(move || self.process.wait())
            .await
            .unwrap()
            .unwrap();
    }
}

/// Processor time of all threads of a process, in microseconds.
pub(crate) fn processor_time(process: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{process}/task"));
    let nanos = threads.into_iter().flatten().flatten().filter_map(|thread| {
        let times = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        times.split(' ').next()?.parse::<f64>().ok()
    });
    nanos.sum::<f64>() / 1e3
}
