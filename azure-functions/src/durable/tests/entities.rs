//! Entities: calls are answered by events that are none, signals by nobody.

use super::script::{body, entity, fallible, ok, payload, run, run_payload, run_with_locks};
use crate::durable::{CallError, CalledKind, KnownFunctions, Orchestrator};
use chrono::TimeDelta;
use serde_json::{Value, json};

const STOCK: &str = "@stock@b-17";

const SIGNAL_THEN_CALL: Orchestrator = |c| {
    fallible(async move {
        c.signal_entity(&entity("@audit@all"), "log", json!({"n": 1}))?;
        Ok(c.call_entity(&entity(STOCK), "left", Value::Null).await?)
    })
};

#[test]
fn calls_and_signals_each_take_an_id_and_look_like_this_on_the_wire() {
    let turn = run(SIGNAL_THEN_CALL, "12 0");
    let expected = json!([[
        {"actionType": 9, "instanceId": "@audit@all", "operation": "log", "input": {"n": 1}},
        {"actionType": 7, "instanceId": "@stock@b-17", "operation": "left", "input": null},
    ]]);
    assert_eq!(turn.answer["actions"], expected);
}

#[test]
fn the_response_answers_the_call_whose_request_has_its_name() {
    let script = r#"12 0 14#0(@audit@all)=signal 14#1(@STOCK@b-17)=call:ABC 13 12 15(abc)={"result":"7"}"#;
    let turn = run(SIGNAL_THEN_CALL, script);
    assert_eq!(turn.output(), 7);
    assert_eq!(turn.actions(), "signal(@audit@all) call(@stock@b-17)");
}

#[test]
fn a_failed_operation_is_a_typed_error_with_the_entitys_own() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            match c.call_entity(&entity(STOCK), "take", 9).await {
                Err(CallError::Entity(failure)) => json!([
                    failure.entity,
                    failure.operation,
                    failure.error,
                    failure.message(),
                    failure.entity_id().unwrap() == entity(STOCK)
                ]),
                other => panic!("{other:?}"),
            }
        })
    };
    let script = |response| format!("12 0 14#0(@stock@b-17)=call:G 13 12 15(G)={response}");
    let turn = run(orchestrator, &script(r#"{"result":"\"bad\"","exceptionType":"Error"}"#));
    assert_eq!(turn.output(), &json!([STOCK, "take", "bad", "bad", true]));
    let turn = run(
        orchestrator,
        &script(r#"{"result":"{\"left\":2}","exceptionType":"Error"}"#),
    );
    assert_eq!(turn.output()[2], json!({"left": 2}));
    let details = r#"{"result":null,"failureDetails":{"ErrorType":"E","ErrorMessage":"none","IsNonRetriable":true}}"#;
    let turn = run(orchestrator, &script(details));
    assert_eq!(turn.output()[3], "none");
}

#[test]
fn a_result_that_is_no_json_is_taken_as_text_and_a_null_exception_type_is_no_failure() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            c.call_entity(&entity(STOCK), "left", ())
                .await
                .unwrap_or_else(|e| json!(e.message()))
        })
    };
    let script = |response| format!("12 0 14#0(@stock@b-17)=call:G 13 12 15(G)={response}");
    let turn = run(
        orchestrator,
        &script(r#"{"result":"Timeout_value","exceptionType":"Error"}"#),
    );
    assert_eq!(turn.output(), "Timeout_value");
    let turn = run(orchestrator, &script(r#"{"result":"1","exceptionType":null}"#));
    assert_eq!(turn.output(), 1);
    let turn = run(orchestrator, &script("{}"));
    assert_eq!((turn.is_done(), turn.output()), (true, &Value::Null));
}

#[test]
fn a_response_is_no_external_event_and_a_second_one_is_nothing() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let call = c.call_entity(&entity(STOCK), "left", ());
            let event = c.wait_for_event("G");
            json!([call.await.ok(), event.await])
        })
    };
    let turn = run(
        orchestrator,
        r#"12 0 14#0(@stock@b-17)=call:G 13 12 15(G)={"result":"7"} 15(G)={"result":"8"}"#,
    );
    assert!(
        !turn.is_done(),
        "the second response is not handed to a wait: {}",
        turn.answer
    );
}

#[test]
fn the_segment_closes_on_the_call_that_the_code_went_on_with() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let stock = entity(STOCK);
            let both = (c.call_entity(&stock, "left", ()), c.call_activity("A", ()));
            let _first = c.select(both).await;
            ok(&c, "B").await
        })
    };
    let turn = run(
        orchestrator,
        r#"12 0 14#0(@stock@b-17)=call:G 4#1(A) 13 12 15(G)={"result":"7"}"#,
    );
    assert_eq!(turn.actions(), "any(call(@stock@b-17) A) B");
}

