//! Patches: true in new executions and once recorded, false where an old history passed the question without it.

use super::script::{body, fallible, ok, run};
use crate::durable::{Orchestrator, replay::patch_marker::PatchMarker};
use serde_json::{Value, json};
use std::time::Duration;

/// A, then X only in the new way, then B.
const ASKS: Orchestrator = |c| {
    body(async move {
        ok(&c, "A").await;
        let new = c.patched("p");
        if new {
            ok(&c, "X").await;
        }
        ok(&c, "B").await;
        json!(new)
    })
};

/// [`ASKS`] when only the new way is left.
const ASKS_NO_MORE: Orchestrator = |c| {
    body(async move {
        ok(&c, "A").await;
        ok(&c, "X").await;
        ok(&c, "B").await
    })
};

#[test]
fn an_id_has_the_same_marker_for_ever() {
    for (id, fire_at) in [
        ("", "1990-06-07T13:34:44.655Z"),
        ("a", "1994-10-08T01:01:32.288Z"),
        ("parcel-service-v2", "1995-01-05T23:41:41.232Z"),
        ("Parcel-Service-V2", "1990-09-15T05:40:07.821Z"),
        ("prüfung", "1982-10-19T06:03:36.986Z"),
    ] {
        let marker = PatchMarker::of(id);
        let text = marker.fire_at().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        assert_eq!(text, fire_at, "{id}");
        assert_eq!(PatchMarker::of_timer(marker.fire_at()), Some(marker), "{id}");
    }
}

#[test]
fn the_marker_on_the_wire_is_a_cancelled_timer_that_is_long_due() {
    let turn = run(|c| body(async move { json!(c.patched("parcel-service-v2")) }), "12 0");
    assert_eq!(
        turn.answer,
        json!({
            "isDone": true,
            "schemaVersion": 2,
            "actions": [[{"actionType": 5, "fireAt": "1995-01-05T23:41:41.232Z", "isCanceled": true}]],
            "output": true,
        })
    );
}

#[test]
fn a_new_execution_goes_the_new_way_and_every_replay_does() {
    for (script, actions) in [
        ("12 0 4#0(A) 13 12 5>0=1", "all(A patch(p)) X"),
        (
            "12 0 4#0(A) 13 12 5>0=1 10#1=!p 4#2(X) 13 12 5>2=1",
            "all(A patch(p)) X B",
        ),
        // The real host lets the timer fire all the same.
        ("12 0 4#0(A) 13 12 5>0=1 10#1=!p 4#2(X) 13 12 11>1", "all(A patch(p)) X"),
        (
            "12 0 4#0(A) 13 12 5>0=1 10#1=!p 4#2(X) 13 12 11>1 5>2=1",
            "all(A patch(p)) X B",
        ),
    ] {
        let turn = run(ASKS, script);
        assert_eq!(
            (turn.failure.as_deref(), turn.actions().as_str()),
            (None, actions),
            "{script}"
        );
    }
    let turn = run(
        ASKS,
        "12 0 4#0(A) 13 12 5>0=1 10#1=!p 4#2(X) 13 12 5>2=1 4#3(B) 13 12 5>3=1",
    );
    assert_eq!(turn.output(), true);
}

#[test]
fn an_old_execution_that_went_on_without_it_stays_on_the_old_way() {
    assert_eq!(run(ASKS, "12 0 4#0(A) 13 12 5>0=1 4#1(B) 13 12").actions(), "A B");
    let turn = run(ASKS, "12 0 4#0(A) 13 12 5>0=1 4#1(B) 13 12 5>1=1");
    assert_eq!((turn.actions().as_str(), turn.output()), ("A B", &json!(false)));
}

#[test]
fn an_old_execution_that_is_not_there_yet_goes_the_new_way() {
    let turn = run(ASKS, "12 0 4#0(A) 13 12 15(E)=1 13 12 5>0=1");
    assert_eq!(turn.actions(), "all(A patch(p)) X");
}

