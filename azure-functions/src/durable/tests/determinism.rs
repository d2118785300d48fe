//! Rule 7: non-determinism is a report.

use super::script::{body, fallible, ok, payload, run, run_payload};
use crate::durable::{CalledKind, KnownFunctions, Orchestrator};
use serde_json::Value;

const A_THEN_B: Orchestrator = |c| {
    body(async move {
        ok(&c, "A").await;
        ok(&c, "B").await
    })
};

#[test]
fn another_name_is_reported_with_both_sides_and_the_line() {
    let turn = run(A_THEN_B, "12 0 4#0(Other) 13 12 5>0=1");
    let report = turn.nondeterminism.as_deref().unwrap();
    for part in [
        "Non-deterministic orchestration 'test'",
        "instance 'order-7f3a'",
        "history: action #0: activity 'Other' (event 2 of 6)",
        "code:    action #0: activity 'A' (called at azure-functions/src/durable/tests/script.rs:",
    ] {
        assert!(report.contains(part), "{part} is not in:\n{report}");
    }
    assert_eq!(turn.answer["error"], report);
}

#[test]
fn a_function_that_is_gone_may_have_been_renamed() {
    let known = KnownFunctions::new(["A", "B"].map(|name| (CalledKind::Activity, name.to_owned())));
    let report = |recorded: &str| {
        let history = payload(&format!("12 0 4#0({recorded}) 13 12 5>0=1"), &Value::Null);
        run_payload(A_THEN_B, &history, &known).nondeterminism.unwrap()
    };
    let (gone, there) = (report("Other"), report("B"));
    let cure = "the function was renamed (`#[func(name = \"Other\")]` lets it keep its name), or the call was changed";
    assert!(gone.contains(cure), "{gone}");
    assert!(!there.contains("renamed"), "{there}");
}

#[test]
fn another_kind_is_reported() {
    let turn = run(A_THEN_B, "12 0 10#0 13 12 11>0");
    assert!(turn.nondeterminism.unwrap().contains("history: action #0: a timer"));
}

#[test]
fn names_that_differ_in_case_only_are_the_same() {
    assert!(run(A_THEN_B, "12 0 4#0(a) 13 12 5>0=1").nondeterminism.is_none());
}

#[test]
fn a_call_that_history_records_and_the_code_no_longer_makes_is_reported() {
    let turn = run(
        |c| body(async move { ok(&c, "A").await }),
        "12 0 4#0(A) 13 12 5>0=1 4#1(B) 13 12 5>1=1",
    );
    let report = turn.nondeterminism.unwrap();
    assert!(report.contains("history: action #1: activity 'B'"), "{report}");
    assert!(
        report.contains("asked for 1 action and no more (last call at "),
        "{report}"
    );
}

#[test]
fn a_call_that_moved_behind_an_await_is_reported() {
    // History has B scheduled together with A; the code asks for it only when A is done.
    let turn = run(A_THEN_B, "12 0 4#0(A) 4#1(B) 13 12 5>0=1");
    assert!(turn.nondeterminism.unwrap().contains("moved behind an await"));
}

#[test]
fn a_new_call_at_the_end_of_what_history_records_is_no_mismatch() {
    let turn = run(A_THEN_B, "12 0 4#0(A) 13 12 5>0=1");
    assert_eq!(
        (turn.nondeterminism, turn.answer["isDone"].as_bool()),
        (None, Some(false))
    );
}

#[test]
fn a_failing_answer_carries_what_history_records() {
    let turn = run(A_THEN_B, "12 0 10#0 4#1(X) 7#2(Child) 14#3(@stock@1) 13 12 5>1=1");
    assert!(turn.nondeterminism.is_some());
    assert_eq!(turn.actions(), "any(timer! X sub:Child signal(@stock@1) noop)");
}

#[test]
fn a_panic_outranks_a_mismatch_and_still_satisfies_the_hosts_check() {
    let turn = run(|_| fallible(async { panic!("oh no") }), "12 0 4#0(A) 13 12 5>0=1");
    assert!(turn.failure().contains("oh no") && turn.nondeterminism.is_none());
    assert_eq!(turn.actions(), "A");
}
