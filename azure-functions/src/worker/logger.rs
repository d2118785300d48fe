//! The sink of the `log` facade, and of panics: records of an invocation go to the host with its id, before its answer; others as
//! system records, and to the console, because hosts do not show system records.
//!
//! Before the handshake only warnings and errors are shown, on stderr. An app that installs a logger of its own before
//! `worker_main` keeps it; its output then reaches the host as console lines.

use super::{console, levels::Levels};
use crate::{
    context::{Context, LogLine, Scope, Sink},
    outgoing::Outgoing,
    panics::Told,
    rpc::{
        RpcLog,
        rpc_log::{Level, RpcLogCategory},
    },
};
use env_filter::Filter;
use log::{
    Level as LogLevel, LevelFilter, Log, Metadata, Record,
    kv::{Key, Value, VisitSource},
};
use std::{
    cell::Cell,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

static LOGGER: Logger = Logger {
    serving: AtomicBool::new(false),
    alone: AtomicBool::new(false),
    connected: RwLock::new(None),
    own: RwLock::new(None),
};

struct Logger {
    /// The process is a worker.
    serving: AtomicBool,
    /// There is no Functions host that shows records: all go to the console.
    alone: AtomicBool,
    connected: RwLock<Option<Connected>>,
    /// What `RUST_LOG` says, in place of the levels of `host.json`.
    own: RwLock<Option<Filter>>,
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
pub(crate) enum Console {
    Written,
    /// The host shows system records.
    Silent,
}

thread_local! {
    static CARRIES_THE_STREAM: Cell<bool> = const { Cell::new(false) };
}

/// Makes ours the logger, unless the app has one.
pub(crate) fn install() {
    LOGGER.serving.store(true, Ordering::Relaxed);
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

/// The records of a worker without a Functions host, unless `RUST_LOG` says otherwise.
pub(crate) const LEVEL_ALONE: LevelFilter = LevelFilter::Info;

/// Makes ours the logger of a worker without a Functions host, unless the app has one: records go to the console.
pub(crate) fn install_alone() {
    LOGGER.serving.store(true, Ordering::Relaxed);
    LOGGER.alone.store(true, Ordering::Relaxed);
    if log::set_logger(&LOGGER).is_ok() {
        let own = own_filter();
        log::set_max_level(own.as_ref().map_or(LEVEL_ALONE, Filter::filter));
        *LOGGER.own.write().unwrap_or_else(PoisonError::into_inner) = own;
        tell_of_levels();
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
            tell_of_levels();
        }
    }
}

/// Told when the levels are others than before; nothing if no one has registered.
static LEVELS_CHANGED: OnceLock<fn()> = OnceLock::new();

/// Has a function told when the levels are others than before.
#[cfg(feature = "tracing")]
pub(crate) fn when_levels_change(tell: fn()) {
    let _ = LEVELS_CHANGED.set(tell);
}

fn tell_of_levels() {
    if let Some(tell) = LEVELS_CHANGED.get() {
        tell();
    }
}

/// From now on records go to the host.
pub(crate) fn connect(out: &Outgoing, levels: &Levels, console: Console) {
    let connected = Connected {
        out: out.clone(),
        level: levels.of_worker(),
        console,
    };
    *LOGGER.connected.write().unwrap_or_else(PoisonError::into_inner) = Some(connected);
    let own = own_filter();
    let most = own.as_ref().map_or(levels.most(), Filter::filter);
    *LOGGER.own.write().unwrap_or_else(PoisonError::into_inner) = own;
    log::set_max_level(most);
    tell_of_levels();
}

/// What `RUST_LOG` says. On Azure it says nothing: levels are set in `host.json` there.
fn own_filter() -> Option<Filter> {
    let text = std::env::var(RUST_LOG).ok().filter(|text| !text.is_empty())?;
    if std::env::var_os(ON_AZURE).is_some() {
        return None;
    }
    env_filter::Builder::new()
        .try_parse(&text)
        .ok()
        .map(env_filter::Builder::build)
}

const RUST_LOG: &str = "RUST_LOG";

/// Azure sets it for every instance of an app.
const ON_AZURE: &str = "WEBSITE_INSTANCE_ID";

/// Marks the thread that carries the stream, while this lives: what its libraries say about a record being sent must not become another
/// record.
#[derive(Debug)]
pub(crate) struct CarriesTheStream(());

impl CarriesTheStream {
    pub(crate) fn begin() -> Self {
        CARRIES_THE_STREAM.set(true);
        Self(())
    }
}

impl Drop for CarriesTheStream {
    fn drop(&mut self) {
        CARRIES_THE_STREAM.set(false);
    }
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
    /// The host has the answer, and would drop it; or there is no host.
    Outside,
    /// Its code is not ours, and may ask for its own context.
    InProcess,
}

fn route(scope: &Scope) -> Route<'_> {
    match &scope.records {
        Sink::InProcess(_) => Route::InProcess,
        Sink::Console => Route::Outside,
        Sink::Host(_) if scope.answered.load(Ordering::Relaxed) => Route::Outside,
        Sink::Host(out) => Route::Invocation(out),
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if enabled(record.metadata()) {
            // Before any lock is taken: writing the text is the user's code.
            emit(record.level(), record.target(), text_of(record));
        }
    }

    fn flush(&self) {}
}

/// Whether a record of this thread would go anywhere now.
pub(crate) fn enabled(metadata: &Metadata<'_>) -> bool {
    wanted(metadata) && !suppressed()
}

/// As [`enabled`], whether or not an orchestration is replaying.
pub(crate) fn wanted(metadata: &Metadata<'_>) -> bool {
    let of_invocation = Context::with_current(|c| c.map(|c| c.0.level)).flatten();
    if of_invocation.is_none() && CARRIES_THE_STREAM.get() {
        return metadata.level() <= LogLevel::Warn;
    }
    let own = LOGGER.own.read().unwrap_or_else(PoisonError::into_inner);
    match (&*own, of_invocation) {
        (Some(own), _) => own.enabled(metadata),
        (None, Some(level)) => metadata.level() <= level,
        (None, None) => metadata.level() <= LOGGER.level_outside(),
    }
}

/// Sends a record on its way.
pub(crate) fn emit(level: LogLevel, target: &str, message: String) {
    let scope = Context::with_current(|context| Some(Arc::clone(&context?.0))).flatten();
    let Some(scope) = scope else {
        return LOGGER.log_outside(level, target, message, false);
    };
    match route(&scope) {
        Route::Invocation(out) => out.log(of_invocation(&scope, level, target, message)),
        Route::Outside => LOGGER.log_outside(level, target, message, false),
        Route::InProcess => log_in_process(&scope, level, target, message),
    }
}

/// The text of a record, with its key-value pairs behind it.
fn text_of(record: &Record<'_>) -> String {
    let mut fields = Fields(record.args().to_string());
    let _ = record.key_values().visit(&mut fields);
    fields.0
}

/// Writes fields behind a text: `text key=value`. A value with white space stands in quotes.
#[derive(Default)]
pub(crate) struct Fields(pub String);

impl Fields {
    pub(crate) fn push(&mut self, key: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.push_str(key);
        self.0.push('=');
        match value.is_empty() || value.contains(char::is_whitespace) {
            true => self.0.push_str(&format!("{value:?}")),
            false => self.0.push_str(value),
        }
    }
}

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
        self.push(key.as_str(), &value.to_string());
        Ok(())
    }
}

impl Logger {
    fn level_outside(&self) -> LevelFilter {
        let connected = self.connected.read().unwrap_or_else(PoisonError::into_inner);
        let unconnected = match self.alone.load(Ordering::Relaxed) {
            true => LEVEL_ALONE,
            false => LevelFilter::Warn,
        };
        connected.as_ref().map_or(unconnected, |c| c.level)
    }

    /// Says it outside any invocation; on the console in any case if the process is about to end.
    fn log_outside(&self, level: LogLevel, target: &str, message: String, last_words: bool) {
        if self.alone.load(Ordering::Relaxed) {
            return console::write_as_it_is(level, target, &message);
        }
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