#[test]
fn an_old_execution_that_is_over_is_told_false_wherever_it_is_replayed() {
    for end in ["1", "1 13", "16 13"] {
        let turn = run(ASKS, &format!("12 0 4#0(A) 13 12 5>0=1 {end}"));
        assert_eq!(turn.actions(), "A B", "{end}");
    }
    // Rewound: what was told before the end is told again, what comes after it is new.
    assert_eq!(run(ASKS, "12 0 4#0(A) 13 12 5>0=1 1 13 12 21 13 12").actions(), "A B");
    assert_eq!(
        run(ASKS, "12 0 17 13 12 17 17 13 12 21 4#0(A) 13 12 5>0=1").actions(),
        "all(A patch(p)) X"
    );
}

/// Waits, after a question at the very start.
const ASKS_THEN_WAITS: Orchestrator = |c| {
    body(async move {
        let new = c.patched("p");
        c.wait_for_event("E").await;
        ok(&c, "B").await;
        json!(new)
    })
};

#[test]
fn an_old_execution_that_asked_for_nothing_there_but_went_on_stays_on_the_old_way() {
    for (script, actions) in [
        ("12 0 13 12 15(other)=1", ""),
        ("12 0 13 12 15(E)=1", "wait(E) B"),
        ("12 0 13 12 15(E)=1 4#0(B) 13 12", "wait(E) B"),
        ("12 0 13 12 15(E)=1 4#0(B) 13 12 5>0=1", "wait(E) B"),
    ] {
        let turn = run(ASKS_THEN_WAITS, script);
        assert_eq!(
            (turn.failure.as_deref(), turn.actions().as_str()),
            (None, actions),
            "{script}"
        );
        assert!(!turn.is_done() || turn.output() == false);
    }
    assert_eq!(run(ASKS_THEN_WAITS, "12 0").actions(), "patch(p)");
    assert_eq!(
        run(ASKS_THEN_WAITS, "12 0 10#0=!p 13 12 15(E)=1").actions(),
        "patch(p) wait(E) B"
    );
}

#[test]
fn events_that_a_new_execution_starts_with_make_it_no_replay() {
    // After continue-as-new, with events carried over: the only history that ends with its own episode.
    assert_eq!(run(ASKS_THEN_WAITS, "12 0 15(E)=1 13").actions(), "patch(p) wait(E) B");
}

#[test]
fn asked_again_the_answer_is_the_same_and_takes_no_id() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let mut answers = vec![c.patched("p"), c.patched("p")];
            ok(&c, "A").await;
            answers.push(c.patched("p"));
            json!(answers)
        })
    };
    let turn = run(orchestrator, "12 0 10#0=!p 4#1(A) 13 12 5>1=1");
    assert_eq!(
        (turn.actions().as_str(), turn.output()),
        ("patch(p) A", &json!([true, true, true]))
    );
    // Also if this point, for itself, is new.
    let turn = run(orchestrator, "12 0 4#0(A) 13 12 5>0=1");
    assert_eq!(
        (turn.actions().as_str(), turn.output()),
        ("A", &json!([false, false, false]))
    );
}

#[test]
fn what_a_suspended_host_did_not_record_is_asked_anew() {
    // The answer to the first of these had the marker, but the host parks what is asked for while it is suspended.
    for script in [
        "12 0 4#0(A) 13 12 5>0=1 19",
        "12 0 4#0(A) 13 12 5>0=1 19 13 12 15(other)=1",
        "12 0 4#0(A) 13 12 5>0=1 19 13 12 20",
        "12 0 4#0(A) 13 12 5>0=1 19 13 12 15(other)=1 13 12 20",
        "12 0 4#0(A) 13 12 19 5>0=1 13 12 20",
    ] {
        assert_eq!(run(ASKS, script).actions(), "all(A patch(p)) X", "{script}");
    }
    let turn = run(ASKS, "12 0 4#0(A) 13 12 5>0=1 19 13 12 20 4#1(B) 13 12 5>1=1");
    assert_eq!((turn.actions().as_str(), turn.output()), ("A B", &json!(false)));
}

