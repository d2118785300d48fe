//! Rule 9: the answer in its shortest equivalent form.

use super::script::{body, ok, payload, run, run_on_json, run_payload};
use crate::durable::{Either, KnownFunctions, Orchestrator};
use serde_json::{Value, json};
use std::time::Duration;

const CHAIN: Orchestrator = |c| {
    body(async move {
        ok(&c, "A").await;
        ok(&c, "B").await;
        ok(&c, "C").await
    })
};

#[test]
fn row_073_a_chain_is_a_plain_list_that_grows() {
    assert_eq!(run(CHAIN, "12 0").actions(), "A");
    assert_eq!(run(CHAIN, "12 0 4#0(A) 13 12 5>0=1").actions(), "A B");
    let third = run(CHAIN, "12 0 4#0(A) 13 12 5>0=1 4#1(B) 13 12 5>1=2");
    assert_eq!((third.is_done(), third.actions().as_str()), (false, "A B C"));
    let done = run(CHAIN, "12 0 4#0(A) 13 12 5>0=1 4#1(B) 13 12 5>1=2 4#2(C) 13 12 5>2=3");
    assert_eq!((done.is_done(), done.actions().as_str()), (true, "A B C"));
}

#[test]
fn a_fan_out_is_one_plain_all() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let all = c.join_all(["A", "B", "C"].map(|a| c.call_activity(a, a))).await;
            all.into_iter().map(Result::unwrap).collect::<Vec<Value>>()
        })
    };
    assert_eq!(run(orchestrator, "12 0").actions(), "all(A B C)");
    let done = run(orchestrator, "12 0 4#0(A) 4#1(B) 4#2(C) 13 12 5>2=3 5>0=1 13 12 5>1=2");
    assert_eq!(
        (done.output(), done.actions().as_str()),
        (&json!([1, 2, 3]), "all(A B C)")
    );
}

/// What the reference has of the JavaScript SDK's answers; every other shape is for the model of the host's shim, in `tests/shim`.
#[test]
fn row_070_chains_and_fan_outs_are_answered_as_the_javascript_sdk_does() {
    let turn = run(
        CHAIN,
        "12 0 4#0(A) 13 12 5>0=1 4#1(B) 13 12 5>1=2 4#2(C) 13 12 5>2=\"three\"",
    );
    let call = |name| json!({"actionType": 0, "functionName": name, "input": "null"});
    assert_eq!(
        turn.answer,
        json!({"isDone": true, "schemaVersion": 2, "actions": [[call("A"), call("B"), call("C")]], "output": "three"})
    );

    let fan_out: Orchestrator = |c| {
        body(async move {
            c.set_custom_status(json!({ "step": "pack" }));
            let all = c.join_all(["A", "B"].map(|a| c.call_activity(a, ()))).await;
            all.into_iter().map(Result::unwrap).collect::<Vec<Value>>()
        })
    };
    let actions = json!([[{"actionType": 12, "compoundActions": [call("A"), call("B")]}]]);
    let status = json!({ "step": "pack" });
    assert_eq!(
        run(fan_out, "12 0").answer,
        json!({"isDone": false, "schemaVersion": 2, "customStatus": status, "actions": actions})
    );
    assert_eq!(
        run(fan_out, "12 0 4#0(A) 4#1(B) 13 12 5>1=2 5>0=1").answer,
        json!({"isDone": true, "schemaVersion": 2, "customStatus": status, "actions": actions, "output": [1, 2]})
    );
}

#[test]
fn the_winner_of_a_select_closes_its_segment_without_helpers() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let (a, b) = (c.call_activity("A", 1), c.call_activity("B", 2));
            let first = c.select((a, b)).await;
            ok(&c, "X").await;
            matches!(first, Either::Second(_))
        })
    };
    let turn = run(orchestrator, "12 0 4#0(A) 4#1(B) 13 12 5>1=1");
    assert_eq!(turn.actions(), "any(A B) X");
    let turn = run(orchestrator, "12 0 4#0(A) 4#1(B) 13 12 5>1=1 4#2(X) 13 12 5>2=1");
    assert_eq!((turn.is_done(), turn.actions().as_str()), (true, "any(A B) X"));
}

#[test]
fn a_cancelled_timer_does_not_end_the_segment_it_is_in() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let event = c.wait_for_event_with_timeout("E", Duration::from_secs(60)).await;
            ok(&c, "X").await;
            json!(event)
        })
    };
    assert_eq!(run(orchestrator, "12 0").actions(), "timer");
    let turn = run(orchestrator, "12 0 10#0 13 12 15(E)=5");
    assert_eq!(turn.actions(), "all(timer! wait(E)) X");
}

#[test]
fn a_bystander_that_settled_before_the_closer_is_held_open() {
    // T fired long before A wins; B is still out.
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let (_timer, first) = (
                c.create_timer_after(Duration::from_secs(1)),
                c.call_activity("First", 1),
            );
            let (a, b) = (c.call_activity("A", 1), c.call_activity("B", 2));
            let winner = c.race((a, b)).await;
            drop(first);
            ok(&c, "X").await;
            json!(winner.is_ok())
        })
    };
    let turn = run(
        orchestrator,
        "12 0 10#0 4#1(First) 4#2(A) 4#3(B) 13 12 11>0 5>1=1 13 12 5>2=1",
    );
    assert_eq!(turn.actions(), "any(all(timer First never) A B) X");
    let turn = run(
        orchestrator,
        "12 0 10#0 4#1(First) 4#2(A) 4#3(B) 13 12 11>0 13 12 5>2=1",
    );
    assert_eq!(
        turn.actions(),
        "any(all(timer First) A B) X",
        "First holds the group open by itself"
    );
}

