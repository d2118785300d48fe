//! What can be chosen about a task hub.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::HubName;
use crate::durable::{
    clock::{Clock, SystemClock},
    engine::settings::Settings,
    http_call::{HttpCaller, default_caller},
    store::Durability,
    versions::{VersionFailure, VersionMatch},
};

/// How long a session lasts without a turn, unless a host says otherwise: the extension's default, where it has sessions.
pub(crate) const SESSION_IDLE: Duration = Duration::from_secs(30);

/// Options of a task hub; the defaults are those of the extension.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskHubOptions {
    /// Name of the hub, and of its file.
    pub name: HubName,
    /// Folder of the database; made if it does not exist.
    pub data_dir: PathBuf,
    /// When a change counts as safe.
    pub durability: Durability,
    /// Orchestration episodes that the app, or the hub itself, runs at the same time; 10 per core. Workers of streams say how many
    /// they take.
    pub max_concurrent_orchestrations: usize,
    /// Activities that the app, or the hub itself, runs at the same time; 10 per core.
    pub max_concurrent_activities: usize,
    /// Entities whose operations the app runs at the same time; 10 per core.
    pub max_concurrent_entities: usize,
    /// Longest timer that is not split; zero: no timer is split.
    pub maximum_short_timer: Duration,
    /// Length of the parts of a split timer.
    pub long_timer_interval: Duration,
    /// Delay between polls of an HTTP call whose 202 names none.
    pub http_poll_delay: Duration,
    /// Actions that one execution may issue.
    pub max_orchestration_actions: usize,
    /// Version of orchestrations that are started without one; empty: unversioned.
    pub default_version: String,
    /// Which versions of instances run here, on the protobuf wire.
    pub version_match: VersionMatch,
    /// What becomes of the others.
    pub version_failure: VersionFailure,
    /// How long a worker of the protobuf wire may keep an instance between its turns, to be given the new events only (extended
    /// sessions); `None`: it gets the whole history each time.
    pub session_idle: Option<Duration>,
    /// Whether a worker that goes on with an instance it has kept is given the whole history too, to compare.
    pub check_replays: bool,
    /// Whether a start may replace an instance that still runs (`overridableExistingInstanceStates`).
    pub replace_running: bool,
    /// Name of the storage connection that URLs and bindings mention.
    pub connection: String,
    /// Largest request body, in bytes.
    pub max_request_body: usize,
    /// Memory for the histories of instances that wait, in bytes (roughly).
    pub history_cache: usize,
    /// Whether the end of a worker process does what it does on the real host: it fails the activities in flight, and, on the
    /// JSON wire, instances whose episode was in flight. Operations of entities run again.
    pub crash_as_host: bool,
    /// Whether orchestrations on the protobuf wire come as JSON, too, for those who record payloads.
    pub record: bool,
    /// Where the hub gets its time from.
    pub clock: Arc<dyn Clock>,
    /// Who makes the HTTP calls that orchestrations ask for.
    pub http_caller: Arc<dyn HttpCaller>,
}

impl TaskHubOptions {
    /// The defaults, for a hub in this folder.
    #[must_use]
    pub fn new(name: HubName, data_dir: impl Into<PathBuf>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let defaults = Settings::default();
        Self {
            name,
            data_dir: data_dir.into(),
            durability: Durability::default(),
            max_concurrent_orchestrations: 10 * cores,
            max_concurrent_activities: 10 * cores,
            max_concurrent_entities: 10 * cores,
            maximum_short_timer: defaults.maximum_short_timer.to_std().unwrap_or_default(),
            long_timer_interval: defaults.long_timer_interval.to_std().unwrap_or_default(),
            http_poll_delay: defaults.http_sleep.to_std().unwrap_or_default(),
            max_orchestration_actions: defaults.max_actions,
            default_version: defaults.default_version,
            version_match: VersionMatch::default(),
            version_failure: VersionFailure::default(),
            session_idle: Some(SESSION_IDLE),
            check_replays: false,
            replace_running: false,
            connection: "Storage".to_owned(),
            max_request_body: 100 * 1024 * 1024,
            history_cache: 128 * 1024 * 1024,
            crash_as_host: false,
            record: false,
            clock: Arc::new(SystemClock),
            http_caller: default_caller(),
        }
    }

