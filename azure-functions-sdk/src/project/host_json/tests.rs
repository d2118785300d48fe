//! `host.json` as people write it, and as they get it wrong.

use super::*;
use crate::{
    durable::versions::{VersionFailure, VersionMatch},
    project::{LocalSettings, LogLevel},
};
use std::time::Duration;

fn settings(values: &[(&str, &str)]) -> Settings {
    Settings::new(
        values.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())),
        &LocalSettings::default(),
    )
}

fn parse(text: &str) -> HostJson {
    HostJson::parse("host.json", text, &settings(&[])).unwrap()
}

fn message(text: &str) -> String {
    HostJson::parse("host.json", text, &settings(&[]))
        .unwrap_err()
        .to_string()
}

#[test]
fn the_shortest_file_gives_the_defaults() {
    let host = parse(r#"{"version": "2.0"}"#);
    assert_eq!(host.function_timeout, FunctionTimeout::Limit(Duration::from_secs(1800)));
    assert_eq!(host.http.route_prefix, "api");
    assert_eq!(host.durable_task.hub_name.as_str(), "TestHubName");
    assert_eq!(host.durable_task.maximum_short_timer, Duration::from_secs(6 * 86_400));
    assert_eq!(
        host.durable_task.overridable_states,
        OverridableStates::NonRunningStates
    );
    assert_eq!(host.functions, None);
    assert_eq!(host.warning(), None);
}

#[test]
fn everything_it_honours_is_read() {
    let text = r#"{
        "version": "2.0",
        "functionTimeout": "-1",
        "functions": ["a", "b"],
        "extensionBundle": { "id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)" },
        "extensions": {
            "http": { "routePrefix": "" },
            "mcp": { "instructions": "Ask for the price first.", "ServerName": "shop", "serverVersion": "2.1" },
            "durableTask": {
                "HubName": "%Hub%VS",
                "maxConcurrentActivityFunctions": 7,
                "maxConcurrentOrchestratorFunctions": "8",
                "storageProvider": { "maximumShortTimerDuration": "00:10:00", "longRunningTimerIntervalDuration": "00:05:00" },
                "defaultVersion": "1.1",
                "versionMatchStrategy": "Strict",
                "versionFailureStrategy": "fail",
                "extendedSessionsEnabled": true,
                "extendedSessionIdleTimeoutInSeconds": 60,
                "overridableExistingInstanceStates": "AnyState"
            }
        },
        "logging": { "logLevel": { "default": "Warning", "Function.hello": "Debug" } }
    }"#;
    let host = HostJson::parse("host.json", text, &settings(&[("HUB", "Sample")])).unwrap();
    assert_eq!(host.function_timeout, FunctionTimeout::Unlimited);
    assert_eq!(host.functions, Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(host.http.route_prefix, "");
    assert_eq!(
        (
            &*host.mcp.server_name,
            &*host.mcp.server_version,
            host.mcp.instructions.as_deref()
        ),
        ("shop", "2.1", Some("Ask for the price first."))
    );
    let durable = &host.durable_task;
    assert_eq!(durable.hub_name.as_str(), "SampleVS");
    assert_eq!(
        (durable.max_concurrent_activities, durable.max_concurrent_orchestrations),
        (7, 8)
    );
    assert_eq!(durable.maximum_short_timer, Duration::from_secs(600));
    assert_eq!(durable.long_running_timer_interval, Duration::from_secs(300));
    assert_eq!(durable.default_version.as_deref(), Some("1.1"));
    assert_eq!(
        (durable.version_match, durable.version_failure),
        (VersionMatch::Strict, VersionFailure::Fail)
    );
    assert_eq!(durable.session_idle, Some(Duration::from_secs(60)));
    assert_eq!(durable.overridable_states, OverridableStates::AnyState);
    assert_eq!(host.log_levels.minimum("Function.hello.User"), LogLevel::Debug);
    assert_eq!(host.log_levels.minimum("Host"), LogLevel::Warning);
    assert_eq!(host.warning(), None);
}

#[test]
fn unknown_settings_make_one_warning_in_all() {
    let text = r#"{"version": "2.0", "tracing": {}, "extensions": {"queues": {"batchSize": 1}, "http": {"hsts": {}}, "mcp": {"encryptClientState": true}}}"#;
    assert_eq!(
        parse(text).warning().unwrap(),
        "host.json: the local host ignores tracing, extensions.queues, extensions.http.hsts, extensions.mcp.encryptClientState (they may mean something in Azure)"
    );
}

#[test]
fn a_misspelt_setting_is_told_with_what_was_meant() {
    let text =
        r#"{"version": "2.0", "extension": {}, "extensions": {"durableTasks": {}, "http": {"routeprefx": "x"}}}"#;
    let warning = parse(text).warning().unwrap();
    for wanted in [
        "extension (did you mean extensions?)",
        "extensions.durableTasks (did you mean durableTask?)",
        "extensions.http.routeprefx (did you mean routePrefix?)",
    ] {
        assert!(warning.contains(wanted), "{warning}");
    }
}

#[test]
fn settings_override_the_file() {
    let text = r#"{"version": "2.0", "functions": ["a"], "extensions": {"http": {"routePrefix": "v1"}}}"#;
    let values = [
        ("AzureFunctionsJobHost__extensions__http__routePrefix", "v2"),
        ("AzureFunctionsJobHost__functionTimeout", "00:01:00"),
        ("AzureFunctionsJobHost__functions__0", "z"),
        ("AzureFunctionsJobHost:functions:1", "y"),
        ("AzureFunctionsJobHost__logging__logLevel__default", "Error"),
        (
            "AzureFunctionsJobHost__extensions__durableTask__maxConcurrentActivityFunctions",
            "3",
        ),
    ];
    let host = HostJson::parse("host.json", text, &settings(&values)).unwrap();
    assert_eq!(host.http.route_prefix, "v2");
    assert_eq!(host.function_timeout, FunctionTimeout::Limit(Duration::from_secs(60)));
    assert_eq!(host.functions, Some(vec!["z".to_owned(), "y".to_owned()]));
    assert_eq!(host.log_levels.minimum("x"), LogLevel::Error);
    assert_eq!(host.durable_task.max_concurrent_activities, 3);

    let bad = [("AzureFunctionsJobHost__functionTimeout", "soon")];
    let error = HostJson::parse("host.json", text, &settings(&bad))
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "environment variable AzureFunctionsJobHost__functionTimeout: functionTimeout must be a time such as \"00:05:00\", or \
         \"-1\" for no limit"
    );
}

