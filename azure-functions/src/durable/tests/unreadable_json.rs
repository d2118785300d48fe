//! JSON that no reader holds, sent by a host that took it: an error for the one who reads it, never silently a text.

use super::script::{body, fallible, payload, run_payload};
use crate::{
    durable::{CallError, KnownFunctions, Orchestrator},
    json_text::{
        LEVELS,
        tests::{nested, unreadable},
    },
};
use serde::Deserialize;
use serde_json::{Value, json};

fn turn(orchestrator: Orchestrator, payload: &Value) -> super::script::Turn {
    run_payload(orchestrator, payload, &KnownFunctions::any())
}

#[test]
fn an_output_that_cannot_be_read_is_an_error_of_the_call_with_its_place() {
    let activity: Orchestrator = |c| {
        body(async move {
            match c.call_activity("Pay", 1).await {
                Err(CallError::Unreadable { name, source }) => json!([name, source.to_string()]),
                other => json!(format!("{other:?}")),
            }
        })
    };
    let child: Orchestrator = |c| {
        body(async move {
            match c.call_sub_orchestrator("Pay", None, 1).await {
                Err(CallError::Unreadable { name, source }) => json!([name, source.to_string()]),
                other => json!(format!("{other:?}")),
            }
        })
    };
    for (text, reason) in unreadable() {
        for (orchestrator, script) in [
            (activity, "12 0 4#0(Pay) 13 12 5>0=x"),
            (child, "12 0 7#0(Pay) 13 12 8>0=x"),
        ] {
            let mut payload = payload(script, &Value::Null);
            payload["history"][5]["Result"] = json!(text);
            let turn = turn(orchestrator, &payload);
            assert_eq!(turn.output()[0], "Pay", "{}", turn.output());
            assert!(turn.output()[1].as_str().unwrap().contains(reason), "{}", turn.output());
        }
    }
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "only read")]
struct Any(Value);

impl crate::durable::Event for Any {
    const NAME: &'static str = "E";
}

#[test]
fn an_event_that_cannot_be_read_is_an_error_of_a_typed_wait_and_ends_an_untyped_one() {
    let typed: Orchestrator = |c| {
        body(async move {
            let error = c.wait_for::<Any>().await.unwrap_err();
            json!([
                error.to_string(),
                std::error::Error::source(&error).unwrap().to_string()
            ])
        })
    };
    let untyped: Orchestrator = |c| body(async move { c.wait_for_event("E").await });
    for (text, reason) in unreadable() {
        let mut payload = payload("12 0 13 12 15(E)=1", &Value::Null);
        payload["history"][4]["Input"] = json!(text);
        let told = turn(typed, &payload);
        assert!(told.output()[1].as_str().unwrap().contains(reason), "{}", told.output());
        let refused = turn(untyped, &payload);
        assert!(
            refused
                .failure()
                .contains("waited for an event that came with JSON that cannot be read")
                && refused.failure().contains(reason)
                && refused.failure().contains("unreadable_json.rs:"),
            "{}",
            refused.failure()
        );
    }
}

#[test]
fn an_input_that_cannot_be_read_fails_the_instance_before_its_code_runs() {
    let untyped: Orchestrator = |c| {
        fallible(async move {
            let context = c.with_input::<Value>()?;
            Ok(context.input())
        })
    };
    for (text, reason) in unreadable() {
        let payload = payload("12 0", &json!("INPUT")).to_string().replace("\"INPUT\"", &text);
        let crate::durable::Episode::Failed { message, .. } =
            crate::durable::run_episode(payload, "test", "src/test.rs:1", untyped, &KnownFunctions::any())
        else {
            panic!("it ran")
        };
        assert!(
            message.contains("the input of orchestration instance 'order-7f3a'") && message.contains(reason),
            "{message}"
        );
        assert!(!message.contains("second time"), "{message}");
    }
}

