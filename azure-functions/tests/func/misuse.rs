//! The page of misuses (`src/durable/misuse.md`): every row names the test that shows it, and what it promises of a message
//! in backticks is in that message.
//!
//! What fails in the same episode is here, if it is nowhere else; what does not compile is in the tests of
//! `azure-functions-codegen`.

use super::function;
use azure_functions::{
    __private::{Handler, run_episode},
    bindings::DurableOrchestrationContext,
    durable::{CallError, OrchestrationOutput},
    func,
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    future::{pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    pin::pin,
    task::Poll,
    time::Duration,
};

const PAGE: &str = include_str!("../../src/durable/misuse.md");

/// A row of the table.
struct Row {
    refused: &'static str,
    /// What stands in backticks in its message.
    promises: Vec<&'static str>,
    test: &'static str,
}

fn rows() -> Vec<Row> {
    PAGE.lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [_, refused, message, test] = cells[..] else {
                panic!("four cells make a row: {line}")
            };
            Row {
                refused,
                promises: message.split('`').skip(1).step_by(2).collect(),
                test: test.trim_matches('`'),
            }
        })
        .collect()
}

fn source(path: impl AsRef<Path>) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_row_names_a_test_that_is_there() {
    let replay_tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/durable/tests");
    let mut tests = vec![source("tests/func/misuse.rs"), source("tests/worker/orchestrations.rs")];
    tests.extend(
        std::fs::read_dir(replay_tests)
            .unwrap()
            .map(|file| source(file.unwrap().path())),
    );
    for Row { refused, test, .. } in rows() {
        match refused.split(',').next() {
            Some("same episode") => {
                let wanted = format!("fn {test}(");
                assert!(
                    tests.iter().any(|file| file.contains(&wanted)),
                    "no test is named `{test}`"
                );
            }
            Some("does not compile") => assert!(test.ends_with(".rs"), "`{test}` is no file"),
            _ => panic!("a misuse is refused in the same episode or does not compile, not `{refused}`"),
        }
    }
}

#[test]
fn the_compilers_messages_say_what_the_page_promises() {
    for Row { promises, test, .. } in rows().into_iter().filter(|row| row.refused == "does not compile") {
        let directory = PathBuf::from("../azure-functions-codegen/tests");
        assert!(!source(directory.join(test)).is_empty());
        let messages = source(directory.join(test).with_extension("stderr"));
        assert!(!promises.is_empty(), "{test}");
        for promised in promises {
            assert!(messages.contains(promised), "`{promised}` is not in:\n{messages}");
        }
    }
}

#[test]
fn there_are_at_least_ten_of_each_kind() {
    for kind in ["same episode", "does not compile"] {
        let count = rows().iter().filter(|row| row.refused.starts_with(kind)).count();
        assert!(count >= 10, "{count}: {kind}");
    }
}

/// Runs an episode of a function that must fail with the message that the page promises for `test`.
fn refused(test: &str, name: &str, history: &[Value]) -> String {
    let message = failure(name, history);
    let rows = rows();
    let row = rows.iter().find(|row| row.test == test);
    let row = row.unwrap_or_else(|| panic!("the page has no row for `{test}`"));
    assert!(!row.promises.is_empty(), "{test}");
    for promised in &row.promises {
        assert!(message.contains(promised), "`{promised}` is not in: {message}");
    }
    message
}

