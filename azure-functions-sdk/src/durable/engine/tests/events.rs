//! External events, and what continue-as-new makes of them.

use super::*;

#[test]
fn an_event_finds_its_waiter_whatever_the_case() {
    let mut run = Run::new();
    let actions = list(&[wait("Approve"), activity("A")]);
    run.asks(&actions);
    run.raised("aPPROVE", "true").asks(&actions);
    assert_eq!(run.history(), "12 0 13 12 15 4#0 13");
}

#[test]
fn early_events_wait_in_order_and_other_names_do_not_count() {
    let mut run = Run::new();
    let actions = list(&[activity("A"), wait("E"), wait("E"), activity("B")]);
    run.asks(&actions);
    run.raised("E", "1").raised("F", "1").asks(&actions);
    run.completed(0, "1").asks(&actions);
    assert_eq!(run.history(), "12 0 4#0 13 12 15 15 13 12 5>0 13");
    run.raised("E", "2").asks(&actions);
    assert!(run.history().ends_with("12 15 4#1 13"));
}

#[test]
fn the_newest_waiter_is_served_first() {
    let mut run = Run::new();
    // Two waiters of one name: the first event settles the second one.
    let actions = list(&[any_of(&[all_of(&[wait("E"), wait("never")]), wait("E")]), activity("A")]);
    run.asks(&actions);
    run.raised("E", "1").asks(&actions);
    assert_eq!(run.history(), "12 0 13 12 15 4#0 13");
    let mut run = Run::new();
    let actions = list(&[any_of(&[wait("E"), all_of(&[wait("E"), wait("never")])]), activity("A")]);
    run.asks(&actions);
    run.raised("E", "1").asks(&actions);
    assert_eq!(run.history(), "12 0 13 12 15 13");
}

#[test]
fn continue_as_new_replaces_the_execution() {
    let mut run = Run::new();
    run.asks(&activity("A"));
    let decision = run.completed(0, "1").answer(&json(
        &state_text(true, &list(&[activity("A"), RESTART.to_owned()]))
            .replace("\"output\"", "\"customStatus\":7,\"output\""),
    ));
    assert!(decision.appended.is_empty() && decision.ends_execution());
    assert_eq!(run.status(), RuntimeStatus::Running);
    assert_eq!(run.instance.execution_id, "e1");
    assert_eq!(run.instance.generation, 1);
    assert_eq!(run.instance.input.as_deref(), Some("{\"n\":2}"));
    assert_eq!(run.instance.custom_status.as_deref(), Some("7"));
    assert!(run.instance.created > ten());
    assert!(run.instance.history.is_empty());
    // Late ends of the old execution are dropped; ids start again; the custom status stays for the first episode.
    let old = Message::task_completed(run.now, "e0", 0, None);
    run.push(old).asks(&activity("A"));
    assert_eq!(run.history(), "12 0 4#0 13");
    assert_eq!(run.instance.custom_status.as_deref(), Some("7"));
    run.completed(0, "1").state(true, &activity("A"));
    assert_eq!(run.instance.custom_status, None);
}

#[test]
fn events_after_continue_as_new_are_carried_over_and_those_before_are_lost() {
    let mut run = Run::new();
    let actions = list(&[wait("go"), RESTART.to_owned()]);
    run.asks(&actions);
    run.raised("early", "1")
        .raised("go", "2")
        .raised("late", "3")
        .raised("later", "4");
    run.state(true, &actions);
    let carried: Vec<_> = run.inbox[0]
        .carried
        .iter()
        .map(|event| brief(std::slice::from_ref(event)))
        .collect();
    assert_eq!(carried, ["15", "15"]);
    // The carried ones stand before what came in meanwhile.
    run.inbox
        .insert(0, Message::event_raised(run.now, "meanwhile".to_owned(), None));
    run.asks("");
    let names: Vec<_> = run
        .instance
        .history
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::EventRaised { name, .. } => Some(name.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(names, ["late", "later", "meanwhile"]);
    assert_eq!(run.history(), "12 0 15 15 15 13");
}

#[test]
fn continue_as_new_waits_for_open_tasks_and_for_is_done() {
    let mut run = Run::new();
    let actions = list(&[any_of(&[activity("A"), activity("B")]), RESTART.to_owned()]);
    run.asks(&actions);
    run.completed(0, "1").state(true, &actions);
    assert_eq!(run.history(), "12 0 4#0 4#1 13 12 5>0 13");
    run.raised("x", "1").completed(1, "1").state(false, &actions);
    assert_eq!(run.status(), RuntimeStatus::Running);
    let decision = run.raised("y", "1").state(true, &actions);
    assert_eq!(decision.continued.unwrap().carried.len(), 2);
}

#[test]
fn a_failure_after_continue_as_new_counts() {
    let mut run = Run::new();
    let text = format!("x\n\n$OutOfProcData$:{{\"actions\":[[{RESTART}]],\"error\":\"no\",\"schemaVersion\":1}}");
    run.answer(&WorkResult::Failed(text));
    assert_eq!(run.status(), RuntimeStatus::Failed);
}
