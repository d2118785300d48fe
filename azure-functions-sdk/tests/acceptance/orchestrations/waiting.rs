//! Timers and external events.

use std::time::{Duration, Instant};

use azure_functions::prelude::*;
use azure_functions_durable::OrchestrationRuntimeStatus as Status;
use azure_functions_sdk::testing::{TestHost, Wire};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{DAY, EPISODE_STARTED, HOUR, TASK_COMPLETED, TIMER_FIRED, events};

/// Waits as many seconds as its input says, from now.
#[func]
async fn nap(context: DurableOrchestrationContext<i64>) -> OrchestrationOutput {
    let due = context.current_time() + TimeDelta::seconds(context.input());
    context.create_timer(due).await;
    "awake".into()
}

/// The table has 50 ms for it. An unoptimised build on a busy machine may be given no time for longer than that, so the best
/// of three counts, and a second is the limit: days are days away from it.
#[test]
fn row_059_ten_days_are_nothing_in_virtual_time_and_a_past_time_is_the_next_turn() {
    let sleep_for_ten_days = || {
        let host = TestHost::new();
        let instance = host.start("nap", (10 * DAY).as_secs());
        let begun = Instant::now();
        host.advance(10 * DAY - Duration::from_millis(1));
        assert_eq!(instance.runtime_status(), Status::Running);
        host.advance(Duration::from_millis(1));
        assert_eq!(instance.runtime_status(), Status::Completed);
        begun.elapsed()
    };
    let best = (0..3).map(|_| sleep_for_ten_days()).min().unwrap();
    assert!(best < Duration::from_secs(1), "{best:?}");

    let host = TestHost::new();
    let late = host.start("nap", -3600);
    assert_eq!(late.runtime_status(), Status::Completed);
    assert_eq!(host.elapsed(), Duration::ZERO);
    assert_eq!((events(&late, EPISODE_STARTED), events(&late, TIMER_FIRED)), (2, 1));
}

/// Listens to two names, once the first event has begun it.
#[func]
async fn listens(context: DurableOrchestrationContext) -> OrchestrationOutput {
    context.wait_for_event("begin").await;
    let mut heard = Vec::new();
    for name in ["left", "RIGHT", "Left", "right", "left"] {
        heard.push(context.wait_for_event(name).await);
        context.set_custom_status(heard.len());
    }
    heard.into()
}

#[test]
fn row_062_events_before_and_after_the_wait_arrive_in_order_by_name_whatever_its_case() {
    let host = TestHost::new();
    let instance = host.start("listens", ());
    for (name, data) in [("left", 1), ("other", 0), ("LEFT", 2), ("right", 10)] {
        instance.raise_event(name, data);
    }
    instance.raise_event("Begin", ());
    assert_eq!(
        instance.custom_status::<u8>(),
        3,
        "three waits were answered by what was there"
    );
    // One for the wait that is on, one for the wait after it.
    instance.raise_event("left", 3);
    assert_eq!(instance.custom_status::<u8>(), 3);
    instance.raise_event("Right", 20);
    assert_eq!(instance.output::<Vec<u8>>(), [1, 10, 2, 20, 3]);
}

/// How long the timers of this length are waited for that the code has dropped: the protobuf wire has no message that takes one back.
fn time_of_dropped(host: &TestHost, length: Duration) -> Duration {
    match host.wire() {
        Wire::Json => Duration::ZERO,
        _ => length,
    }
}

/// Waits an hour for an answer, and then for whatever else there is.
#[func]
async fn asks(context: DurableOrchestrationContext) -> OrchestrationOutput {
    let answer = context.wait_for_event_with_timeout("answer", HOUR).await;
    context.set_custom_status(json!({ "answer": answer }));
    context.wait_for_event("on").await;
    json!({ "answer": answer }).into()
}

