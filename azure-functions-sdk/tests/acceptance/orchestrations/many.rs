//! Many calls at once.

use std::time::Duration;

use azure_functions::prelude::*;
use azure_functions_sdk::testing::TestHost;
use serde_json::{Value, json};

use super::{EPISODE_STARTED, HOUR, TASK_COMPLETED, events};

const MANY: u64 = 1_000;

/// A thousand branches, which end in the reverse order of their beginning, a hundred at a time.
#[func]
async fn reversed(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    let branch = |number: u64| {
        let context = &context;
        async move {
            let group = (MANY - 1 - number) / 100;
            context.create_timer_after(HOUR * (1 + group as u32)).await;
            context.call_activity("double", number).await
        }
    };
    let doubled = context.join_all((0..MANY).map(branch)).await;
    Ok(doubled.into_iter().collect::<Result<Vec<_>, _>>()?.into())
}

#[test]
fn row_064_a_thousand_results_come_in_call_order_though_they_are_completed_in_reverse() {
    let host = TestHost::builder().check_determinism(false).build();
    let instance = host.start("reversed", ());
    let expected: Vec<u64> = (0..MANY).map(|number| 2 * number).collect();
    assert_eq!(instance.output::<Vec<u64>>(), expected);
    assert_eq!(host.elapsed(), 10 * HOUR);
    let calls = instance.calls();
    assert_eq!(calls.len(), 1_000);
    assert!(calls[0].input_as::<u64>() >= 900, "the last hundred were first");
    assert!(events(&instance, EPISODE_STARTED) > 10);
}

/// Takes the first of two, and tells again later who it was.
#[func]
async fn first_of_two(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    let calls = ["slow_answer", "quick_answer"].map(|activity| context.call_activity(activity, ()));
    let (answer, index, rest) = context.select_all(calls).await;
    context.set_custom_status(json!([index, answer?, rest.len()]));
    context.wait_for_event("tell").await;
    let (other, _, _) = context.select_all(rest).await;
    Ok(json!([index, other?]).into())
}

#[func]
fn slow_answer(_input: Value) -> ActivityOutput {
    "slow".into()
}

#[func]
fn quick_answer(_input: Value) -> ActivityOutput {
    "quick".into()
}

#[test]
fn row_065_the_winner_is_the_first_in_history_and_stays_it_when_both_are_completed() {
    let host = TestHost::new();
    host.fake("slow_answer", |_: Value| "slow").taking(2 * HOUR);
    host.fake("quick_answer", |_: Value| "quick").taking(HOUR);
    let instance = host.start("first_of_two", ());
    host.advance(HOUR);
    let winner = json!([1, "quick", 1]);
    assert_eq!(instance.custom_status::<Value>(), winner);
    host.advance(2 * HOUR);
    assert_eq!(events(&instance, TASK_COMPLETED), 2);
    assert_eq!(instance.custom_status::<Value>(), winner);
    host.restart();
    instance.raise_event("tell", ());
    assert_eq!(instance.output::<Value>(), json!([1, "slow"]));

    // Both completed in one turn: still the first in history, not the first in the list.
    let host = TestHost::new();
    host.fake("slow_answer", |_: Value| "slow")
        .taking(HOUR + Duration::from_secs(1));
    host.fake("quick_answer", |_: Value| "quick").taking(HOUR);
    let instance = host.start("first_of_two", ());
    instance.suspend("so that both results come to one turn");
    host.advance(2 * HOUR);
    instance.resume("they are there");
    assert_eq!(instance.custom_status::<Value>(), winner);
}
