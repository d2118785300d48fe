//! Wrong answers, to see that the property can fail: each mutation must be caught.

use super::{
    program,
    tally::NEVER,
    world::{self, Wire, protobuf},
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use serde_json::{Value, json};

/// Runs programs until the mutation is caught.
fn is_caught(mutation: world::Mutation) {
    is_caught_on(Wire::Json(Some(mutation)));
}

fn is_caught_on(wire: Wire) {
    let mut runner = TestRunner::deterministic();
    let programs = program::program();
    let caught = (0..400).find(|_| {
        let program = programs.new_tree(&mut runner).unwrap().current();
        world::run(&program, wire).is_err()
    });
    assert!(caught.is_some(), "no program tells this from a right answer");
}

/// The members of a compound action.
fn members(action: &mut Value) -> Option<&mut Vec<Value>> {
    action.get_mut("compoundActions")?.as_array_mut()
}

fn takes_id(action: &Value) -> bool {
    matches!(action["actionType"].as_u64(), Some(0 | 2 | 5 | 7 | 8 | 13))
}

fn is_noop(action: &Value) -> bool {
    action["compoundActions"].as_array().is_some_and(Vec::is_empty)
}

/// Removes the first action, at any depth, that `doomed` picks.
fn remove_first(list: &mut Vec<Value>, doomed: fn(&Value) -> bool) -> bool {
    if let Some(i) = list.iter().position(doomed) {
        list.remove(i);
        return true;
    }
    list.iter_mut()
        .filter_map(members)
        .any(|inner| remove_first(inner, doomed))
}

#[test]
fn a_missing_never_is_caught() {
    is_caught(|list| {
        remove_first(list, |action| action["externalEventName"] == NEVER);
    });
}

#[test]
fn a_wrong_closer_is_caught() {
    // The first two members of a closed segment change their parts: the closer no longer closes.
    is_caught(|list| {
        let last = list.len().saturating_sub(1);
        for segment in &mut list[..last] {
            if segment["actionType"] != 11 {
                continue;
            }
            let Some(members) = members(segment) else { continue };
            if let Some(closer) = members.iter_mut().find(|m| takes_id(m)) {
                *closer = json!({"actionType": 12, "compoundActions": [
                    closer.clone(),
                    {"actionType": 6, "externalEventName": NEVER, "reason": "ExternalEvent"},
                ]});
                return;
            }
        }
    });
}

#[test]
fn a_segment_that_goes_on_with_the_first_answer_is_caught() {
    is_caught(|list| {
        if let Some(all) = list.iter_mut().find(|a| a["actionType"] == 12 && !is_noop(a)) {
            all["actionType"] = json!(11);
        }
    });
}

#[test]
fn a_segment_that_waits_for_all_its_answers_is_caught() {
    is_caught(|list| {
        let last = list.len().saturating_sub(1);
        if let Some(any) = list[..last].iter_mut().find(|a| a["actionType"] == 11) {
            any["actionType"] = json!(12);
        }
    });
}

#[test]
fn a_ghost_wait_is_caught() {
    is_caught(|list| {
        let ghost = json!({"actionType": 6, "externalEventName": "event_0", "reason": "ExternalEvent"});
        list.insert(
            0,
            json!({"actionType": 11, "compoundActions": [ghost, {"actionType": 12, "compoundActions": []}]}),
        );
    });
}

#[test]
fn a_wait_too_few_is_caught() {
    is_caught(|list| {
        remove_first(list, |action| {
            action["actionType"] == 6 && action["externalEventName"] != NEVER
        });
    });
}

#[test]
fn a_dropped_member_is_caught() {
    is_caught(|list| {
        if let Some(members) = list.iter_mut().filter_map(members).find(|m| m.len() > 1) {
            members.remove(0);
        }
    });
}

#[test]
fn an_action_issued_a_segment_later_is_caught() {
    is_caught(|list| {
        for i in 1..list.len() {
            let Some(before) = members(&mut list[i - 1]) else {
                continue;
            };
            if before.len() > 1 && takes_id(&before[before.len() - 1]) {
                let late = before.pop().unwrap();
                list.insert(i, late);
                return;
            }
        }
    });
}

#[test]
fn an_action_issued_a_segment_earlier_is_caught() {
    is_caught(|list| {
        for i in 1..list.len() {
            let early = if takes_id(&list[i]) {
                list[i].take()
            } else {
                continue;
            };
            if let Some(before) = members(&mut list[i - 1]) {
                before.push(early);
                list.remove(i);
                return;
            }
            list[i] = early;
        }
    });
}

#[test]
fn a_missing_noop_is_caught() {
    is_caught(|list| {
        remove_first(list, is_noop);
    });
}

#[test]
fn a_timer_that_is_not_cancelled_is_caught() {
    is_caught(|list| {
        fn forget(list: &mut [Value]) -> bool {
            list.iter_mut().any(|action| {
                if action["isCanceled"] == true {
                    action["isCanceled"] = json!(false);
                    return true;
                }
                members(action).is_some_and(|inner| forget(inner))
            })
        }
        forget(list);
    });
}

#[test]
fn continue_as_new_before_its_time_is_caught() {
    is_caught(|list| {
        if list.len() > 1 && list[list.len() - 1]["actionType"] == 4 {
            let i = list.len() - 2;
            let before = list[i].take();
            list[i] = json!({"actionType": 11, "compoundActions": [before, {"actionType": 12, "compoundActions": []}]});
        }
    });
}

#[test]
fn two_exchanged_actions_are_caught() {
    is_caught(|list| {
        if let Some(members) = list
            .iter_mut()
            .filter_map(members)
            .find(|m| m.len() > 1 && takes_id(&m[0]) && takes_id(&m[1]))
        {
            members.swap(0, 1);
        }
    });
}

fn is_patch_marker(action: &Value) -> bool {
    action["fireAt"].as_str().is_some_and(|fire_at| fire_at < "2000")
}

#[test]
fn a_marker_that_is_not_reissued_is_caught() {
    is_caught(|list| {
        remove_first(list, is_patch_marker);
    });
}

#[test]
fn an_id_that_is_taken_by_an_answer_of_false_is_caught() {
    is_caught(|list| {
        let marker = json!({"actionType": 5, "fireAt": "1981-09-23T22:48:27.659Z", "isCanceled": true});
        list.push(marker);
    });
}

#[test]
fn a_marker_that_comes_an_await_too_late_is_caught() {
    is_caught(|list| {
        if let Some(i) = list[..list.len().saturating_sub(1)].iter().position(is_patch_marker) {
            list.swap(i, i + 1);
        }
    });
}

#[test]
fn a_release_that_is_forgotten_is_caught() {
    is_caught(|list| {
        remove_first(list, |action| action["actionType"] == 14);
    });
}

#[test]
fn a_step_that_does_not_wait_for_the_lock_is_caught() {
    // The lock and what comes behind it are issued together.
    is_caught(|list| {
        if let Some(i) = list[..list.len().saturating_sub(1)]
            .iter()
            .position(|action| action["actionType"] == 13)
        {
            let lock = list[i].take();
            list[i] = json!({"actionType": 11, "compoundActions": [lock, {"actionType": 12, "compoundActions": []}]});
        }
    });
}

#[test]
fn locks_that_are_asked_for_in_another_order_are_caught() {
    is_caught(|list| {
        fn reverse(list: &mut [Value]) {
            for action in list {
                if let Some(set) = action.get_mut("lockSet").and_then(Value::as_array_mut) {
                    set.reverse();
                }
                if let Some(inner) = members(action) {
                    reverse(inner);
                }
            }
        }
        reverse(list);
    });
}

/// Changes what is asked for on the protobuf wire, without what ends the execution.
fn is_caught_on_protobuf(mutation: protobuf::Mutation) {
    is_caught_on(Wire::Protobuf(Some(mutation)));
}

#[test]
fn on_protobuf_a_missing_action_is_caught() {
    is_caught_on_protobuf(|response| {
        if response.actions.len() > 1 {
            response.actions.remove(0);
        }
    });
}

#[test]
fn on_protobuf_an_id_that_is_another_s_is_caught() {
    is_caught_on_protobuf(|response| {
        if let Some(last) = response.actions.last_mut() {
            last.id -= 1;
        }
    });
}

#[test]
fn on_protobuf_an_action_that_comes_again_is_caught() {
    is_caught_on_protobuf(|response| {
        if let Some(first) = response.actions.first().cloned() {
            response.actions.push(first);
        }
    });
}

#[test]
fn on_protobuf_two_exchanged_actions_are_caught() {
    is_caught_on_protobuf(|response| {
        if response.actions.len() > 2 {
            let id = response.actions[0].id;
            response.actions[0].id = response.actions[1].id;
            response.actions[1].id = id;
        }
    });
}

#[test]
fn on_protobuf_an_end_that_is_not_said_is_caught() {
    is_caught_on_protobuf(|response| {
        response.actions.retain(|action| protobuf::completion(action).is_none());
    });
}

#[test]
fn on_protobuf_an_event_that_is_not_handed_on_is_caught() {
    is_caught_on_protobuf(|response| {
        for action in &mut response.actions {
            if let Some(completion) = protobuf::completion_mut(action) {
                completion.carryover_events.pop();
            }
        }
    });
}

fn is_caught_in_parked_turns(mutation: protobuf::RequestMutation) {
    is_caught_on(Wire::Parked(Some(mutation)));
}

#[test]
fn in_a_parked_turn_an_event_that_does_not_come_is_caught() {
    is_caught_in_parked_turns(|request| {
        request.new_events.pop();
    });
}

#[test]
fn in_a_parked_turn_another_order_of_events_is_caught() {
    is_caught_in_parked_turns(|request| {
        if let Some(events) = request.new_events.get_mut(1..) {
            events.reverse();
        }
    });
}

#[test]
fn in_a_parked_turn_the_clock_of_the_turn_before_is_caught() {
    is_caught_in_parked_turns(|request| {
        if let Some(timestamp) = &mut request.new_events[0].timestamp {
            timestamp.seconds += 1;
        }
    });
}
