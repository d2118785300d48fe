//! The sink of the `log` facade, and of panics: records of an invocation go to the host with its id, before its answer; others as
//! system records, and to the console, because hosts show system records to nobody.
//!
//! Before the handshake only warnings and errors are shown, on stderr. An app that installs a logger of its own before
//! `worker_main` keeps it; its output then reaches the host as console lines.

use super::{
    console,
    context::{Context, Scope, Sink},
    levels::Levels,
    outgoing::Outgoing,
};
use crate::{
    in_process::LogLine,
    panics::Told,
    rpc::{
        RpcLog,
        rpc_log::{Level, RpcLogCategory},
    },
};
use log::{Level as LogLevel, LevelFilter, Log, Metadata, Record};
use std::{
    cell::Cell,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

static LOGGER: Logger = Logger {
    serving: AtomicBool::new(false),
    connected: RwLock::new(None),
};

struct Logger {
    /// The process is the worker of a host.
    serving: AtomicBool,
    connected: RwLock<Option<Connected>>,
}

/// Where records outside any invocation go once there is a host.
#[derive(Clone)]
struct Connected {
    out: Outgoing,
    level: LevelFilter,
    console: Console,
}

/// Whether records outside any invocation are written to the console as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Console {
    Written,
    /// The host shows system records.
    Silent,
}

thread_local! {
    static CARRIES_THE_STREAM: Cell<bool> = const { Cell::new(false) };
}

/// Makes ours the logger, unless the app has one.
pub(super) fn install() {
    LOGGER.serving.store(true, Ordering::Relaxed);
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
pub(super) fn connect(out: &Outgoing, levels: &Levels, console: Console) {
    let connected = Connected {
        out: out.clone(),
        level: levels.of_worker(),
        console,
    };
    *LOGGER.connected.write().unwrap_or_else(PoisonError::into_inner) = Some(connected);
    log::set_max_level(levels.most());
}

/// Marks the thread that carries the stream: what its libraries say about a record being sent must not become another record.
pub(super) fn this_thread_carries_the_stream() {
    CARRIES_THE_STREAM.set(true);
}

/// Makes a panic known: one record at level Error. Whether it is shown now; if not, the hook before ours has to show it.
///
/// Not by the `log` facade: a panic inside the logger of an app must not wait for itself.
pub(crate) fn panicked(told: &Told<'_>) -> bool {
    let scope = Context::with_current(|context| Some(Arc::clone(&context?.0))).flatten();
    match scope {
        Some(scope) if scope.level < LogLevel::Error => matches!(scope.records, Sink::Host(_)),
        Some(scope) => {
            let message = told.in_an_invocation();
            match route(&scope) {
                Route::Invocation(out) => {
                    if told.is_fatal() {
                        console::write(LogLevel::Error, PANIC, &message);
                    }
                    out.log(of_invocation(&scope, LogLevel::Error, PANIC, message));
                    true
                }
                Route::Outside => panicked_outside(told),
                Route::InProcess => {
                    log_in_process(&scope, LogLevel::Error, PANIC, message);
                    false
                }
            }
        }
        None => panicked_outside(told),
    }
}

fn panicked_outside(told: &Told<'_>) -> bool {
    let serving = LOGGER.serving.load(Ordering::Relaxed);
    if serving {
        LOGGER.log_outside(LogLevel::Error, PANIC, told.in_a_thread(), told.is_fatal());
    }
    serving
}

/// Target of the records of panics.
const PANIC: &str = "panic";

/// Where a record of an invocation goes.
enum Route<'a> {
    Invocation(&'a Outgoing),
    /// The host has the answer, and would drop it.
    Outside,
    /// Its code is not ours, and may ask for its own context.
    InProcess,
}

fn route(scope: &Scope) -> Route<'_> {
    match &scope.records {
        Sink::InProcess(_) => Route::InProcess,
        Sink::Host(_) if scope.answered.load(Ordering::Relaxed) => Route::Outside,
        Sink::Host(out) => Route::Invocation(out),
    }
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
        let scope = Context::with_current(|context| Some(Arc::clone(&context?.0))).flatten();
        // Before any lock is taken: writing the text is the user's code.
        let (level, target, message) = (record.level(), record.target(), record.args().to_string());
        let Some(scope) = scope else {
            return self.log_outside(level, target, message, false);
        };
        match route(&scope) {
            Route::Invocation(out) => out.log(of_invocation(&scope, level, target, message)),
            Route::Outside => self.log_outside(level, target, message, false),
            Route::InProcess => log_in_process(&scope, level, target, message),
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

    /// Says it outside any invocation; on the console in any case if the process is about to end.
    fn log_outside(&self, level: LogLevel, target: &str, message: String, last_words: bool) {
        let connected = self.connected.read().unwrap_or_else(PoisonError::into_inner).clone();
        if last_words || connected.as_ref().is_none_or(|c| c.console == Console::Written) {
            console::write(level, target, &message);
        }
        if let Some(connected) = connected {
            connected.out.log(RpcLog {
                log_category: RpcLogCategory::System.into(),
                ..rpc_log(level, target, message)
            });
        }
    }
}

fn of_invocation(scope: &Scope, level: LogLevel, target: &str, message: String) -> RpcLog {
    RpcLog {
        invocation_id: scope.invocation_id.clone(),
        log_category: RpcLogCategory::User.into(),
        ..rpc_log(level, target, message)
    }
}

fn log_in_process(scope: &Scope, level: LogLevel, target: &str, message: String) {
    if let Sink::InProcess(sink) = &scope.records {
        sink(LogLine {
            invocation_id: scope.invocation_id.clone(),
            function: scope.function.name,
            level,
            target: target.to_owned(),
            message,
        });
    }
}

/// The core knows whether an orchestration is replaying: what it said then was said before.
fn suppressed() -> bool {
    crate::durable::log_suppressed()
}

fn rpc_log(level: LogLevel, target: &str, message: String) -> RpcLog {
    let level = match level {
        LogLevel::Error => Level::Error,
        LogLevel::Warn => Level::Warning,
        LogLevel::Info => Level::Information,
        LogLevel::Debug => Level::Debug,
        LogLevel::Trace => Level::Trace,
    };
    RpcLog {
        category: target.to_owned(),
        level: level.into(),
        message,
        ..RpcLog::default()
    }
}