#[test]
fn row_063_an_event_in_time_is_the_answer_and_cancels_the_timer_and_no_event_is_none() {
    let host = TestHost::new();
    let answered = host.start("asks", ());
    answered.raise_event("answer", "yes");
    assert_eq!(answered.custom_status::<Value>(), json!({ "answer": "yes" }));
    host.run_until_idle();
    assert_eq!(host.elapsed(), time_of_dropped(&host, HOUR), "a timer was left");
    answered.raise_event("on", ());
    assert_eq!(answered.output::<Value>(), json!({ "answer": "yes" }));
    assert_eq!(
        events(&answered, TIMER_FIRED),
        usize::from(host.wire() == Wire::Protobuf)
    );

    let host = TestHost::new();
    let ignored = host.start("asks", ());
    host.run_until_idle();
    assert_eq!(host.elapsed(), HOUR);
    assert_eq!(ignored.custom_status::<Value>(), json!({ "answer": null }));
    ignored.raise_event("answer", "too late");
    ignored.raise_event("on", ());
    assert_eq!(ignored.output::<Value>(), json!({ "answer": null }));
}

/// Takes its timer back, in the way that its input names; then it is done, or goes on with something else.
#[func]
async fn changes_its_mind(
    context: DurableOrchestrationContext<(String, bool)>,
) -> Result<OrchestrationOutput, CallError> {
    let (way, goes_on) = context.input();
    let timer = context.create_timer_after(10 * DAY);
    context.call_activity("double", 1).await?;
    match way.as_str() {
        "drops it" => drop(timer),
        "cancels it" => timer.cancel(),
        _ => timer.await,
    }
    if goes_on {
        context.wait_for_event("end").await;
    }
    Ok(().into())
}

#[test]
fn row_080_an_instance_is_completed_at_once_when_its_timer_is_dropped_or_cancelled() {
    for way in ["drops it", "cancels it"] {
        let host = TestHost::new();
        let instance = host.start("changes_its_mind", (way, false));
        assert_eq!(instance.runtime_status(), Status::Completed, "{way}");
        // It is not the end of the instance that cancels the timer.
        let lives_on = host.start("changes_its_mind", (way, true));
        host.run_until_idle();
        assert_eq!(host.elapsed(), time_of_dropped(&host, 3 * DAY), "{way}");
        lives_on.raise_event("end", ());
        assert_eq!(lives_on.runtime_status(), Status::Completed, "{way}");
    }
    let host = TestHost::new();
    host.start("changes_its_mind", ("waits", false)).wait();
    assert_eq!(host.elapsed(), 10 * DAY, "the timer is real");
}

/// Gives an activity a minute, and goes on without its result.
#[func]
async fn impatient(context: DurableOrchestrationContext<bool>) -> Result<OrchestrationOutput, CallError> {
    let slow = context.call_activity("double", 4);
    let in_time = context.timeout(Duration::from_mins(1), slow).await.is_ok();
    context.set_custom_status("went on");
    if context.input() {
        context.wait_for_event("end").await;
    }
    Ok(in_time.into())
}

/// An instance whose code is done while such an activity runs is completed when that ends: so it is on the wire of today, see
/// rule 10 of the replay core. Its output is what the code returned before.
#[test]
fn row_081_an_activity_that_is_not_waited_for_any_more_ends_and_its_result_is_ignored() {
    let host = TestHost::new();
    host.fake("double", |number: i64| 2 * number).taking(HOUR);
    let waiting = host.start("impatient", true);
    let ending = host.start("impatient", false);
    host.advance(Duration::from_mins(1));
    for instance in [&waiting, &ending] {
        assert_eq!(instance.custom_status::<String>(), "went on");
        assert_eq!(instance.calls()[0].result, None, "it still runs");
    }
    host.run_until_idle();
    assert_eq!(host.elapsed(), HOUR);
    for instance in [&waiting, &ending] {
        assert_eq!(instance.calls()[0].result, Some(Ok(json!(8))));
    }
    assert_eq!(events(&waiting, TASK_COMPLETED), 1, "it came, late");
    assert_eq!(waiting.runtime_status(), Status::Running);
    waiting.raise_event("end", ());
    assert!(!waiting.output::<bool>());
    assert_eq!(ending.runtime_status(), Status::Completed);
    assert!(!ending.output::<bool>());
}
