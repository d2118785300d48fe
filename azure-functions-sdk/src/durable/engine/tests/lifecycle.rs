//! Terminate, suspend, resume, duplicates, strays.

use super::*;

#[test]
fn terminate_wins_over_everything_the_orchestrator_says() {
    for actions in ["", RESTART, &activity("A")] {
        let mut run = Run::new();
        run.push(Message::terminate(run.now, "enough".to_owned()));
        let decision = run.state(true, actions);
        assert_eq!((run.status(), run.output()), (RuntimeStatus::Terminated, "\"enough\""));
        assert!(decision.activities.is_empty() && decision.continued.is_none());
        assert!(run.history().starts_with("12 0 3 1#"), "{}", run.history());
    }
    let mut run = Run::new();
    run.push(Message::terminate(run.now, "enough".to_owned()));
    run.answer(&WorkResult::Failed("boom".to_owned()));
    assert_eq!(run.status(), RuntimeStatus::Terminated);
}

#[test]
fn terminate_before_the_start_needs_no_worker() {
    let run = Run::new();
    let batch = vec![Message::terminate(run.now, "enough".to_owned())];
    let Begin::Decided(decision) = Episode::begin(&run.instance, &run.settings, batch, run.now) else {
        panic!()
    };
    assert_eq!(decision.status, RuntimeStatus::Terminated);
    assert_eq!(decision.output.as_deref(), Some("\"enough\""));
}

#[test]
fn a_suspended_instance_records_events_and_withholds_them() {
    let mut run = Run::new();
    let actions = list(&[activity("A"), activity("B")]);
    run.asks(&actions);
    run.push(Message::suspend(run.now, "lunch".to_owned())).asks(&actions);
    assert_eq!((run.status(), run.output()), (RuntimeStatus::Suspended, "\"lunch\""));
    run.completed(0, "1").asks(&actions);
    assert_eq!(run.history(), "12 0 4#0 13 12 19 13 12 5>0 13");
    assert_eq!(run.status(), RuntimeStatus::Suspended);
    run.push(Message::resume(run.now, "back".to_owned())).asks(&actions);
    assert_eq!(run.history(), "12 0 4#0 13 12 19 13 12 5>0 13 12 20 4#1 13");
    assert_eq!((run.status(), run.output()), (RuntimeStatus::Running, "\"back\""));
    run.completed(1, "1").state(true, &actions);
    assert_eq!(run.status(), RuntimeStatus::Completed);
    assert_ne!(run.output(), "\"back\"", "an end has an output of its own");
}

#[test]
fn the_reason_of_a_client_is_shown_as_json_where_it_is_json_and_none_as_nothing() {
    for (reason, output) in [
        ("enough", Some("\"enough\"")),
        ("{\"a\":1}", Some("{\"a\":1}")),
        ("12", Some("12")),
        ("{oops", Some("\"{oops\"")),
        ("\"\\ud83d\"", Some("\"\\\"\\\\ud83d\\\"\"")),
        ("", None),
    ] {
        let mut run = Run::new();
        let decision = run.push(Message::terminate(ten(), reason.to_owned())).state(true, "");
        assert_eq!(decision.output.as_deref(), output, "{reason}");
        let mut run = Run::new();
        let decision = run.push(Message::suspend(ten(), reason.to_owned())).state(true, "");
        assert_eq!(decision.output.as_deref(), output, "{reason}");
    }
}

#[test]
fn actions_of_an_episode_that_ends_suspended_are_parked() {
    let mut run = Run::new();
    let actions = list(&[activity("A"), activity("B")]);
    run.asks(&actions);
    run.completed(0, "1").push(Message::suspend(ten(), String::new()));
    let decision = run.state(true, &actions);
    assert!(decision.activities.is_empty());
    assert_eq!(run.history(), "12 0 4#0 13 12 5>0 19 13");
    let decision = run.push(Message::resume(ten(), String::new())).asks(&actions);
    assert_eq!(decision.activities.len(), 1);
}

