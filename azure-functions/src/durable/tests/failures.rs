//! Rule 13: failures keep their cause.

use super::{
    parked::replayed_only,
    script::{body, fallible, ok, payload, run, run_payload},
};
use crate::durable::{CallError, CalledKind, KnownFunctions, Orchestrator, RetryOptions};
use serde_json::{Value, json};
use std::error::Error;

#[test]
fn an_error_fails_the_instance_with_its_text_and_its_causes() {
    let turn = run(
        |c| {
            fallible(async move {
                ok(&c, "A").await;
                Err(std::io::Error::other("disk on fire").into())
            })
        },
        "12 0 4#0(A) 13 12 5>0=1",
    );
    assert_eq!(
        (turn.failure(), &turn.answer["error"]),
        ("disk on fire", &json!("disk on fire"))
    );
    assert_eq!((turn.actions().as_str(), turn.is_done()), ("A", false));
}

#[test]
fn an_error_without_text_still_fails_the_instance() {
    let turn = run(|_| fallible(async { Err("".into()) }), "12 0");
    assert_eq!(turn.answer["error"], "failed with an error that has no message");
}

#[test]
fn a_panic_fails_the_instance_with_message_and_place() {
    let turn = run(|_| fallible(async { panic!("no stock for {}", 7) }), "12 0");
    assert!(
        turn.failure()
            .starts_with("panicked at azure-functions/src/durable/tests/failures.rs:"),
        "{}",
        turn.failure()
    );
    assert!(turn.failure().ends_with("no stock for 7"));
}

#[test]
fn a_panic_while_the_future_is_dropped_fails_the_instance_and_nothing_else() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped badly");
        }
    }
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let _bomb = Bomb;
            ok(&c, "A").await
        })
    };
    let turn = replayed_only(|| run(orchestrator, "12 0"));
    assert!(turn.failure().contains("dropped badly"));
}

#[test]
fn a_failed_activity_is_a_typed_error_with_its_reason() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let error = c.call_activity("Pay", 1).await.unwrap_err();
            let CallError::Activity(failure) = &error else {
                panic!("{error:?}")
            };
            json!([error.to_string(), error.message(), failure.function])
        })
    };
    let turn = run(orchestrator, "12 0 4#0(Pay) 13 12 6>0(Pay)=card_declined");
    assert_eq!(
        turn.output(),
        &json!(["Activity function 'Pay' failed:  card declined", "card declined", "Pay"])
    );
}

#[test]
fn failure_details_are_the_source_of_the_error() {
    let mut payload = payload("12 0 4#0(Pay) 13 12 6>0=x", &Value::Null);
    payload["history"][5]["FailureDetails"] = json!({
        "ErrorType": "CardError", "ErrorMessage": "declined", "StackTrace": "at 1", "IsNonRetriable": true,
        "InnerFailure": {"ErrorType": null, "ErrorMessage": "reset", "IsNonRetriable": null}, "Properties": {"a": 1}
    });
    let turn = run_payload(
        |c| {
            body(async move {
                let error = c.call_activity("Pay", 1).await.unwrap_err();
                let cause = error.failure().unwrap().source().unwrap();
                json!([
                    cause.to_string(),
                    cause.source().unwrap().to_string(),
                    error.is_non_retriable()
                ])
            })
        },
        &payload,
        &KnownFunctions::any(),
    );
    assert_eq!(turn.output(), &json!(["declined", "reset", true]));
}

/// Hosts of one vintage put the message into the reason, of another into the details, of the newest into an object.
#[test]
fn an_activity_s_own_error_is_read_wherever_the_host_put_its_message_and_seen_nowhere() {
    let message = "declined\n\n<rust-error>{\"code\":51}</rust-error>";
    let mut reason = payload("12 0 4#0(Pay) 13 12 6>0=x", &Value::Null);
    reason["history"][5]["Reason"] = format!("Activity function 'Pay' failed:  {message}").into();
    let mut details = payload("12 0 4#0(Pay) 13 12 6>0=x", &Value::Null);
    details["history"][5]["Reason"] = "Activity function 'Pay' failed: declined".into();
    details["history"][5]["Details"] = format!("FunctionFailedException: {message}\n   at Host").into();
    let mut object = details.clone();
    object["history"][5]["Details"] = "none".into();
    object["history"][5]["FailureDetails"] = json!({
        "ErrorType": "x", "ErrorMessage": "outer", "InnerFailure": {"ErrorType": "y", "ErrorMessage": message}
    });
    for payload in [reason, details, object] {
        let turn = run_payload(
            |c| {
                fallible(async move {
                    let error = c.call_activity("Pay", 1).await.unwrap_err();
                    let failure = error.failure().unwrap();
                    assert_eq!(error.returned(), Some(json!({ "code": 51 })));
                    assert_eq!(error.returned::<u8>(), None);
                    assert!(!format!("{:?} {:?}", failure.cause, failure.details).contains("rust-error"));
                    assert_eq!(failure.message(), "declined");
                    Err(error.into())
                })
            },
            &payload,
            &KnownFunctions::any(),
        );
        assert!(
            turn.failure().starts_with("Activity function 'Pay' failed: "),
            "{}",
            turn.failure()
        );
        assert!(!turn.failure().contains("rust-error"), "{}", turn.failure());
    }
}

#[test]
fn leaked_timers_do_not_hold_an_instance_that_is_done() {
    let turn = run(
        |c| {
            body(async move {
                #[expect(clippy::mem_forget, reason = "this is what the test is about")]
                std::mem::forget(c.create_timer_after(std::time::Duration::from_secs(600)));
                ok(&c, "A").await
            })
        },
        "12 0 10#0 4#1(A) 13 12 5>1=1",
    );
    assert_eq!((turn.is_done(), turn.actions().as_str()), (true, "all(timer! A)"));
}

