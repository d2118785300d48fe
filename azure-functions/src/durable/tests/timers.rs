//! Rules 8 and 10: timers of any length, and drop is cancel.

use super::script::{body, ok, payload, run, run_on_json, run_payload, start};
use crate::durable::{DurableOrchestrationContext, KnownFunctions, Orchestrator};
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::time::Duration;

const DAY: u64 = 24 * 60 * 60;

fn fire_at(turn: &super::script::Turn, action: usize) -> String {
    turn.answer["actions"][0][action]["fireAt"].as_str().unwrap().to_owned()
}

#[test]
fn a_short_timer_is_one_action() {
    let orchestrator: Orchestrator = |c| body(async move { c.create_timer_after(Duration::from_secs(90)).await });
    let turn = run(orchestrator, "12 0");
    assert_eq!(
        (turn.actions().as_str(), fire_at(&turn, 0).as_str()),
        ("timer", "2031-05-04T10:01:30Z")
    );
    assert!(run(orchestrator, "12 0 10#0 13 12 11>0").is_done());
}

#[test]
fn a_timer_in_the_past_is_as_good_as_any() {
    let orchestrator: Orchestrator =
        |c| body(async move { c.create_timer(c.current_time() - TimeDelta::hours(1)).await });
    assert_eq!(fire_at(&run(orchestrator, "12 0"), 0), "2031-05-04T09:00:00Z");
}

const TEN_DAYS: Orchestrator = |c| body(async move { c.create_timer(start() + TimeDelta::days(10)).await });

#[test]
fn a_timer_beyond_the_hosts_maximum_is_asked_for_in_pieces() {
    let turn = run(TEN_DAYS, "12 0");
    assert_eq!(fire_at(&turn, 0), "2031-05-10T09:00:00Z", "maximum less an hour");
    let mut payload = payload("12 0 10#0=2031-05-10T09:00:00Z 13 12 11>0", &Value::Null);
    payload["history"][4]["Timestamp"] = json!("2031-05-10T09:00:01Z");
    let turn = run_payload(TEN_DAYS, &payload, &KnownFunctions::any());
    assert_eq!(
        (turn.actions().as_str(), fire_at(&turn, 1).as_str()),
        ("timer timer", "2031-05-14T10:00:00Z")
    );
    assert!(!turn.is_done());
}

/// A history of a wait of ten days, after its first piece, and perhaps its second.
fn ten_days(rest: &str) -> Value {
    let mut payload = payload(
        &format!("12 0 10#0=2031-05-10T09:00:00Z 13 12 11>0{rest}"),
        &Value::Null,
    );
    for event in 4..payload["history"].as_array().unwrap().len() {
        payload["history"][event]["Timestamp"] = json!("2031-05-10T09:00:01Z");
    }
    payload
}

fn report(orchestrator: Orchestrator, payload: &Value) -> String {
    let turn = run_payload(orchestrator, payload, &KnownFunctions::any());
    turn.nondeterminism.unwrap()
}

#[test]
fn a_long_wait_made_shorter_is_reported_with_its_recorded_piece() {
    let shorter: Orchestrator = |c| body(async move { c.create_timer(start() + TimeDelta::days(5)).await });
    let report = report(shorter, &ten_days(" 10#1=2031-05-14T10:00:00Z"));
    assert!(
        report.contains("history: action #1: a timer, due 2031-05-14T10:00:00Z (event 6 of 7)"),
        "{report}"
    );
    assert!(
        report.contains("asked for 1 action and no more (the last is the wait until 2031-05-09T10:00:00Z, called at ")
            && report.contains("timers.rs:"),
        "{report}"
    );
    assert!(report.contains("the wait was made shorter"), "{report}");
}

#[test]
fn a_long_wait_made_longer_is_reported_with_the_piece_that_it_asks_for() {
    let longer: Orchestrator = |c| {
        body(async move {
            c.create_timer(start() + TimeDelta::days(20)).await;
            ok(&c, "A").await
        })
    };
    let turn = run_on_json(longer, &ten_days(" 4#1(A)"), &KnownFunctions::any());
    let report = turn.nondeterminism.unwrap();
    assert!(report.contains("history: action #1: activity 'A'"), "{report}");
    assert!(
        report.contains(
            "action #1: a timer, due 2031-05-16T08:00:01Z, a piece of the wait until 2031-05-24T10:00:00Z (called at "
        ),
        "{report}"
    );
    assert!(report.contains("the wait was made longer"), "{report}");
}

#[test]
fn the_recorded_due_time_decides_whether_a_timer_was_a_piece() {
    // The host had no limit when this was recorded: the timer was whole.
    assert!(run(TEN_DAYS, "12 0 10#0=2031-05-14T10:00:00Z 13 12 11>0").is_done());
}

