//! What functions log.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use log::Level;

/// One record of the `log` facade, made while a function ran.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogRecord {
    /// When, in virtual time.
    pub time: DateTime<Utc>,
    /// How important it is.
    pub level: Level,
    /// The function that made it.
    pub function: String,
    /// Id of the orchestration instance that the function ran for; `None` for other functions.
    pub instance_id: Option<String>,
    /// Where it was made, usually a module.
    pub target: String,
    /// What it says.
    pub message: String,
}

/// All records of one test host.
#[derive(Clone, Debug, Default)]
pub(super) struct Logs(Arc<Mutex<Vec<LogRecord>>>);

impl Logs {
    pub(super) fn add(&self, record: LogRecord) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    }

    pub(super) fn all(&self) -> Vec<LogRecord> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