#[test]
fn a_signal_at_a_time_carries_the_time() {
    let orchestrator: Orchestrator = |c| {
        fallible(async move {
            let when = c.current_time() + TimeDelta::hours(2);
            c.signal_entity_at(&entity("@Bell@A"), "ring", 3, when)?;
            Ok(Value::Null)
        })
    };
    let turn = run(orchestrator, "12 0");
    let expected = json!({"actionType": 10, "instanceId": "@bell@A", "operation": "ring", "input": 3, "fireAt": "2031-05-04T12:00:00Z"});
    assert_eq!(turn.answer["actions"][0][0], expected);
}

#[test]
fn an_entity_that_the_app_does_not_have_is_refused_before_it_takes_an_id() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let nobody = entity("@nobody@1");
            let call = c.call_entity(&nobody, "x", ()).await.unwrap_err().to_string();
            let signal = c.signal_entity(&nobody, "x", ()).unwrap_err().to_string();
            let later = c
                .signal_entity_at(&nobody, "x", (), c.current_time())
                .unwrap_err()
                .to_string();
            c.signal_entity(&entity("@STOCK@1"), "x", ()).unwrap();
            json!([call, signal == call, later == call])
        })
    };
    let known = KnownFunctions::new([(CalledKind::Entity, "Stock".to_owned())]);
    let turn = run_payload(orchestrator, &payload("12 0", &Value::Null), &known);
    let text = "there is no entity function 'nobody' in this app; it has 'stock'";
    assert_eq!(turn.output(), &json!([text, true, true]));
    assert_eq!(turn.actions(), "signal(@stock@1)");
}

#[test]
fn another_target_or_kind_of_message_is_a_mismatch() {
    for (recorded, said) in [
        ("14#0(@stock@other)=call:G", "a call to entity '@stock@other'"),
        ("14#0(@stock@b-17)=signal", "a signal to entity '@stock@b-17'"),
        (
            "14#0(@stock@b-17)=lock:G[@stock@b-17]",
            "a lock, asked of entity '@stock@b-17'",
        ),
        ("4#0(stock)", "activity 'stock'"),
    ] {
        let orchestrator: Orchestrator =
            |c| body(async move { c.call_entity(&entity(STOCK), "left", ()).await.unwrap_or_default() });
        let turn = run_with_locks(orchestrator, &format!("12 0 {recorded} 13 12"));
        let report = turn.nondeterminism.unwrap();
        assert!(report.contains(said), "{report}");
        assert!(report.contains("a call to entity '@stock@b-17' (called at"), "{report}");
    }
}

#[test]
fn a_failing_answer_sends_what_history_records_and_waits_for_none_of_it() {
    let turn = run(
        |c| {
            fallible(async move {
                ok(&c, "A").await;
                c.call_entity(&entity(STOCK), "left", ()).await?;
                panic!("oh no");
            })
        },
        r#"12 0 4#0(A) 13 12 5>0=1 14#1(@stock@b-17)=call:G 13 12 15(G)={"result":"1"}"#,
    );
    assert!(turn.failure().contains("oh no"));
    assert_eq!(turn.actions(), "A call(@stock@b-17)");
}

#[test]
fn a_late_response_to_the_execution_before_is_not_handed_on() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            c.wait_for_event("E").await;
            c.continue_as_new(1, true).await
        })
    };
    let late = r#"15(5ad6f008-14a8-51dc-a2cd-be4dbd1c0a9a)={"result":"1"}"#;
    let turn = run(orchestrator, &format!("12 0 {late} 13 12 15(E)=1"));
    assert_eq!(turn.actions(), "wait(E) new(1)");
    let turn = run(
        orchestrator,
        r#"12 0 15(5ad6f008-14a8-51dc-a2cd-be4dbd1c0a9a)={"mine":1} 13 12 15(E)=1"#,
    );
    assert!(
        turn.actions().contains("mine"),
        "an event of the user's is: {}",
        turn.actions()
    );
}

#[test]
fn continuing_as_new_waits_for_the_response_it_rests_on() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let slow = c.call_activity("Slow", ());
            let _ = c.call_entity(&entity(STOCK), "left", ()).await;
            drop(slow);
            c.continue_as_new(1, true).await
        })
    };
    let turn = run(
        orchestrator,
        r#"12 0 4#0(Slow) 14#1(@stock@b-17)=call:G 13 12 15(G)={"result":"1"}"#,
    );
    assert_eq!(turn.actions(), "any(Slow call(@stock@b-17)) new(1)");
}
