//! WhenAll, WhenAny, their nesting, and the first schema.

use super::*;

#[test]
fn when_all_waits_for_all_and_when_any_for_one() {
    let mut run = Run::new();
    let actions = list(&[
        all_of(&[activity("A"), activity("B")]),
        any_of(&[activity("C"), activity("D")]),
        activity("E"),
    ]);
    run.asks(&actions);
    run.completed(1, "1").asks(&actions);
    run.failed(0).asks(&actions);
    run.completed(3, "1").asks(&actions);
    assert_eq!(
        run.history(),
        "12 0 4#0 4#1 13 12 5>1 13 12 6>0 4#2 4#3 13 12 5>3 4#4 13"
    );
}

#[test]
fn nested_compounds_settle_upwards() {
    let mut run = Run::new();
    let actions = list(&[
        any_of(&[
            all_of(&[activity("A"), activity("B")]),
            all_of(&[activity("C"), wait("x")]),
        ]),
        activity("E"),
    ]);
    run.asks(&actions);
    run.completed(0, "1").completed(2, "1").asks(&actions);
    assert_eq!(run.history(), "12 0 4#0 4#1 4#2 13 12 5>0 5>2 13");
    run.raised("X", "1").asks(&actions);
    assert_eq!(run.history(), "12 0 4#0 4#1 4#2 13 12 5>0 5>2 13 12 15 4#3 13");
}

#[test]
fn open_activities_hold_completion_and_external_waits_do_not() {
    let mut run = Run::new();
    let actions = any_of(&[activity("A"), activity("B"), wait("x")]);
    run.asks(&actions);
    run.completed(1, "1").state(true, &actions);
    assert_eq!(run.status(), RuntimeStatus::Running);
    run.completed(0, "1").state(true, &actions);
    assert_eq!(run.history(), "12 0 4#0 4#1 13 12 5>1 13 12 5>0 1#2 13");
}

#[test]
fn an_empty_when_all_settles_at_once_and_an_empty_when_any_fails() {
    let mut run = Run::new();
    run.state(true, &all_of(&[]));
    assert_eq!(run.status(), RuntimeStatus::Completed);
    let mut run = Run::new();
    run.state(true, "{\"actionType\":12,\"compoundActions\":null}");
    assert_eq!(run.status(), RuntimeStatus::Completed);
    let mut run = Run::new();
    run.state(true, &any_of(&[]));
    assert_eq!(run.status(), RuntimeStatus::Failed);
    assert!(run.output().contains("WhenAny"), "{}", run.output());
}

#[test]
fn the_segment_form_goes_on_without_waiting() {
    let noop = || all_of(&[]);
    let mut run = Run::new();
    let open = any_of(&[activity("A"), activity("B"), noop()]);
    run.asks(&open);
    assert_eq!(run.history(), "12 0 4#0 4#1 13");
    // A closed segment ends on its closer, and only on that.
    let closed = any_of(&[all_of(&[activity("A"), wait("never")]), activity("B")]);
    let actions = list(&[closed, any_of(&[activity("C"), noop()])]);
    run.completed(0, "1").asks(&actions);
    assert_eq!(run.history(), "12 0 4#0 4#1 13 12 5>0 13");
    run.completed(1, "1").asks(&actions);
    assert_eq!(run.history(), "12 0 4#0 4#1 13 12 5>0 13 12 5>1 4#2 13");
    run.completed(2, "1").state(true, &actions);
    assert_eq!(run.status(), RuntimeStatus::Completed);
}

#[test]
fn in_the_first_schema_any_member_ends_a_list() {
    let v1 = |done: bool, lists: &[String]| {
        let lists: Vec<_> = lists.iter().map(|list| format!("[{list}]")).collect();
        json(&format!("{{\"isDone\":{done},\"actions\":[{}]}}", lists.join(",")))
    };
    let mut run = Run::new();
    let lists = [list(&[activity("A"), activity("B")]), activity("C")];
    run.answer(&v1(false, &lists));
    run.completed(1, "1").answer(&v1(false, &lists));
    run.completed(0, "1").completed(2, "1").answer(&v1(true, &lists));
    assert_eq!(run.history(), "12 0 4#0 4#1 13 12 5>1 4#2 13 12 5>0 5>2 1#3 13");

    let mut run = Run::new();
    run.answer(&v1(true, &[String::new()]));
    assert_eq!(run.status(), RuntimeStatus::Completed);

    let mut run = Run::new();
    let decision = run.answer(&v1(true, &[list(&[RESTART.to_owned()])]));
    assert!(decision.continued.is_some());
}

#[test]
fn members_may_stand_before_the_type_and_are_ignored_on_other_actions() {
    let mut run = Run::new();
    let first = format!(
        "{{\"compoundActions\":[{}],\"actionType\":\"whenall\"}}",
        list(&[activity("A"), activity("B")])
    );
    let second = format!("{{\"compoundActions\":[{}],\"functionName\":\"C\"}}", activity("X"));
    let actions = list(&[first, second]);
    run.asks(&actions);
    run.completed(0, "1").completed(1, "1").asks(&actions);
    assert_eq!(run.history(), "12 0 4#0 4#1 13 12 5>0 5>1 4#2 13");
}