#[test]
fn mistakes_name_the_place_and_the_fix() {
    for (text, expected) in [
        (
            "{}",
            "host.json, line 1, column 1: version is missing: add \"version\": \"2.0\"",
        ),
        (
            r#"{"version": "1.0"}"#,
            "host.json, line 1, column 13: version is \"1.0\", but this host reads only \"version\": \"2.0\"",
        ),
        (
            r#"{"version": 2.0}"#,
            "host.json, line 1, column 13: version must be the string \"2.0\", found a number",
        ),
        (
            "{\"version\": \"2.0\",\n  \"extensions\": { \"http\": { \"routePrefix\": 7 } } }",
            "host.json, line 2, column 44: extensions.http.routePrefix must be a string, found a number",
        ),
        (
            "{\"version\": \"2.0\",\n  \"extensions\": { \"durableTask\": { \"hubName\": \"my-hub\" } } }",
            "host.json, line 2, column 47: task hub name 'my-hub' is not valid: use 3 to 45 letters and digits (A-Z, a-z, 0-9), \
             the first one a letter",
        ),
        (
            "{\"version\": \"2.0\",\n  \"extensions\": { \"durableTask\": { \"hubName\": \"%Hub%\" } } }",
            "host.json, line 2, column 47: extensions.durableTask.hubName: '%Hub%' does not resolve: add the app setting 'Hub' \
             to Values in local.settings.json, or set it in the environment",
        ),
        (
            r#"{"version": "2.0", "extensions": {"durableTask": {"maxConcurrentActivityFunctions": 0}}}"#,
            "host.json, line 1, column 85: extensions.durableTask.maxConcurrentActivityFunctions must be a whole number of at \
             least 1",
        ),
        (
            r#"{"version": "2.0", "logging": {"logLevel": {"default": "Loud"}}}"#,
            "host.json, line 1, column 56: logging.logLevel.default must be Trace, Debug, Information, Warning, Error, Critical \
             or None",
        ),
        (
            "{\"version\" \"2.0\"}",
            "host.json, line 1, column 12: expected ':' after the name \"version\"",
        ),
    ] {
        assert_eq!(message(text), expected);
    }
}

