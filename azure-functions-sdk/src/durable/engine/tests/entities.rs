//! Calls and signals of entities by orchestrations.

use super::*;
use crate::durable::engine::{
    entity::{EntityId, EntityMessage, Posted, Request, response},
    message::Outgoing,
};

pub(super) fn call(id: &str, operation: &str) -> String {
    format!(r#"{{"actionType":7,"instanceId":"{id}","operation":"{operation}","input":{{"n": 1}}}}"#)
}

pub(super) fn signal(id: &str, operation: &str) -> String {
    format!(r#"{{"actionType":9,"instanceId":"{id}","operation":"{operation}","input":null}}"#)
}

pub(super) fn requests(posted: &[Posted]) -> Vec<Request> {
    let requests = posted.iter().filter_map(|posted| match &posted.message {
        EntityMessage::Op(request) => Some(request.clone()),
        EntityMessage::Release(_) => None,
    });
    requests.collect()
}

/// The entity's answer to a call.
pub(super) fn answer(run: &mut Run, request: &Request, result: &str, is_error: bool) {
    let Outgoing { instance_id, message } = response(request, run.now, result, is_error).unwrap();
    assert_eq!(instance_id, run.instance.instance_id);
    run.push(message);
}

fn sent(run: &Run, id: i32) -> (String, String, String) {
    let event = run.instance.history.iter().find(|event| event.event_id == id).unwrap();
    match &event.kind {
        EventKind::EventSent {
            instance_id,
            name,
            input,
        } => (instance_id.clone(), name.clone(), input.clone().unwrap()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_is_an_event_sent_and_its_answer_an_event_raised() {
    let mut run = Run::new();
    let actions = list(&[signal("@Stock@b-17", "count"), call("@Stock@b-17", "left")]);
    let decision = run.asks(&actions);
    assert_eq!(
        sent(&run, 0),
        (
            "@stock@b-17".to_owned(),
            "op".to_owned(),
            r#"{"op":"count","signal":true,"id":"e1","parent":"order-7f3a"}"#.to_owned()
        )
    );
    assert_eq!(
        sent(&run, 1).2,
        r#"{"op":"left","input":"{\"n\":1}","id":"e2","parent":"order-7f3a","parentExecution":"e0"}"#
    );
    let requests = requests(&decision.posted);
    assert_eq!(requests.len(), 2);
    assert_eq!(decision.posted[0].target, EntityId::parse("@stock@b-17").unwrap());
    answer(&mut run, &requests[1], "2", false);
    run.state(true, &actions);
    assert_eq!(run.history(), "12 0 14#0 14#1 13 12 15 1#2 13");
    let EventKind::EventRaised { name, input } = &run.instance.history[6].kind else {
        panic!("{:?}", run.instance.history[6]);
    };
    assert_eq!((name.as_str(), input.as_deref()), ("e2", Some(r#"{"result":"2"}"#)));
    assert_eq!(run.status(), RuntimeStatus::Completed);
}

#[test]
fn the_next_action_waits_for_the_answer_and_other_events_are_no_answers() {
    let mut run = Run::new();
    let actions = list(&[call("@stock@b", "left"), activity("A")]);
    let decision = run.asks(&actions);
    let request = requests(&decision.posted).remove(0);
    assert!(run.raised("other", "1").asks(&actions).activities.is_empty());
    answer(&mut run, &request, "\"bad\"", true);
    assert_eq!(run.asks(&actions).activities.len(), 1, "a failed call is over, too");
    answer(&mut run, &request, "2", false);
    run.completed(1, "1").state(true, &actions);
    assert_eq!(run.history(), "12 0 14#0 13 12 15 13 12 15 4#1 13 12 15 5>1 1#2 13");
}

#[test]
fn answers_are_for_the_execution_that_asked() {
    let mut run = Run::new();
    let any = any_of(&[call("@stock@b", "left"), wait("go")]);
    let request = requests(&run.asks(&any).posted).remove(0);
    run.raised("go", "1").state(true, &list(&[any, RESTART.to_owned()]));
    answer(&mut run, &request, "2", false);
    run.asks("");
    assert_eq!(run.history(), "12 0 13", "the answer is gone");
}

#[test]
fn signals_of_the_last_episode_are_sent() {
    for ending in [None, Some(RESTART.to_owned())] {
        let mut run = Run::new();
        let mut actions = vec![signal("@stock@b", "count")];
        actions.extend(ending);
        let decision = run.state(true, &list(&actions));
        assert_eq!(requests(&decision.posted).len(), 1);
    }
}

#[test]
fn a_delayed_signal_has_its_time_in_its_name_and_is_posted_for_then() {
    let mut run = Run::new();
    let due = ten() + TimeDelta::hours(1);
    let action = format!(
        r#"{{"actionType":10,"instanceId":"@stock@b","operation":"close","fireAt":"{}"}}"#,
        iso(due)
    );
    let decision = run.state(true, &action);
    assert_eq!(decision.posted[0].due, Some(due));
    let (_, name, input) = sent(&run, 0);
    assert_eq!(name, "op@2031-05-04T11:00:00.0000000Z");
    assert!(input.contains(r#""due":"2031-05-04T11:00:00.0000000Z""#), "{input}");
}

#[test]
fn actions_that_name_no_entity_fail_the_orchestration() {
    for (action, text) in [
        (
            call("stock", "left"),
            "a CallEntity action has no usable instanceId: 'stock' is not the id of an entity",
        ),
        (
            signal("@stock@a/b", "left"),
            "a SignalEntity action has no usable instanceId: The entity id '@stock@a/b'",
        ),
        (
            r#"{"actionType":9,"instanceId":"@stock@b"}"#.to_owned(),
            "a SignalEntity action has no operation",
        ),
        (
            r#"{"actionType":10,"instanceId":"@stock@b","operation":"o"}"#.to_owned(),
            "a ScheduledSignalEntity action has no fireAt",
        ),
        (signal("@nobody@b", "left"), "Entity function 'nobody' does not exist."),
    ] {
        let mut run = Run::new();
        let decision = run.asks(&action);
        assert_eq!(run.status(), RuntimeStatus::Failed);
        assert!(run.output().contains(text), "{} is not {text}", run.output());
        assert!(decision.posted.is_empty());
    }
}

#[test]
fn a_call_of_an_entity_that_the_app_does_not_have_fails() {
    let mut run = Run::new();
    let decision = run.asks(&call("@nobody@b", "left"));
    assert!(decision.posted.is_empty());
    assert_eq!(run.status(), RuntimeStatus::Running);
    run.push(decision.messages[0].message.clone());
    run.state(true, &call("@nobody@b", "left"));
    assert_eq!(run.history(), "12 0 14#0 13 12 15 1#1 13");
}

#[test]
fn replay_finds_what_was_sent_or_fails() {
    let mut run = Run::new();
    run.asks(&call("@stock@b", "left"));
    run.raised("x", "1").asks(&activity("A"));
    assert_eq!(run.status(), RuntimeStatus::Failed);
    assert!(
        run.output()
            .contains("scheduled a send event task with sequence number 0 named 'op'"),
        "{}",
        run.output()
    );
    let mut run = Run::new();
    run.asks(&activity("A"));
    run.raised("x", "1").asks(&call("@stock@b", "left"));
    assert!(run.output().contains("produced a SendEvent action"), "{}", run.output());
}
