//! Rules 2, 3, 6: ids at the call, answers in history order and never early, the clock at the cursor.

use super::script::{body, minute, ok, run};
use chrono::SecondsFormat;
use serde_json::{Value, json};

#[test]
fn a_call_that_is_not_in_history_is_scheduled_and_the_episode_ends() {
    let turn = run(|c| body(async move { ok(&c, "A").await }), "12 0");
    assert_eq!((turn.is_done(), turn.actions().as_str()), (false, "A"));
    assert_eq!(turn.answer["schemaVersion"], 2);
    assert_eq!(turn.answer["actions"][0][0]["input"], "null");
}

#[test]
fn a_completed_call_returns_its_result_and_its_action_is_listed_again() {
    let turn = run(
        |c| body(async move { ok(&c, "A").await }),
        r#"12 0 4#0(A) 13 12 5>0="ok""#,
    );
    assert_eq!(
        (turn.is_done(), turn.output(), turn.actions().as_str()),
        (true, &json!("ok"), "A")
    );
}

#[test]
fn a_null_result_is_null_and_a_null_output_is_absent() {
    let turn = run(|c| body(async move { ok(&c, "A").await }), "12 0 4#0(A) 13 12 5>0");
    assert!(turn.is_done());
    assert_eq!(turn.answer.get("output"), None);
}

#[test]
fn the_second_completion_of_a_batch_is_not_seen_before_the_first_is_handled() {
    let turn = run(
        |c| {
            body(async move {
                let (a, b) = (c.call_activity("A", 1), c.call_activity("B", 2));
                match c.select((a, b)).await {
                    crate::durable::Either::First(_) => "A",
                    crate::durable::Either::Second(_) => "B",
                }
            })
        },
        "12 0 4#0(A) 4#1(B) 13 12 5>1=2 5>0=1",
    );
    assert_eq!(turn.output(), "B");
}

#[test]
fn a_duplicate_completion_is_ignored() {
    let turn = run(
        |c| body(async move { ok(&c, "A").await }),
        "12 0 4#0(A) 13 12 5>0=1 5>0=2",
    );
    assert_eq!(turn.output(), 1);
}

#[test]
fn a_completion_that_nobody_asked_for_is_ignored() {
    let turn = run(
        |c| body(async move { ok(&c, "A").await }),
        "12 0 4#0(A) 13 12 5>9=7 5>0=1",
    );
    assert_eq!(turn.output(), 1);
}

#[test]
fn unknown_events_are_ignored() {
    let turn = run(
        |c| body(async move { ok(&c, "A").await }),
        "12 0 4#0(A) 13 12 99 17 3 5>0=1",
    );
    assert_eq!(turn.output(), 1);
}

#[test]
fn the_clock_is_the_start_of_the_episode_that_the_cursor_is_in() {
    let orchestrator: crate::durable::Orchestrator = |c| {
        body(async move {
            let time = || json!(c.current_time().to_rfc3339_opts(SecondsFormat::Secs, true));
            let first = (time(), c.is_replaying());
            ok(&c, "A").await;
            let second = (time(), c.is_replaying());
            ok(&c, "B").await;
            Value::from(vec![json!(first), json!(second), json!((time(), c.is_replaying()))])
        })
    };
    let turn = run(orchestrator, "12 0 4#0(A) 13 12 5>0=1 4#1(B) 13 12 5>1=2");
    assert_eq!(
        turn.output(),
        &json!([[minute(0), true], [minute(1), true], [minute(2), false]])
    );
}

#[test]
fn the_first_episode_is_no_replay() {
    let turn = run(|c| body(async move { c.is_replaying() }), "12 0");
    assert_eq!(turn.output(), false);
}

#[test]
fn the_clock_never_goes_backwards() {
    let mut payload = super::script::payload("12 0 4#0(A) 13 12 5>0=1", &Value::Null);
    payload["history"][4]["Timestamp"] = json!("2001-01-01T00:00:00Z");
    let turn = super::script::run_payload(
        |c| {
            body(async move {
                let before = c.current_time();
                ok(&c, "A").await;
                c.current_time() >= before
            })
        },
        &payload,
        &crate::durable::KnownFunctions::any(),
    );
    assert_eq!(turn.output(), true);
}

#[test]
fn deliveries_are_withheld_while_the_instance_is_suspended() {
    let orchestrator: crate::durable::Orchestrator = |c| body(async move { ok(&c, "A").await });
    assert!(!run(orchestrator, "12 0 4#0(A) 13 12 19 5>0=1").is_done());
    assert_eq!(run(orchestrator, "12 0 4#0(A) 13 12 19 5>0=1 13 12 20").output(), 1);
}

#[test]
fn a_call_is_scheduled_when_it_is_called_and_not_when_it_is_awaited() {
    let turn = run(
        |c| {
            body(async move {
                let first = c.call_activity("First", ());
                let second = c.call_activity("Second", ());
                let _ = second.await;
                let _ = first.await;
            })
        },
        "12 0",
    );
    assert_eq!(turn.actions(), "all(First Second)");
}

#[test]
fn guids_are_the_same_in_every_replay_and_differ_from_each_other() {
    let orchestrator: crate::durable::Orchestrator = |c| {
        body(async move {
            let first = c.new_guid();
            ok(&c, "A").await;
            json!([first.to_string(), c.new_guid().to_string(), c.new_guid().to_string()])
        })
    };
    let script = "12 0 4#0(A) 13 12 5>0=1";
    let (one, two) = (run(orchestrator, script), run(orchestrator, script));
    assert_eq!(one.output(), two.output());
    let guids = one.output().as_array().unwrap();
    assert!(guids[0] != guids[1] && guids[1] != guids[2]);
    assert_eq!(
        guids[0].as_str().unwrap().as_bytes()[14],
        b'5',
        "version 5: {}",
        guids[0]
    );
}

#[test]
fn the_custom_status_is_sent_on_every_run_and_the_last_one_counts() {
    let orchestrator: crate::durable::Orchestrator = |c| {
        body(async move {
            c.set_custom_status("one");
            c.set_custom_status(json!({"step": 2}));
            ok(&c, "A").await
        })
    };
    assert_eq!(run(orchestrator, "12 0").answer["customStatus"], json!({"step": 2}));
}

#[test]
fn the_first_run_after_continue_as_new_may_bring_events_with_it() {
    let turn = run(|c| body(async move { c.wait_for_event("E").await }), "12 0 15(E)=5 13");
    assert_eq!((turn.is_done(), turn.output()), (true, &json!(5)));
}