    /// Path of the database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.data_dir.join(format!("{}.db", self.name))
    }

    /// Sets when a change counts as safe.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets of how many entities the app runs operations at the same time; at least one.
    #[must_use]
    pub fn max_concurrent_entities(mut self, count: usize) -> Self {
        self.max_concurrent_entities = count.max(1);
        self
    }

    /// Sets how many episodes the app, or the hub itself, runs at the same time; at least one.
    #[must_use]
    pub fn max_concurrent_orchestrations(mut self, count: usize) -> Self {
        self.max_concurrent_orchestrations = count.max(1);
        self
    }

    /// Sets how many activities the app, or the hub itself, runs at the same time; at least one.
    #[must_use]
    pub fn max_concurrent_activities(mut self, count: usize) -> Self {
        self.max_concurrent_activities = count.max(1);
        self
    }

    /// Sets the longest timer that is not split, and the length of the parts of a longer one.
    #[must_use]
    pub fn timers(mut self, maximum_short: Duration, interval: Duration) -> Self {
        self.maximum_short_timer = maximum_short;
        self.long_timer_interval = interval;
        self
    }

    /// Sets how many actions one execution may issue.
    #[must_use]
    pub fn max_orchestration_actions(mut self, count: usize) -> Self {
        self.max_orchestration_actions = count;
        self
    }

    /// Sets the version of orchestrations that are started without one.
    #[must_use]
    pub fn default_version(mut self, version: impl Into<String>) -> Self {
        self.default_version = version.into();
        self
    }

    /// Sets which versions of instances run here, on the protobuf wire, and what becomes of the others.
    #[must_use]
    pub fn versions(mut self, matches: VersionMatch, failure: VersionFailure) -> Self {
        self.version_match = matches;
        self.version_failure = failure;
        self
    }

    /// Sets how long a worker of the protobuf wire may keep an instance between its turns; `None`: it gets the whole history
    /// each time.
    #[must_use]
    pub fn session_idle(mut self, idle: Option<Duration>) -> Self {
        self.session_idle = idle;
        self
    }

    /// Sets whether a worker that goes on with an instance it has kept is given the whole history too.
    #[must_use]
    pub fn check_replays(mut self, check: bool) -> Self {
        self.check_replays = check;
        self
    }

    /// Sets whether a start may replace an instance that still runs.
    #[must_use]
    pub fn replace_running(mut self, replace: bool) -> Self {
        self.replace_running = replace;
        self
    }

    /// Sets the name of the storage connection that URLs and bindings mention.
    #[must_use]
    pub fn connection(mut self, name: impl Into<String>) -> Self {
        self.connection = name.into();
        self
    }

    /// Sets the memory for the histories of waiting instances, in bytes.
    #[must_use]
    pub fn history_cache(mut self, bytes: usize) -> Self {
        self.history_cache = bytes;
        self
    }

    /// Sets whether the end of a worker process does what it does on the real host.
    #[must_use]
    pub fn crash_as_host(mut self, as_host: bool) -> Self {
        self.crash_as_host = as_host;
        self
    }

    /// Sets where the hub gets its time from.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets who makes the HTTP calls that orchestrations ask for.
    #[must_use]
    pub fn http_caller(mut self, caller: Arc<dyn HttpCaller>) -> Self {
        self.http_caller = caller;
        self
    }

    /// The part that the engine looks at.
    pub(crate) fn settings(&self) -> Settings {
        let delta = |span: Duration| chrono::TimeDelta::from_std(span).unwrap_or(chrono::TimeDelta::MAX);
        Settings {
            default_version: self.default_version.clone(),
            maximum_short_timer: delta(self.maximum_short_timer),
            long_timer_interval: delta(self.long_timer_interval),
            http_sleep: delta(self.http_poll_delay),
            max_actions: self.max_orchestration_actions,
            session_idle: self.session_idle.map(delta),
        }
    }
}
