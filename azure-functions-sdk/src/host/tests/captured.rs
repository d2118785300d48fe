//! What a host says, kept for the test.

use crate::{
    host::output::{HostOutput, Log, LogRecord},
    project::LogLevels,
};
use std::sync::{Arc, Mutex};

/// What the host logged and printed.
#[derive(Debug, Default)]
pub(crate) struct Captured {
    lines: Mutex<Vec<String>>,
}

impl Captured {
    pub(crate) fn log() -> (Arc<Self>, Log) {
        let captured = Arc::new(Self::default());
        let levels = LogLevels::default();
        (Arc::clone(&captured), Log::new(captured, levels))
    }

    /// `level category function: message` for log records, the bare line for the rest.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    pub(crate) fn contains(&self, part: &str) -> bool {
        self.lines.lock().unwrap().iter().any(|line| line.contains(part))
    }
}

impl HostOutput for Captured {
    fn print(&self, line: &str) {
        self.lines.lock().unwrap().push(line.to_owned());
    }

    fn log(&self, record: &LogRecord<'_>) {
        let LogRecord {
            level,
            category,
            message,
            ..
        } = record;
        let function = record.function.unwrap_or("-");
        self.lines
            .lock()
            .unwrap()
            .push(format!("{level:?} {category} {function}: {message}"));
    }
}
