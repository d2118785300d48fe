//! Rule 4: combinators go by history, at the cost of their depth.

use super::script::{body, ok, run};
use crate::durable::{DurableOrchestrationContext, Either3, Orchestrator};
use serde_json::{Value, json};
use std::fmt::Write;

#[test]
fn a_select_takes_the_first_in_history_wherever_it_is_in_the_list() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let (_, index, rest) = c.select_all((0..3).map(|i| c.call_activity("A", i))).await;
            let (_, second, rest) = c.select_all(rest).await;
            json!([index, second, rest.len()])
        })
    };
    let turn = run(orchestrator, "12 0 4#0(A) 4#1(A) 4#2(A) 13 12 5>2=1 5>0=1 5>1=1");
    assert_eq!(turn.output(), &json!([2, 0, 1]));
}

#[test]
fn among_children_that_are_already_complete_the_lowest_index_wins() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let (a, b) = (c.call_activity("A", ()), c.call_activity("B", ()));
            ok(&c, "C").await;
            c.race((a, b)).await.unwrap()
        })
    };
    let turn = run(orchestrator, r#"12 0 4#0(A) 4#1(B) 4#2(C) 13 12 5>1="b" 5>0="a" 5>2=1"#);
    assert_eq!(turn.output(), "a");
}

#[test]
fn a_select_stops_polling_at_the_first_child_that_is_ready() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let never_started = async {
                ok(&c, "Late").await;
            };
            let first = c.select((async { 1 }, never_started)).await;
            json!(matches!(first, crate::durable::Either::First(1)))
        })
    };
    let turn = run(orchestrator, "12 0");
    assert_eq!((turn.output(), turn.actions().as_str()), (&json!(true), ""));
}

#[test]
fn branches_of_several_steps_interleave_in_history_order() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let log = std::cell::RefCell::new(Vec::new());
            let branch = |name: &'static str| {
                let (c, log) = (&c, &log);
                async move {
                    for step in 0..2 {
                        ok(c, name).await;
                        log.borrow_mut().push(format!("{name}{step}"));
                    }
                }
            };
            c.join((branch("A"), branch("B"))).await;
            log.into_inner()
        })
    };
    let turn = run(
        orchestrator,
        "12 0 4#0(A) 4#1(B) 13 12 5>1=1 4#2(B) 13 12 5>2=1 13 12 5>0=1 4#3(A) 13 12 5>3=1",
    );
    assert_eq!(turn.output(), &json!(["B0", "B1", "A0", "A1"]));
}

#[test]
fn nested_combinators_defer_to_the_outermost() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let inner = |n: &'static str| {
                let c = &c;
                async move { c.join((ok(c, n), ok(c, n))).await.0 }
            };
            let first = c.select((inner("A"), inner("B"), ok(&c, "C"))).await;
            match first {
                Either3::First(_) => "A",
                Either3::Second(_) => "B",
                Either3::Third(_) => "C",
            }
        })
    };
    let script = "12 0 4#0(A) 4#1(A) 4#2(B) 4#3(B) 4#4(C) 13 12 5>0=1 5>2=1 5>3=1 5>1=1";
    assert_eq!(run(orchestrator, script).output(), "B");
}

#[test]
fn a_try_join_all_ends_at_the_first_error_and_drops_the_rest() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let all = c.try_join_all([c.call_activity("A", 1), c.call_activity("B", 2)]).await;
            all.map(Value::from).unwrap_or_else(|e| json!(e.message()))
        })
    };
    let turn = run(orchestrator, "12 0 4#0(A) 4#1(B) 13 12 6>1(B)=no_luck");
    assert_eq!(
        (turn.output(), turn.actions().as_str()),
        (&json!("no luck"), "any(A B noop)")
    );
}

