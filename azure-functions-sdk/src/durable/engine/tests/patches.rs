//! The answers of patches: timers that are cancelled at once and due long ago, in the very text that our worker writes.

use super::*;

const MARKER: &str = r#"{"actionType":5,"fireAt":"1995-01-05T23:41:41.232Z","isCanceled":true}"#;
const OTHER: &str = r#"{"actionType":5,"fireAt":"1990-06-07T13:34:44.655Z","isCanceled":true}"#;

/// The whole text of an answer.
fn answer(done: bool, actions: &[&str]) -> WorkResult {
    json(&format!(
        r#"{{"isDone":{done},"schemaVersion":2,"actions":[[{}]]}}"#,
        actions.join(",")
    ))
}

fn call(name: &str) -> String {
    format!(r#"{{"actionType":0,"functionName":"{name}","input":"null"}}"#)
}

#[test]
fn a_marker_takes_an_id_and_an_event_and_nothing_waits_for_it() {
    let (a, b) = (call("A"), call("B"));
    let mut run = Run::new();
    run.answer(&answer(false, &[&a]));
    let decision = run.completed(0, "1").answer(&answer(false, &[&a, MARKER, &b]));
    assert_eq!(run.history(), "12 0 4#0 13 12 5>0 10#1 4#2 13");
    assert!(decision.timers.is_empty(), "{:?}", decision.timers);
    // Every later episode finds it in its place.
    run.raised("E", "1").answer(&answer(false, &[&a, MARKER, &b]));
    let decision = run.completed(2, "1").answer(&answer(true, &[&a, MARKER, &b]));
    assert_eq!(run.status(), RuntimeStatus::Completed);
    assert!(decision.timers.is_empty());
    assert_eq!(run.history(), "12 0 4#0 13 12 5>0 10#1 4#2 13 12 15 13 12 5>2 1#3 13");
}

#[test]
fn the_worker_reads_the_fire_time_that_it_wrote() {
    let mut run = Run::new();
    run.answer(&answer(false, &[MARKER, &call("A")]));
    let mut text = String::new();
    write_events(run.instance.history.iter(), true, &mut text);
    assert!(text.contains(r#""FireAt":"1995-01-05T23:41:41.232Z""#), "{text}");
}

#[test]
fn an_execution_may_end_right_after_its_question() {
    let mut run = Run::new();
    run.answer(&answer(true, &[MARKER]));
    assert_eq!(run.status(), RuntimeStatus::Completed);
    assert_eq!(run.history(), "12 0 10#0 1#1 13");

    let restart = r#"{"actionType":4,"input":{"n":2}}"#;
    let mut run = Run::new();
    let decision = run.answer(&answer(true, &[MARKER, restart]));
    assert!(decision.continued.is_some());
    run.answer(&answer(true, &[MARKER, OTHER]));
    assert_eq!(run.history(), "12 0 10#0 10#1 1#2 13");
}

#[test]
fn a_marker_is_recorded_while_nothing_else_happens() {
    let mut run = Run::new();
    run.answer(&answer(false, &[MARKER]));
    assert_eq!(
        (run.status(), run.history().as_str()),
        (RuntimeStatus::Running, "12 0 10#0 13")
    );
    let wait = wait("E");
    run.raised("E", "1").answer(&answer(true, &[MARKER, &wait]));
    assert_eq!(run.status(), RuntimeStatus::Completed);
}

#[test]
fn markers_that_nobody_asks_for_any_more_are_found_inside_a_segment() {
    let (a, x) = (call("A"), call("X"));
    let mut run = Run::new();
    run.answer(&answer(false, &[&a]));
    run.completed(0, "1").answer(&answer(false, &[&a, MARKER, OTHER]));
    // The worker has passed over them while it waited for an event.
    let passed = format!(r#"{{"actionType":12,"compoundActions":[{a},{MARKER},{OTHER}]}}"#);
    run.raised("other", "1").answer(&answer(false, &[&passed]));
    let wait = wait("E");
    run.raised("E", "1").answer(&answer(false, &[&passed, &wait, &x]));
    assert_eq!(run.history(), "12 0 4#0 13 12 5>0 10#1 10#2 13 12 15 13 12 15 4#3 13");
    run.completed(3, "1").answer(&answer(true, &[&passed, &wait, &x]));
    assert_eq!(run.status(), RuntimeStatus::Completed);
}

#[test]
fn a_marker_holds_neither_a_failure_nor_a_branch() {
    let (left, a) = (call("Left"), call("A"));
    let mut run = Run::new();
    let both = format!(r#"{{"actionType":11,"compoundActions":[{left},{a}]}}"#);
    let open = format!(r#"{{"actionType":12,"compoundActions":[{left},{a}]}}"#);
    run.answer(&answer(false, &[&open]));
    let failed = format!(r#"{{"isDone":false,"schemaVersion":2,"actions":[[{both},{MARKER}]],"error":"no"}}"#);
    let failed = WorkResult::Failed(format!("no\n\n$OutOfProcData$:{failed}"));
    run.completed(1, "1").answer(&failed);
    assert_eq!(run.status(), RuntimeStatus::Running, "Left is out");
    assert_eq!(run.history(), "12 0 4#0 4#1 13 12 5>1 10#2 13");
    run.completed(0, "1").answer(&failed);
    assert_eq!(run.status(), RuntimeStatus::Failed);
}

#[test]
fn a_suspended_instance_records_no_marker_until_it_is_resumed() {
    let a = call("A");
    let mut run = Run::new();
    run.answer(&answer(false, &[&a]));
    let suspend = Message::suspend(run.now, "wait".to_owned());
    run.completed(0, "1")
        .push(suspend)
        .answer(&answer(false, &[&a, MARKER]));
    assert_eq!(run.history(), "12 0 4#0 13 12 5>0 19 13");
    let resume = Message::resume(run.now, "go on".to_owned());
    run.push(resume).answer(&answer(false, &[&a, MARKER]));
    assert_eq!(run.history(), "12 0 4#0 13 12 5>0 19 13 12 20 10#1 13");
}
