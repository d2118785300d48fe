//! Faults that random programs found, by the rule that they broke.

use super::script::{body, ok, run};
use std::time::Duration;

/// Rule 9: what comes after the request belongs to the next execution.
#[test]
fn what_runs_beside_continue_as_new_is_cut_off_at_its_next_await() {
    let orchestrator: crate::durable::Orchestrator = |c| {
        body(async move {
            let again = async { c.continue_as_new(1, false).await };
            let beside = async {
                ok(&c, "A").await;
                ok(&c, "B").await
            };
            c.join((again, beside)).await;
        })
    };
    for script in ["12 0", "12 0 4#0(A) 13 12 5>0", "12 0 4#0(A) 13 12 15(E)=1 5>0"] {
        let turn = run(orchestrator, script);
        assert_eq!(
            (turn.is_done(), turn.actions().as_str()),
            (true, "any(A noop) new(1)"),
            "{script}"
        );
    }
}

/// Rule 9: so is the code after it, if it goes on without awaiting it.
#[test]
fn nothing_is_delivered_once_a_new_execution_was_asked_for() {
    let orchestrator: crate::durable::Orchestrator = |c| {
        body(async move {
            drop(c.continue_as_new(1, false));
            ok(&c, "A").await;
            ok(&c, "B").await;
        })
    };
    for script in ["12 0", "12 0 4#0(A) 13 12 5>0"] {
        let turn = run(orchestrator, script);
        assert_eq!(
            (turn.is_done(), turn.actions().as_str()),
            (true, "any(A noop) new(1)"),
            "{script}"
        );
    }
}

/// Rule 11: the oldest event that nobody else has is consumed first, even if the wait was given a younger one.
#[test]
fn a_wait_does_not_pass_over_an_older_event_that_was_given_back_meanwhile() {
    let turn = run(
        |c| {
            body(async move {
                ok(&c, "A").await;
                let (first, second, third) = (c.wait_for_event("E"), c.wait_for_event("E"), c.wait_for_event("E"));
                drop(second);
                drop(first);
                third.await
            })
        },
        "12 0 4#0(A) 13 12 15(E)=1 15(E)=2 5>0",
    );
    assert_eq!(turn.output(), 1);
}

/// Rules 7 and 9: what a broken episode repeats from the history is issued at the start, where no timer may be due later
/// than the host allows.
#[test]
fn a_broken_episode_repeats_no_timer_that_is_too_far_from_the_start() {
    let turn = run(
        |c| {
            body(async move {
                c.create_timer_after(Duration::from_secs(7 * 24 * 60 * 60)).await;
                assert!(c.instance_id().is_empty(), "no luck");
            })
        },
        "12 0 10#0=2031-05-10T09:00:00Z 13 12 11>0 10#1=2031-05-11T10:00:00Z 13 12 11>1",
    );
    let timers = turn.answer["actions"][0][0]["compoundActions"].as_array().unwrap();
    let due: Vec<_> = timers.iter().map(|timer| timer["fireAt"].as_str().unwrap()).collect();
    assert_eq!(due, ["2031-05-10T09:00:00Z", "2031-05-10T09:00:00Z"]);
}
