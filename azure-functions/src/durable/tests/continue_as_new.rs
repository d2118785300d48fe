//! Rule 9, last part: starting over.

use super::{
    both_wires,
    script::{body, fallible, ok, payload, run, run_payload},
};
use crate::durable::{KnownFunctions, OrchestrationOutput, Orchestrator};
use serde_json::{Value, json};

#[test]
fn continuing_as_new_ends_the_answer_with_action_4() {
    let turn = run(
        |c| body(async move { c.continue_as_new(json!({"n": 2}), false).await }),
        "12 0",
    );
    assert_eq!((turn.is_done(), turn.actions().as_str()), (true, r#"new({"n":2})"#));
}

#[test]
fn nothing_behind_it_runs_and_the_chain_before_it_stays_plain() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            ok(&c, "A").await;
            c.continue_as_new(1, false).await;
            ok(&c, "B").await
        })
    };
    let turn = run(orchestrator, "12 0 4#0(A) 13 12 5>0=1");
    assert_eq!((turn.is_done(), turn.actions().as_str()), (true, "A new(1)"));
}

const LOOP: Orchestrator = |c| {
    body(async move {
        let n = c.wait_for_event("E").await;
        ok(&c, "A").await;
        c.continue_as_new(n, true).await
    })
};

#[test]
fn with_preserve_the_segment_closes_on_the_newest_consumed_event_and_later_ones_are_carried_over() {
    let turn = run(LOOP, "12 0 13 12 15(E)=1 4#0(A) 13 12 15(E)=2 13 12 5>0=1");
    assert_eq!(turn.actions(), "wait(E) any(A noop) new(1)");
}

#[test]
fn with_preserve_an_unconsumed_event_older_than_that_rides_in_the_envelope() {
    let turn = run(LOOP, r#"12 0 13 12 15(Other)="kept" 15(e)=1 4#0(A) 13 12 5>0=1"#);
    let next = &turn.answer["actions"][0].as_array().unwrap().last().unwrap()["input"];
    assert_eq!(next["input"], 1);
    let mut payload = payload("12 0", &json!(null));
    payload["input"] = next.clone();
    let next = run_payload(
        |c| body(async move { json!([c.input(), c.wait_for_event("OTHER").await]) }),
        &payload,
        &KnownFunctions::any(),
    );
    assert_eq!(next.output(), &json!([1, "kept"]));
}

#[test]
fn an_event_in_the_envelope_that_is_not_consumed_either_is_handed_on_again() {
    let mut payload = payload("12 0", &json!(null));
    payload["input"] = json!({"$azure-functions-rs": {"events": [{"name": "Other", "input": 7}]}, "input": 1});
    let turn = run_payload(
        |c| body(async move { c.continue_as_new(2, true).await }),
        &payload,
        &KnownFunctions::any(),
    );
    assert_eq!(
        turn.actions(),
        r#"new({"$azure-functions-rs":{"events":[{"input":7,"name":"Other"}]},"input":2})"#
    );
}

/// 124 levels are the most that the host takes in.
#[test]
fn a_carried_event_of_124_levels_is_waited_for() {
    let event = format!("{}{}", "[".repeat(124), "]".repeat(124));
    let mut payload = payload("12 0", &json!(null));
    let value: Value = serde_json::from_str(&event).unwrap();
    payload["input"] = json!({"$azure-functions-rs": {"events": [{"name": "Other", "input": value}]}, "input": 2});
    let turn = run_payload(
        |c| body(async move { c.wait_for_event("OTHER").await }),
        &payload,
        &KnownFunctions::any(),
    );
    assert_eq!(turn.output().to_string(), event);
}

#[test]
fn starting_over_keeps_unprocessed_events_unless_told_otherwise() {
    let keeps: Orchestrator = |c| body(async move { c.start_over::<OrchestrationOutput>(json!(2)).await });
    let discards: Orchestrator = |c| {
        body(async move {
            c.start_over::<OrchestrationOutput>(json!(2))
                .discard_unprocessed_events()
                .await
        })
    };
    let mut payload = payload("12 0", &json!(null));
    payload["input"] = json!({"$azure-functions-rs": {"events": [{"name": "Other", "input": 7}]}, "input": 1});
    let run = |orchestrator| run_payload(orchestrator, &payload, &KnownFunctions::any()).actions();
    assert_eq!(
        run(keeps),
        r#"new({"$azure-functions-rs":{"events":[{"input":7,"name":"Other"}]},"input":2})"#
    );
    assert_eq!(run(discards), "new(2)");
}

#[test]
fn without_preserve_every_event_that_was_seen_is_spent() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let n = c.wait_for_event("E").await;
            ok(&c, "A").await;
            c.continue_as_new(n, false).await
        })
    };
    let turn = run(orchestrator, "12 0 13 12 15(E)=1 4#0(A) 13 12 15(E)=2 5>0=1");
    assert_eq!(turn.actions(), "wait(E) any(A wait(E)) new(1)");
}

#[test]
fn events_that_lie_behind_the_cursor_are_left_to_the_next_execution() {
    let turn = run(
        |c| {
            body(async move {
                ok(&c, "A").await;
                c.continue_as_new(1, false).await
            })
        },
        "12 0 4#0(A) 13 12 5>0=1 15(E)=9",
    );
    assert_eq!(turn.actions(), "A new(1)");
}

#[test]
fn unfired_timers_are_cancelled() {
    let turn = run(
        |c| {
            body(async move {
                let _timer = c.create_timer_after(std::time::Duration::from_secs(5));
                c.continue_as_new(1, false).await
            })
        },
        "12 0",
    );
    assert_eq!(turn.actions(), "timer! new(1)");
}

#[test]
fn a_run_that_fails_after_it_does_not_start_over() {
    let turn = run(
        |c| {
            fallible(async move {
                let _again = c.continue_as_new(1, false);
                panic!("changed my mind");
            })
        },
        "12 0",
    );
    assert!(turn.failure().contains("changed my mind"));
    assert_eq!(turn.actions(), "");
}

/// The JSON wire's host hands on what the execution has not come to; on protobuf that is the worker's to do.
#[test]
fn on_protobuf_events_of_the_last_turn_that_the_execution_has_not_come_to_are_handed_on() {
    let takes: Orchestrator = |c| {
        body(async move {
            let first = c.wait_for_event("E").await;
            c.start_over::<OrchestrationOutput>(first).await
        })
    };
    let script = r#"12 0 13 12 15(E)=1 15(Other)="x" 15(e)=2 15(6ba7b810-9dad-11d1-80b4-00c04fd430c8)={"result":"1"}"#;
    let handed_on = both_wires::handed_on_on_protobuf(takes, &payload(script, &Value::Null));
    assert_eq!(
        handed_on,
        [("Other".to_owned(), json!("x")), ("e".to_owned(), json!(2))]
    );
}
