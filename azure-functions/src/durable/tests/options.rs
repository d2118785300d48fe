//! Options of calls: they belong to the action that the call has issued, and are refused once something else has happened.

use super::script::{body, ok, run};
use crate::durable::{CallError, DurableOrchestrationContext, Orchestrator, RetryOptions};
use serde_json::{Value, json};
use std::{cell::Cell, time::Duration};

const THREE: RetryOptions = RetryOptions::new(Duration::from_secs(5), 3).retry_if(|error| error.message() != "fatal");

#[test]
fn a_call_with_retry_is_the_plain_call_and_then_a_timer() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let answer = c.call_activity("Pay", 1).retry(&THREE).await;
            answer.unwrap_or_else(|error| json!(error.message()))
        })
    };
    let plain: Orchestrator = |c| body(async move { c.call_activity("Pay", 1).await.unwrap() });
    assert_eq!(run(orchestrator, "12 0").answer, run(plain, "12 0").answer);
    let failed = "12 0 4#0(Pay) 13 12 6>0(Pay)=no";
    assert_eq!(run(orchestrator, failed).actions(), "Pay timer");
    let again = format!("{failed} 10#1=2031-05-04T10:01:05Z 13 12 11>1");
    assert_eq!(run(orchestrator, &again).actions(), "Pay timer Pay");
    let done = format!("{again} 4#2(Pay) 13 12 5>2=7");
    assert_eq!(run(orchestrator, &done).output(), 7);
    let fatal = "12 0 4#0(Pay) 13 12 6>0(Pay)=fatal";
    assert_eq!(run(orchestrator, fatal).output(), "fatal");
}

#[test]
fn calls_of_a_list_are_retried_each_by_itself() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let calls = ["A", "B", "C"].map(|name| c.call_activity(name, ()).retry(&THREE));
            let answers = c.join_all(calls).await;
            answers.into_iter().map(Result::unwrap).collect::<Value>()
        })
    };
    let turn = run(orchestrator, "12 0 4#0(A) 4#1(B) 4#2(C) 13 12 6>1=no");
    assert_eq!(turn.actions(), "any(A B C) timer");
    let turn = run(
        orchestrator,
        "12 0 4#0(A) 4#1(B) 4#2(C) 13 12 6>1=no 10#3=2031-05-04T10:01:05Z 13 12 11>3 4#4(B) 13 12 5>0=1 5>4=2 5>2=3",
    );
    assert_eq!(turn.output(), &json!([1, 2, 3]));
}

#[test]
fn the_options_of_a_sub_orchestration_come_in_any_order_and_reach_every_attempt() {
    for orchestrator in [
        (|c| {
            body(async move {
                let call = c.call_sub_orchestrator("Child", None, 1);
                call.retry(&THREE).instance_id("c-1").await.unwrap()
            })
        }) as Orchestrator,
        |c| {
            body(async move {
                let call = c.call_sub_orchestrator("Child", Some("other"), 1);
                call.instance_id(String::from("c-1")).retry(&THREE).await.unwrap()
            })
        },
    ] {
        let turn = run(orchestrator, "12 0");
        assert_eq!(turn.answer["actions"][0][0]["instanceId"], "c-1");
        let turn = run(
            orchestrator,
            "12 0 7#0(Child) 13 12 9>0=x 10#1 13 12 11>1 7#2(Child) 13 12 8>2=5",
        );
        assert_eq!(turn.output(), 5);
        assert_eq!(turn.answer["actions"][0][2]["instanceId"], "c-1");
    }
}

#[test]
fn the_arguments_of_an_option_may_read_the_context() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let call = c.call_sub_orchestrator("Child", None, 1);
            let id = if c.is_replaying() { "old" } else { "new" };
            let call = call.instance_id(format!("{id}-{}-{}", c.current_time().timestamp(), c.new_guid()));
            c.set_custom_status("shipping");
            call.named("ship").await.unwrap()
        })
    };
    let turn = run(orchestrator, "12 0");
    let id = turn.answer["actions"][0][0]["instanceId"].as_str().unwrap();
    assert!(id.starts_with("new-1935655200-"), "{id}");
}

type Late = fn(DurableOrchestrationContext) -> std::pin::Pin<Box<dyn Future<Output = Value>>>;

