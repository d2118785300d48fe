//! Faults that random programs found, by the rule that they broke.

use super::script::{body, ok, run};

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

/// Rule 11: an event that is given back goes to the oldest wait, even if that holds a younger one by now.
#[test]
fn a_wait_that_holds_an_event_changes_it_for_an_older_one_that_is_given_back() {
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

/// Rule 11: and hands its own down to the next.
#[test]
fn events_stay_in_order_when_the_oldest_of_many_waits_is_dropped() {
    let turn = run(
        |c| {
            body(async move {
                ok(&c, "A").await;
                let first = c.wait_for_event("E");
                let rest = [c.wait_for_event("E"), c.wait_for_event("E"), c.wait_for_event("E")];
                drop(first);
                c.join_all(rest).await
            })
        },
        "12 0 4#0(A) 13 12 15(E)=1 15(E)=2 5>0 13 12 15(E)=3",
    );
    assert_eq!(turn.output(), &serde_json::json!([1, 2, 3]));
}
