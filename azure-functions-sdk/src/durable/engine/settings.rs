//! What the host configures about every episode.

use chrono::TimeDelta;

/// Settings of the task hub that the engine's results depend on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    /// Version of instances and children that ask for none (`extensions.durableTask.defaultVersion`).
    pub(crate) default_version: String,
    /// Timers longer than this are split by the engine; zero: timers are never split.
    pub(crate) maximum_short_timer: TimeDelta,
    /// Length of one segment of a split timer.
    pub(crate) long_timer_interval: TimeDelta,
    /// Delay between polls of a `CallHttp` whose 202 names none.
    pub(crate) http_sleep: TimeDelta,
    /// Actions that one execution may issue (`maxOrchestrationActions`).
    pub(crate) max_actions: usize,
    /// How long a worker of the protobuf wire may keep an instance between its turns; `None`: it gets the whole history each
    /// time.
    pub(crate) session_idle: Option<TimeDelta>,
}

impl Default for Settings {
    /// What the extension does with its Azure Storage back end.
    fn default() -> Self {
        Self {
            default_version: String::new(),
            maximum_short_timer: TimeDelta::days(6),
            long_timer_interval: TimeDelta::days(3),
            http_sleep: TimeDelta::seconds(30),
            max_actions: 100_000,
            session_idle: None,
        }
    }
}
