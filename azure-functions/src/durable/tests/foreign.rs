//! Rules 1 and 5: one poll, and foreign concurrency is refused in the episode where it happens.

use super::script::{body, ok, run};
use crate::durable::Orchestrator;
use std::{
    future::{pending, poll_fn},
    panic::AssertUnwindSafe,
    task::Poll,
};

#[test]
fn a_runtime_timer_is_refused_with_the_line_of_the_last_call() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let orchestrator: Orchestrator = |c| {
        body(async move {
            ok(&c, "A").await;
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        })
    };
    let turn = run(orchestrator, "12 0 4#0(A) 13 12 5>0=1");
    for part in [
        "orchestration 'test' (last call of its context at ",
        "awaited something that is not a durable task",
        "call_activity(..)",
        "script.rs:",
    ] {
        assert!(turn.failure().contains(part), "{part}: {}", turn.failure());
    }
    assert_eq!(turn.actions(), "A");
}

#[test]
fn a_future_that_is_never_ready_is_refused() {
    let turn = run(|_| body(async { pending::<()>().await }), "12 0");
    assert!(
        turn.failure()
            .contains("(src/test.rs:1, before any call of its context)"),
        "{}",
        turn.failure()
    );
}

#[test]
fn a_future_that_wakes_itself_is_refused() {
    let orchestrator: Orchestrator = |_| {
        body(async {
            let mut woken = false;
            poll_fn(|cx| {
                if woken {
                    return Poll::Ready(());
                }
                woken = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        })
    };
    assert!(run(orchestrator, "12 0").failure().contains("not a durable task"));
}

#[test]
fn joining_two_calls_without_the_context_is_refused_in_the_first_episode() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let _ = tokio::join!(c.call_activity("A", 1), c.call_activity("B", 2));
        })
    };
    let turn = run(orchestrator, "12 0");
    assert_eq!(turn.actions(), "", "nothing is scheduled that would hold the instance");
    for part in ["awaited two things at once", "context.join(..)", "tests/foreign.rs:"] {
        assert!(turn.failure().contains(part), "{part}: {}", turn.failure());
    }
}

#[test]
fn a_combinator_with_its_own_waker_is_refused() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let calls = (0..40).map(|i| c.call_activity("A", i));
            futures_util::future::join_all(calls).await;
        })
    };
    assert!(!run(orchestrator, "12 0").failure().is_empty());
    let shared: Orchestrator = |c| {
        body(async move {
            let mut all: futures_util::stream::FuturesUnordered<_> = [c.call_activity("A", 1)].into_iter().collect();
            futures_util::StreamExt::next(&mut all).await;
        })
    };
    assert!(!run(shared, "12 0").failure().is_empty());
}

#[test]
fn a_foreign_child_of_our_combinator_is_refused() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let _ = c.join((c.call_activity("A", 1), pending::<()>())).await.0;
        })
    };
    assert!(run(orchestrator, "12 0").failure().contains("not a durable task"));
}

#[test]
fn being_ready_after_having_gone_pending_is_refused() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let mut call = c.call_activity("A", 1);
            poll_fn(|cx| {
                let _ = std::pin::Pin::new(&mut call).poll(cx);
                Poll::Ready(())
            })
            .await;
        })
    };
    assert!(
        run(orchestrator, "12 0")
            .failure()
            .contains("awaited two things at once")
    );
}

#[test]
fn a_refusal_that_user_code_catches_is_a_failure_all_the_same() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let mut both = Box::pin(async { tokio::join!(c.call_activity("A", 1), c.call_activity("B", 2)) });
            poll_fn(|cx| {
                let _ = std::panic::catch_unwind(AssertUnwindSafe(|| both.as_mut().poll(cx)));
                Poll::Ready(())
            })
            .await;
        })
    };
    assert!(
        run(orchestrator, "12 0")
            .failure()
            .contains("awaited two things at once")
    );
}

#[test]
fn dropping_a_task_in_a_parked_frame_records_a_refusal_without_a_panic() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let mut first = c.call_activity("A", 1);
            let mut second = Some(c.call_activity("B", 2));
            poll_fn(|cx| {
                let polled = std::pin::Pin::new(&mut first).poll(cx).map(|_| ());
                second.take();
                polled
            })
            .await;
        })
    };
    assert!(
        run(orchestrator, "12 0")
            .failure()
            .contains("awaited two things at once")
    );
}

#[test]
fn a_task_awaited_twice_is_refused() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let mut call = c.call_activity("A", 1);
            let _ = (&mut call).await;
            let _ = (&mut call).await;
        })
    };
    assert!(
        run(orchestrator, "12 0 4#0(A) 13 12 5>0=1")
            .failure()
            .contains("Await each task once")
    );
}

#[test]
fn a_call_made_while_the_future_is_dropped_does_nothing() {
    struct CallsOnDrop(crate::bindings::DurableOrchestrationContext);
    impl Drop for CallsOnDrop {
        fn drop(&mut self) {
            drop(self.0.call_activity("Late", 1));
            self.0.set_custom_status("late");
        }
    }
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let _guard = CallsOnDrop(c.clone());
            ok(&c, "A").await
        })
    };
    let turn = run(orchestrator, "12 0");
    assert_eq!((turn.actions().as_str(), turn.answer.get("customStatus")), ("A", None));
}

#[test]
fn the_next_episode_is_served_normally() {
    run(|_| body(async { pending::<()>().await }), "12 0");
    assert_eq!(run(|c| body(async move { ok(&c, "A").await }), "12 0").actions(), "A");
}