#[test]
fn a_marker_that_nobody_asks_for_any_more_is_reissued() {
    for (script, actions) in [
        (
            "12 0 4#0(A) 13 12 5>0=1 10#1=!p 4#2(X) 13 12 5>2=1",
            "all(A patch(p)) X B",
        ),
        (
            "12 0 4#0(A) 10#1=!p 10#2=!q 13 12 5>0=1 4#3(X) 13 12",
            "all(A patch(p) patch(q)) X",
        ),
        // The host checks its list against the marker before the code goes on.
        ("12 0 4#0(A) 10#1=!p 13 12", "all(A patch(p))"),
        ("12 0 10#0=!p 10#1=!q 4#2(A) 13 12 5>2=1", "patch(p) patch(q) A X"),
        (
            "12 0 4#0(A) 13 12 5>0=1 10#1=!p 10#2=!q 4#3(X) 13 12 11>1",
            "all(A patch(p) patch(q)) X",
        ),
    ] {
        let turn = run(ASKS_NO_MORE, script);
        assert_eq!(
            (turn.failure.as_deref(), turn.actions().as_str()),
            (None, actions),
            "{script}"
        );
    }
}

#[test]
fn a_marker_at_the_end_of_the_history_is_reissued() {
    // The code is done, and something holds the instance.
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let _left = c.call_activity("Left", ());
            ok(&c, "A").await
        })
    };
    let turn = run(
        orchestrator,
        "12 0 4#0(Left) 4#1(A) 13 12 5>1=7 10#2=!p 10#3=!q 13 12 15(E)=1",
    );
    assert_eq!(
        (turn.output(), turn.actions().as_str()),
        (&json!(7), "any(Left A patch(p) patch(q) noop)")
    );
}

#[test]
fn a_marker_that_was_passed_over_answers_a_question_that_comes_later() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            ok(&c, "A").await;
            ok(&c, "B").await;
            json!([c.patched("q"), c.patched("p")])
        })
    };
    let turn = run(orchestrator, "12 0 10#0=!p 4#1(A) 13 12 5>1=1 4#2(B) 13 12 5>2=1");
    assert_eq!(
        (turn.actions().as_str(), turn.output()),
        ("patch(p) A all(B patch(q))", &json!([true, true]))
    );
}

#[test]
fn each_question_finds_its_own_marker() {
    let orchestrator: Orchestrator =
        |c| body(async move { json!([c.patched("p"), c.patched("q"), c.patched("r"), ok(&c, "A").await]) });
    for (markers, answers, actions) in [
        (
            "10#0=!p 10#1=!q 10#2=!r 4#3(A) 13 12 5>3=1",
            json!([true, true, true, 1]),
            "patch(p) patch(q) patch(r) A",
        ),
        // Asked for in two versions of the code: first q, then p before it.
        (
            "10#0=!q 10#1=!r 4#2(A) 13 12 5>2=1",
            json!([false, true, true, 1]),
            "patch(q) patch(r) A",
        ),
        // q and s have been removed; s went with it.
        (
            "10#0=!s 10#1=!p 10#2=!r 4#3(A) 13 12 5>3=1",
            json!([true, false, true, 1]),
            "patch(s) patch(p) patch(r) A",
        ),
    ] {
        let turn = run(orchestrator, &format!("12 0 {markers}"));
        assert_eq!(
            (turn.output(), turn.actions().as_str()),
            (&answers, actions),
            "{markers}"
        );
    }
}