#[test]
fn a_try_join_gives_all_values_or_the_first_error() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            match c.try_join((c.call_activity("A", 1), c.call_activity("B", 2))).await {
                Ok((a, b)) => json!([a, b]),
                Err(error) => json!(error.message()),
            }
        })
    };
    let before = "12 0 4#0(A) 4#1(B) 13 12";
    assert_eq!(
        run(orchestrator, &format!("{before} 5>1=2 5>0=1")).output(),
        &json!([1, 2])
    );
    assert_eq!(run(orchestrator, &format!("{before} 6>0=bad")).output(), "bad");
}

#[test]
fn empty_lists_behave_as_in_futures() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let none: Vec<crate::durable::ActivityCall> = Vec::new();
            let empty = c.join_all(none).await.len();
            let none: Vec<crate::durable::ActivityCall> = Vec::new();
            let tried = c.try_join_all(none).await.map(|v| v.len()).unwrap();
            let none: Vec<crate::durable::ActivityCall> = Vec::new();
            let next = c.as_completed(none).next().await.is_none();
            let none: [u8; 0] = [];
            let each = c.for_each_concurrent(3, none, |_| async {}).await.len();
            json!([empty, tried, next, each])
        })
    };
    assert_eq!(run(orchestrator, "12 0").output(), &json!([0, 0, true, 0]));
    let select: Orchestrator = |c| {
        body(async move {
            let _ = c.select_all(Vec::<crate::durable::ActivityCall>::new()).await.0;
        })
    };
    assert!(
        run(select, "12 0")
            .failure()
            .contains("select_all needs at least one future")
    );
}

#[test]
fn as_completed_gives_results_as_they_land() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let mut all = c.as_completed((0..3).map(|i| c.call_activity("A", i)));
            let mut order = Vec::new();
            while let Some((index, result)) = all.next().await {
                order.push(json!([index, result.unwrap()]));
                assert_eq!(all.pending(), 3 - order.len());
            }
            order
        })
    };
    let turn = run(
        orchestrator,
        "12 0 4#0(A) 4#1(A) 4#2(A) 13 12 5>1=11 13 12 5>2=12 5>0=10",
    );
    assert_eq!(turn.output(), &json!([[1, 11], [2, 12], [0, 10]]));
}

#[test]
fn a_bounded_fan_out_starts_the_next_when_one_is_done() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let results = c.for_each_concurrent(2, 0..4, |i| c.call_activity("A", i)).await;
            results.into_iter().map(Result::unwrap).collect::<Vec<Value>>()
        })
    };
    assert_eq!(run(orchestrator, "12 0").actions(), "all(A A)");
    let turn = run(orchestrator, "12 0 4#0(A) 4#1(A) 13 12 5>1=1");
    assert_eq!(turn.actions(), "any(A A) A");
    let turn = run(
        orchestrator,
        "12 0 4#0(A) 4#1(A) 13 12 5>1=1 4#2(A) 13 12 5>2=2 5>0=0 4#3(A) 13 12 5>3=3",
    );
    assert_eq!(turn.output(), &json!([0, 1, 2, 3]));
}

#[test]
fn a_time_limit_goes_around_anything() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let work = async {
                ok(&c, "A").await;
                ok(&c, "B").await
            };
            json!(c.timeout(std::time::Duration::from_secs(90), work).await.ok())
        })
    };
    let before = "12 0 10#0 4#1(A) 13 12 5>1=1 4#2(B) 13 12";
    assert_eq!(run(orchestrator, &format!("{before} 5>2=7")).output(), 7);
    let late = run(orchestrator, &format!("{before} 11>0"));
    assert!(late.is_done() && late.answer.get("output").is_none());
}

/// Completions of a fan-out, last first.
fn fan_out(n: usize) -> String {
    let mut script = String::from("12 0");
    for i in 0..n {
        write!(script, " 4#{i}(A)").unwrap();
    }
    script.push_str(" 13 12");
    for i in (0..n).rev() {
        write!(script, " 5>{i}={i}").unwrap();
    }
    script
}

