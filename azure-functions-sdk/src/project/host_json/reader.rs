//! Checks the sections of `host.json` one by one. Values may be text where .NET configuration would convert it.

use std::time::Duration;

use super::options::{DurableTaskOptions, FunctionTimeout, HostJson, HttpOptions, McpOptions, OverridableStates};
use crate::{
    durable::{
        HubName, SESSION_IDLE,
        versions::{VersionFailure, VersionMatch},
    },
    project::{
        LogLevel, LogLevels, ProjectError, Settings, UnresolvedSetting,
        error::place,
        json_text::{Json, Node},
        parse_time_span,
    },
    similar::similar,
};

/// Sections that matter to the real host only and stand in files that its templates write: ignored without a word.
const OF_THE_REAL_HOST: [&str; 15] = [
    "$schema",
    "aggregator",
    "concurrency",
    "extensionBundle",
    "healthMonitor",
    "managedDependency",
    "metadataProviderTimeout",
    "retry",
    "scale",
    "sendCanceledInvocationsToWorker",
    "singleton",
    "telemetryMode",
    "watchDirectories",
    "watchFiles",
    // Core Tools set it in the environment.
    "sequentialRestart",
];

pub(super) struct Reader<'a> {
    file: &'a str,
    settings: &'a Settings,
    ignored: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a str, settings: &'a Settings) -> Self {
        Self {
            file,
            settings,
            ignored: Vec::new(),
        }
    }

    pub(super) fn read(mut self, root: &Node) -> Result<HostJson, ProjectError> {
        let host = self.root(root)?;
        Ok(HostJson {
            ignored: self.ignored,
            ..host
        })
    }

    fn root(&mut self, root: &Node) -> Result<HostJson, ProjectError> {
        self.version(root)?;
        let function_timeout = self.function_timeout(root.member("functionTimeout"))?;
        let functions = root.member("functions").map(|node| self.names(node)).transpose()?;
        self.note_unknown(
            root,
            "",
            &["version", "functionTimeout", "functions", "extensions", "logging"],
            &OF_THE_REAL_HOST,
        );

        let mut log_levels = LogLevels::default();
        if let Some(logging) = self.section(root, "logging", "logging")? {
            self.note_unknown(
                logging,
                "logging.",
                &["logLevel"],
                &["applicationInsights", "fileLoggingMode", "console"],
            );
            if let Some(levels) = self.section(logging, "logLevel", "logging.logLevel")? {
                self.log_levels(levels, &mut log_levels)?;
            }
        }

        let extensions = self.section(root, "extensions", "extensions")?;
        let (mut http, mut durable, mut mcp) = (None, None, None);
        if let Some(extensions) = extensions {
            self.note_unknown(extensions, "extensions.", &["http", "durableTask", "mcp"], &[]);
            http = self.section(extensions, "http", "extensions.http")?;
            durable = self.section(extensions, "durableTask", "extensions.durableTask")?;
            mcp = self.section(extensions, "mcp", "extensions.mcp")?;
        }
        Ok(HostJson {
            function_timeout,
            functions,
            http: self.http(http)?,
            durable_task: self.durable_task(durable)?,
            mcp: self.mcp(mcp)?,
            log_levels,
            ignored: Vec::new(),
        })
    }

    fn version(&self, root: &Node) -> Result<(), ProjectError> {
        match root.member("version") {
            Some(node) => match &node.value {
                Json::Text(text) if text == "2.0" => Ok(()),
                Json::Text(text) => Err(self.error(
                    node,
                    format!("version is \"{text}\", but this host reads only \"version\": \"2.0\""),
                )),
                _ => Err(self.error(
                    node,
                    format!("version must be the string \"2.0\", found {}", node.kind()),
                )),
            },
            None => Err(self.error(root, "version is missing: add \"version\": \"2.0\"")),
        }
    }

    fn function_timeout(&self, node: Option<&Node>) -> Result<FunctionTimeout, ProjectError> {
        let Some(node) = present(node) else {
            return Ok(FunctionTimeout::Limit(Duration::from_secs(30 * 60)));
        };
        let text = match &node.value {
            Json::Text(text) | Json::Number(text) => text.trim(),
            _ => "",
        };
        if matches!(text, "-1" | "-00:00:01" | "-1.00:00:00") {
            return Ok(FunctionTimeout::Unlimited);
        }
        match parse_time_span(text).filter(|span| !span.is_zero()) {
            Some(span) => Ok(FunctionTimeout::Limit(span)),
            None => Err(self.error(
                node,
                "functionTimeout must be a time such as \"00:05:00\", or \"-1\" for no limit",
            )),
        }
    }

    fn http(&mut self, node: Option<&Node>) -> Result<HttpOptions, ProjectError> {
        let mut route_prefix = "api".to_owned();
        if let Some(node) = node {
            self.note_unknown(node, "extensions.http.", &["routePrefix"], &[]);
            if let Some(text) = self.text(node, "routePrefix", "extensions.http.routePrefix")? {
                route_prefix = text.trim_matches('/').to_owned();
                let first = route_prefix.split('/').next().unwrap_or_default();
                if let Some(reserved) = ["admin", "runtime"]
                    .into_iter()
                    .find(|name| name.eq_ignore_ascii_case(first))
                {
                    return Err(self.error(
                        node.member("routePrefix").unwrap_or(node),
                        format!(
                            "extensions.http.routePrefix must not begin with '{reserved}': the host serves its own paths below \
                             /{reserved}, so no function could be called"
                        ),
                    ));
                }
            }
        }
        Ok(HttpOptions { route_prefix })
    }

    fn mcp(&mut self, node: Option<&Node>) -> Result<McpOptions, ProjectError> {
        let mut options = McpOptions::default();
        let Some(node) = node else {
            return Ok(options);
        };
        let known = ["serverName", "serverVersion", "instructions"];
        self.note_unknown(node, "extensions.mcp.", &known, &[]);
        let text = |key: &str| self.text(node, key, &format!("extensions.mcp.{key}"));
        if let Some(name) = text("serverName")? {
            options.server_name = name;
        }
        if let Some(version) = text("serverVersion")? {
            options.server_version = version;
        }
        options.instructions = text("instructions")?;
        Ok(options)
    }

    fn durable_task(&mut self, node: Option<&Node>) -> Result<DurableTaskOptions, ProjectError> {
        let per_core = 10 * std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let site = self
            .settings
            .get("WEBSITE_SITE_NAME")
            .or_else(|| self.settings.get("TestHubName"));
        let mut options = DurableTaskOptions {
            hub_name: site.map_or_else(HubName::default, HubName::derived_from),
            max_concurrent_activities: per_core,
            max_concurrent_orchestrations: per_core,
            max_concurrent_entities: per_core,
            maximum_short_timer: DAY * 6,
            long_running_timer_interval: DAY * 3,
            default_version: None,
            version_match: VersionMatch::default(),
            version_failure: VersionFailure::default(),
            session_idle: Some(SESSION_IDLE),
            overridable_states: OverridableStates::NonRunningStates,
        };
        let Some(node) = node else { return Ok(options) };
        let known = [
            "hubName",
            "maxConcurrentActivityFunctions",
            "maxConcurrentOrchestratorFunctions",
            "maxConcurrentEntityFunctions",
            "storageProvider",
            "defaultVersion",
            "versionMatchStrategy",
            "versionFailureStrategy",
            "extendedSessionsEnabled",
            "extendedSessionIdleTimeoutInSeconds",
            "overridableExistingInstanceStates",
        ];
        self.note_unknown(node, "extensions.durableTask.", &known, &[]);
        if let Some(name) = present(node.member("hubName")) {
            options.hub_name = self.hub_name(name)?;
        }
        for (key, limit) in [
            ("maxConcurrentActivityFunctions", &mut options.max_concurrent_activities),
            (
                "maxConcurrentOrchestratorFunctions",
                &mut options.max_concurrent_orchestrations,
            ),
            ("maxConcurrentEntityFunctions", &mut options.max_concurrent_entities),
        ] {
            if let Some(node) = present(node.member(key)) {
                *limit = self.positive(node, &format!("extensions.durableTask.{key}"))?;
            }
        }
        if let Some(storage) = self.section(node, "storageProvider", "extensions.durableTask.storageProvider")? {
            let path = "extensions.durableTask.storageProvider.";
            let known = ["maximumShortTimerDuration", "longRunningTimerIntervalDuration"];
            self.note_unknown(storage, path, &known, &["type"]);
            for (key, span) in [
                ("maximumShortTimerDuration", &mut options.maximum_short_timer),
                (
                    "longRunningTimerIntervalDuration",
                    &mut options.long_running_timer_interval,
                ),
            ] {
                if let Some(node) = present(storage.member(key)) {
                    *span = self.span(node, &format!("{path}{key}"))?;
                }
            }
            if options.long_running_timer_interval > options.maximum_short_timer {
                let problem = "longRunningTimerIntervalDuration must not exceed maximumShortTimerDuration";
                return Err(self.error(storage, problem));
            }
        }
        options.default_version = self.text(node, "defaultVersion", "extensions.durableTask.defaultVersion")?;
        let key = "extensions.durableTask.versionMatchStrategy";
        if let Some(strategy) = self.text(node, "versionMatchStrategy", key)? {
            options.version_match = match strategy.to_ascii_lowercase().as_str() {
                "none" | "0" => VersionMatch::None,
                "strict" | "1" => VersionMatch::Strict,
                "currentorolder" | "2" => VersionMatch::CurrentOrOlder,
                _ => {
                    let at = node.member("versionMatchStrategy").unwrap_or(node);
                    let problem = format!("{key} must be \"None\", \"Strict\" or \"CurrentOrOlder\"");
                    return Err(self.error(at, problem));
                }
            };
        }
        let key = "extensions.durableTask.versionFailureStrategy";
        if let Some(strategy) = self.text(node, "versionFailureStrategy", key)? {
            options.version_failure = match strategy.to_ascii_lowercase().as_str() {
                "reject" | "0" => VersionFailure::Reject,
                "fail" | "1" => VersionFailure::Fail,
                _ => {
                    let at = node.member("versionFailureStrategy").unwrap_or(node);
                    return Err(self.error(at, format!("{key} must be \"Reject\" or \"Fail\"")));
                }
            };
        }
        if let Some(seconds) = present(node.member("extendedSessionIdleTimeoutInSeconds")) {
            let key = "extensions.durableTask.extendedSessionIdleTimeoutInSeconds";
            options.session_idle = Some(Duration::from_secs(self.positive(seconds, key)? as u64));
        }
        let key = "extensions.durableTask.extendedSessionsEnabled";
        if let Some(enabled) = present(node.member("extendedSessionsEnabled"))
            && !self.flag(enabled, key)?
        {
            options.session_idle = None;
        }
        let key = "extensions.durableTask.overridableExistingInstanceStates";
        if let Some(state) = self.text(node, "overridableExistingInstanceStates", key)? {
            options.overridable_states = match state.to_ascii_lowercase().as_str() {
                "nonrunningstates" | "0" => OverridableStates::NonRunningStates,
                "anystate" | "1" => OverridableStates::AnyState,
                _ => {
                    // `text` found it, so the member is there; the section's place serves otherwise.
                    let at = node.member("overridableExistingInstanceStates").unwrap_or(node);
                    return Err(self.error(at, format!("{key} must be \"NonRunningStates\" or \"AnyState\"")));
                }
            };
        }
        Ok(options)
    }

    fn hub_name(&self, node: &Node) -> Result<HubName, ProjectError> {
        let Json::Text(text) = &node.value else {
            return Err(self.error(
                node,
                format!("extensions.durableTask.hubName must be a string, found {}", node.kind()),
            ));
        };
        let name = self
            .settings
            .resolve(text)
            .map_err(|error: UnresolvedSetting| self.error(node, format!("extensions.durableTask.hubName: {error}")))?;
        HubName::new(name).map_err(|source| ProjectError::HubName {
            place: place(self.file, &node.origin),
            source,
        })
    }

    fn log_levels(&mut self, node: &Node, levels: &mut LogLevels) -> Result<(), ProjectError> {
        let Json::Object(members) = &node.value else {
            return Ok(());
        };
        for (category, node) in members {
            let level = match &node.value {
                Json::Text(text) => LogLevel::from_name(text),
                _ => None,
            };
            let Some(level) = level else {
                let problem = format!(
                    "logging.logLevel.{category} must be Trace, Debug, Information, Warning, Error, Critical or None"
                );
                return Err(self.error(node, problem));
            };
            levels.set(category, level);
        }
        Ok(())
    }

    /// A list of strings; an object with number keys is how environment overrides write a list.
    fn names(&self, node: &Node) -> Result<Vec<String>, ProjectError> {
        let items: Vec<&Node> = match &node.value {
            Json::Array(items) => items.iter().collect(),
            Json::Object(members) => members.iter().map(|(_, node)| node).collect(),
            _ => {
                return Err(self.error(
                    node,
                    format!("functions must be an array of names, found {}", node.kind()),
                ));
            }
        };
        let names = items.into_iter().map(|node| match &node.value {
            Json::Text(name) => Ok(name.clone()),
            _ => Err(self.error(
                node,
                format!("functions must hold names of functions, found {}", node.kind()),
            )),
        });
        names.collect()
    }

    fn section<'n>(&self, node: &'n Node, key: &str, path: &str) -> Result<Option<&'n Node>, ProjectError> {
        let Some(section) = present(node.member(key)) else {
            return Ok(None);
        };
        match section.value {
            Json::Object(_) => Ok(Some(section)),
            _ => Err(self.error(section, format!("{path} must be an object, found {}", section.kind()))),
        }
    }

    fn text(&self, node: &Node, key: &str, path: &str) -> Result<Option<String>, ProjectError> {
        match present(node.member(key)) {
            None => Ok(None),
            Some(Node {
                value: Json::Text(text),
                ..
            }) => Ok(Some(text.clone())),
            Some(node) => Err(self.error(node, format!("{path} must be a string, found {}", node.kind()))),
        }
    }

    fn positive(&self, node: &Node, path: &str) -> Result<usize, ProjectError> {
        let number = match &node.value {
            Json::Number(text) | Json::Text(text) => text.trim().parse::<i32>().ok(),
            _ => None,
        };
        let number = number
            .and_then(|number| usize::try_from(number).ok())
            .filter(|number| *number > 0);
        number.ok_or_else(|| self.error(node, format!("{path} must be a whole number of at least 1")))
    }

    fn span(&self, node: &Node, path: &str) -> Result<Duration, ProjectError> {
        let span = match &node.value {
            Json::Text(text) => parse_time_span(text).filter(|span| !span.is_zero()),
            _ => None,
        };
        span.ok_or_else(|| {
            self.error(
                node,
                format!("{path} must be a time such as \"6.00:00:00\" (days.hours:minutes:seconds)"),
            )
        })
    }

    fn flag(&self, node: &Node, path: &str) -> Result<bool, ProjectError> {
        match &node.value {
            Json::Bool(value) => Ok(*value),
            Json::Text(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Json::Text(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(self.error(node, format!("{path} must be true or false, found {}", node.kind()))),
        }
    }

    fn note_unknown(&mut self, node: &Node, path: &str, known: &[&str], silent: &[&str]) {
        let Json::Object(members) = &node.value else { return };
        for (key, _) in members {
            let name = format!("{path}{key}");
            let is_known = known.iter().chain(silent).any(|known| known.eq_ignore_ascii_case(key));
            let name = match similar(key, known.iter().copied()).first() {
                Some(meant) => format!("{name} (did you mean {meant}?)"),
                None => name,
            };
            if !is_known && !self.ignored.contains(&name) {
                self.ignored.push(name);
            }
        }
    }

    fn error(&self, node: &Node, problem: impl Into<String>) -> ProjectError {
        ProjectError::value(self.file, node, problem)
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A member that is not null; null is how people switch a setting off.
fn present(node: Option<&Node>) -> Option<&Node> {
    node.filter(|node| node.value != Json::Null)
}
