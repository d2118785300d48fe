//! Where the host's lines go: a sink that the command line (or a test) provides, and the level filter of `host.json`.
//!
//! The host itself never writes to a terminal. Categories are the ones of the real host: `Host`, `Function.<name>`,
//! `Function.<name>.User`, `Host.Function.Console`, `Worker`.

use crate::project::{LogLevel, LogLevels};
use std::{fmt, sync::Arc};

/// One line of the log.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LogRecord<'a> {
    /// Severity.
    pub level: LogLevel,
    /// Category, as in `logging.logLevel` of `host.json`.
    pub category: &'a str,
    /// The function that the line is about or comes from.
    pub function: Option<&'a str>,
    /// The invocation that the line comes from.
    pub invocation_id: Option<&'a str>,
    /// The text; may have several lines.
    pub message: &'a str,
}

/// Takes what the host has to say. Called from many threads, and must not block for long.
pub trait HostOutput: Send + Sync + 'static {
    /// A line of the start-up listing: no time, no level.
    fn print(&self, line: &str);
    /// A log record that passed the filter of `host.json`.
    fn log(&self, record: &LogRecord<'_>);
}

/// The sink with its filter; cheap to clone.
#[derive(Clone)]
pub(crate) struct Log {
    output: Arc<dyn HostOutput>,
    levels: Arc<LogLevels>,
    /// The app itself decides what it says.
    app_decides: bool,
}

impl fmt::Debug for Log {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Log")
            .field("levels", &self.levels)
            .finish_non_exhaustive()
    }
}

impl Log {
    pub(crate) fn new(output: Arc<dyn HostOutput>, levels: LogLevels) -> Self {
        Self {
            output,
            levels: Arc::new(levels),
            app_decides: false,
        }
    }

    /// Shows all records that the app sends: it has a filter of its own, `RUST_LOG`.
    pub(crate) fn app_decides(mut self, decides: bool) -> Self {
        self.app_decides = decides;
        self
    }

    /// Whether a line of this kind would be shown: ask before formatting one that is frequent.
    pub(crate) fn shows(&self, level: LogLevel, category: &str) -> bool {
        self.levels.allows(category, level)
    }

    pub(crate) fn print(&self, line: &str) {
        self.output.print(line);
    }

    /// A line of the host itself.
    pub(crate) fn host(&self, level: LogLevel, message: &str) {
        self.write(level, "Host", None, None, message);
    }

    /// A line of the host about a function.
    pub(crate) fn function(&self, level: LogLevel, category: &str, function: &str, message: &str) {
        self.write(level, category, Some(function), None, message);
    }

    pub(crate) fn write(
        &self,
        level: LogLevel,
        category: &str,
        function: Option<&str>,
        invocation_id: Option<&str>,
        message: &str,
    ) {
        if self.shows(level, category) {
            self.put(level, category, function, invocation_id, message);
        }
    }

    /// A record of the app.
    pub(crate) fn app(
        &self,
        level: LogLevel,
        category: &str,
        function: Option<&str>,
        invocation_id: Option<&str>,
        message: &str,
    ) {
        if self.app_decides || self.shows(level, category) {
            self.put(level, category, function, invocation_id, message);
        }
    }

    fn put(&self, level: LogLevel, category: &str, function: Option<&str>, invocation_id: Option<&str>, message: &str) {
        self.output.log(&LogRecord {
            level,
            category,
            function,
            invocation_id,
            message,
        });
    }
}
