//! Calls of functions: how they end, what they log, how they run side by side.

use crate::{
    Worker, failure, functions,
    host::{DEADLINE, invocation},
    text,
};
use azure_functions::rpc::{
    InvocationCancel, RetryContext, RpcException, RpcTraceContext, WorkerStatusRequest, WorkerTerminate,
    rpc_log::{Level, RpcLogCategory},
    status_result::Status,
    streaming_message::Content,
    typed_data::Data,
};
use std::{collections::HashMap, time::Instant};

#[tokio::test]
async fn async_and_plain_functions_answer() {
    let mut worker = Worker::start().await;
    for function in ["echo", "echo_blocking"] {
        let response = worker.call(function, "hi").await;
        assert_eq!((response.invocation_id.as_str(), text(&response)), (function, "hi"));
        assert_eq!(response.result.unwrap().status(), Status::Success);
    }
    assert_eq!(worker.end().await, 0);
}

/// The extension takes nothing but an object.
#[tokio::test]
async fn a_batch_of_an_entity_is_answered_as_json_and_its_log_belongs_to_the_invocation() {
    let mut worker = Worker::start().await;
    let batch = r#"{"self":{"name":"counts","key":"A"},"exists":true,"state":"1","batch":[
        {"name":"add","input":"2","isSignal":false},{"name":"fly","input":null,"isSignal":true}]}"#;
    worker.begin("counts", batch);
    let log = worker.log().await;
    assert_eq!((log.invocation_id.as_str(), log.level()), ("counts", Level::Error));
    assert!(
        log.message
            .starts_with("operation `fly` of entity `@counts@A` failed: "),
        "{}",
        log.message
    );
    let response = worker.answer().await;
    let Some(Data::Json(answer)) = response.return_value.unwrap().data else {
        panic!("no JSON")
    };
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(
        (&answer["entityExists"], &answer["entityState"]),
        (&true.into(), &"3".into())
    );
    assert_eq!(
        (&answer["results"][0]["result"], &answer["results"][1]["isError"]),
        (&"3".into(), &true.into())
    );

    worker.begin("counts_blocking", batch);
    assert_eq!(worker.log().await.message, "add of @counts@A");
    assert_eq!(worker.log().await.message, "fly of @counts@A");
    assert_eq!(worker.answer().await.result.unwrap().status(), Status::Success);
    assert_eq!(worker.end().await, 0);
}