/// A wait that was recorded as one of ten seconds, passed, and followed by a call; today's code waits as long as it says.
const TEN_SECONDS: &str = "12 0 10#0=2031-05-04T10:00:10Z 13 12 11>0 4#1(A)";

async fn wait_and_call(c: &DurableOrchestrationContext, wait: TimeDelta) -> Value {
    c.create_timer(start() + wait).await;
    ok(c, "A").await
}

#[test]
fn a_wait_that_was_made_longer_or_shorter_ends_when_the_recorded_timer_fires() {
    let versions: [Orchestrator; 5] = [
        |c| body(async move { wait_and_call(&c, TimeDelta::seconds(1)).await }),
        |c| body(async move { wait_and_call(&c, TimeDelta::seconds(10)).await }),
        |c| body(async move { wait_and_call(&c, TimeDelta::minutes(5)).await }),
        |c| body(async move { wait_and_call(&c, TimeDelta::days(5)).await }),
        |c| body(async move { wait_and_call(&c, TimeDelta::days(20)).await }),
    ];
    for version in versions {
        let turn = run(version, TEN_SECONDS);
        assert_eq!(
            (turn.nondeterminism.as_deref(), turn.actions().as_str()),
            (None, "timer A")
        );
        let done = run(version, &format!("{TEN_SECONDS} 13 12 5>1=7"));
        assert_eq!(done.output(), 7);
    }
}

#[test]
fn a_long_wait_that_was_made_longer_keeps_its_pieces_and_ends_when_the_last_recorded_one_fires() {
    let longer: Orchestrator = |c| body(async move { wait_and_call(&c, TimeDelta::days(20)).await });
    // Only the first piece is recorded: the wait goes on, as long as it says today.
    let turn = run_payload(longer, &ten_days(""), &KnownFunctions::any());
    assert_eq!(
        (turn.actions().as_str(), fire_at(&turn, 1).as_str()),
        ("timer timer", "2031-05-16T08:00:01Z")
    );
    // The rest of the ten days is recorded: shorter than a piece of this host, so it was the end of the wait.
    let passed = ten_days(" 10#1=2031-05-14T10:00:00Z 13 12 11>1 4#2(A)");
    let turn = run_on_json(longer, &passed, &KnownFunctions::any());
    assert_eq!(
        (turn.nondeterminism.as_deref(), turn.actions().as_str()),
        (None, "timer timer A")
    );
}

#[test]
fn pieces_that_a_host_of_a_greater_maximum_recorded_are_pieces() {
    let mut payload = ten_days("");
    payload["maximumShortTimerDuration"] = json!("2.00:00:00");
    let turn = run_payload(TEN_DAYS, &payload, &KnownFunctions::any());
    assert_eq!(
        (turn.actions().as_str(), fire_at(&turn, 1).as_str()),
        ("timer timer", "2031-05-12T08:00:01Z")
    );
}

#[test]
fn a_host_without_limit_gets_one_timer() {
    for limit in ["00:00:00", "10675199.02:48:05.4775807"] {
        let mut payload = payload("12 0", &Value::Null);
        payload["maximumShortTimerDuration"] = json!(limit);
        let turn = run_payload(TEN_DAYS, &payload, &KnownFunctions::any());
        assert_eq!(fire_at(&turn, 0), "2031-05-14T10:00:00Z", "{limit}");
    }
}

#[test]
fn dropping_an_unfired_timer_cancels_it() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let timer = c.create_timer_after(Duration::from_secs(DAY));
            ok(&c, "A").await;
            timer.cancel();
            ok(&c, "B").await
        })
    };
    assert_eq!(run(orchestrator, "12 0").actions(), "all(timer A)");
    let turn = run(orchestrator, "12 0 10#0 4#1(A) 13 12 5>1=1");
    assert_eq!(turn.actions(), "all(timer! A) B");
}

#[test]
fn dropping_a_fired_timer_does_not_cancel_it() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let timer = c.create_timer_after(Duration::from_secs(1));
            ok(&c, "A").await;
            drop(timer);
        })
    };
    assert_eq!(
        run(orchestrator, "12 0 10#0 4#1(A) 13 12 11>0 5>1=1").actions(),
        "all(timer A)"
    );
}

#[test]
fn the_end_of_a_poll_cancels_nothing() {
    let orchestrator: Orchestrator = |c| body(async move { c.create_timer_after(Duration::from_secs(60)).await });
    assert_eq!(run(orchestrator, "12 0").actions(), "timer");
}

#[test]
fn a_timer_that_fires_although_it_was_cancelled_is_ignored() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let timer = c.create_timer_after(Duration::from_secs(60));
            ok(&c, "A").await;
            drop(timer);
            ok(&c, "B").await
        })
    };
    let turn = run(orchestrator, "12 0 10#0 4#1(A) 13 12 5>1=1 4#2(B) 13 12 11>0 5>2=3");
    assert_eq!(turn.output(), 3);
}
