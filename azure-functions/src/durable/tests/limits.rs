//! One execution may ask for so much and no more: what is too much fails the instance, whichever way it was asked for.

use super::script::{body, entity, payload};
use crate::durable::{
    DurableHttpRequest, Episode, KnownFunctions, Orchestrator, RetryOptions,
    episode::{Failure, Run},
};
use serde_json::{Value, json};
use std::{future::ready, time::Duration};

const LIMIT: usize = 10;

fn limited(orchestrator: Orchestrator, script: &str, input: &Value) -> Episode {
    let mut payload = payload(script, input);
    payload["upperSchemaVersionNew"] = json!(3);
    let run = Run {
        makes_span: false,
        function: "test",
        place: "src/test.rs:1",
        orchestrator,
        functions: &KnownFunctions::any(),
        max_actions: LIMIT,
        lists: false,
    };
    run.on_either_wire(payload.to_string(), None)
}

/// What the refusal says.
fn refused(orchestrator: Orchestrator, script: &str, input: &Value) -> String {
    match limited(orchestrator, script, input) {
        Episode::Failed {
            message,
            failure:
                Failure {
                    broken: true,
                    nondeterminism: None,
                    ..
                },
        } => {
            let (friendly, _) = message.split_once("\n\n$OutOfProcData$:").unwrap();
            friendly.to_owned()
        }
        other => panic!("{input} is not refused: {other:?}"),
    }
}

fn retry(attempts: u32) -> RetryOptions {
    RetryOptions::new(Duration::from_secs(1), attempts)
}

/// Asks for one kind of thing, so many times.
const ASKS: Orchestrator = |c| {
    body(async move {
        let input = c.input();
        let target = entity("@counter@a");
        for n in 0..input[1].as_u64().unwrap() {
            match input[0].as_str().unwrap() {
                "activity" => drop(c.call_activity("A", n)),
                "retry" => drop(c.call_activity_with_retry("A", retry(3), n)),
                "child" => drop(c.call_sub_orchestrator("Child", None, n)),
                "http" => drop(c.call_http(DurableHttpRequest::get("https://example.org/"))),
                "timer" => drop(c.create_timer_after(Duration::from_secs(n))),
                "event" => drop(c.wait_for_event("E")),
                "entity" => drop(c.call_entity(&target, "add", n)),
                "signal" => c.signal_entity(&target, "add", n).unwrap(),
                "patch" => assert!(c.patched(&format!("patch {n}"))),
                other => panic!("{other}"),
            }
        }
        Value::Null
    })
};

#[test]
fn a_call_beyond_the_limit_is_refused_with_the_number_and_its_line() {
    for kind in [
        "activity", "retry", "child", "http", "timer", "event", "entity", "signal", "patch",
    ] {
        let full = limited(ASKS, "12 0", &json!([kind, 10]));
        assert!(matches!(full, Episode::Answer(_)), "{kind}: ten are not too many");
        for too_many in [11_u64, 99_999_999_999] {
            let message = refused(ASKS, "12 0", &json!([kind, too_many]));
            assert!(
                message.contains("limits.rs:") && message.contains("asked for more than 10 actions"),
                "{kind}: {message}"
            );
            assert!(message.contains("AZURE_FUNCTIONS_EPISODE_MAX_ACTIONS"), "{message}");
        }
    }
}

/// Gives a list of futures that ask for nothing to one call of the context.
const GIVES: Orchestrator = |c| {
    body(async move {
        let input = c.input();
        let items = 0..input[1].as_u64().unwrap();
        match input[0].as_str().unwrap() {
            "join_all" => drop(c.join_all(items.map(ready)).await),
            "try_join_all" => drop(c.try_join_all(items.map(|n| ready(Ok::<_, ()>(n)))).await),
            "select_all" => drop(c.select_all(items.map(ready)).await),
            "as_completed" => drop(c.as_completed(items.map(ready))),
            "for_each_concurrent" => drop(c.for_each_concurrent(3, items, ready).await),
            "lock" => drop(c.lock(items.map(|n| entity(&format!("@counter@{n}"))))),
            other => panic!("{other}"),
        }
        Value::Null
    })
};

#[test]
fn a_list_beyond_the_limit_is_refused_and_nothing_is_reserved_for_its_length() {
    for kind in [
        "join_all",
        "try_join_all",
        "select_all",
        "as_completed",
        "for_each_concurrent",
        "lock",
    ] {
        let full = limited(GIVES, "12 0", &json!([kind, 10]));
        assert!(matches!(full, Episode::Answer(_)), "{kind}: ten are not too many");
        for too_many in [11_u64, u64::MAX] {
            let message = refused(GIVES, "12 0", &json!([kind, too_many]));
            assert!(
                message.contains("limits.rs:") && message.contains("gave more than 10 futures or entities"),
                "{kind}: {message}"
            );
        }
    }
}

#[test]
fn a_further_attempt_beyond_the_limit_is_refused() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let call = c.call_activity_with_retry("A", retry(100), 1);
            call.await.unwrap_or_else(|error| json!(error.message()))
        })
    };
    // Attempts have even ids, the pauses between them odd ones.
    let attempts = |count: u32| -> String {
        let attempt = |n: u32| {
            let (call, timer) = (2 * n, 2 * n + 1);
            format!("4#{call}(A) 13 12 6>{call}=no 10#{timer} 13 12 11>{timer}")
        };
        let all: Vec<_> = (0..count).map(attempt).collect();
        format!("12 0 {}", all.join(" "))
    };
    assert!(matches!(
        limited(orchestrator, &attempts(4), &Value::Null),
        Episode::Answer(_)
    ));
    let message = refused(orchestrator, &attempts(5), &Value::Null);
    assert!(
        message.contains("limits.rs:") && message.contains("more than 10 actions"),
        "{message}"
    );
}
