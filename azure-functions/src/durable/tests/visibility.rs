//! Rules 2, 3, 6: ids at the call, answers in history order and never early, the clock at the cursor.

use super::{
    parked::replayed_only,
    script::{body, minute, ok, run},
};
use crate::durable::log_suppressed;
use chrono::SecondsFormat;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn row_072_a_call_is_pending_until_history_completes_it_and_the_code_is_done_when_its_future_is() {
    let orchestrator: crate::durable::Orchestrator = |c| body(async move { ok(&c, "A").await });
    let scheduled = run(orchestrator, "12 0");
    assert_eq!((scheduled.is_done(), scheduled.actions().as_str()), (false, "A"));
    assert_eq!(scheduled.answer["schemaVersion"], 2);
    let pending = run(orchestrator, "12 0 4#0(A) 13 12 15(E)=1");
    assert_eq!((pending.is_done(), pending.actions().as_str()), (false, "A"));
    let done = run(orchestrator, r#"12 0 4#0(A) 13 12 5>0="ok""#);
    assert_eq!(
        (done.is_done(), done.output(), done.actions().as_str()),
        (true, &json!("ok"), "A")
    );
    let without_a_call = run(|_| body(async { "at once" }), "12 0");
    assert!(without_a_call.is_done() && without_a_call.actions().is_empty());
}

#[test]
fn row_054_a_call_is_action_0_and_is_answered_by_the_completion_with_its_id() {
    let orchestrator: crate::durable::Orchestrator = |c| {
        body(async move {
            let (one, two) = (c.call_activity("A", "one"), c.call_activity("A", "two"));
            json!([one.await.unwrap(), two.await.unwrap()])
        })
    };
    let asked = run(orchestrator, "12 0");
    assert_eq!(
        asked.answer["actions"][0][0]["compoundActions"],
        json!([
            {"actionType": 0, "functionName": "A", "input": "\"one\""},
            {"actionType": 0, "functionName": "A", "input": "\"two\""},
        ])
    );
    // The names are the same, and the second is done first: only the ids tell them apart.
    let history = "12 0 4#0(A) 4#1(A) 13 12 5>1=22 5>7=77";
    assert!(!run(orchestrator, history).is_done());
    let answered = run(orchestrator, &format!("{history} 5>0=11"));
    assert_eq!(answered.output(), &json!([11, 22]));
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

/// That an unknown one leaves a line in the log is seen in `tests/worker`.
#[test]
fn row_071_events_of_every_type_are_read_and_unknown_ones_are_passed_over() {
    let orchestrator: crate::durable::Orchestrator = |c| {
        body(async move {
            let (done, failed) = (ok(&c, "A").await, ok(&c, "B").await);
            let (child, lost) = (
                c.call_sub_orchestrator("C", None, ()).await.is_ok(),
                c.call_sub_orchestrator("D", None, ()).await.is_ok(),
            );
            c.create_timer_after(std::time::Duration::from_secs(1)).await;
            let entity = "@stock@a".parse().unwrap();
            c.signal_entity(&entity, "work", ()).unwrap();
            let event = c.wait_for_event("E").await;
            json!([
                done,
                failed.as_str().is_some_and(|f| f.contains("boom")),
                child,
                lost,
                event
            ])
        })
    };
    let turn = run(
        orchestrator,
        "12 0 4#0(A) 13 12 5>0=1 4#1(B) 13 12 6>1(B) 7#2(C) 13 12 8>2=1 7#3(D) 13 12 9>3 10#4 13 12 19 13 12 20 17 18 2 3 21 99 \
         11>4 14#5(@stock@a)=signal 13 12 15(E)=15",
    );
    assert_eq!(turn.nondeterminism, None);
    assert_eq!(turn.output(), &json!([1, true, true, false, 15]));
    // What ends an execution is read, too: nothing behind it belongs to it.
    for end in ["1", "16"] {
        let ended = run(
            |c| body(async move { ok(&c, "A").await }),
            &format!("12 0 4#0(A) 13 12 5>0=1 {end}"),
        );
        assert_eq!(ended.output(), 1, "{end}");
    }
}

#[test]
fn row_050_the_clock_is_the_start_of_the_episode_that_the_cursor_is_in() {
    let orchestrator: crate::durable::Orchestrator = |c| {
        body(async move {
            let time = || json!(c.current_time().to_rfc3339_opts(SecondsFormat::Secs, true));
            let first = (time(), c.is_replaying());
            c.set_custom_status([time()]);
            ok(&c, "A").await;
            let second = (time(), c.is_replaying());
            c.set_custom_status([first.0.clone(), time()]);
            ok(&c, "B").await;
            Value::from(vec![json!(first), json!(second), json!((time(), c.is_replaying()))])
        })
    };
    // The same line says the same in the first run and in every replay of it.
    let status = |script| run(orchestrator, script).answer["customStatus"].clone();
    assert_eq!(status("12 0"), json!([minute(0)]));
    assert_eq!(status("12 0 4#0(A) 13 12 15(E)=1"), json!([minute(0)]));
    assert_eq!(status("12 0 4#0(A) 13 12 5>0=1"), json!([minute(0), minute(1)]));
    assert_eq!(
        status("12 0 4#0(A) 13 12 5>0=1 4#1(B) 13 12 15(E)=1"),
        json!([minute(0), minute(1)])
    );
    let turn = replayed_only(|| run(orchestrator, "12 0 4#0(A) 13 12 5>0=1 4#1(B) 13 12 5>1=2"));
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
fn row_060_guids_are_made_of_instance_time_and_counter_and_are_the_same_in_every_replay() {
    let orchestrator: crate::durable::Orchestrator = |c| {
        body(async move {
            let first = c.new_guid();
            c.set_custom_status(first.to_string());
            ok(&c, "A").await;
            json!([first.to_string(), c.new_guid().to_string(), c.new_guid().to_string()])
        })
    };
    let guid = |instance: &str, time: String, counter: u32| {
        let namespace = uuid::uuid!("9e952958-5e33-4daf-827f-2fa12937b875");
        let time = time.replace('Z', ".000000000Z");
        let guid = uuid::Uuid::new_v5(&namespace, format!("{instance}_{time}_{counter}").as_bytes());
        assert_eq!(guid.get_version_num(), 5);
        json!(guid.to_string())
    };
    let expected = |instance: &str| {
        json!([
            guid(instance, minute(0), 0),
            guid(instance, minute(1), 1),
            guid(instance, minute(1), 2)
        ])
    };
    let script = "12 0 4#0(A) 13 12 5>0=1";
    assert_eq!(
        run(orchestrator, "12 0").answer["customStatus"],
        guid("order-7f3a", minute(0), 0)
    );
    assert_eq!(run(orchestrator, script).output(), &expected("order-7f3a"));
    let mut other = super::script::payload(script, &Value::Null);
    other["instanceId"] = json!("order-8");
    let other = super::script::run_payload(orchestrator, &other, &crate::durable::KnownFunctions::any());
    assert_eq!(other.output(), &expected("order-8"));
    assert_ne!(expected("order-8")[0], expected("order-7f3a")[0]);
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

/// Logs when its thread ends, before or behind the worker's own state of that thread.
struct LogsLate;

static LOGGED_LATE: AtomicUsize = AtomicUsize::new(0);

impl Drop for LogsLate {
    fn drop(&mut self) {
        assert!(!log_suppressed());
        LOGGED_LATE.fetch_add(1, Ordering::Relaxed);
    }
}

thread_local! {
    static FIRST: LogsLate = const { LogsLate };
    static LAST: LogsLate = const { LogsLate };
}

#[test]
fn what_a_thread_holds_may_log_when_it_ends() {
    let thread = std::thread::spawn(|| {
        FIRST.with(|_| ());
        assert!(!log_suppressed());
        LAST.with(|_| ());
    });
    thread.join().unwrap();
    assert_eq!(LOGGED_LATE.load(Ordering::Relaxed), 2);
}