#[test]
fn an_option_that_comes_late_is_refused_at_its_line() {
    let cases: [(&str, Late); 7] = [
        ("another call was made", |c| {
            Box::pin(async move {
                let (first, _second) = (c.call_activity("A", 1), c.call_activity("B", 1));
                first.retry(&THREE).await.unwrap()
            })
        }),
        ("a wait began", |c| {
            Box::pin(async move {
                let call = c.call_activity("A", 1);
                let _event = c.wait_for_event("E");
                call.retry(&THREE).await.unwrap()
            })
        }),
        ("a patch was asked for", |c| {
            Box::pin(async move {
                let call = c.call_activity("A", 1);
                let _ = c.patched("p");
                call.retry(&THREE).await.unwrap()
            })
        }),
        ("another call was awaited", |c| {
            Box::pin(async move {
                let (before, call) = (c.call_activity("B", 1), c.call_activity("A", 1));
                before.await.unwrap();
                call.retry(&THREE).await.unwrap()
            })
        }),
        ("the call itself was awaited", |c| {
            Box::pin(async move {
                let mut call = c.call_activity("A", 1);
                let (_, _, rest) = c
                    .select_all([
                        c.create_timer_after(Duration::ZERO).boxed(),
                        Box::pin(async {
                            (&mut call).await.unwrap();
                        }),
                    ])
                    .await;
                drop(rest);
                call.retry(&THREE).await.unwrap()
            })
        }),
        ("an instance id", |c| {
            Box::pin(async move {
                let (child, _other) = (c.call_sub_orchestrator("Child", None, 1), c.call_activity("B", 1));
                child.instance_id("late").await.unwrap()
            })
        }),
        ("a name", |c| {
            Box::pin(async move {
                let (call, _other) = (c.call_activity("A", 1), c.call_activity("B", 1));
                call.named("late").await.unwrap()
            })
        }),
    ];
    thread_local!(static CASE: Cell<Option<Late>> = const { Cell::new(None) });
    for (case, late) in cases {
        CASE.set(Some(late));
        let orchestrator: Orchestrator = |c| body(CASE.get().unwrap()(c));
        let mut turn = run(orchestrator, "12 0");
        if turn.failure.is_none() {
            // Something has to come before the option is reached.
            let script = match case {
                "another call was awaited" => "12 0 4#0(B) 4#1(A) 13 12 5>0=1",
                _ => "12 0 4#0(A) 10#1 13 12 11>1",
            };
            turn = run(orchestrator, script);
        }
        let failure = turn.failure();
        assert!(
            failure.contains("set an option of a call too late"),
            "{case}: {failure}"
        );
        assert_eq!(
            failure.matches("durable/tests/options.rs:").count(),
            2,
            "{case}: {failure}"
        );
    }
}

#[test]
fn a_refused_instance_id_takes_the_call_back() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            ok(&c, "A").await;
            let refused = c
                .call_sub_orchestrator("Child", None, 1)
                .retry(&THREE)
                .instance_id("a/b");
            // The id of the call is free again, in its segment.
            ok(&c, "B").await;
            json!(matches!(refused.await, Err(CallError::InstanceId { .. })))
        })
    };
    let turn = run(orchestrator, "12 0 4#0(A) 13 12 5>0=1");
    assert_eq!(turn.actions(), "A B");
    let turn = run(orchestrator, "12 0 4#0(A) 13 12 5>0=1 4#1(B) 13 12 5>1=1");
    assert_eq!((&turn.nondeterminism, turn.output()), (&None, &json!(true)));
}

#[test]
fn a_call_taken_back_after_an_event_leaves_the_event_to_the_next() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            c.wait_for_event("E").await;
            drop(c.call_sub_orchestrator("Child", Some("."), 1));
            ok(&c, "B").await
        })
    };
    let without: Orchestrator = |c| {
        body(async move {
            c.wait_for_event("E").await;
            ok(&c, "B").await
        })
    };
    for script in ["12 0 13 12 15(E)=1", "12 0 13 12 15(E)=1 4#0(B) 13 12 5>0=3"] {
        assert_eq!(run(orchestrator, script).answer, run(without, script).answer);
    }
}

#[test]
fn the_name_of_a_call_stands_in_the_report_of_a_mismatch() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let call = c.call_activity("Charge", 1).named("charge card").retry(&THREE);
            call.await.unwrap()
        })
    };
    let turn = run(orchestrator, "12 0 4#0(Pay) 13 12 5>0=1");
    let report = turn.nondeterminism.unwrap();
    assert!(
        report.contains("code:    action #0: activity 'Charge', named 'charge card' (called at "),
        "{report}"
    );
}

#[test]
fn different_futures_go_into_one_list() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let late = async { c.call_activity("Late", 1).await };
            let list = [
                c.call_activity("A", 1).retry(&THREE).boxed(),
                c.call_sub_orchestrator("Child", None, 1).boxed(),
                c.call_entity(&super::script::entity("@stock@a"), "left", ()).boxed(),
                Box::pin(late),
            ];
            ok(&c, "B").await;
            let answers = c.join_all(list).await;
            answers.into_iter().map(Result::unwrap).collect::<Value>()
        })
    };
    let turn = run(orchestrator, "12 0");
    assert_eq!(
        turn.actions(),
        "all(A sub:Child call(@stock@a) B)",
        "the block has not run yet"
    );
    let turn = run(
        orchestrator,
        "12 0 4#0(A) 7#1(Child) 14#2(@stock@a)=call:G 4#3(B) 13 12 5>3=1",
    );
    assert_eq!(turn.actions(), "any(A sub:Child call(@stock@a) B) Late");
}

#[test]
fn a_name_of_a_call_stands_on_one_line_of_a_report_and_an_empty_one_is_none() {
    let report = |orchestrator: Orchestrator| {
        let turn = run(orchestrator, "12 0 4#0(Other) 13 12 5>0=1");
        turn.nondeterminism.unwrap_or_default()
    };
    let lines = report(|c| {
        body(async move {
            let long = format!(" two\nlines\u{1b}{}", "x".repeat(200));
            c.call_activity("Charge", 1).named(&long).await.unwrap()
        })
    });
    let shown = format!("named 'two lines {}\u{2026}'", "x".repeat(90));
    assert!(lines.contains(&shown), "{lines}");
    let empty = report(|c| body(async move { c.call_activity("Charge", 1).named(" \n").await.unwrap() }));
    assert!(empty.contains("'Charge'") && !empty.contains("named"), "{empty}");
}