#[test]
fn calls_to_functions_that_are_not_registered_are_refused_before_they_take_an_id() {
    let functions = KnownFunctions::new([
        (CalledKind::Activity, "Pack".to_owned()),
        (CalledKind::Orchestration, "ship".to_owned()),
    ]);
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let error = c.call_activity("Pakc", 1).await.unwrap_err().to_string();
            let child = c.call_sub_orchestrator("Pack", None, 1).await.unwrap_err().to_string();
            let activity = c.call_activity("ship", 1).await.unwrap_err().to_string();
            c.set_custom_status(json!([error, child, activity]));
            let _ = c.call_activity("PACK", 1).await;
        })
    };
    let turn = run_payload(orchestrator, &payload("12 0", &Value::Null), &functions);
    assert_eq!(turn.actions(), "PACK");
    assert_eq!(
        turn.answer["customStatus"],
        json!([
            "there is no activity function 'Pakc' in this app; did you mean 'pack'?",
            "there is no orchestration function 'Pack' in this app; 'Pack' is an activity: call it with `call_activity`",
            "there is no activity function 'ship' in this app; 'ship' is an orchestration: call it with \
             `call_sub_orchestrator`"
        ])
    );
}

#[test]
fn instance_ids_that_the_host_would_swallow_are_refused() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let own = c
                .call_sub_orchestrator("Child", Some("ORDER-7F3A"), ())
                .await
                .unwrap_err()
                .to_string();
            let entity = c
                .call_sub_orchestrator("Child", Some("@a@b"), ())
                .await
                .unwrap_err()
                .to_string();
            json!([own, entity])
        })
    };
    assert_eq!(
        run(orchestrator, "12 0").output(),
        &json!([
            "the instance id 'ORDER-7F3A' for 'Child' is not allowed: it is the id of this instance",
            "the instance id '@a@b' for 'Child' is not allowed: it must not start with `@`, which marks entities"
        ])
    );
}

/// Such a child would start, and no event could be sent to it: its parent would wait for ever.
#[test]
fn a_child_whose_id_cannot_be_addressed_is_refused_before_it_takes_an_id() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let long = "x".repeat(300);
            let mut refused = 0;
            for id in ["a/b", "a?b", "a#b", "a\\b", "a\u{1}b", ".", "..", " ", long.as_str()] {
                let error = c.call_sub_orchestrator("Child", Some(id), ()).await.unwrap_err();
                assert!(
                    matches!(&error, CallError::InstanceId { id: given, .. } if given == id),
                    "{error}"
                );
                assert!(!error.to_string().contains(char::is_control), "{error}");
                let retried = c.call_sub_orchestrator_with_retry(
                    "Child",
                    Some(id),
                    RetryOptions::new(std::time::Duration::from_secs(1), 3),
                    (),
                );
                assert!(matches!(retried.await, Err(CallError::InstanceId { .. })));
                refused += 1;
            }
            json!(refused)
        })
    };
    let turn = run(orchestrator, "12 0");
    assert_eq!((turn.output(), turn.actions().as_str()), (&json!(9), ""));
}

#[test]
fn an_input_of_another_shape_says_where() {
    let mut payload = payload("12 0", &json!({"n": "three"}));
    payload["input"] = json!({"n": "three"});
    #[derive(Debug, serde::Deserialize)]
    struct Order {
        #[expect(dead_code, reason = "only its type matters")]
        n: u32,
    }
    let turn = run_payload(
        |c| {
            fallible(async move {
                let order: Order = c.input_as()?;
                Ok(json!(format!("{order:?}")))
            })
        },
        &payload,
        &KnownFunctions::any(),
    );
    assert!(
        turn.failure().contains("order-7f3a") && turn.failure().contains("invalid type: string \"three\""),
        "{}",
        turn.failure()
    );
}

#[test]
fn a_payload_that_is_none_is_told_apart_in_one_sentence() {
    for (payload, text) in [
        (json!("hello"), "is not the JSON of a durable orchestration"),
        (json!({"instanceId": "x"}), "lacks `history`"),
        (
            json!({"instanceId": "x", "history": []}),
            "has no ExecutionStarted event",
        ),
    ] {
        let crate::durable::Episode::Failed { message, .. } = crate::durable::run_episode(
            payload.to_string(),
            "test",
            "src/test.rs:1",
            |_| body(async {}),
            &KnownFunctions::any(),
        ) else {
            panic!("{payload} was taken")
        };
        assert!(message.contains(text), "{message}");
    }
}

#[test]
fn what_a_broken_episode_asked_for_does_not_hold_the_instance() {
    // New tasks would keep the host from failing it; what history records must be there for the host's own check.
    let orchestrator: Orchestrator = |c| {
        fallible(async move {
            ok(&c, "A").await;
            let _new = c.call_activity("B", 1);
            panic!("after the call");
        })
    };
    let turn = run(orchestrator, "12 0 4#0(A) 13 12 5>0=1");
    assert!(turn.failure().contains("after the call"));
    assert_eq!(turn.actions(), "A");
}

#[test]
fn recorded_timers_of_a_broken_episode_are_not_too_far_from_the_start() {
    let turn = run(
        |_| fallible(async { panic!("no") }),
        "12 0 4#0(A) 13 12 5>0=1 10#1=2031-05-20T10:00:00Z 13 12 15(E)=1",
    );
    assert_eq!(
        turn.answer["actions"][0][0]["compoundActions"][1]["fireAt"],
        "2031-05-10T09:00:00Z"
    );
}
