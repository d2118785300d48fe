//! Locks: how they are asked for, given back, and what may be done while they last.

use super::{
    entities::{answer, call, requests, signal},
    *,
};
use crate::durable::engine::entity::{EntityMessage, Posted, Release, grant};

pub(super) const LOCK: &str = r#"{"actionType":13,"lockSet":[{"name":"Stock","key":"b"},{"name":"stock","key":"a"},{"name":"stock","key":"b"}],"lockRequestId":"x"}"#;
pub(super) const UNLOCK: &str = r#"{"actionType":14}"#;

fn releases(posted: &[Posted]) -> Vec<(String, Release)> {
    let releases = posted.iter().filter_map(|posted| match &posted.message {
        EntityMessage::Release(release) => Some((posted.target.to_string(), release.clone())),
        EntityMessage::Op(_) => None,
    });
    releases.collect()
}

fn release() -> Release {
    Release {
        parent: "order-7f3a".to_owned(),
        id: "e1".to_owned(),
    }
}

/// A run that has the locks.
pub(super) fn locked() -> Run {
    let mut run = Run::new();
    let decision = run.asks(LOCK);
    let request = requests(&decision.posted).remove(0);
    run.push(grant(&request, run.now).unwrap().message);
    run
}

#[test]
fn the_request_of_locks_goes_to_the_first_of_them_in_order() {
    let mut run = Run::new();
    let decision = run.asks(LOCK);
    assert_eq!(decision.posted.len(), 1);
    assert_eq!(decision.posted[0].target.to_string(), "@stock@a");
    let request = requests(&decision.posted).remove(0);
    assert_eq!(
        request.to_json(),
        r#"{"op":null,"id":"e1","parent":"order-7f3a","parentExecution":"e0","lockset":[{"name":"stock","key":"a"},{"name":"stock","key":"b"}]}"#
    );
}

#[test]
fn a_section_locks_calls_and_releases_with_one_number_for_each_message() {
    let mut run = locked();
    let decision = run.asks(&list(&[LOCK.to_owned(), call("@stock@a", "take")]));
    let request = requests(&decision.posted).remove(0);
    answer(&mut run, &request, "1", false);
    let actions = list(&[
        LOCK.to_owned(),
        call("@stock@a", "take"),
        UNLOCK.to_owned(),
        activity("X"),
    ]);
    let decision = run.asks(&actions);
    assert_eq!(
        releases(&decision.posted),
        [("@stock@a".to_owned(), release()), ("@stock@b".to_owned(), release())]
    );
    let decision = run.completed(4, "1").state(true, &actions);
    assert!(decision.posted.is_empty(), "nothing is released twice");
    assert_eq!(
        run.history(),
        "12 0 14#0 13 12 15 14#1 13 12 15 14#2 14#3 4#4 13 12 5>4 1#5 13"
    );
}

#[test]
fn whoever_ends_gives_the_locks_back() {
    let both = [("@stock@a".to_owned(), release()), ("@stock@b".to_owned(), release())];
    assert_eq!(releases(&locked().state(true, LOCK).posted), both, "completed");
    let restarted = locked().state(true, &list(&[LOCK.to_owned(), RESTART.to_owned()]));
    assert_eq!(releases(&restarted.posted), both, "continued as new");
    assert_eq!(
        releases(&locked().answer(&WorkResult::Failed("boom".into())).posted),
        both,
        "failed"
    );
    let mut run = locked();
    run.push(Message::terminate(run.now, "enough".to_owned()));
    assert_eq!(releases(&run.asks(LOCK).posted), both, "terminated");
    let mut run = Run::new();
    run.asks(LOCK);
    run.push(Message::terminate(run.now, "enough".to_owned()));
    assert_eq!(
        releases(&run.asks(LOCK).posted),
        both,
        "terminated while it waited for them"
    );
    assert_eq!(
        releases(&locked().asks(&activity("A")).posted),
        both,
        "not deterministic"
    );
}

#[test]
fn without_locks_a_release_does_nothing() {
    let mut run = Run::new();
    run.state(true, UNLOCK);
    assert_eq!(run.history(), "12 0 1#0 13");
}

#[test]
fn breaking_the_rules_of_a_section_fails_the_orchestration_with_the_rule() {
    let in_section = |actions: &[String]| {
        let mut all = vec![LOCK.to_owned()];
        all.extend_from_slice(actions);
        let mut run = locked();
        let decision = run.asks(&list(&all));
        assert_eq!(run.status(), RuntimeStatus::Failed, "{all:?}");
        assert_eq!(releases(&decision.posted).len(), 2, "the locks are given back");
        run.output().to_owned()
    };
    for (actions, rule) in [
        (vec![LOCK.to_owned()], "entities cannot be locked in a critical section"),
        (
            vec![call("@stock@c", "take")],
            "entity '@stock@c' was called in a critical section that has not locked it",
        ),
        (
            vec![signal("@stock@b", "take")],
            "entity '@stock@b' was signalled in a critical section that has locked it",
        ),
        (
            vec![child("Other")],
            "a sub-orchestration cannot be called in a critical section",
        ),
        (
            vec![all_of(&[call("@stock@a", "take"), call("@stock@a", "take")])],
            "while another call of it had no answer yet",
        ),
    ] {
        let output = in_section(&actions);
        assert!(output.contains(rule), "{output} is not {rule}");
    }
    let mut run = Run::new();
    run.asks(&all_of(&[LOCK.to_owned(), call("@stock@a", "take")]));
    assert!(run.output().contains("before the locks were there"), "{}", run.output());
}

#[test]
fn in_a_section_others_may_be_signalled_and_activities_called() {
    let mut run = locked();
    let actions = list(&[
        LOCK.to_owned(),
        signal("@stock@c", "take"),
        activity("A"),
        UNLOCK.to_owned(),
        LOCK.to_owned(),
    ]);
    assert_eq!(run.asks(&actions).activities.len(), 1);
    run.completed(2, "1");
    assert_eq!(
        requests(&run.asks(&actions).posted).len(),
        1,
        "after the release there may be another section"
    );
    assert_eq!(run.history(), "12 0 14#0 13 12 15 14#1 4#2 13 12 5>2 14#3 14#4 14#5 13");
}
