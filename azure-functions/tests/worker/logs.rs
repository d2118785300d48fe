//! What reaches the host's log and the worker's console: records outside any invocation, panics, errors.

use crate::{
    Worker, failure,
    host::{Connection, DEADLINE, Host, invocation},
    process::{OWN_HOOK, app_command},
};
use azure_functions::rpc::{
    InvocationResponse, RpcLog, WorkerInitRequest, WorkerTerminate,
    rpc_log::{Level, RpcLogCategory},
    streaming_message::Content,
};
use std::{
    collections::HashMap,
    process::{Child, Command},
};

/// The app in a process of its own, whose console can be read.
struct App {
    child: Child,
    connection: Connection,
    ids: HashMap<String, String>,
}

impl App {
    async fn start(init: WorkerInitRequest, set: impl FnOnce(&mut Command)) -> Self {
        let mut host = Host::listen().await;
        let mut command = app_command(&host.arguments());
        command.env_remove("RUST_BACKTRACE").env_remove("RUST_LIB_BACKTRACE");
        set(&mut command);
        let child = command.spawn().unwrap();
        let mut connection = host.accept().await;
        let ids = connection.start(init).await;
        Self { child, connection, ids }
    }

    /// Calls a function; gives the records before the answer, too.
    async fn call(&mut self, function: &str, input: &str) -> (Vec<RpcLog>, InvocationResponse) {
        let request = invocation(function, &self.ids[function], input);
        self.connection.send("", Content::InvocationRequest(request));
        let mut logs = Vec::new();
        loop {
            match self.connection.receive().await.unwrap().content.unwrap() {
                Content::RpcLog(log) => logs.push(log),
                Content::InvocationResponse(response) => return (logs, response),
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    /// Ends it; gives what it wrote to stdout and to stderr.
    async fn end(mut self) -> (String, String) {
        self.connection
            .send("", Content::WorkerTerminate(WorkerTerminate::default()));
        while self.connection.receive().await.is_some() {}
        let output = tokio::task::spawn_blocking(move || self.child.wait_with_output());
        let output = tokio::time::timeout(DEADLINE, output)
            .await
            .expect("the process ends")
            .unwrap()
            .unwrap();
        assert!(output.status.success());
        [output.stdout, output.stderr]
            .map(|text| String::from_utf8(text).unwrap())
            .into()
    }
}

fn shows_system_logs() -> WorkerInitRequest {
    WorkerInitRequest {
        capabilities: HashMap::from([("ShowsSystemLogs".to_owned(), "true".to_owned())]),
        ..Default::default()
    }
}

fn told(logs: &[RpcLog]) -> Vec<(Level, &str)> {
    logs.iter()
        .filter(|log| log.log_category() == RpcLogCategory::System && log.invocation_id.is_empty())
        .map(|log| (log.level(), log.message.as_str()))
        .collect()
}

const OUTSIDE: [(Level, &str); 3] = [
    (Level::Information, "no error,\nnothing failed"),
    (Level::Warning, "careful"),
    (Level::Error, "ignored a warning"),
];

#[tokio::test]
async fn records_outside_any_invocation_reach_the_host_and_the_console_with_their_level() {
    let mut app = App::start(WorkerInitRequest::default(), |_| {}).await;
    let (logs, _) = app.call("logs_outside", "").await;
    assert_eq!(told(&logs), OUTSIDE);
    let (out, err) = app.end().await;
    // The host takes a line on stdout for Information, whatever is in it.
    assert!(out.contains("info: app::tasks: no error, | nothing failed\n"), "{out}");
    // On stderr it takes one with `warn` for a warning, so an error must not have it.
    assert_eq!(
        err,
        "warning: app::tasks: careful\nerror: app::tasks: ignored a w\u{200b}arning\n"
    );
}

#[tokio::test]
async fn a_host_that_shows_system_records_gets_them_once() {
    let mut app = App::start(shows_system_logs(), |_| {}).await;
    let (logs, _) = app.call("logs_outside", "").await;
    assert_eq!(told(&logs), OUTSIDE);
    let (logs, _) = app.call("panics_on_a_thread", "").await;
    assert_eq!(told(&logs).len(), 1);
    let (out, err) = app.end().await;
    assert!(!out.contains("app::tasks") && err.is_empty(), "{out} {err}");
}

#[tokio::test]
async fn a_panic_is_one_record_of_its_invocation_with_its_place_and_nothing_on_the_console() {
    for (backtrace, function, message) in [
        (None, "panics", "sorry, Bob"),
        (Some("1"), "panics_late", "late Bob"),
        (None, "panics_in_an_orchestration", "instance i"),
    ] {
        let mut app = App::start(WorkerInitRequest::default(), |command| {
            if let Some(backtrace) = backtrace {
                command.env("RUST_BACKTRACE", backtrace);
            }
        })
        .await;
        let input = match function {
            "panics_in_an_orchestration" => {
                r#"{"history":[
                    {"EventType":12,"EventId":-1,"IsPlayed":false,"Timestamp":"2030-04-01T10:00:00Z"},
                    {"EventType":0,"EventId":-1,"IsPlayed":false,"Timestamp":"2030-04-01T10:00:00Z","Name":"p","Input":"null"}],
                    "input":null,"instanceId":"i","isReplaying":false,"upperSchemaVersionNew":2}"#
            }
            _ => "Bob",
        };
        let (mut logs, response) = app.call(function, input).await;
        // On a busy machine the backtrace may take so long that the function is warned of for blocking.
        logs.retain(|log| backtrace.is_none() || !log.message.contains("blocks its thread"));
        let [log] = &logs[..] else { panic!("{logs:?}") };
        assert_eq!(
            (log.level(), log.log_category(), log.invocation_id.as_str()),
            (Level::Error, RpcLogCategory::User, function)
        );
        let first = log.message.lines().next().unwrap();
        assert!(
            first.starts_with("panicked at ") && first.contains("functions.rs:") && first.ends_with(message),
            "{first}"
        );
        assert_eq!(
            log.message.contains("\nstack backtrace:\n"),
            backtrace.is_some(),
            "{}",
            log.message
        );
        assert_eq!(
            log.message.contains("functions::"),
            backtrace.is_some(),
            "{}",
            log.message
        );
        let exception = response.result.unwrap().exception.unwrap();
        assert_eq!(exception.r#type, "panic");
        let (out, err) = app.end().await;
        assert!(!out.contains("panicked") && err.is_empty(), "{out} {err}");
    }
}

#[tokio::test]
async fn a_panic_outside_any_invocation_is_one_record_and_one_line() {
    let mut app = App::start(WorkerInitRequest::default(), |command| {
        command.env("RUST_BACKTRACE", "1");
    })
    .await;
    let (logs, _) = app.call("panics_on_a_thread", "").await;
    let [(Level::Error, message)] = told(&logs)[..] else {
        panic!("{logs:?}")
    };
    assert!(
        message.starts_with("thread 'pump' panicked at ") && message.contains("functions.rs:"),
        "{message}"
    );
    let (out, err) = app.end().await;
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(
        err.starts_with("error: panic: thread 'pump' panicked at ")
            && err.contains(": out of water | stack backtrace: | "),
        "{err}"
    );
    assert!(!out.contains("panicked"), "{out}");
}

#[tokio::test]
async fn a_panic_hook_of_the_app_stays_in_force() {
    let mut app = App::start(WorkerInitRequest::default(), |command| {
        command.env(OWN_HOOK, "1");
    })
    .await;
    let (logs, _) = app.call("panics", "Bob").await;
    assert_eq!(logs.len(), 1, "{logs:?}");
    assert_eq!(app.end().await.1, "the app's own hook\n");
}

/// The host would drop it.
#[tokio::test]
async fn a_record_made_after_the_answer_is_not_made_in_its_name() {
    let mut app = App::start(WorkerInitRequest::default(), |_| {}).await;
    let (logs, _) = app.call("goes_on_after_its_answer", "").await;
    assert!(logs.is_empty(), "{logs:?}");
    let (mut logs, _) = app.call("opens_a_gate", "after the answer").await;
    if logs.is_empty() {
        let pick = |content| match content {
            Content::RpcLog(log) => Some(log),
            _ => None,
        };
        logs.push(app.connection.expect(pick).await.1);
    }
    assert_eq!(told(&logs), [(Level::Warning, "late")]);
    assert_eq!(app.end().await.1, "warning: app::tasks: late\n");
}

#[tokio::test]
async fn an_error_carries_its_type_its_causes_and_its_function() {
    let mut worker = Worker::start().await;
    for (function, error_type, message) in [
        (
            "declines",
            "worker::functions::Declined",
            "declined: no money: number too large to fit in target type",
        ),
        (
            "declines_in_a_box",
            "core::num::error::ParseIntError",
            "number too large to fit in target type",
        ),
        ("fails", "azure_functions::FunctionError", "cannot do it"),
    ] {
        let response = worker.call(function, "it").await;
        assert_eq!(failure(&response).1, message);
        let exception = response.result.unwrap().exception.unwrap();
        assert_eq!(exception.r#type, error_type);
        assert!(exception.is_user_exception);
        assert_eq!(exception.source, "worker");
        let frame = format!("   at worker::functions::{function} in ");
        assert!(exception.stack_trace.starts_with(&frame), "{}", exception.stack_trace);
    }
    assert_eq!(worker.end().await, 0);
}

#[tokio::test]
async fn locally_rust_log_decides_in_place_of_the_levels_of_the_host() {
    let messages = async |instance: Option<&str>| {
        let mut app = App::start(WorkerInitRequest::default(), |command| {
            command
                .env("RUST_LOG", "warn,worker=debug")
                .env_remove("WEBSITE_INSTANCE_ID");
            if let Some(instance) = instance {
                command.env("WEBSITE_INSTANCE_ID", instance);
            }
        })
        .await;
        let (logs, _) = app.call("logs", "order").await;
        app.end().await;
        logs.into_iter().map(|log| log.message).collect::<Vec<_>>()
    };
    assert_eq!(messages(None).await, ["second", "detail"]);
    // On Azure it is one setting among others.
    assert_eq!(messages(Some("an instance")).await, ["first order", "second"]);
}
