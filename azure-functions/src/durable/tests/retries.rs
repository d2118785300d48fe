//! Rule 8: retries are built from plain activities and timers.

use super::script::{body, ok, run};
use crate::durable::{DurableOrchestrationContext, Orchestrator, RetryOptions};
use serde_json::{Value, json};
use std::time::Duration;

async fn pay(c: &DurableOrchestrationContext, options: RetryOptions) -> Value {
    c.call_activity_with_retry("Pay", options, 1)
        .await
        .unwrap_or_else(|e| json!(e.message()))
}

fn three() -> RetryOptions {
    RetryOptions::new(Duration::from_secs(5), 3).backoff_coefficient(2.0)
}

const PAY: Orchestrator = |c| body(async move { pay(&c, three()).await });

#[test]
fn a_failed_attempt_is_followed_by_a_timer_and_that_by_the_next_attempt() {
    assert_eq!(run(PAY, "12 0").actions(), "Pay");
    let turn = run(PAY, "12 0 4#0(Pay) 13 12 6>0(Pay)=no");
    assert_eq!(turn.actions(), "Pay timer");
    assert_eq!(turn.answer["actions"][0][1]["fireAt"], "2031-05-04T10:01:05Z");
    let turn = run(PAY, "12 0 4#0(Pay) 13 12 6>0=no 10#1 13 12 11>1");
    assert_eq!(turn.actions(), "Pay timer Pay");
    let turn = run(PAY, "12 0 4#0(Pay) 13 12 6>0=no 10#1 13 12 11>1 4#2(Pay) 13 12 5>2=7");
    assert_eq!(turn.output(), 7);
}

#[test]
fn a_retry_delay_that_was_made_longer_or_shorter_ends_when_the_recorded_timer_fires() {
    let versions: [Orchestrator; 3] = [
        |c| body(async move { pay(&c, RetryOptions::new(Duration::from_secs(1), 3)).await }),
        |c| body(async move { pay(&c, RetryOptions::new(Duration::from_secs(3_600), 3)).await }),
        |c| body(async move { pay(&c, RetryOptions::new(Duration::from_secs(20 * 24 * 3_600), 3)).await }),
    ];
    let recorded = "12 0 4#0(Pay) 13 12 6>0=no 10#1=2031-05-04T10:01:05Z 13 12 11>1 4#2(Pay) 13 12 5>2=7";
    for version in versions {
        let turn = run(version, recorded);
        assert_eq!(turn.nondeterminism, None);
        assert_eq!((turn.output(), turn.actions().as_str()), (&json!(7), "Pay timer Pay"));
    }
}

#[test]
fn the_last_failure_surfaces_without_another_timer() {
    let script = "12 0 4#0(Pay) 13 12 6>0=a 10#1 13 12 11>1 4#2(Pay) 13 12 6>2=b 10#3 13 12 11>3 4#4(Pay) 13 12 6>4=c";
    let turn = run(PAY, script);
    assert_eq!(
        (turn.output(), turn.actions().as_str()),
        (&json!("c"), "Pay timer Pay timer Pay")
    );
}

#[test]
fn two_retries_go_on_whoever_is_awaited() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let a = c.call_activity_with_retry("A", three(), 1);
            let b = c.call_activity_with_retry("B", three(), 1);
            let (a, b) = (a.await, b.await);
            json!([a.unwrap(), b.unwrap()])
        })
    };
    let turn = run(
        orchestrator,
        "12 0 4#0(A) 4#1(B) 13 12 6>1=no 10#2 13 12 11>2 4#3(B) 13 12 5>3=2",
    );
    assert_eq!(
        turn.actions(),
        "any(A B) timer B",
        "B was tried again while A was awaited"
    );
    let turn = run(
        orchestrator,
        "12 0 4#0(A) 4#1(B) 13 12 6>1=no 10#2 13 12 11>2 4#3(B) 13 12 5>3=2 5>0=1",
    );
    assert_eq!(turn.output(), &json!([1, 2]));
}

#[test]
fn dropping_a_retried_call_stops_it_and_cancels_its_delay() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let call = c.call_activity_with_retry("A", three(), 1);
            ok(&c, "B").await;
            drop(call);
            ok(&c, "C").await
        })
    };
    let turn = run(
        orchestrator,
        "12 0 4#0(A) 4#1(B) 13 12 6>0=no 10#2 13 12 5>1=1 4#3(C) 13 12 11>2",
    );
    assert_eq!(turn.actions(), "any(A B) all(timer! C)", "no further attempt");
}

#[test]
fn the_predicate_decides_on_the_error() {
    let orchestrator: Orchestrator =
        |c| body(async move { pay(&c, three().retry_if(|e| e.message() == "busy")).await });
    assert_eq!(
        run(orchestrator, "12 0 4#0(Pay) 13 12 6>0(Pay)=busy").actions(),
        "Pay timer"
    );
    assert_eq!(
        run(orchestrator, "12 0 4#0(Pay) 13 12 6>0(Pay)=broke").output(),
        "broke"
    );
}

#[test]
fn a_predicate_that_panics_fails_the_instance() {
    let orchestrator: Orchestrator =
        |c| body(async move { pay(&c, three().retry_if(|_| panic!("bad predicate"))).await });
    assert!(
        run(orchestrator, "12 0 4#0(Pay) 13 12 6>0=x")
            .failure()
            .contains("bad predicate")
    );
}

#[test]
fn no_attempt_is_made_after_the_timeout() {
    let orchestrator: Orchestrator = |c| body(async move { pay(&c, three().timeout(Duration::from_secs(60))).await });
    assert_eq!(run(orchestrator, "12 0 4#0(Pay) 13 12 6>0(Pay)=late").output(), "late");
}

#[test]
fn a_sub_orchestration_is_retried_with_the_same_given_id() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let child = c
                .call_sub_orchestrator_with_retry("Child", Some("c-1"), three(), 1)
                .await;
            child.unwrap_or(Value::Null)
        })
    };
    let turn = run(
        orchestrator,
        "12 0 7#0(Child) 13 12 9>0=x 10#1 13 12 11>1 7#2(Child) 13 12 8>2=5",
    );
    assert_eq!(
        (turn.output(), turn.actions().as_str()),
        (&json!(5), "sub:Child timer sub:Child")
    );
    assert_eq!(turn.answer["actions"][0][2]["instanceId"], "c-1");
}
