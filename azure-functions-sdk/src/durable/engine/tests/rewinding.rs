//! Rewind: what is forgotten, what stays.

use super::{
    super::rewind::*,
    critical_sections::{LOCK, UNLOCK, locked},
    entities::requests,
    *,
};

/// The instance fails now, with these actions.
fn fail(run: &mut Run, actions: &str) {
    run.answer(&WorkResult::Failed(format!(
        "x\n\n$OutOfProcData$:{{\"actions\":[[{actions}]],\"error\":\"no\",\"schemaVersion\":2}}"
    )));
    assert_eq!(run.status(), RuntimeStatus::Failed);
}

fn rewound(run: &mut Run) -> Vec<ChildFailed> {
    let rewind = rewind(&run.instance, "fixed", run.now).unwrap();
    assert_eq!(
        (rewind.instance.status, rewind.instance.output.clone()),
        (RuntimeStatus::Running, None)
    );
    run.instance = rewind.instance;
    run.inbox.push(rewind.wake);
    rewind.children
}

#[test]
fn a_failed_activity_is_scheduled_again_under_its_id() {
    let mut run = Run::new();
    let actions = list(&[activity("A"), activity("B")]);
    run.asks(&actions);
    run.completed(0, "1").asks(&actions);
    fail(run.failed(1), &actions);
    rewound(&mut run);
    assert_eq!(run.history(), "12 0 4#0 13 12 5>0 13 12 13");
    let decision = run.asks(&actions);
    assert_eq!(decision.activities[0].task_id, 1);
    assert_eq!(run.history(), "12 0 4#0 13 12 5>0 13 12 13 12 21 4#1 13");
    run.completed(1, "1").state(true, &actions);
    assert_eq!(run.status(), RuntimeStatus::Completed);
}

#[test]
fn handled_failures_stay_with_the_clean_up_that_they_led_to() {
    let mut run = Run::new();
    let actions = list(&[activity("A"), activity("B"), activity("CleanUp")]);
    run.asks(&actions);
    run.failed(0).asks(&actions);
    run.failed(1).asks(&actions);
    fail(run.completed(2, "1"), &actions);
    rewound(&mut run);
    assert_eq!(run.history(), "12 0 4#0 13 12 6>0 4#1 13 12 6>1 4#2 13 12 5>2 13");
    fail(&mut run, &actions);
    assert!(
        run.history().ends_with("5>2 13 12 21 1#3 13"),
        "nothing is done, or undone, twice: {}",
        run.history()
    );
}

#[test]
fn what_a_later_attempt_did_is_not_done_again() {
    let retried = "{\"actionType\":1,\"functionName\":\"A\",\"input\":1,\"retryOptions\":\
                   {\"firstRetryIntervalInMilliseconds\":5000,\"maxNumberOfAttempts\":3,\"backoffCoefficient\":1}}";
    let mut run = Run::new();
    run.asks(retried);
    run.failed(0).asks(retried);
    run.fired(1).asks(retried);
    let actions = list(&[retried.to_owned(), wait("paid")]);
    run.completed(2, "1").asks(&actions);
    fail(run.raised("paid", "no"), &actions);
    rewound(&mut run);
    let kept = "12 0 4#0 13 12 6>0 10#1 13 12 11>1 4#2 13 12 5>2 13";
    assert!(run.history().starts_with(kept), "{}", run.history());
    let decision = run.asks(&actions);
    assert!(decision.activities.is_empty(), "{:?}", decision.activities);
}

#[test]
fn of_attempts_that_all_failed_the_last_is_made_again() {
    let retried = "{\"actionType\":1,\"functionName\":\"A\",\"input\":1,\"retryOptions\":\
                   {\"firstRetryIntervalInMilliseconds\":5000,\"maxNumberOfAttempts\":2,\"backoffCoefficient\":1}}";
    let mut run = Run::new();
    run.asks(retried);
    run.failed(0).asks(retried);
    run.fired(1).asks(retried);
    run.failed(2).asks(retried);
    fail(run.fired(3), retried);
    rewound(&mut run);
    assert_eq!(run.history(), "12 0 4#0 13 12 6>0 10#1 13 12 11>1 13 12 13 12 13");
    let decision = run.asks(retried);
    assert_eq!(decision.activities[0].task_id, 2);
}

#[test]
fn a_clean_up_that_failed_is_tried_again() {
    let mut run = Run::new();
    let actions = list(&[activity("A"), activity("CleanUp")]);
    run.asks(&actions);
    run.failed(0).asks(&actions);
    fail(run.failed(1), &actions);
    rewound(&mut run);
    let decision = run.asks(&actions);
    assert_eq!(decision.activities[0].task_id, 1);
}

#[test]
fn what_another_branch_did_after_the_failure_is_forgotten() {
    let mut run = Run::new();
    let actions = all_of(&[activity("A"), activity("B"), activity("C")]);
    let first = all_of(&[activity("A"), activity("B")]);
    run.asks(&first);
    run.failed(0).asks(&first);
    run.completed(1, "1").asks(&actions);
    fail(run.completed(2, "1"), &actions);
    rewound(&mut run);
    assert_eq!(run.history(), "12 0 4#1 13 12 13 12 5>1 13 12 13");
}

