//! Time and chance, as the task hub sees them: replaceable, so that tests need not wait.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use chrono::{DateTime, Utc};

/// Where a task hub gets its time from.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> DateTime<Utc>;

    /// Ends when `due` has come, or earlier: the caller looks at the clock again.
    fn sleep_until(&self, due: DateTime<Utc>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// A fresh id for an instance or an execution: 32 lower-case hexadecimal digits, random unless a test wants its ids
    /// to be the same in every run.
    fn new_id(&self) -> String {
        uuid::Uuid::new_v4().simple().to_string()
    }
}

/// The clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// The clock may be set, and a laptop may sleep: both are noticed within this time.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn sleep_until(&self, due: DateTime<Utc>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let span = (due - Utc::now()).to_std().unwrap_or_default();
        Box::pin(tokio::time::sleep(span.min(LONGEST_SLEEP)))
    }
}