#[test]
fn a_missing_file_says_what_to_create() {
    let folder = tempfile::tempdir().unwrap();
    let error = HostJson::read(&folder.path().join("host.json"), &settings(&[])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "host.json is missing: create it with at least {\"version\": \"2.0\"}"
    );
}

#[test]
fn names_of_3_and_45_letters_pass_and_shorter_and_longer_ones_do_not() {
    let parse = |name: &str| {
        let text = format!(r#"{{"version": "2.0", "extensions": {{"durableTask": {{"hubName": "{name}"}}}}}}"#);
        HostJson::parse("host.json", &text, &settings(&[])).map(|host| host.durable_task.hub_name.to_string())
    };
    for name in ["abc", &"a".repeat(45)] {
        assert_eq!(parse(name).unwrap(), name);
    }
    for name in ["ab", "1hub", "my-hub", &"a".repeat(46)] {
        let error = parse(name).unwrap_err().to_string();
        assert!(error.contains("use 3 to 45 letters and digits"), "{error}");
    }
    let host = HostJson::parse(
        "host.json",
        r#"{"version": "2.0"}"#,
        &settings(&[("WEBSITE_SITE_NAME", "my-site")]),
    );
    assert_eq!(host.unwrap().durable_task.hub_name.as_str(), "mysite");
}

#[test]
fn a_route_prefix_that_the_host_needs_for_itself_is_refused_at_start() {
    let with =
        |prefix: &str| format!(r#"{{"version": "2.0", "extensions": {{"http": {{"routePrefix": "{prefix}"}}}}}}"#);
    assert_eq!(
        message(&with("/Admin")),
        "host.json, line 1, column 59: extensions.http.routePrefix must not begin with 'admin': the host serves its own paths \
         below /admin, so no function could be called"
    );
    for prefix in ["admin", "admin/x", "runtime", "runtime/webhooks", "//RUNTIME//"] {
        assert!(
            message(&with(prefix)).contains("routePrefix must not begin with"),
            "{prefix}"
        );
    }
    let by_setting = settings(&[("AzureFunctionsJobHost__extensions__http__routePrefix", "runtime")]);
    let error = HostJson::parse("host.json", r#"{"version": "2.0"}"#, &by_setting).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("environment variable AzureFunctionsJobHost__extensions__http__routePrefix: "),
        "{error}"
    );
    for prefix in ["administration", "api/admin", ""] {
        assert_eq!(parse(&with(prefix)).http.route_prefix, prefix);
    }
}

#[test]
fn the_local_host_has_extended_sessions_unless_host_json_switches_them_off() {
    let idle = |members: &str| {
        let text = format!(r#"{{"version": "2.0", "extensions": {{"durableTask": {{{members}}}}}}}"#);
        parse(&text).durable_task.session_idle
    };
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(idle(""), seconds(30));
    assert_eq!(idle(r#""extendedSessionsEnabled": true"#), seconds(30));
    assert_eq!(idle(r#""extendedSessionIdleTimeoutInSeconds": 60"#), seconds(60));
    assert_eq!(
        idle(r#""extendedSessionsEnabled": false, "extendedSessionIdleTimeoutInSeconds": 60"#),
        None
    );
}