#[test]
fn branches_ask_for_themselves() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let one = async {
                ok(&c, "A").await;
                let new = c.patched("p");
                if new {
                    ok(&c, "X").await;
                }
                new
            };
            let two = async {
                ok(&c, "B").await;
                ok(&c, "C").await
            };
            json!(c.join((one, two)).await)
        })
    };
    assert_eq!(
        run(orchestrator, "12 0 4#0(A) 4#1(B) 13 12 5>0=1").actions(),
        "any(A all(B patch(p))) X"
    );
    let turn = run(
        orchestrator,
        "12 0 4#0(A) 4#1(B) 13 12 5>0=1 10#2=!p 4#3(X) 13 12 5>1=1 4#4(C) 13 12 11>2 5>4=9 5>3=1",
    );
    assert_eq!(
        (turn.output(), turn.actions().as_str()),
        (&json!([true, 9]), "any(A all(B patch(p))) all(X C)")
    );
    // Old: A came first and nothing of it, then B went on with C.
    let turn = run(
        orchestrator,
        "12 0 4#0(A) 4#1(B) 13 12 5>0=1 13 12 5>1=1 4#2(C) 13 12 5>2=9",
    );
    assert_eq!(
        (turn.output(), turn.actions().as_str()),
        (&json!([false, 9]), "all(A B) C")
    );
}

#[test]
fn the_marker_comes_before_the_request_to_start_over() {
    let asks: Orchestrator = |c| {
        body(async move {
            let _left = c.call_activity("Left", ());
            c.wait_for_event("E").await;
            let new = c.patched("p");
            c.continue_as_new(new, false).await;
        })
    };
    assert_eq!(
        run(asks, "12 0 4#0(Left) 13 12 15(E)=1").actions(),
        "any(Left wait(E)) patch(p) new(true)"
    );
    // What is left holds the execution, so it is replayed with the marker; then without the question.
    let script = "12 0 4#0(Left) 13 12 15(E)=1 10#1=!p 13 12 15(other)=1";
    assert_eq!(run(asks, script).actions(), "any(Left wait(E)) patch(p) new(true)");
    let asks_no_more: Orchestrator = |c| {
        body(async move {
            let _left = c.call_activity("Left", ());
            c.wait_for_event("E").await;
            c.continue_as_new(true, false).await;
        })
    };
    let turn = run(asks_no_more, script);
    assert_eq!(
        (turn.failure.as_deref(), turn.actions().as_str()),
        (None, "any(Left wait(E)) patch(p) new(true)")
    );
    let old = "12 0 4#0(Left) 13 12 15(E)=1 13 12 15(other)=1";
    assert_eq!(run(asks, old).actions(), "any(Left wait(E)) new(false)");
}

#[test]
fn a_panic_does_not_change_the_answer() {
    // Left holds the instance after the panic, so the code is replayed.
    let orchestrator: Orchestrator = |c| {
        fallible(async move {
            let _left = c.call_activity("Left", ());
            ok(&c, "A").await;
            assert!(!c.patched("p"), "the new way is broken");
            Ok(Value::Null)
        })
    };
    for script in [
        "12 0 4#0(Left) 4#1(A) 13 12 5>1=1",
        "12 0 4#0(Left) 4#1(A) 13 12 5>1=1 10#2=!p 13 12 5>0=1",
    ] {
        let turn = run(orchestrator, script);
        assert!(turn.failure().contains("the new way is broken"), "{}", turn.failure());
        assert!(turn.actions().contains("Left A patch(p)"), "{}", turn.actions());
    }
    let behind_a_call: Orchestrator = |c| {
        fallible(async move {
            let _left = c.call_activity("Left", ());
            ok(&c, "A").await;
            let _dropped = c.call_activity("B", ());
            assert!(!c.patched("p"), "the new way is broken");
            Ok(Value::Null)
        })
    };
    for script in [
        "12 0 4#0(Left) 4#1(A) 13 12 5>1=1",
        "12 0 4#0(Left) 4#1(A) 13 12 5>1=1 13 12 5>0=1",
    ] {
        let turn = run(behind_a_call, script);
        assert!(turn.failure().contains("the new way is broken"), "{}", turn.failure());
    }
}