#[test]
fn all_failures_of_the_last_round_are_forgotten() {
    let mut run = Run::new();
    let actions = all_of(&[activity("A"), activity("B"), activity("C")]);
    run.asks(&actions);
    run.failed(2).asks(&actions);
    run.completed(1, "1").asks(&actions);
    fail(run.failed(0), &actions);
    rewound(&mut run);
    let decision = run.asks(&actions);
    assert_eq!(
        decision.activities.iter().map(|a| a.task_id).collect::<Vec<_>>(),
        [0, 2]
    );
}

#[test]
fn the_last_attempt_of_a_retry_is_made_again() {
    let action = "{\"actionType\":1,\"functionName\":\"A\",
        \"retryOptions\":{\"firstRetryIntervalInMilliseconds\":1,\"maxNumberOfAttempts\":2}}";
    let mut run = Run::new();
    run.asks(action);
    run.failed(0).asks(action);
    run.fired(1).asks(action);
    run.failed(2).asks(action);
    fail(run.fired(3), action);
    rewound(&mut run);
    let decision = run.asks(action);
    assert_eq!(decision.activities[0].task_id, 2);
    run.completed(2, "1").state(true, action);
    assert_eq!(run.status(), RuntimeStatus::Completed);
}

#[test]
fn a_failed_child_keeps_its_place_and_is_named() {
    let mut run = Run::new();
    run.asks(&child("Sub"));
    fail(run.child_failed(0), &child("Sub"));
    let children = rewound(&mut run);
    assert_eq!(
        children,
        [ChildFailed {
            task_id: 0,
            instance_id: "e0:0".to_owned()
        }]
    );
    let decision = run.asks(&child("Sub"));
    assert!(decision.children.is_empty());
    assert_eq!(run.history(), "12 0 7#0 13 12 13 12 21 13");
}

#[test]
fn an_orchestrator_that_failed_by_itself_just_runs_again() {
    let mut run = Run::new();
    run.asks(&activity("A"));
    run.completed(0, "1").answer(&WorkResult::Failed("bug".to_owned()));
    rewound(&mut run);
    run.state(true, &activity("A"));
    assert_eq!(run.status(), RuntimeStatus::Completed);
}

#[test]
fn work_that_was_open_when_the_host_failed_the_instance_is_scheduled_again() {
    let mut run = Run::new();
    let actions = any_of(&[activity("A"), timer(ten() + TimeDelta::days(1))]);
    run.asks(&actions);
    let batch = vec![Message::event_raised(run.now, "x".to_owned(), None)];
    let Begin::Run(episode) = Episode::begin(&run.instance, &run.settings, batch, run.now) else {
        panic!()
    };
    let decision = episode.fail("died", run.now);
    decision.clone().apply(&mut run.instance);
    rewound(&mut run);
    let decision = run.asks(&actions);
    assert_eq!((decision.activities.len(), decision.timers.len()), (1, 1));
}

#[test]
fn only_failed_instances_are_rewound() {
    let mut run = Run::new();
    assert_eq!(rewind(&run.instance, "", run.now), Err(NotRewound::NotFailed));
    run.state(true, "");
    assert_eq!(rewind(&run.instance, "", run.now), Err(NotRewound::NotFailed));
}

/// Whom an instance had locked that is not rewound for it.
fn refused(run: &Run) -> Vec<String> {
    match rewind(&run.instance, "fixed", run.now) {
        Err(NotRewound::Locked(entities)) => entities.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_instance_that_failed_in_a_critical_section_is_not_rewound() {
    let both = ["@stock@a", "@stock@b"];
    let in_section = list(&[LOCK.to_owned(), activity("A")]);
    let mut run = locked();
    run.asks(&in_section);
    fail(run.failed(1), &in_section);
    assert_eq!(refused(&run), both, "the guard outlived the orchestration");

    let mut run = locked();
    run.asks(&in_section);
    fail(
        run.failed(1),
        &list(&[LOCK.to_owned(), activity("A"), UNLOCK.to_owned()]),
    );
    assert_eq!(refused(&run), both, "the guard was dropped on the way out");

    let mut run = locked();
    run.answer(&WorkResult::Failed("boom".into()));
    assert_eq!(refused(&run), both, "it failed by itself");
}

#[test]
fn a_section_that_was_left_before_the_failure_hinders_no_rewind() {
    let actions = list(&[LOCK.to_owned(), UNLOCK.to_owned(), activity("A")]);
    let mut run = locked();
    run.asks(&actions);
    fail(run.failed(3), &actions);
    rewound(&mut run);
    let decision = run.asks(&actions);
    assert_eq!(decision.activities[0].task_id, 3);
    assert!(decision.posted.is_empty(), "nothing is locked or released again");
}

#[test]
fn a_lock_that_was_not_there_yet_is_asked_for_again() {
    let actions = all_of(&[activity("A"), LOCK.to_owned()]);
    let mut run = Run::new();
    let first = requests(&run.asks(&actions).posted).remove(0);
    run.failed(0)
        .answer(&WorkResult::Failed("the branch that failed".to_owned()));
    rewound(&mut run);
    let decision = run.asks(&actions);
    assert_eq!(decision.activities[0].task_id, 0);
    let again = requests(&decision.posted).remove(0);
    assert_eq!(again.lockset, first.lockset);
    assert_ne!(
        again.id, first.id,
        "a late answer to the first request is none to this one"
    );
}