#[test]
fn a_carried_event_arrives_as_it_was_raised_however_deep() {
    let carries: Orchestrator = |c| {
        body(async move {
            c.wait_for_event("go").await;
            c.continue_as_new(c.input_as::<Value>().unwrap(), true).await
        })
    };
    let reads: Orchestrator = |c| {
        body(async move {
            match c.wait_for::<Any>().await {
                Ok(Any(payload)) => payload,
                Err(error) => json!(std::error::Error::source(&error).unwrap().to_string()),
            }
        })
    };
    for (text, expected) in [
        (nested(LEVELS), None),
        (r#"{"b":1.50,"a":"\u00e9"}"#.to_owned(), None),
        ("plain text".to_owned(), None),
        (nested(LEVELS + 1), Some("recursion limit exceeded")),
        ("1e400".to_owned(), Some("number out of range")),
    ] {
        let mut first = payload("12 0 13 12 15(E)=1 15(go)=1", &json!([1]));
        first["history"][4]["Input"] = json!(text);
        let answer = match crate::durable::run_episode(
            first.to_string(),
            "test",
            "src/test.rs:1",
            carries,
            &KnownFunctions::any(),
        ) {
            crate::durable::Episode::Answer(answer) => answer,
            failed => panic!("{failed:?}"),
        };
        let begin =
            answer.find(r#""actionType":4,"input":"#).expect("it starts over") + r#""actionType":4,"input":"#.len();
        let end = answer.rfind("}]]").unwrap();
        let second = payload("12 0 13 12", &json!("INPUT"))
            .to_string()
            .replace("\"INPUT\"", &answer[begin..end]);
        let second = crate::durable::run_episode(second, "test", "src/test.rs:1", reads, &KnownFunctions::any());
        let crate::durable::Episode::Answer(answer) = second else {
            panic!("{second:?}")
        };
        match expected {
            Some(reason) => assert!(answer.contains(reason), "{answer}"),
            None => {
                let value: Value = serde_json::from_str(&text).unwrap_or_else(|_| json!(text));
                assert!(answer.contains(&format!(r#""output":{value}"#)), "{answer}");
            }
        }
    }
}

#[test]
fn an_output_too_deep_to_be_read_back_is_an_error_and_not_a_crash() {
    let deep: Orchestrator = |_| {
        fallible(async {
            let mut value = json!(1);
            for _ in 0..100_000 {
                value = Value::Array(vec![value]);
            }
            Ok(value)
        })
    };
    let turn = turn(deep, &payload("12 0", &Value::Null));
    assert_eq!(
        turn.failure(),
        "the output is nested more than 127 levels deep, and could not be read back"
    );
}

#[test]
fn an_output_that_would_be_read_back_as_another_value_is_an_error() {
    let raw: Orchestrator =
        |_| fallible(async { Ok(json!([{ "a": { "b": 1, "$serde_json::private::RawValue": "[]" } }])) });
    let turn = turn(raw, &payload("12 0", &Value::Null));
    let failure = turn.failure();
    assert!(
        failure.starts_with("the output could not be read back: an object must not have a member `$serde_json::"),
        "{failure}"
    );
    assert!(turn.answer.get("output").is_none(), "{}", turn.answer);
}

#[test]
fn an_input_too_deep_to_be_read_back_is_not_sent() {
    let calls: Orchestrator = |c| {
        body(async move {
            let deepest: Value = serde_json::from_str(&nested(LEVELS)).unwrap();
            let error = c.call_activity("Pay", json!([deepest])).await.unwrap_err();
            assert!(matches!(error, CallError::Input { .. }), "{error:?}");
            json!(std::error::Error::source(&error).unwrap().to_string())
        })
    };
    let turn = turn(calls, &payload("12 0", &Value::Null));
    assert!(
        turn.output().as_str().unwrap().contains("recursion limit exceeded"),
        "{}",
        turn.output()
    );
    assert_eq!(turn.actions(), "");
}