#[tokio::test]
async fn a_panic_fails_its_invocation_with_message_and_place() {
    let mut worker = Worker::start().await;
    let cases = [
        ("panics", "sorry, me"),
        ("panics_before_its_future", "bad me"),
        ("panics_late", "late me"),
        ("panics_with_a_bomb", "a value that is not text"),
        ("panics_when_dropped", "dropped"),
    ];
    for (function, message) in cases {
        let response = worker.call(function, "me").await;
        let (status, told) = failure(&response);
        assert_eq!(status, i32::from(Status::Failure));
        assert!(
            told.contains(message) && told.contains("functions.rs:") && told.contains(function),
            "{told}"
        );
        let exception = response.result.as_ref().unwrap().exception.as_ref().unwrap();
        assert!(exception.is_user_exception && exception.r#type == "panic");
    }
    assert_eq!(text(&worker.call("echo", "alive").await), "alive");
    assert_eq!(worker.end().await, 0);
}

#[tokio::test]
async fn an_error_is_told_as_the_function_said_it() {
    let mut worker = Worker::start().await;
    let response = worker.call("fails", "that").await;
    assert_eq!(failure(&response), (Status::Failure.into(), "cannot do that"));
    assert_eq!(worker.end().await, 0);
}

#[tokio::test]
async fn log_records_come_before_the_answer_with_level_category_and_invocation() {
    let mut worker = Worker::start().await;
    worker.begin("logs", "entry");
    let first = worker.log().await;
    assert_eq!(
        (first.message.as_str(), first.category.as_str()),
        ("first entry", "shop::orders")
    );
    assert_eq!(
        (first.level(), first.log_category()),
        (Level::Information, RpcLogCategory::User)
    );
    assert_eq!(first.invocation_id, "logs");
    let second = worker.log().await;
    assert_eq!((second.message.as_str(), second.level()), ("second", Level::Warning));
    assert_eq!(second.invocation_id, "logs", "the invocation is known across an await");
    let pick = |c| matches!(c, Content::InvocationResponse(_)).then_some(());
    worker.connection.expect(pick).await;

    worker.begin("logs_blocking", "");
    assert_eq!(worker.log().await.message, "from a thread");
    let other = worker.log().await;
    assert_eq!(
        (other.message.as_str(), other.invocation_id.as_str()),
        ("from another", "logs_blocking")
    );
    worker.answer().await;
    assert_eq!(worker.end().await, 0);
}

#[tokio::test]
async fn a_function_can_ask_about_its_invocation() {
    let mut worker = Worker::start().await;
    let mut request = invocation("id-7", &worker.ids["tells_its_context"], "");
    request.trace_context = Some(RpcTraceContext {
        trace_parent: "00-ab-cd-01".into(),
        ..Default::default()
    });
    request.retry_context = Some(RetryContext {
        retry_count: 2,
        max_retry_count: 5,
        exception: Some(RpcException {
            message: "last time".into(),
            ..Default::default()
        }),
    });
    worker.connection.send("", Content::InvocationRequest(request));
    let expected = r#"["id-7","tells_its_context","00-ab-cd-01",[2,5,"last time"]]"#;
    assert_eq!(text(&worker.answer().await), expected);
    assert_eq!(worker.end().await, 0);
}

/// The host gives all attempts the id of the first.
#[tokio::test]
async fn every_attempt_of_a_retry_policy_runs_under_the_same_invocation_id() {
    let mut worker = Worker::start().await;
    for attempt in 0..3 {
        let mut request = invocation("id-7", &worker.ids["tells_its_context"], "");
        request.retry_context = Some(RetryContext {
            retry_count: attempt,
            max_retry_count: 2,
            exception: None,
        });
        worker.connection.send("", Content::InvocationRequest(request));
        let expected = format!(r#"["id-7","tells_its_context","",[{attempt},2,null]]"#);
        assert_eq!(text(&worker.answer().await), expected);
    }
    assert_eq!(worker.end().await, 0);
}

#[tokio::test]
async fn cancellation_reaches_the_function_which_decides_what_to_make_of_it() {
    let mut worker = Worker::start().await;
    for function in ["stops_when_cancelled", "completes_when_cancelled"] {
        worker.begin(function, "");
        assert_eq!(worker.log().await.message, "begun");
        let cancel = InvocationCancel {
            invocation_id: function.into(),
            ..Default::default()
        };
        worker.connection.send("", Content::InvocationCancel(cancel));
        let response = worker.answer().await;
        match function {
            "stops_when_cancelled" => assert_eq!(failure(&response), (Status::Cancelled.into(), "stopped early")),
            _ => assert_eq!(text(&response), "done all the same"),
        }
    }
    assert_eq!(worker.end().await, 0);
}

#[tokio::test]
async fn invocations_run_side_by_side_whatever_some_of_them_do() {
    let mut worker = Worker::start().await;
    let blocked: Vec<_> = (0..40).map(|n| format!("blocked-{n}")).collect();
    for id in &blocked {
        worker.begin_as(id, "waits_at_a_gate", "side by side");
        assert_eq!(worker.log().await.invocation_id, *id);
    }
    worker.begin("stops_when_cancelled", "");
    assert_eq!(worker.log().await.message, "begun");
    assert_eq!(text(&worker.call("echo", "first").await), "first");
    assert_eq!(text(&worker.call("echo_blocking", "second").await), "second");
    functions::open_gate("side by side");
    let mut answered = HashMap::new();
    for _ in &blocked {
        let response = worker.answer().await;
        assert_eq!(text(&response), "through");
        *answered.entry(response.invocation_id).or_insert(0) += 1;
    }
    assert!(blocked.iter().all(|id| answered[id] == 1));
    assert_eq!(worker.end().await, 0);
}

#[tokio::test]
async fn async_functions_that_block_their_threads_hold_up_no_others_and_are_warned_of_once() {
    let mut worker = Worker::start().await;
    for n in 0..20 {
        worker.begin_as(&format!("blocked-{n}"), "blocks_for_long", "for long");
    }
    worker.begin("echo", "in time");
    let (mut answers, mut warnings) = (Vec::new(), Vec::new());
    while answers.len() < 21 {
        match worker.connection.receive().await.expect("the stream goes on").content {
            Some(Content::InvocationResponse(response)) => answers.push(response),
            Some(Content::RpcLog(log)) => warnings.push(log),
            other => panic!("unexpected {other:?}"),
        }
        if answers.len() == 1 && warnings.len() == 1 {
            functions::open_gate("for long");
        }
    }
    assert_eq!(text(&answers[0]), "in time", "all others wait at the gate");
    let [warning] = &warnings[..] else {
        panic!("{warnings:?}")
    };
    assert!(
        warning
            .message
            .starts_with("function `blocks_for_long` blocks its thread, for more than 500 ms now"),
        "{}",
        warning.message
    );
    assert_eq!(warning.level(), Level::Warning);
    assert!(
        warning.invocation_id.starts_with("blocked-"),
        "{}",
        warning.invocation_id
    );
    assert_eq!(worker.end().await, 0);
}

/// The first calls go elsewhere: that the function is short is learnt from them.
async fn call_until_it_runs_where_it_is_read(worker: &mut Worker, function: &str) {
    let begun = Instant::now();
    while text(&worker.call(function, "").await) != "functions-stream" {
        assert!(begun.elapsed() < DEADLINE, "`{function}` counts as short");
    }
}

#[tokio::test]
async fn a_short_function_that_blocks_one_day_holds_up_neither_the_stream_nor_others() {
    for function in ["names_its_thread", "names_its_thread_blocking"] {
        let mut worker = Worker::start().await;
        let begun = Instant::now();
        // In the second round the thread that reads is another one.
        let (mut round, mut attempt) = (0, 0);
        while round < 2 {
            call_until_it_runs_where_it_is_read(&mut worker, "names_its_thread").await;
            call_until_it_runs_where_it_is_read(&mut worker, "names_its_thread_blocking").await;
            // After a run that took long it takes more of them; the thread that read before has its name still.
            for _ in 0..200 * round {
                worker.call(function, "").await;
            }
            attempt += 1;
            let gate = format!("{function} {attempt}");
            worker.begin(function, &gate);
            // These came together with it, or later.
            worker.begin_as("short", "names_its_thread", "");
            worker.begin_as("plain", "names_its_thread_blocking", "");
            let mut ids = [worker.answer().await.invocation_id, worker.answer().await.invocation_id];
            ids.sort();
            assert_eq!(ids, ["plain", "short"]);
            let status = Content::WorkerStatusRequest(WorkerStatusRequest {});
            worker.connection.send("status", status);
            let (id, ()) = worker
                .connection
                .expect(|content| matches!(content, Content::WorkerStatusResponse(_)).then_some(()))
                .await;
            assert_eq!(id, "status");
            functions::open_gate(&gate);
            let late = worker.answer().await;
            assert_eq!(late.invocation_id, function);
            // On a busy machine the run before may have taken long: then this one has not run where it was read.
            if round > 0 || text(&late) == "functions-stream" {
                round += 1;
            }
            assert!(
                begun.elapsed() < DEADLINE,
                "it never blocks the thread that reads: {late:?}"
            );
        }
        assert_eq!(worker.end().await, 0);
    }
}

#[tokio::test]
async fn a_panic_where_it_was_read_fails_its_invocation_and_nothing_else() {
    let begun = Instant::now();
    for function in ["names_its_thread", "names_its_thread_blocking"] {
        for panic in ["panic", "panic with a bomb"] {
            // On a busy machine the first run may take long: then the others run elsewhere. A worker that has not seen the function
            // panic finds it short again soon.
            while !panics_between_others(function, panic).await {
                assert!(begun.elapsed() < DEADLINE, "`{function}` runs where it was read");
            }
        }
    }
}

/// Whether that happened where they were read.
async fn panics_between_others(function: &str, panic: &str) -> bool {
    let mut worker = Worker::start().await;
    call_until_it_runs_where_it_is_read(&mut worker, function).await;
    worker.begin_as("before", function, "");
    worker.begin_as("panics", function, panic);
    worker.begin_as("after", function, "");
    let mut answers = HashMap::new();
    while answers.len() < 3 {
        let answer = worker.answer().await;
        answers.insert(answer.invocation_id.clone(), answer);
    }
    assert_eq!(worker.end().await, 0);
    let (status, message) = failure(&answers["panics"]);
    assert_eq!(status, i32::from(Status::Failure));
    assert!(text(&answers["after"]).starts_with("functions"));
    let tells_its_thread = panic == "panic";
    assert!(!tells_its_thread || message.contains("on functions"), "{message}");
    text(&answers["before"]) == "functions-stream" && (!tells_its_thread || message.contains("on functions-stream"))
}

/// It is not held for a batch.
#[tokio::test]
async fn the_first_answer_of_a_burst_leaves_before_the_last_has_run() {
    let mut worker = Worker::start().await;
    call_until_it_runs_where_it_is_read(&mut worker, "names_its_thread").await;
    for n in 0..200 {
        worker.begin_as(&format!("burst-{n}"), "names_its_thread", "");
    }
    worker.begin_as("last", "names_its_thread", "until the first has come");
    let mut waiting = 200;
    while waiting > 0 {
        let answer = worker.answer().await;
        assert!(answer.invocation_id.starts_with("burst-"), "{}", answer.invocation_id);
        waiting -= 1;
    }
    functions::open_gate("until the first has come");
    assert_eq!(worker.answer().await.invocation_id, "last");
    assert_eq!(worker.end().await, 0);
}

#[tokio::test]
async fn what_a_function_does_after_it_has_waited_is_never_done_where_it_was_read() {
    let mut worker = Worker::start().await;
    for _ in 0..100 {
        let response = worker.call("names_its_thread_after_it_yields", "").await;
        assert_eq!(text(&response), "functions");
    }
    assert_eq!(worker.end().await, 0);
}

#[tokio::test]
async fn a_short_function_that_takes_longer_all_at_once_does_not_hold_up_the_stream() {
    let mut worker = Worker::start().await;
    let begun = Instant::now();
    while text(&worker.call("takes_its_time", "0").await) != "functions-stream" {
        assert!(begun.elapsed() < DEADLINE, "`takes_its_time` counts as short");
    }
    // None of them is long enough to be noticed while it runs.
    for n in 0..60 {
        worker.begin_as(&format!("call-{n}"), "takes_its_time", "30");
    }
    let status = Content::WorkerStatusRequest(WorkerStatusRequest {});
    worker.connection.send("status", status);
    let (mut before, mut after, mut here) = (0, 0, 0);
    let mut told = false;
    while before + after < 60 {
        match worker.connection.receive().await.expect("the stream goes on").content {
            Some(Content::WorkerStatusResponse(_)) => told = true,
            Some(Content::InvocationResponse(response)) => {
                here += u32::from(text(&response) == "functions-stream");
                if told { after += 1 } else { before += 1 }
            }
            other => panic!("unexpected {other:?}"),
        }
    }
    assert!(before < 30, "{before} of 60 were answered before the status");
    assert!(here <= 2, "{here} of 60 ran where they were read");
    assert_eq!(worker.end().await, 0);
}

#[tokio::test]
async fn a_worker_stops_while_a_short_function_holds_the_thread_that_reads() {
    let mut worker = Worker::start().await;
    call_until_it_runs_where_it_is_read(&mut worker, "names_its_thread").await;
    worker.begin("names_its_thread", "never before the end");
    let terminate = WorkerTerminate {
        grace_period: Some("0.2s".parse().unwrap()),
    };
    worker.connection.send("", Content::WorkerTerminate(terminate));
    assert_eq!(worker.answer().await.result.unwrap().status(), Status::Cancelled);
    assert!(
        worker.connection.receive().await.is_none(),
        "the worker ends the stream"
    );
    assert_eq!(worker.end().await, 0);
    functions::open_gate("never before the end");
}

#[tokio::test]
async fn a_large_message_passes_in_both_directions() {
    let mut worker = Worker::start().await;
    let large = "x".repeat(20 << 20);
    let response = worker.call("echo", &large).await;
    assert_eq!(text(&response).len(), large.len());
    assert_eq!(worker.end().await, 0);
}
