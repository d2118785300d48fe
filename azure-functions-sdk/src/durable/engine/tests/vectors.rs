//! The host's side of the protocol's test vectors that no other test tells.

use super::*;

#[test]
fn the_winner_of_a_race_is_the_first_in_history() {
    // The second member ends first; what follows is issued then, before the first one ends in the same batch.
    let mut run = Run::new();
    let actions = list(&[any_of(&[activity("A"), activity("B")]), activity("X")]);
    run.asks(&actions);
    run.completed(1, "1").completed(0, "1").asks(&actions);
    assert_eq!(run.history(), "12 0 4#0 4#1 13 12 5>1 5>0 4#2 13");
}

#[test]
fn a_retry_timer_and_a_later_action_share_the_counter() {
    let retried = "{\"actionType\":1,\"functionName\":\"A\",
        \"retryOptions\":{\"firstRetryIntervalInMilliseconds\":1,\"maxNumberOfAttempts\":2}}";
    let mut run = Run::new();
    let actions = list(&[any_of(&[retried.to_owned(), activity("B")]), activity("X")]);
    run.asks(&actions);
    run.failed(0).completed(1, "1").asks(&actions);
    assert_eq!(run.history(), "12 0 4#0 4#1 13 12 6>0 5>1 10#2 4#3 13");
    // The retry goes on behind the race, and holds the end.
    run.completed(3, "1").state(true, &actions);
    run.fired(2).state(true, &actions);
    assert_eq!(run.status(), RuntimeStatus::Running);
    run.completed(4, "1").state(true, &actions);
    assert!(
        run.history().ends_with("12 11>2 4#4 13 12 5>4 1#5 13"),
        "{}",
        run.history()
    );
}

#[test]
fn early_events_answer_waits_at_once_when_they_are_issued() {
    let mut run = Run::new();
    let actions = list(&[activity("A"), wait("E"), wait("E")]);
    run.asks(&actions);
    run.raised("E", "\"one\"").asks(&actions);
    run.raised("E", "\"two\"").asks(&actions);
    run.completed(0, "1").state(true, &actions);
    assert_eq!(run.history(), "12 0 4#0 13 12 15 13 12 15 13 12 5>0 1#1 13");
}

#[test]
fn continue_as_new_on_the_first_run_needs_no_history() {
    let mut run = Run::new();
    let decision = run.state(true, RESTART);
    assert_eq!(
        decision.continued.unwrap().as_start().unwrap().input.as_deref(),
        Some("{\"n\":2}")
    );
}

#[test]
fn a_carried_event_answers_a_wait_in_the_first_run() {
    let mut run = Run::new();
    run.raised("E", "5").state(true, RESTART);
    run.state(true, &wait("E"));
    assert_eq!(run.history(), "12 0 15 1#0 13");
}

#[test]
fn actions_beyond_an_open_one_are_not_scheduled() {
    let mut run = Run::new();
    run.asks(&list(&[activity("A"), activity("B")]));
    assert_eq!(run.history(), "12 0 4#0 13");
}