#[test]
fn a_question_in_a_parked_frame_is_refused_with_its_line() {
    let turn = run(
        |c| {
            body(async move {
                let mut both = Box::pin(async {
                    let mut call = Box::pin(c.call_activity("A", ()));
                    std::future::poll_fn(|cx| {
                        let _ = call.as_mut().poll(cx);
                        let _ = c.patched("p");
                        std::task::Poll::<()>::Pending
                    })
                    .await;
                });
                both.as_mut().await;
            })
        },
        "12 0",
    );
    let failure = turn.failure();
    assert!(failure.contains("awaited two things at once"), "{failure}");
    assert!(failure.contains("tests/patched.rs:"), "{failure}");
    assert!(!turn.actions().contains("patch"), "{}", turn.actions());
}

#[test]
fn a_question_of_a_future_that_is_being_taken_down_does_nothing() {
    struct AsksWhenDropped(crate::durable::DurableOrchestrationContext);
    impl Drop for AsksWhenDropped {
        fn drop(&mut self) {
            assert!(!self.0.patched("p"));
        }
    }
    let turn = run(
        |c| {
            body(async move {
                let _guard = AsksWhenDropped(c.clone());
                ok(&c, "A").await
            })
        },
        "12 0",
    );
    assert_eq!((turn.failure.as_deref(), turn.actions().as_str()), (None, "A"));
}

#[test]
fn two_ids_with_one_marker_are_refused_by_name() {
    const ALIKE: [&str; 2] = ["change-301978", "change-1169723"];
    assert_eq!(PatchMarker::of(ALIKE[0]), PatchMarker::of(ALIKE[1]));
    let turn = run(|c| body(async move { json!(ALIKE.map(|id| c.patched(id))) }), "12 0");
    for part in [ALIKE[0], ALIKE[1], "rename", "tests/patched.rs:"] {
        assert!(turn.failure().contains(part), "{}", turn.failure());
    }
    assert!(run(|c| body(async move { json!(c.patched(ALIKE[1])) }), "12 0").is_done());
}

#[test]
fn no_timer_of_the_code_is_taken_for_a_marker() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            c.create_timer("1991-01-01T00:00:00Z".parse().unwrap()).await;
            c.create_timer(chrono::DateTime::<chrono::Utc>::MIN_UTC).await;
        })
    };
    let turn = run(orchestrator, "12 0 10#0=2000-01-01T00:00:00Z 13 12 11>0");
    let due: Vec<_> = turn.answer["actions"][0]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| &a["fireAt"])
        .collect();
    assert_eq!(due, ["2000-01-01T00:00:00Z", "2000-01-01T00:00:00Z"]);
    let turn = run(
        |c| body(async move { ok(&c, "A").await }),
        "12 0 10#0=2000-01-01T00:00:00Z 4#1(A) 13 12",
    );
    assert!(turn.nondeterminism.unwrap().contains("history: action #0: a timer"));
}

#[test]
fn a_call_added_before_a_question_is_a_mismatch_of_the_call_and_the_report_suggests_a_patch() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            ok(&c, "Added").await;
            ok(&c, if c.patched("p") { "New" } else { "Old" }).await
        })
    };
    let report = run(orchestrator, "12 0 10#0=!p 4#1(New) 13 12 5>1=1")
        .nondeterminism
        .unwrap();
    for part in [
        "history: action #1: activity 'New'",
        "code:    action #1: activity 'Added'",
        "Put the change behind `if context.patched(\"an-id\")`",
    ] {
        assert!(report.contains(part), "{part} is not in:\n{report}");
    }
}

#[test]
fn retries_and_long_timers_go_on_around_markers() {
    // The second piece of the timer is issued when the first fires, whoever asks for what beside it.
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let timer = c.create_timer_after(Duration::from_secs(10 * 24 * 60 * 60));
            ok(&c, "A").await;
            let new = c.patched("p");
            timer.await;
            json!([new, c.patched("q")])
        })
    };
    let turn = run(
        orchestrator,
        "12 0 10#0=2031-05-10T09:00:00Z 4#1(A) 13 12 5>1=1 10#2=!p 13 12 11>2 11>0 10#3=2031-05-14T10:00:00Z 13 12 11>3",
    );
    assert_eq!((turn.failure.as_deref(), turn.output()), (None, &json!([true, true])));
}