fn failure(name: &str, more: &[Value]) -> String {
    let Handler::Orchestration(orchestrator) = function(name).handler else {
        panic!("`{name}` is no orchestration")
    };
    let mut history = vec![
        json!({"EventType": 12, "EventId": -1, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:00Z"}),
        json!({"EventType": 0, "EventId": -1, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:00Z", "Name": name, "Input": null}),
    ];
    history.extend_from_slice(more);
    let payload = json!({
        "history": history,
        "input": {"pieces": "three"},
        "instanceId": "order-7",
        "isReplaying": false,
        "parentInstanceId": null,
        "upperSchemaVersion": 1,
        "upperSchemaVersionNew": 2,
        "longRunningTimerIntervalDuration": "3.00:00:00",
        "maximumShortTimerDuration": "6.00:00:00",
    });
    let message = match run_episode(payload.to_string(), name, orchestrator) {
        Err(message) => message,
        Ok(answer) => panic!("`{name}` was not refused: {answer}"),
    };
    message.split("\n\n$OutOfProcData$:").next().unwrap().to_owned()
}

/// A second episode, after the activity `pay` gave `1`.
fn paid() -> [Value; 4] {
    [
        json!({"EventType": 4, "EventId": 0, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:00Z", "Name": "pay"}),
        json!({"EventType": 13, "EventId": -1, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:00Z"}),
        json!({"EventType": 12, "EventId": -1, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:01Z"}),
        json!({"EventType": 5, "EventId": -1, "IsPlayed": false, "Timestamp": "2030-04-01T10:00:01Z", "TaskScheduledId": 0, "Result": "1"}),
    ]
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn a_runtime_timer_in_another_function() {
    async fn nap() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    #[func]
    async fn naps(context: DurableOrchestrationContext) {
        let _ = context.call_activity("pay", 1).await;
        nap().await;
    }
    let runtime = runtime();
    let _inside = runtime.enter();
    let message = refused("a_runtime_timer_in_another_function", "naps", &paid());
    assert!(
        message.contains("func/misuse.rs:"),
        "the last call has a line: {message}"
    );
}

#[test]
fn a_task_of_a_runtime_in_another_function() {
    async fn elsewhere() {
        let _ = tokio::spawn(async {}).await;
    }
    #[func]
    async fn spawns(_context: DurableOrchestrationContext) {
        elsewhere().await;
    }
    let runtime = runtime();
    let _inside = runtime.enter();
    refused("a_task_of_a_runtime_in_another_function", "spawns", &[]);
}

#[test]
fn a_channel_that_somebody_else_answers() {
    async fn told() {
        let (_sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let _ = receiver.await;
    }
    #[func]
    async fn is_told(_context: DurableOrchestrationContext) {
        told().await;
    }
    refused("a_channel_that_somebody_else_answers", "is_told", &[]);
}

#[test]
fn a_lock_that_somebody_else_holds() {
    static LOCK: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    async fn lock() {
        drop(LOCK.lock().await);
    }
    #[func]
    async fn locks(_context: DurableOrchestrationContext) {
        lock().await;
    }
    let _held = LOCK.try_lock().unwrap();
    refused("a_lock_that_somebody_else_holds", "locks", &[]);
}

#[test]
fn a_future_that_is_never_ready() {
    #[func]
    async fn never(_context: DurableOrchestrationContext) {
        pending::<()>().await;
    }
    refused("a_future_that_is_never_ready", "never", &[]);
}

#[test]
fn a_pause_for_other_tasks() {
    async fn pause() {
        tokio::task::yield_now().await;
    }
    #[func]
    async fn pauses(_context: DurableOrchestrationContext) {
        pause().await;
    }
    refused("a_pause_for_other_tasks", "pauses", &[]);
}

#[test]
fn a_foreign_join_in_another_function() {
    async fn both<A: Future, B: Future>(a: A, b: B) {
        tokio::join!(a, b);
    }
    #[func]
    async fn joins(context: DurableOrchestrationContext) {
        both(context.call_activity("pay", 1), context.call_activity("pack", 1)).await;
    }
    refused("a_foreign_join_in_another_function", "joins", &[]);
}

#[test]
fn a_foreign_select_in_another_function() {
    async fn first<A: Future, B: Future>(a: A, b: B) {
        tokio::select! {
            _ = a => {}
            _ = b => {}
        }
    }
    #[func]
    async fn selects(context: DurableOrchestrationContext) {
        first(
            context.wait_for_event("paid"),
            context.create_timer_after(Duration::from_secs(60)),
        )
        .await;
    }
    refused("a_foreign_select_in_another_function", "selects", &[]);
}

#[test]
fn a_foreign_set_of_futures_in_another_function() {
    async fn all<F: Future>(futures: impl IntoIterator<Item = F>) {
        let mut all: FuturesUnordered<F> = futures.into_iter().collect();
        while all.next().await.is_some() {}
    }
    #[func]
    async fn collects(context: DurableOrchestrationContext) {
        all([context.wait_for_event("paid"), context.wait_for_event("packed")]).await;
    }
    refused("a_foreign_set_of_futures_in_another_function", "collects", &[]);
}

#[test]
fn a_foreign_future_in_a_combinator_of_the_context() {
    #[func]
    async fn joins_a_foreigner(context: DurableOrchestrationContext) {
        let _ = context.join((context.call_activity("pay", 1), pending::<()>())).await;
    }
    refused(
        "a_foreign_future_in_a_combinator_of_the_context",
        "joins_a_foreigner",
        &[],
    );
}

#[test]
fn a_look_at_a_task_without_waiting() {
    async fn is_ready(future: impl Future) -> bool {
        let mut future = pin!(future);
        poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await
    }
    #[func]
    async fn looks(context: DurableOrchestrationContext) -> OrchestrationOutput {
        is_ready(context.wait_for_event("paid")).await.into()
    }
    refused("a_look_at_a_task_without_waiting", "looks", &[]);
}

#[test]
fn a_call_while_another_is_awaited() {
    async fn with_a_heartbeat(context: &DurableOrchestrationContext, work: impl Future) {
        let mut work = pin!(work);
        poll_fn(|cx| {
            let polled = work.as_mut().poll(cx).map(|_| ());
            context.set_custom_status("still at it");
            polled
        })
        .await;
    }
    #[func]
    async fn beats(context: DurableOrchestrationContext) {
        with_a_heartbeat(&context, context.call_activity("pay", 1)).await;
    }
    refused("a_call_while_another_is_awaited", "beats", &[]);
}

#[test]
fn a_refusal_that_is_caught() {
    async fn knock() {
        tokio::sync::Notify::new().notified().await;
    }
    async fn try_hard(future: impl Future) {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let _ = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
            Poll::Ready(())
        })
        .await;
    }
    #[func]
    async fn catches(_context: DurableOrchestrationContext) {
        try_hard(knock()).await;
    }
    refused("a_refusal_that_is_caught", "catches", &[]);
}

#[test]
fn a_task_that_is_awaited_twice() {
    #[func]
    async fn awaits_twice(context: DurableOrchestrationContext) {
        let mut call = context.call_activity("pay", 1);
        let _ = (&mut call).await;
        let _ = call.await;
    }
    refused("a_task_that_is_awaited_twice", "awaits_twice", &paid());
}

#[test]
fn a_panic() {
    #[func]
    async fn takes_what_is_not_there(_context: DurableOrchestrationContext) {
        let lines: Vec<u8> = Vec::new();
        let _ = lines.first().expect("an order has lines");
    }
    refused("a_panic", "takes_what_is_not_there", &[]);
}

#[test]
fn a_choice_among_nothing() {
    #[func]
    async fn chooses(context: DurableOrchestrationContext) {
        let orders: Vec<&str> = Vec::new();
        let calls = orders.into_iter().map(|order| context.call_activity("pay", order));
        let _ = context.select_all(calls).await;
    }
    refused("a_choice_among_nothing", "chooses", &[]);
}

/// The list promises its length: nothing may be reserved for that.
#[test]
fn a_fan_out_that_never_ends() {
    #[func]
    async fn fans_out(context: DurableOrchestrationContext) {
        let calls = (0..99_999_999_999_u64).map(|order| context.call_activity("pay", order));
        let _ = context.join_all(calls).await;
    }
    refused("a_fan_out_that_never_ends", "fans_out", &[]);
}

/// Its futures ask for nothing until they are polled.
#[test]
fn a_list_of_futures_that_never_ends() {
    #[func]
    async fn lists(context: DurableOrchestrationContext) {
        let context = &context;
        let calls = (0..99_999_999_999_u64).map(|order| async move { context.call_activity("pay", order).await });
        let _ = context.join_all(calls).await;
    }
    refused("a_list_of_futures_that_never_ends", "lists", &[]);
}

#[test]
fn an_input_of_another_shape() {
    #[derive(serde::Deserialize)]
    struct Order {
        pieces: u32,
    }
    #[func]
    async fn reads(
        context: DurableOrchestrationContext,
    ) -> Result<OrchestrationOutput, azure_functions::durable::InputError> {
        Ok(context.input_as::<Order>()?.pieces.into())
    }
    refused("an_input_of_another_shape", "reads", &[]);
}

#[test]
fn an_argument_that_is_no_json() {
    #[func]
    async fn sends(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
        let prices = BTreeMap::from([((1, 2), 3)]);
        Ok(context.call_activity("pay", prices).await?.into())
    }
    refused("an_argument_that_is_no_json", "sends", &[]);
}

#[test]
fn a_new_input_that_is_no_json() {
    #[func]
    async fn goes_on(context: DurableOrchestrationContext) {
        context.continue_as_new(BTreeMap::from([((1, 2), 3)]), true).await;
    }
    refused("a_new_input_that_is_no_json", "goes_on", &[]);
}

#[test]
fn a_sub_orchestration_under_the_id_of_its_parent() {
    #[func]
    async fn calls_itself(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
        let own = Some(context.instance_id());
        Ok(context.call_sub_orchestrator("pack", own, 1).await?.into())
    }
    refused("a_sub_orchestration_under_the_id_of_its_parent", "calls_itself", &[]);
}

#[test]
fn code_that_no_longer_fits_its_history() {
    #[func]
    async fn was_changed(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
        Ok(context.call_activity("charge", 1).await?.into())
    }
    refused("code_that_no_longer_fits_its_history", "was_changed", &paid());
}