#[test]
fn a_suspended_instance_can_be_terminated_and_does_not_complete() {
    let mut run = Run::new();
    run.push(Message::suspend(ten(), String::new())).state(true, "");
    assert_eq!(run.status(), RuntimeStatus::Suspended);
    run.push(Message::suspend(ten(), String::new())).state(true, "");
    run.push(Message::terminate(ten(), String::new())).state(true, "");
    assert_eq!(run.status(), RuntimeStatus::Terminated);
}

#[test]
fn one_resume_ends_several_suspensions() {
    let mut run = Run::new();
    run.push(Message::suspend(ten(), String::new()))
        .push(Message::suspend(ten(), String::new()))
        .asks("");
    run.push(Message::resume(ten(), String::new())).asks("");
    assert_eq!(run.status(), RuntimeStatus::Running);
}

#[test]
fn duplicates_and_strays_are_dropped() {
    let mut run = Run::new();
    let duplicate = run.inbox[0].clone();
    run.push(duplicate.clone()).asks(&activity("A"));
    assert_eq!(run.history(), "12 0 4#0 13");
    let stray = Message::task_completed(ten(), "old", 0, None);
    assert!(matches!(
        Episode::begin(
            &run.instance,
            &run.settings,
            vec![duplicate.clone(), stray.clone()],
            run.now
        ),
        Begin::Discard
    ));
    // Ends of nothing, and second ends, stay in history and change nothing.
    run.completed(0, "1")
        .completed(0, "2")
        .completed(9, "1")
        .failed(-1)
        .asks(&list(&[activity("A"), activity("B")]));
    assert_eq!(run.history(), "12 0 4#0 13 12 5>0 5>0 5>9 6>-1 4#1 13");
    run.completed(1, "1")
        .state(true, &list(&[activity("A"), activity("B")]));
    assert_eq!(run.status(), RuntimeStatus::Completed);
    let late = vec![Message::event_raised(ten(), "x".to_owned(), None), duplicate];
    assert!(matches!(
        Episode::begin(&run.instance, &run.settings, late, run.now),
        Begin::Discard
    ));
}

#[test]
fn messages_before_the_start_wait_for_it_and_come_after_it() {
    let mut run = Run::new();
    let early = Message::event_raised(ten(), "x".to_owned(), None);
    assert!(matches!(
        Episode::begin(&run.instance, &run.settings, vec![early.clone()], run.now),
        Begin::NotStarted
    ));
    run.inbox.insert(0, early);
    run.asks("");
    assert_eq!(run.history(), "12 0 15 13");
}

#[test]
fn an_instance_that_the_host_fails_says_why() {
    let run = Run::new();
    let Begin::Run(episode) = Episode::begin(&run.instance, &run.settings, run.inbox.clone(), run.now) else {
        panic!()
    };
    let decision = episode.fail("it does not exist", run.now);
    assert_eq!(brief(&decision.appended), "12 0 1#0 13");
    assert_eq!(
        (decision.status, decision.output.as_deref()),
        (RuntimeStatus::Failed, Some("\"it does not exist\""))
    );

    let mut run = Run::new();
    run.asks(&activity("A"));
    let batch = vec![Message::terminate(run.now, "enough".to_owned())];
    let Begin::Run(episode) = Episode::begin(&run.instance, &run.settings, batch, run.now) else {
        panic!()
    };
    let decision = episode.fail("the worker died", run.now);
    assert_eq!(brief(&decision.appended), "12 3 1#1 13");
    assert_eq!(decision.output.as_deref(), Some("\"enough\""));
}

#[test]
fn a_clock_of_nanoseconds_reads_back_the_same() {
    let mut run = Run::new();
    run.now += TimeDelta::nanoseconds(1_234_567_891);
    run.asks(&activity("A"));
    assert_eq!(
        run.instance.history[0].timestamp,
        ten() + TimeDelta::nanoseconds(1_234_567_800)
    );
}

#[test]
fn statuses_have_their_numbers_and_names() {
    for number in 0..8 {
        let status = RuntimeStatus::from_number(number).unwrap();
        assert_eq!(status.number(), number);
        assert_eq!(RuntimeStatus::from_name(status.name()), Some(status));
    }
    assert_eq!(RuntimeStatus::Suspended.number(), 7);
    assert_eq!(RuntimeStatus::from_number(8), None);
}
