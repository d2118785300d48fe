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
