//! The sink of the `log` facade: records of an invocation go to the host with its id, before its answer; others as system records.
//!
//! Before the handshake only warnings and errors are shown, on stderr. An app that installs a logger of its own before
//! `worker_main` keeps it; its output then reaches the host as console lines.

use super::{
    context::{Context, Scope, Sink},
    levels::Levels,
    outgoing::Outgoing,
};
use crate::{
    in_process::LogLine,
    rpc::{
        RpcLog,
        rpc_log::{Level, RpcLogCategory},
    },
};
use log::{LevelFilter, Log, Metadata, Record};
use std::{
    cell::Cell,
    sync::{Arc, Mutex, OnceLock, PoisonError, RwLock},
};

static LOGGER: Logger = Logger {
    connected: RwLock::new(None),
};

struct Logger {
    connected: RwLock<Option<Connected>>,
}

/// Where records outside any invocation go once there is a host.
struct Connected {
    out: Outgoing,
    level: LevelFilter,
}

thread_local! {
    static CARRIES_THE_STREAM: Cell<bool> = const { Cell::new(false) };
}

/// Makes ours the logger, unless the app has one.
pub(super) fn install() {
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

/// Makes ours the logger, unless the process has one, and lets records up to this level reach it. For functions that run without a worker.
pub(crate) fn install_in_process(level: LevelFilter) {
    static OURS: OnceLock<bool> = OnceLock::new();
    if *OURS.get_or_init(|| log::set_logger(&LOGGER).is_ok()) {
        // Never back: another invocation may want more than this one.
        static RAISE: Mutex<()> = Mutex::new(());
        let _raising = RAISE.lock().unwrap_or_else(PoisonError::into_inner);
        if log::max_level() < level {
            log::set_max_level(level);
        }
    }
}

/// From now on records go to the host.
pub(super) fn connect(out: &Outgoing, levels: &Levels) {
    let connected = Connected {
        out: out.clone(),
        level: levels.of_worker(),
    };
    *LOGGER.connected.write().unwrap_or_else(PoisonError::into_inner) = Some(connected);
    log::set_max_level(levels.most());
}

/// Marks the thread that carries the stream: what its libraries say about a record being sent must not become another record.
pub(super) fn this_thread_carries_the_stream() {
    CARRIES_THE_STREAM.set(true);
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let of_invocation = Context::with_current(|c| c.map(|c| c.0.level)).flatten();
        match of_invocation {
            Some(level) => metadata.level() <= level && !suppressed(),
            None => metadata.level() <= self.level_outside() && !suppressed(),
        }
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let sent = Context::with_current(|context| {
            let Context(scope) = context?;
            Some(match &scope.records {
                Sink::Host(out) => {
                    out.log(RpcLog {
                        invocation_id: scope.invocation_id.clone(),
                        log_category: RpcLogCategory::User.into(),
                        ..rpc_log(record)
                    });
                    None
                }
                // Its code is not ours, and may ask for its own context.
                Sink::InProcess(_) => Some(Arc::clone(scope)),
            })
        });
        match sent.flatten() {
            None => self.log_outside(record),
            Some(None) => {}
            Some(Some(scope)) => log_in_process(&scope, record),
        }
    }

    fn flush(&self) {}
}

impl Logger {
    fn level_outside(&self) -> LevelFilter {
        if CARRIES_THE_STREAM.get() {
            return LevelFilter::Warn;
        }
        let connected = self.connected.read().unwrap_or_else(PoisonError::into_inner);
        connected.as_ref().map_or(LevelFilter::Warn, |c| c.level)
    }

    fn log_outside(&self, record: &Record<'_>) {
        let connected = self.connected.read().unwrap_or_else(PoisonError::into_inner);
        match connected.as_ref() {
            Some(connected) => connected.out.log(RpcLog {
                log_category: RpcLogCategory::System.into(),
                ..rpc_log(record)
            }),
            None => eprintln!(
                "{}: {}: {}",
                record.level().as_str().to_lowercase(),
                record.target(),
                record.args()
            ),
        }
    }
}

fn log_in_process(scope: &Scope, record: &Record<'_>) {
    if let Sink::InProcess(sink) = &scope.records {
        sink(LogLine {
            invocation_id: scope.invocation_id.clone(),
            function: scope.function,
            level: record.level(),
            target: record.target().to_owned(),
            message: record.args().to_string(),
        });
    }
}

/// The core knows whether an orchestration is replaying: what it said then was said before.
fn suppressed() -> bool {
    crate::durable::log_suppressed()
}

fn rpc_log(record: &Record<'_>) -> RpcLog {
    let level = match record.level() {
        log::Level::Error => Level::Error,
        log::Level::Warn => Level::Warning,
        log::Level::Info => Level::Information,
        log::Level::Debug => Level::Debug,
        log::Level::Trace => Level::Trace,
    };
    RpcLog {
        category: record.target().to_owned(),
        level: level.into(),
        message: record.args().to_string(),
        ..RpcLog::default()
    }
}