#[test]
fn a_wait_between_two_calls_is_a_plain_wait() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let one = c.wait_for_event("E").await;
            let two = c.wait_for_event("E").await;
            ok(&c, "X").await;
            json!([one, two])
        })
    };
    assert_eq!(run(orchestrator, "12 0").actions(), "");
    assert_eq!(
        run(orchestrator, "12 0 13 12 15(E)=1 13 12 15(E)=2").actions(),
        "wait(E) wait(E) X"
    );
}

#[test]
fn a_late_branch_is_appended_to_the_open_segment() {
    // A finishes, then A2 is issued; B, of the segment before, finishes later and its B2 joins A2.
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let one = async {
                ok(&c, "A").await;
                ok(&c, "A2").await
            };
            let two = async {
                ok(&c, "B").await;
                ok(&c, "B2").await
            };
            let both = c.join((one, two)).await;
            json!([both.0, both.1])
        })
    };
    let script = "12 0 4#0(A) 4#1(B) 13 12 5>0=1 4#2(A2) 13 12 5>1=1 4#3(B2) 13 12 5>3=8 5>2=7";
    assert_eq!(
        run(orchestrator, "12 0 4#0(A) 4#1(B) 13 12 5>0=1").actions(),
        "any(A B) A2"
    );
    let turn = run(orchestrator, script);
    assert_eq!(
        (turn.output(), turn.actions().as_str()),
        (&json!([7, 8]), "any(A B) all(A2 B2)")
    );
}

#[test]
fn what_is_still_out_when_the_code_is_done_does_not_hold_the_shim() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let _left = c.call_activity("Left", ());
            ok(&c, "A").await
        })
    };
    let turn = run(orchestrator, "12 0 4#0(Left) 4#1(A) 13 12 5>1=1");
    assert_eq!((turn.is_done(), turn.actions().as_str()), (true, "any(Left A noop)"));
}

#[test]
fn an_answer_for_a_host_of_schema_v2_says_v2() {
    let mut payload = payload("12 0", &Value::Null);
    payload["upperSchemaVersionNew"] = json!(0);
    assert_eq!(
        run_payload(CHAIN, &payload, &KnownFunctions::any()).answer["schemaVersion"],
        1
    );
}

#[test]
fn a_host_that_only_speaks_v1_is_told_which_extension_it_needs() {
    let mut payload = payload("12 0", &Value::Null);
    payload
        .as_object_mut()
        .unwrap()
        .retain(|key, _| !key.starts_with("upperSchema"));
    let turn = run_on_json(CHAIN, &payload, &KnownFunctions::any());
    assert!(
        turn.failure()
            .contains("version 2.7.0 or newer of the Durable Task extension"),
        "{}",
        turn.failure()
    );
    assert_eq!(turn.answer["schemaVersion"], 0);
}

#[test]
fn the_payload_of_the_design_gist_is_read() {
    let gist = json!({
        "history": [
            {"EventType": 12, "EventId": -1, "IsPlayed": false, "Timestamp": "2019-07-22T06:20:29.488203Z"},
            {"OrchestrationInstance": {"InstanceId": "5238cdd3", "ExecutionId": "60353e75"}, "EventType": 0,
             "ParentInstance": null, "Name": "hello_world", "Version": "", "Input": "{}", "Tags": null,
             "EventId": -1, "IsPlayed": false, "Timestamp": "2019-07-22T06:20:29.101967Z"}
        ],
        "input": {}, "instanceId": "5238cdd3", "isReplaying": false, "parentInstanceId": null,
        "upperSchemaVersion": 1, "upperSchemaVersionNew": 2
    });
    let turn = run_payload(
        |c| body(async move { json!([c.name(), c.instance_id(), c.current_time().to_rfc3339(), c.input()]) }),
        &gist,
        &KnownFunctions::any(),
    );
    assert_eq!(
        turn.output(),
        &json!(["hello_world", "5238cdd3", "2019-07-22T06:20:29.488203+00:00", {}])
    );
}

#[test]
fn names_and_inputs_are_escaped() {
    let turn = run(
        |c| body(async move { json!(c.call_activity("qu\"ote", "a\\b\n").await.is_ok()) }),
        "12 0",
    );
    let action = &turn.answer["actions"][0][0];
    assert_eq!(
        (&action["functionName"], &action["input"]),
        (&json!("qu\"ote"), &json!("\"a\\\\b\\n\""))
    );
}

#[test]
fn a_sub_orchestration_gets_its_input_raw_and_its_id_if_one_is_given() {
    let turn = run(
        |c| {
            body(async move {
                let one = c.call_sub_orchestrator("Child", Some("c-1"), json!({"n": 1}));
                let two = c.call_sub_orchestrator("Child", None, "text");
                let _ = c.join((one, two)).await.0;
            })
        },
        "12 0",
    );
    assert_eq!(
        turn.answer["actions"][0][0]["compoundActions"],
        json!([
            {"actionType": 2, "functionName": "Child", "instanceId": "c-1", "input": {"n": 1}},
            {"actionType": 2, "functionName": "Child", "input": "text"}
        ])
    );
}

crate::bindings::shown::shows!(ORCHESTRATION_TRIGGER, Decoding: the_payload_of_the_design_gist_is_read);
