//! Crashes, restarts, new executions, and lives without end.

use std::{
    cell::Cell,
    sync::{Arc, Mutex},
    time::Duration,
};

use azure_functions::prelude::*;
use azure_functions_durable::OrchestrationRuntimeStatus as Status;
use azure_functions_sdk::testing::{CrashExplorer, TestHost};
use serde_json::{Value, json};

use super::{DAY, HOUR, TASK_SCHEDULED, TIMER_FIRED, events, execution};

/// Works for an hour, starts over, and says which events that it did not take are still there.
#[func]
async fn starts_over(context: DurableOrchestrationContext<(u32, bool)>) -> Result<OrchestrationOutput, CallError> {
    let (generation, preserve) = context.input();
    if generation == 0 {
        context.wait_for_event("begin").await;
        context.call_activity("double", 1).await?;
        context.continue_as_new((generation + 1, preserve), preserve).await;
    }
    let mut kept = Vec::new();
    while let Some(event) = context.wait_for_event_with_timeout("keep", HOUR).await {
        kept.push(event);
    }
    Ok(kept.into())
}

#[test]
fn row_058_a_new_execution_has_another_id_an_empty_history_and_on_request_the_events_that_were_left() {
    for (preserve, kept) in [(true, json!([1, 2])), (false, json!([]))] {
        let host = TestHost::new();
        host.fake("double", |number: i64| 2 * number).taking(HOUR);
        let instance = host.start_with_id("starts_over", "eternal", (0, preserve));
        // One before what it waits for, and one after that.
        instance.raise_event("keep", 1);
        instance.raise_event("begin", ());
        instance.raise_event("keep", 2);
        let (before, worked) = (execution(&instance), events(&instance, TASK_SCHEDULED));
        assert_eq!(worked, 1);
        host.advance(HOUR);
        assert_eq!(instance.runtime_status(), Status::Running);
        assert_ne!(execution(&instance), before);
        assert_eq!(events(&instance, TASK_SCHEDULED), 0, "the history begins anew");
        assert_eq!(instance.output::<Value>(), kept, "preserve: {preserve}");
        assert_eq!(host.instances().len(), 1);
    }
}

const STEPS: i64 = 4;

/// One step after the other.
#[func]
async fn staircase(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    let mut sum = 0;
    for step in 0..STEPS {
        sum += context
            .call_activity("double", step)
            .await?
            .as_i64()
            .unwrap_or_default();
    }
    context.create_timer_after(HOUR).await;
    context.wait_for_event("top").await;
    Ok(sum.into())
}

/// The end of the process is one of the test host: everything that is not in the SQLite file is gone, before or after each
/// commit in turn, and there are no events but those of commits. `row_074_killing_host_or_worker_at_any_moment_loses_nothing`
/// kills real processes, at moments of chance.
#[test]
fn row_074_whichever_event_the_host_dies_at_the_output_is_the_same_and_what_is_stored_runs_once() {
    let repeated = Cell::new(0);
    let explored = CrashExplorer::new().on_disk().explore(|host| {
        let ran = Arc::new(Mutex::new(Vec::new()));
        host.fake("double", {
            let ran = ran.clone();
            move |number: i64| {
                ran.lock().unwrap().push(number);
                2 * number
            }
        });
        let instance = host.start("staircase", ());
        host.advance(HOUR);
        instance.raise_event("top", ());
        let sum: i64 = instance.output();
        let mut ran = ran.lock().unwrap().clone();
        repeated.set(repeated.get() + ran.len() as i64 - STEPS);
        assert!(ran.is_sorted(), "a step ran again after the next one: {ran:?}");
        ran.dedup();
        assert_eq!(ran, (0..STEPS).collect::<Vec<_>>());
        sum
    });
    assert_eq!(explored.output, 12);
    assert!(
        explored.commits > 8,
        "a start, a call and a result per step, a timer, an event: {explored:?}"
    );
    assert_eq!(explored.runs, 2 * explored.commits);
    // Of all these ends only that between the end of a step and the commit of its result makes it run again.
    assert_eq!(repeated.get(), STEPS);
}

/// Computes before it sleeps.
#[func]
async fn remembers(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    let drawn = context.call_activity("double", 1).await?;
    let local: Vec<String> = (0..3).map(|number| format!("{number} of {drawn}")).collect();
    context.create_timer_after(DAY).await;
    Ok(local.into())
}

#[test]
fn row_075_a_local_variable_is_intact_after_a_day_and_a_restart() {
    let host = TestHost::new();
    let mut draws = 0;
    // Another answer each time: who asks again finds out.
    host.fake("double", move |_: i64| {
        draws += 1;
        draws
    });
    let instance = host.start("remembers", ());
    host.advance(DAY / 2);
    host.restart();
    host.advance(DAY / 2 - Duration::from_secs(1));
    host.restart();
    assert_eq!(instance.runtime_status(), Status::Running);
    assert_eq!(instance.output::<Vec<String>>(), ["0 of 1", "1 of 1", "2 of 1"]);
    assert_eq!(host.elapsed(), DAY);
    assert_eq!((instance.calls().len(), events(&instance, TIMER_FIRED)), (1, 1));
}

/// Counts for ever, or to the end that it is given.
#[cfg(target_os = "linux")]
#[func]
async fn counts(context: DurableOrchestrationContext<(u32, u32)>) -> Result<OrchestrationOutput, CallError> {
    let (number, end) = context.input();
    if number == end {
        return Ok(number.into());
    }
    context.create_timer_after(Duration::from_secs(1)).await;
    context.continue_as_new((number + 1, end), false).await;
    Ok(().into())
}

/// Bytes of this process that are in memory now.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    // Pages; four kibibytes are the smallest there are.
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Memory is that of the whole process, so this runs in one of its own: what other tests do beside it does not count.
#[cfg(target_os = "linux")]
#[test]
fn row_083_ten_thousand_executions_need_no_more_memory_than_a_thousand() {
    const NAME: &str = "row_083_ten_thousand_executions_need_no_more_memory_than_a_thousand";
    const ALONE: &str = "AZURE_FUNCTIONS_ROW_083";
    if std::env::var_os(ALONE).is_none() {
        let alone = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("orchestrations::lifetimes::{NAME}"), "--nocapture"])
            .env(ALONE, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&alone.stdout);
        assert!(
            alone.status.success() && said.contains("1 passed"),
            "{said}{}",
            String::from_utf8_lossy(&alone.stderr)
        );
        return;
    }
    // Much is done at once, on a machine that may be busy.
    let host = TestHost::builder()
        .check_determinism(false)
        .most_jumps(u32::MAX)
        .patience(Duration::from_secs(600))
        .build();
    let instance = host.start("counts", (0, 10_000));
    host.advance(Duration::from_secs(1_000));
    let (early, events) = (resident(), instance.history().len());
    host.advance(Duration::from_secs(8_999));
    let late = resident();
    println!("{early} bytes became {late}");
    assert_eq!(instance.runtime_status(), Status::Running);
    assert_eq!(instance.history().len(), events);
    // 9,000 executions that left a hundred bytes each would be nearly a million.
    assert!(late < early + 900_000, "{early} bytes became {late}");
    assert_eq!(instance.output::<u32>(), 10_000);
}
