//! Retries: delays, the extra timer, the exits without one.

use super::*;

fn retried(options: &str) -> String {
    format!("{{\"actionType\":1,\"functionName\":\"A\",\"input\":1,\"retryOptions\":{options}}}")
}

fn three() -> String {
    retried("{\"firstRetryIntervalInMilliseconds\":5000,\"maxNumberOfAttempts\":3,\"backoffCoefficient\":2}")
}

/// Delay of the timer that this decision arms, from the start of its episode.
fn delay(decision: &Decision) -> i64 {
    (decision.timers[0].fire_at - decision.appended[0].timestamp).num_milliseconds()
}

#[test]
fn three_failing_attempts_are_followed_by_one_more_timer() {
    let mut run = Run::new();
    run.asks(&three());
    assert_eq!(delay(&run.failed(0).asks(&three())), 5000);
    run.fired(1).asks(&three());
    assert_eq!(delay(&run.failed(2).asks(&three())), 10_000);
    run.fired(3).asks(&three());
    assert_eq!(delay(&run.failed(4).asks(&three())), 0);
    run.fired(5).asks(&list(&[three(), activity("Next")]));
    assert_eq!(
        run.history(),
        "12 0 4#0 13 12 6>0 10#1 13 12 11>1 4#2 13 12 6>2 10#3 13 12 11>3 4#4 13 12 6>4 10#5 13 12 11>5 4#6 13"
    );
}

#[test]
fn a_success_ends_the_retries() {
    let mut run = Run::new();
    run.asks(&three());
    run.failed(0).asks(&three());
    let decision = run.fired(1).asks(&three());
    assert_eq!(decision.activities[0].input.as_deref(), Some("1"));
    run.completed(2, "1").state(true, &three());
    assert_eq!(run.history(), "12 0 4#0 13 12 6>0 10#1 13 12 11>1 4#2 13 12 5>2 1#3 13");
}

#[test]
fn one_attempt_still_costs_a_timer_and_none_costs_nothing() {
    let mut run = Run::new();
    let one = retried("{\"firstRetryIntervalInMilliseconds\":1,\"maxNumberOfAttempts\":1}");
    run.asks(&one);
    run.failed(0).state(true, &one);
    assert_eq!(run.status(), RuntimeStatus::Running);
    run.fired(1).state(true, &one);
    assert_eq!(run.history(), "12 0 4#0 13 12 6>0 10#1 13 12 11>1 1#2 13");

    let mut run = Run::new();
    run.state(
        true,
        &retried("{\"firstRetryIntervalInMilliseconds\":1,\"maxNumberOfAttempts\":0}"),
    );
    assert_eq!(run.history(), "12 0 1#0 13");
}

#[test]
fn the_timeout_ends_the_retries_without_a_timer() {
    let mut run = Run::new();
    let action = retried(
        "{\"firstRetryIntervalInMilliseconds\":1000,\"maxNumberOfAttempts\":9,\"retryTimeoutInMilliseconds\":2000}",
    );
    run.asks(&action);
    run.now = ten() + TimeDelta::milliseconds(2000);
    run.failed(0).state(true, &action);
    assert_eq!(run.history(), "12 0 4#0 13 12 6>0 1#1 13");
}

#[test]
fn delays_are_capped() {
    let mut run = Run::new();
    let action = retried(
        "{\"firstRetryIntervalInMilliseconds\":1000,\"maxNumberOfAttempts\":9,\"backoffCoefficient\":1e200,
          \"maxRetryIntervalInMilliseconds\":1500}",
    );
    run.asks(&action);
    assert_eq!(delay(&run.failed(0).asks(&action)), 1000);
    run.fired(1).asks(&action);
    assert_eq!(delay(&run.failed(2).asks(&action)), 1500);
}

#[test]
fn every_attempt_of_a_child_is_a_new_instance_unless_it_has_an_id() {
    for (id, expected) in [("null", "e0:2"), ("\"mine\"", "mine")] {
        let mut run = Run::new();
        let action = format!(
            "{{\"actionType\":3,\"functionName\":\"Sub\",\"instanceId\":{id},
               \"retryOptions\":{{\"firstRetryIntervalInMilliseconds\":1,\"maxNumberOfAttempts\":2}}}}"
        );
        run.asks(&action);
        run.child_failed(0).asks(&action);
        let decision = run.fired(1).asks(&action);
        assert_eq!(decision.children[0].started().unwrap().instance_id, expected);
        assert_eq!(run.history(), "12 0 7#0 13 12 9>0 10#1 13 12 11>1 7#2 13");
    }
}

#[test]
fn a_retry_without_usable_options_fails_the_instance() {
    for action in [
        "{\"actionType\":1,\"functionName\":\"A\"}".to_owned(),
        retried("{\"maxNumberOfAttempts\":3}"),
        retried("null"),
    ] {
        let mut run = Run::new();
        run.asks(&action);
        assert_eq!(run.status(), RuntimeStatus::Failed, "{action}");
        assert!(run.output().contains("retryOptions"), "{}", run.output());
    }
}
