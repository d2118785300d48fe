//! What the servers of the host take at most: connections, time, memory and files for answers.

use std::time::Duration;

use super::MinRate;

/// The limits of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Connections at a time. At the limit, the slowest client is disconnected for a new one.
    pub connections: usize,
    /// From the moment that a request can begin to the end of its headers: 30 seconds, as Kestrel has it.
    pub header_timeout: Duration,
    /// How long a client that has closed its half of the connection may wait for its answer before the function is told to stop:
    /// 1 second, as long as the real host takes.
    pub patience: Duration,
    /// The slowest that a client may send a body or read an answer.
    pub min_rate: MinRate,
    /// Bytes of request bodies that are still coming: 1 GiB. The first 64 KiB of each do not count.
    pub bodies: usize,
    /// Where answers wait that clients have not read yet.
    pub answers: AnswerLimits,
}

/// Room for answers that clients have not read yet. Those of up to 64 KiB do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnswerLimits {
    /// Bytes in memory: 128 MiB.
    pub memory: usize,
    /// Bytes on disk, used when the memory is: 4 GiB.
    pub disk: usize,
    /// Files on disk, one for an answer.
    pub files: usize,
}

impl Default for ServerLimits {
    /// The front door's, as long as nothing else uses many of the files that the process may open.
    fn default() -> Self {
        ProcessLimits::of_process().front
    }
}

/// What the listeners of a host take, which together leave files for the rest.
#[derive(Clone, Copy, Debug)]
pub(in crate::host) struct ProcessLimits {
    /// The front door.
    pub(in crate::host) front: ServerLimits,
    /// The listener for durable clients.
    pub(in crate::host) rpc: ServerLimits,
    /// Connections to the worker's port that have not proved to be the worker's.
    pub(in crate::host) newcomers: usize,
}

/// A worker that starts is one.
const MOST_NEWCOMERS: usize = 64;

impl ProcessLimits {
    pub(in crate::host) fn of_process() -> Self {
        Self::of_open_files(open_files())
    }

    fn of_open_files(open_files: usize) -> Self {
        // For the task hub, the worker, and calls of orchestrations.
        let reserve = (open_files / 4).clamp(32, 256);
        let part = open_files.saturating_sub(reserve) / 16;
        let limits = |connections: usize, files: usize| ServerLimits {
            connections: connections.max(4),
            header_timeout: Duration::from_secs(30),
            patience: Duration::from_secs(1),
            min_rate: MinRate::default(),
            bodies: 1 << 30,
            answers: AnswerLimits {
                memory: 128 << 20,
                disk: 4 << 30,
                files,
            },
        };
        Self {
            front: limits(8 * part, 2 * part),
            rpc: limits(4 * part, part),
            newcomers: part.clamp(4, MOST_NEWCOMERS),
        }
    }
}

/// How many files the process may have open.
#[cfg(unix)]
fn open_files() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.map_or(MANY, |files| usize::try_from(files).unwrap_or(MANY).min(MANY))
}

#[cfg(not(unix))]
fn open_files() -> usize {
    MANY
}

/// No more are ever needed.
const MANY: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_connections_and_answers_together_leave_files_for_the_rest() {
        for open_files in [256, 512, 1024, 20_000, MANY] {
            let ProcessLimits { front, rpc, newcomers } = ProcessLimits::of_open_files(open_files);
            let used = front.connections + front.answers.files + rpc.connections + rpc.answers.files + newcomers;
            assert!(used + 64 <= open_files, "{used} of {open_files}");
            assert!(front.connections >= open_files * 3 / 8, "{front:?}");
        }
        assert_eq!(ProcessLimits::of_open_files(0).front.connections, 4);
    }
}
