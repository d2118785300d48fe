//! Rule 11: external events.

use super::script::{body, ok, run};
use crate::durable::Orchestrator;
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn an_event_before_the_wait_and_one_after_it_both_arrive_in_order() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            ok(&c, "A").await;
            json!([c.wait_for_event("E").await, c.wait_for_event("e").await])
        })
    };
    let turn = run(
        orchestrator,
        r#"12 0 4#0(A) 13 12 15(E)="one" 13 12 15(E)="two" 13 12 5>0=1"#,
    );
    assert_eq!(turn.output(), &json!(["one", "two"]));
    assert_eq!(turn.actions(), "A");
}

#[test]
fn the_oldest_wait_gets_the_oldest_event() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let (one, two) = (c.wait_for_event("E"), c.wait_for_event("E"));
            let both = c.join((two, one)).await;
            json!([both.1, both.0])
        })
    };
    assert_eq!(
        run(orchestrator, "12 0 13 12 15(E)=1 13 12 15(E)=2").output(),
        &json!([1, 2])
    );
}

#[test]
fn names_compare_ignoring_case() {
    let turn = run(
        |c| body(async move { c.wait_for_event("Straße").await }),
        "12 0 13 12 15(STRASSE)=1",
    );
    assert_eq!(turn.output(), 1);
}

#[test]
fn a_wait_dropped_before_it_returned_gives_its_event_back_in_order() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let (early, late) = (c.wait_for_event("E"), c.wait_for_event("E"));
            ok(&c, "A").await;
            drop(early);
            let third = c.wait_for_event("E").await;
            json!([third, late.await])
        })
    };
    let turn = run(orchestrator, "12 0 4#0(A) 13 12 15(E)=1 15(E)=2 5>0=1");
    assert_eq!(turn.output(), &json!([1, 2]));
}

#[test]
fn a_wait_with_timeout_gives_the_event_or_nothing() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let event = c.wait_for_event_with_timeout("E", Duration::from_secs(60)).await;
            json!({ "event": event })
        })
    };
    let won = run(orchestrator, "12 0 10#0 13 12 15(E)=5");
    assert_eq!((won.output(), won.actions().as_str()), (&json!({"event": 5}), "timer!"));
    let lost = run(orchestrator, "12 0 10#0 13 12 11>0");
    assert_eq!(
        (lost.output(), lost.actions().as_str()),
        (&json!({"event": null}), "timer")
    );
}

#[test]
fn a_payload_that_is_no_json_is_its_text_and_none_is_null() {
    let orchestrator: Orchestrator =
        |c| body(async move { json!([c.wait_for_event("E").await, c.wait_for_event("E").await]) });
    assert_eq!(
        run(orchestrator, "12 0 15(E)=hello 15(E)").output(),
        &json!(["hello", Value::Null])
    );
}
