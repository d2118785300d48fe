//! Timers: cancelled, long, past.

use super::{super::decision::TimerTask, *};

fn days(n: i64) -> DateTime<Utc> {
    ten() + TimeDelta::days(n)
}

/// Runs a timer to its end; the times at which its segments fire, in days.
fn segments(n: i64) -> Vec<i64> {
    let mut run = Run::new();
    let action = timer(days(n));
    let mut decision = run.asks(&action);
    let mut fired = Vec::new();
    while let Some(next) = decision.timers.first().copied() {
        fired.push((next.fire_at - ten()).num_days());
        decision = run.fired(next.timer_id).state(true, &action);
    }
    assert_eq!(run.status(), RuntimeStatus::Completed);
    fired
}

#[test]
fn long_timers_are_split_as_the_extension_splits_them() {
    assert_eq!(segments(1), [1]);
    assert_eq!(segments(6), [6]);
    assert_eq!(segments(7), [3, 6, 7]);
    assert_eq!(segments(10), [3, 6, 9, 10]);
}

#[test]
fn timers_are_not_split_when_there_is_no_maximum() {
    let mut run = Run::new();
    run.settings.maximum_short_timer = TimeDelta::zero();
    let decision = run.asks(&timer(days(100)));
    assert_eq!(
        decision.timers,
        [TimerTask {
            timer_id: 0,
            fire_at: days(100)
        }]
    );
}

#[test]
fn old_schemas_reject_long_timers() {
    for schema in [0, 1] {
        let mut run = Run::new();
        run.answer(&json(&format!(
            "{{\"actions\":[[{}]],\"schemaVersion\":{schema}}}",
            timer(days(7))
        )));
        assert_eq!(run.status(), RuntimeStatus::Failed);
        assert!(run.output().contains("6.00:00:00"), "{}", run.output());
    }
}

#[test]
fn a_cancelled_timer_has_its_event_and_id_but_is_not_armed_and_holds_nothing() {
    let mut run = Run::new();
    let decision = run.state(true, &cancelled(days(1)));
    assert!(decision.timers.is_empty());
    assert_eq!(run.history(), "12 0 10#0 1#1 13");
}

#[test]
fn an_open_timer_holds_completion_until_it_fires_or_is_cancelled() {
    let race = |timer| any_of(&[activity("A"), timer]);
    let mut run = Run::new();
    run.asks(&race(timer(days(1))));
    run.completed(0, "1").state(true, &race(timer(days(1))));
    assert_eq!(run.status(), RuntimeStatus::Running);
    let decision = run.raised("x", "1").state(true, &race(cancelled(days(1))));
    assert_eq!(run.status(), RuntimeStatus::Completed);
    assert!(decision.ends_execution());

    let mut run = Run::new();
    run.asks(&race(timer(days(1))));
    run.completed(0, "1").state(true, &race(timer(days(1))));
    run.fired(1).state(true, &race(timer(days(1))));
    assert_eq!(run.history(), "12 0 4#0 10#1 13 12 5>0 13 12 11>1 1#2 13");
}

#[test]
fn a_timer_that_is_cancelled_later_is_named_for_removal() {
    let mut run = Run::new();
    run.asks(&any_of(&[wait("go"), timer(days(1))]));
    let actions = list(&[any_of(&[wait("go"), cancelled(days(1))]), wait("stop")]);
    let decision = run.raised("go", "1").asks(&actions);
    assert_eq!(decision.cancelled_timers, [0]);
    // It fired before anybody could remove it.
    run.fired(0).asks(&actions);
    assert_eq!(run.status(), RuntimeStatus::Running);
}

#[test]
fn a_long_timer_that_is_cancelled_between_segments_keeps_its_history() {
    let mut run = Run::new();
    let before = any_of(&[wait("go"), timer(days(10))]);
    run.asks(&before);
    run.fired(0).asks(&before);
    let after = list(&[any_of(&[wait("go"), cancelled(days(10))]), wait("stop")]);
    run.raised("go", "1").asks(&after);
    assert_eq!(run.history(), "12 0 10#0 13 12 11>0 10#1 13 12 15 13");
}
