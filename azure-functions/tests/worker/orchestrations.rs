//! Episodes through the worker, and `replay` without one.

use crate::{
    Worker, failure,
    host::{Connection, Host, invocation},
    process::{app_command, run_app, wait},
};
use azure_functions::rpc::{
    InvocationResponse, WorkerInitRequest, rpc_log::Level, status_result::Status, streaming_message::Content,
    typed_data::Data,
};
use serde_json::{Value, json};

/// A trigger payload as the extension sends it: started, and with `more` in a second episode.
pub(crate) fn payload(name: &str, more: &[Value]) -> String {
    let mut history = vec![
        json!({"EventType": 12, "EventId": -1, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:00Z"}),
        json!({"EventType": 0, "EventId": -1, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:00Z", "Name": name, "Input": null}),
    ];
    history.extend_from_slice(more);
    json!({
        "history": history,
        "input": null,
        "instanceId": "abc",
        "isReplaying": false,
        "parentInstanceId": null,
        "upperSchemaVersion": 1,
        "upperSchemaVersionNew": 2,
        "longRunningTimerIntervalDuration": "3.00:00:00",
        "maximumShortTimerDuration": "6.00:00:00",
    })
    .to_string()
}

fn greeted(activity: &str) -> String {
    payload(
        "greets",
        &[
            json!({"EventType": 4, "EventId": 0, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:00Z", "Name": activity}),
            json!({"EventType": 13, "EventId": -1, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:00Z"}),
            json!({"EventType": 12, "EventId": -1, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:01Z"}),
            json!({"EventType": 5, "EventId": -1, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:01Z", "TaskScheduledId": 0, "Result": "\"Hello Tokyo!\""}),
        ],
    )
}

fn answer(response: &InvocationResponse) -> Value {
    match response.return_value.as_ref().and_then(|v| v.data.as_ref()) {
        Some(Data::Json(text)) => serde_json::from_str(text).unwrap(),
        other => panic!("no JSON: {other:?} in {response:?}"),
    }
}

#[tokio::test]
async fn an_episode_is_answered_as_json() {
    let mut worker = Worker::start().await;
    let first = answer(&worker.call("greets", &payload("greets", &[])).await);
    assert_eq!(first["isDone"], false);
    assert_eq!(first["actions"][0][0]["functionName"], "greet");
    let second = answer(&worker.call("greets", &greeted("greet")).await);
    assert_eq!(
        (&second["isDone"], &second["output"]),
        (&json!(true), &json!("Hello Tokyo!"))
    );
    assert_eq!(worker.end().await, 0);
}

#[tokio::test]
async fn log_records_of_a_replay_are_dropped() {
    let mut worker = Worker::start().await;
    worker.begin("greets", &greeted("greet"));
    let log = worker.log().await;
    assert_eq!((log.message.as_str(), log.invocation_id.as_str()), ("asked", "greets"));
    worker.answer().await;
    assert_eq!(worker.end().await, 0);
}

/// The rest of the row, all types that are known, is a test of the replay core.
#[tokio::test]
async fn row_071_a_history_event_of_an_unknown_type_is_ignored_with_a_debug_record() {
    let mut host = Host::listen().await;
    // A process of its own: the level of a process is that of the worker that started last.
    let child = app_command(&host.arguments())
        .env("AzureFunctionsJobHost__logging__logLevel__default", "Debug")
        .spawn()
        .unwrap();
    let mut connection = host.accept().await;
    let ids = connection.start(WorkerInitRequest::default()).await;
    let event = |kind: u8| json!({"EventType": kind, "EventId": -1, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:01Z", "New": [{}]});
    // 18 is known, and nothing to an orchestration: not worth a word.
    let payload = payload("greets", &[event(18), event(77)]);
    connection.send(
        "",
        Content::InvocationRequest(invocation("greets", &ids["greets"], &payload)),
    );
    let mut said = Vec::new();
    let response = loop {
        match connection.receive().await.unwrap().content.unwrap() {
            Content::RpcLog(log) => said.push((log.level(), log.message)),
            Content::InvocationResponse(response) => break response,
            other => panic!("unexpected {other:?}"),
        }
    };
    let unknown = "a history event of the unknown type 77 is ignored".to_owned();
    assert_eq!(
        said,
        [(Level::Debug, unknown), (Level::Information, "asking".to_owned())]
    );
    assert_eq!(answer(&response)["actions"][0][0]["functionName"], "greet");
    drop(connection);
    assert_eq!(wait(child).await, 0);
}

#[tokio::test]
async fn a_failed_episode_carries_its_answer_in_the_exception() {
    let mut worker = Worker::start().await;
    let response = worker
        .call(
            "panics_in_an_orchestration",
            &payload("panics_in_an_orchestration", &[]),
        )
        .await;
    let (status, message) = failure(&response);
    assert_eq!(status, i32::from(Status::Failure));
    let (said, state) = message.split_once("\n\n$OutOfProcData$:").unwrap();
    assert!(
        said.contains("instance abc") && said.contains("functions.rs:"),
        "{said}"
    );
    assert_eq!(serde_json::from_str::<Value>(state).unwrap()["isDone"], false);
    let response = worker.call("greets", "no payload").await;
    assert_eq!(failure(&response).0, i32::from(Status::Failure));
    assert_eq!(worker.end().await, 0);
}

#[tokio::test]
async fn row_067_what_an_orchestration_may_not_await_fails_that_episode_with_its_name_and_line_and_no_other() {
    let functions = include_str!("functions.rs").lines();
    let mut lines = functions
        .zip(1..)
        .skip_while(|(line, _)| !line.contains("async fn awaits_a_runtime_timer("));
    // The call is the line behind the name.
    let (call, line) = lines.nth(1).unwrap();
    assert!(call.contains("context.call_activity("), "{call}");
    let place = format!(
        "orchestration 'awaits_a_runtime_timer' (last call of its context at azure-functions/tests/worker/functions.rs:{line})"
    );
    let mut worker = Worker::start().await;
    let second_episode = greeted("greet").replace("\"greets\"", "\"awaits_a_runtime_timer\"");
    for (name, payload, complaint) in [
        (
            "awaits_a_runtime_timer",
            second_episode,
            "awaited something that is not a durable task",
        ),
        (
            "joins_without_the_context",
            payload("joins_without_the_context", &[]),
            "awaited two things at once",
        ),
        (
            "awaits_nothing_there_is",
            payload("awaits_nothing_there_is", &[]),
            "awaited something that is not a durable task",
        ),
    ] {
        let response = worker.call(name, &payload).await;
        let (status, message) = failure(&response);
        let (said, _) = message.split_once("\n\n$OutOfProcData$:").unwrap();
        assert_eq!(status, i32::from(Status::Failure));
        assert!(
            said.contains(complaint) && said.contains(&format!("orchestration '{name}' (")),
            "{said}"
        );
        assert_eq!(name == "awaits_a_runtime_timer", said.contains(&place), "{said}");
        let next = answer(&worker.call("greets", &greeted("greet")).await);
        assert_eq!(next["output"], "Hello Tokyo!");
    }
    assert_eq!(worker.end().await, 0);
}

#[tokio::test]
async fn episodes_that_block_fail_alone_and_do_not_hold_up_others() {
    let mut host = Host::listen().await;
    let child = app_command(&host.arguments())
        .env("AZURE_FUNCTIONS_EPISODE_TIMEOUT", "1s")
        .spawn()
        .unwrap();
    let mut connection = host.accept().await;
    let ids = connection.start(WorkerInitRequest::default()).await;
    // Far more than may run at once.
    let blocked = 8 * std::thread::available_parallelism().unwrap().get();
    for n in 0..blocked {
        let request = invocation(&format!("blocked-{n}"), &ids["blocks"], &payload("blocks", &[]));
        connection.send("", Content::InvocationRequest(request));
    }
    let request = invocation("next", &ids["greets"], &greeted("greet"));
    connection.send("", Content::InvocationRequest(request));
    let mut failed = 0;
    let mut served = false;
    while failed < blocked || !served {
        let response = next_answer(&mut connection).await;
        if response.invocation_id == "next" {
            assert_eq!(answer(&response)["output"], "Hello Tokyo!");
            served = true;
        } else {
            let (_, message) = failure(&response);
            assert!(
                message.starts_with("orchestration 'blocks' (") && message.contains("functions.rs:"),
                "{message}"
            );
            assert!(
                message.contains("longer than 1s") && message.contains("into an activity"),
                "{message}"
            );
            failed += 1;
        }
    }
    drop(connection);
    assert_eq!(wait(child).await, 0);
}

async fn next_answer(connection: &mut Connection) -> InvocationResponse {
    loop {
        match connection.receive().await.unwrap().content.unwrap() {
            Content::InvocationResponse(response) => return response,
            Content::RpcLog(_) => {}
            other => panic!("unexpected {other:?}"),
        }
    }
}

/// Exit code, stdout without the line that libtest writes, and stderr of `replay`.
fn replay(name: Option<&str>, payload: &str) -> (i32, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("payload.json");
    std::fs::write(&path, payload).unwrap();
    let arguments: Vec<_> = ["replay"].into_iter().chain(name).chain(path.to_str()).collect();
    let output = run_app(&arguments);
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stdout = stdout
        .find('{')
        .map(|at| stdout[at..].trim_end().to_owned())
        .unwrap_or_default();
    (
        output.status.code().unwrap(),
        stdout,
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn replay_prints_the_answer() {
    for name in [None, Some("GREETS")] {
        let (code, stdout, stderr) = replay(name, &greeted("greet"));
        assert_eq!(code, 0, "{stderr}");
        assert_eq!(
            serde_json::from_str::<Value>(&stdout).unwrap()["output"],
            "Hello Tokyo!"
        );
        assert_eq!(stderr, "");
    }
}

#[test]
fn replay_tells_a_contradiction_apart_from_a_failure() {
    let (code, stdout, stderr) = replay(None, &greeted("another"));
    assert_eq!(code, 3, "{stderr}");
    assert!(
        stderr.contains("another") && stderr.contains("greet") && stderr.contains("functions.rs:"),
        "{stderr}"
    );
    assert!(stdout.contains("isDone"), "{stdout}");
    let (code, stdout, stderr) = replay(None, &payload("panics_in_an_orchestration", &[]));
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("instance abc") && stdout.contains("error"),
        "{stdout} {stderr}"
    );
}

#[test]
fn replay_says_in_one_sentence_what_it_cannot_use() {
    let cases = [
        (Some("nobody"), greeted("greet"), "no orchestration named 'nobody'"),
        (Some("greet"), greeted("greet"), "`greet` is not an orchestration"),
        (None, r#"{"history":[]}"#.to_owned(), "has no ExecutionStarted event"),
        (
            None,
            r#"{"history":[{"EventType":12,"Timestamp":"2031-05-04T10:00:00Z"},{"EventType":0}]}"#.to_owned(),
            "names no orchestration",
        ),
        (None, "[1]".to_owned(), "is not the trigger payload"),
    ];
    for (name, payload, expected) in cases {
        let (code, _, stderr) = replay(name, &payload);
        assert_eq!(code, 2, "{stderr}");
        assert!(
            stderr.contains(expected) && stderr.trim_end().lines().count() == 1,
            "{stderr}"
        );
    }
    let output = run_app(&["replay", "/does/not/exist.json"]);
    assert_eq!(output.status.code(), Some(2));
}
