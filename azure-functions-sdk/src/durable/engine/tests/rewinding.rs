//! Rewind: what is forgotten, what stays.

use azure_functions_durable::{TraceContext, protobuf::OrchestrationStatus};

use super::{
    super::{rewind::*, trace::ExecutionTrace},
    critical_sections::{LOCK, UNLOCK, locked},
    entities::requests,
    protobuf_answers::{completes, respond, task, timer_at},
    stream_answers, *,
};
use crate::durable::work::Wire;

/// The instance fails now, with these actions.
fn fail(run: &mut Run, actions: &str) {
    run.answer(&WorkResult::Failed(format!(
        "x\n\n$OutOfProcData$:{{\"actions\":[[{actions}]],\"error\":\"no\",\"schemaVersion\":2}}"
    )));
    assert_eq!(run.status(), RuntimeStatus::Failed);
}

fn rewound(run: &mut Run) -> Vec<ChildCall> {
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
        [ChildCall {
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

/// In the order in which things come to an instance of two branches: turns, of messages.
type Course = &'static [&'static [Came]];

#[derive(Clone, Copy)]
enum Came {
    Failed(i32),
    Fired(i32),
}

/// What the branches go through until task 0 has failed for good, and task 1 at its first attempt, which the timer 2 ended.
const COURSES: [Course; 5] = [
    &[&[Came::Failed(0)], &[Came::Failed(1)], &[Came::Fired(2)]],
    &[&[Came::Failed(1)], &[Came::Failed(0)], &[Came::Fired(2)]],
    &[&[Came::Failed(0), Came::Failed(1)], &[Came::Fired(2)]],
    &[&[Came::Failed(1), Came::Failed(0)], &[Came::Fired(2)]],
    &[&[Came::Failed(1)], &[Came::Failed(0), Came::Fired(2)]],
];

/// A branch that is lost: its activity and input. The other one calls A with 1, and again when that has failed.
const LOST: [(&str, &str); 3] = [("X", "1"), ("A", "2"), ("A", "1")];

fn come(run: &mut Run, turn: &[Came]) {
    for message in turn {
        match message {
            Came::Failed(task) => run.failed(*task),
            Came::Fired(timer) => run.fired(*timer),
        };
    }
}

fn lost_and_retried((name, input): (&str, &str), attempts: i32) -> String {
    let lost = format!("{{\"actionType\":0,\"functionName\":\"{name}\",\"input\":{input}}}");
    let retried = format!(
        "{{\"actionType\":1,\"functionName\":\"A\",\"input\":1,\"retryOptions\":\
         {{\"firstRetryIntervalInMilliseconds\":5000,\"maxNumberOfAttempts\":{attempts},\"backoffCoefficient\":1}}}}"
    );
    all_of(&[lost, retried])
}

#[test]
fn a_branch_that_was_lost_is_made_again_whatever_another_one_has_retried() {
    for lost in LOST {
        for (number, course) in COURSES.iter().enumerate() {
            let actions = lost_and_retried(lost, 3);
            let mut run = Run::new();
            run.asks(&actions);
            for turn in *course {
                come(&mut run, turn);
                run.asks(&actions);
            }
            fail(run.completed(3, "1"), &actions);
            rewound(&mut run);
            let kept = run.history();
            let again: Vec<_> = run.asks(&actions).activities.iter().map(|task| task.task_id).collect();
            assert!(again.starts_with(&[0]), "{lost:?} {number}: {again:?} after {kept}");
            for task in again {
                run.completed(task, "1");
            }
            run.state(true, &actions);
            assert_eq!(run.status(), RuntimeStatus::Completed, "{lost:?} {number}: {kept}");
        }
    }
}

#[test]
fn on_the_protobuf_wire_too_a_lost_branch_is_made_again_whatever_another_one_has_retried() {
    for lost in LOST {
        for (number, course) in COURSES.iter().enumerate() {
            let mut run = Run::new();
            run.instance.wire = Some(Wire::Protobuf);
            let first = vec![(0, task(lost.0, Some(lost.1))), (1, task("A", Some("1")))];
            run.answer(&respond(first, None));
            for turn in *course {
                come(&mut run, turn);
                let mut actions = Vec::new();
                for message in *turn {
                    match message {
                        Came::Failed(1) => actions.push((2, timer_at(ten().timestamp() + 60))),
                        Came::Failed(_) => {}
                        Came::Fired(_) => actions.push((3, task("A", Some("1")))),
                    }
                }
                run.answer(&respond(actions, None));
            }
            let failed = completes(OrchestrationStatus::Failed, None);
            run.completed(3, "1").answer(&respond(vec![(4, failed)], None));
            assert_eq!(run.status(), RuntimeStatus::Failed);
            rewound(&mut run);
            let kept = run.history();
            assert!(
                !kept.contains("4#0") && !kept.contains("6>0"),
                "{lost:?} {number}: {kept}"
            );
            // What is left of the other branch is its begin: no attempt, and no timer without the failure that it followed.
            assert!(!kept.contains("#3") && !kept.contains(">3"), "{number}: {kept}");
            assert_eq!(kept.contains("6>1"), kept.contains("10#2"), "{number}: {kept}");
        }
    }
}

#[test]
fn a_lost_branch_is_found_behind_several_attempts_of_another() {
    let actions = lost_and_retried(("X", "1"), 4);
    let mut run = Run::new();
    run.asks(&actions);
    for came in [
        Came::Failed(0),
        Came::Failed(1),
        Came::Fired(2),
        Came::Failed(3),
        Came::Fired(4),
    ] {
        come(&mut run, &[came]);
        run.asks(&actions);
    }
    fail(run.completed(5, "1"), &actions);
    rewound(&mut run);
    let again: Vec<_> = run.asks(&actions).activities.iter().map(|task| task.task_id).collect();
    assert_eq!(again, [0, 1]);
}

/// Workers of Python and JavaScript give it that of the attempt before.
#[test]
fn a_lost_branch_is_found_among_attempts_that_have_one_id() {
    let mut run = Run::new();
    run.instance.wire = Some(Wire::Protobuf);
    let attempt = || task("A", Some("1"));
    let timer = || timer_at(ten().timestamp() + 60);
    run.answer(&respond(vec![(1, task("X", Some("1"))), (2, attempt())], None));
    run.failed(2).answer(&respond(vec![(3, timer())], None));
    run.failed(1).answer(&respond(Vec::new(), None));
    run.fired(3).answer(&respond(vec![(2, attempt())], None));
    run.failed(2).answer(&respond(vec![(4, timer())], None));
    run.fired(4).answer(&respond(vec![(2, attempt())], None));
    let failed = completes(OrchestrationStatus::Failed, None);
    run.completed(2, "1").answer(&respond(vec![(5, failed)], None));
    assert_eq!(run.status(), RuntimeStatus::Failed);
    rewound(&mut run);
    assert_eq!(
        run.history(),
        "12 0 4#2 13 12 6>2 10#3 13 12 13 12 11>3 13 12 13 12 13 12 13",
        "the first attempt, its failure, and its pause are whole"
    );
}

/// The code went on from the first failure, and what it did then had to be tried twice.
#[test]
fn a_failure_of_an_earlier_round_stays_when_the_later_ones_were_retried() {
    let then = retried_once();
    let first = all_of(&[activity("X"), activity("B")]);
    let actions = list(&[first.clone(), then]);
    let mut run = Run::new();
    run.asks(&first);
    run.failed(0).asks(&first);
    run.completed(1, "1").asks(&actions);
    run.failed(2).asks(&actions);
    run.fired(3).asks(&actions);
    fail(run.completed(4, "1"), &actions);
    let before = run.history();
    rewound(&mut run);
    assert_eq!(
        format!("{} 1#5 13", run.history()),
        before.replace("5>4 1#5 13", "5>4 13 1#5 13")
    );
    assert!(run.asks(&actions).activities.is_empty(), "nothing is done twice");
}

fn retried_once() -> String {
    "{\"actionType\":1,\"functionName\":\"A\",\"input\":1,\"retryOptions\":\
     {\"firstRetryIntervalInMilliseconds\":5000,\"maxNumberOfAttempts\":2,\"backoffCoefficient\":1}}"
        .to_owned()
}

#[test]
fn the_start_that_is_kept_names_the_trace_that_the_rewound_instance_has() {
    let mut run = Run::new();
    run.instance.wire = Some(Wire::Protobuf);
    let asked = TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None).unwrap();
    let trace = ExecutionTrace {
        span_id: Some("00f067aa0ba902b7".to_owned()),
        span_start: Some(ten()),
        ..ExecutionTrace::from(asked)
    };
    run.answer(&respond(vec![(0, task("A", None))], None));
    let failed = completes(OrchestrationStatus::Failed, None);
    run.failed(0).answer(&respond(vec![(1, failed)], None));
    run.instance.trace = Some(trace.clone());
    let mut history = run.instance.history.to_vec();
    for event in &mut history {
        if let EventKind::ExecutionStarted(started) = &mut event.kind {
            started.trace = Some(trace.clone());
        }
    }
    run.instance.history = history.into();
    rewound(&mut run);
    let kept = run.instance.history.iter().find_map(|event| match &event.kind {
        EventKind::ExecutionStarted(started) => started.trace.clone(),
        _ => None,
    });
    assert_ne!(kept.as_ref(), Some(&trace), "its first span has ended");
    assert_eq!(kept, run.instance.trace);
}

/// On streams, where the history has the inputs of activities.
#[test]
fn another_call_of_the_same_activity_is_no_attempt_after_a_failure() {
    let mut run = stream_answers::run();
    stream_answers::respond(&mut run, vec![(0, task("A", Some("1")))], None);
    let pause = timer_at(ten().timestamp() + 60);
    stream_answers::respond(run.failed(0), vec![(1, pause)], None);
    stream_answers::respond(run.fired(1), vec![(2, task("A", Some("2")))], None);
    let failed = stream_answers::completes(OrchestrationStatus::Failed, None);
    stream_answers::respond(run.completed(2, "1"), vec![(3, failed)], None);
    assert_eq!(run.status(), RuntimeStatus::Failed);
    rewound(&mut run);
    assert_eq!(run.history(), "12 0 13 12 13 12 13 12 13");
}