#[test]
fn ten_thousand_children_work() {
    let join: Orchestrator = |c| {
        body(async move {
            let all = c.join_all((0..10_000).map(|i| c.call_activity("A", i))).await;
            all.into_iter().enumerate().all(|(i, r)| r.unwrap() == i)
        })
    };
    assert_eq!(run(join, &fan_out(10_000)).output(), true);
    let completed: Orchestrator = |c| {
        body(async move {
            let mut all = c.as_completed((0..10_000).map(|i| c.call_activity("A", i)));
            let mut count = 0;
            while all.next().await.is_some() {
                count += 1;
            }
            count
        })
    };
    assert_eq!(run(completed, &fan_out(10_000)).output(), 10_000);
}

#[test]
fn a_pending_future_may_move_from_one_combinator_to_another() {
    async fn both(c: &DurableOrchestrationContext) -> Value {
        let (_, first, mut rest) = c.select_all([c.call_activity("A", ()), c.call_activity("B", ())]).await;
        let other = c.call_activity("C", ());
        let pair = c.join((rest.remove(0), other)).await;
        json!([first, pair.0.unwrap(), pair.1.unwrap()])
    }
    let orchestrator: Orchestrator = |c| body(async move { both(&c).await });
    let turn = run(orchestrator, "12 0 4#0(A) 4#1(B) 13 12 5>1=1 4#2(C) 13 12 5>0=5 5>2=6");
    assert_eq!(turn.output(), &json!([1, 5, 6]));
}

/// Polls a future once more than it may be.
async fn twice<F: Future>(future: F) {
    let mut future = std::pin::pin!(future);
    future.as_mut().await;
    future.await;
}

#[test]
fn a_combinator_that_is_polled_again_after_it_was_ready_is_refused_with_its_line() {
    let misuses: [(&str, Orchestrator); 12] = [
        ("join_all", |c| {
            body(async move { twice(c.join_all([c.call_activity("A", 1)])).await })
        }),
        ("join_all of none", |c| {
            body(async move { twice(c.join_all(Vec::<crate::durable::ActivityCall>::new())).await })
        }),
        ("try_join_all", |c| {
            body(async move { twice(c.try_join_all([c.call_activity("A", 1)])).await })
        }),
        ("try_join_all that failed", |c| {
            body(async move {
                let fails = async {
                    ok(&c, "A").await;
                    Err::<(), _>("no")
                };
                twice(c.try_join_all([fails])).await;
            })
        }),
        ("join", |c| {
            body(async move { twice(c.join((c.call_activity("A", 1), async {}))).await })
        }),
        ("try_join", |c| {
            body(async move { twice(c.try_join((c.call_activity("A", 1), async { Ok(()) }))).await })
        }),
        ("select_all", |c| {
            body(async move { twice(c.select_all([c.call_activity("A", 1)])).await })
        }),
        ("select", |c| {
            body(async move { twice(c.select((c.call_activity("A", 1), c.wait_for_event("E")))).await })
        }),
        ("race", |c| {
            body(async move {
                let never = async { Ok(c.wait_for_event("E").await) };
                twice(c.race((c.call_activity("A", 1), never))).await;
            })
        }),
        ("timeout", |c| {
            body(async move { twice(c.timeout(std::time::Duration::from_secs(9), c.call_activity("A", 1))).await })
        }),
        ("for_each_concurrent", |c| {
            body(async move { twice(c.for_each_concurrent(2, [1], |n| c.call_activity("A", n))).await })
        }),
        ("as_completed", |c| {
            body(async move {
                let mut all = c.as_completed([c.call_activity("A", 1)]);
                twice(all.next()).await;
            })
        }),
    ];
    for (name, orchestrator) in misuses {
        let turn = run(orchestrator, "12 0 4#0(A) 13 12 5>0=1");
        let failure = turn.failure();
        assert!(
            failure.contains("Await each task once") && failure.contains("combinators.rs:"),
            "{name}: {failure}"
        );
    }
}
