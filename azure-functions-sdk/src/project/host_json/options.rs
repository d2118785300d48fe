//! What `host.json` says, checked.

use std::time::Duration;

use crate::{
    durable::{
        HubName,
        versions::{VersionFailure, VersionMatch},
    },
    project::LogLevels,
};

/// What `host.json` says, checked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HostJson {
    /// `functionTimeout`.
    pub function_timeout: FunctionTimeout,
    /// `functions`: the only functions to load; `None` loads all.
    pub functions: Option<Vec<String>>,
    /// `extensions.http`.
    pub http: HttpOptions,
    /// `extensions.durableTask`.
    pub durable_task: DurableTaskOptions,
    /// `extensions.mcp`.
    pub mcp: McpOptions,
    /// `logging.logLevel`.
    pub log_levels: LogLevels,
    pub(super) ignored: Vec<String>,
}

/// How long a function may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionTimeout {
    /// Until the limit; 30 minutes when nothing is said, the default of plans without a fixed limit.
    Limit(Duration),
    /// `-1`: without limit.
    Unlimited,
}

/// `extensions.http`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpOptions {
    /// `routePrefix`, without slashes at its ends; `api` by default, may be empty.
    pub route_prefix: String,
}

/// `extensions.mcp`: what the MCP server of the app says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct McpOptions {
    /// `serverName`.
    pub server_name: String,
    /// `serverVersion`.
    pub server_version: String,
    /// `instructions`: how to use the server, for language models.
    pub instructions: Option<String>,
}

impl Default for McpOptions {
    fn default() -> Self {
        Self {
            server_name: "Azure Functions MCP server".to_owned(),
            server_version: "1.0.0".to_owned(),
            instructions: None,
        }
    }
}

/// `extensions.durableTask`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DurableTaskOptions {
    /// `hubName`, `%SETTING%` resolved, or made from `WEBSITE_SITE_NAME`, or `TestHubName`.
    pub hub_name: HubName,
    /// `maxConcurrentActivityFunctions`: ten per core by default.
    pub max_concurrent_activities: usize,
    /// `maxConcurrentOrchestratorFunctions`: ten per core by default.
    pub max_concurrent_orchestrations: usize,
    /// `maxConcurrentEntityFunctions`: ten per core by default.
    pub max_concurrent_entities: usize,
    /// `storageProvider.maximumShortTimerDuration`: the longest durable timer that is not split; six days by default.
    pub maximum_short_timer: Duration,
    /// `storageProvider.longRunningTimerIntervalDuration`: the pieces of longer timers; three days by default.
    pub long_running_timer_interval: Duration,
    /// `defaultVersion` of new orchestrations.
    pub default_version: Option<String>,
    /// `versionMatchStrategy`: `CurrentOrOlder` by default.
    pub version_match: VersionMatch,
    /// `versionFailureStrategy`: `Reject` by default.
    pub version_failure: VersionFailure,
    /// `extendedSessionIdleTimeoutInSeconds`: 30 by default; `None` where `extendedSessionsEnabled` is false. The local host has sessions
    /// unless it is told to have none, since they cost nothing there; the extension has none unless it is told to have them.
    pub session_idle: Option<Duration>,
    /// `overridableExistingInstanceStates`.
    pub overridable_states: OverridableStates,
}

/// Which existing instance a start with the same id may replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverridableStates {
    /// Only one that is not running (the default).
    NonRunningStates,
    /// Any.
    AnyState,
}
