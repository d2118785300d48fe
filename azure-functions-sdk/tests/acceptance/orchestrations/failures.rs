//! Errors, and code that its history contradicts.

use std::sync::atomic::{AtomicBool, Ordering};

use azure_functions::prelude::*;
use azure_functions_durable::OrchestrationRuntimeStatus as Status;
use azure_functions_sdk::testing::TestHost;
use serde_json::{Value, json};

/// Whether the code of `orders` was changed.
static RENAMED: AtomicBool = AtomicBool::new(false);

#[func]
async fn orders(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    let activity = if RENAMED.load(Ordering::Relaxed) {
        "charge_card"
    } else {
        "book"
    };
    context.call_activity(activity, "tea").await?;
    context.wait_for_event("on").await;
    Ok(().into())
}

const CALLED_AT: u32 = line!() - 5;

#[func(activity)]
fn charge_card(_what: String) {}

#[test]
fn row_069_an_activity_renamed_under_a_running_instance_fails_it_with_history_beside_code() {
    let host = TestHost::new();
    let instance = host.start_with_id("orders", "order-1", ());
    assert_eq!(instance.runtime_status(), Status::Running);
    RENAMED.store(true, Ordering::Relaxed);
    instance.raise_event("on", ());
    let failure = instance.failure();
    for part in [
        "Non-deterministic orchestration 'orders'",
        "'order-1'",
        "history: action #0: activity 'book'",
        "code:    action #0: activity 'charge_card' (called at ",
        &format!("failures.rs:{CALLED_AT})"),
        "context.patched(",
        "`cargo func replay`",
        "`cargo func durable rewind ID`",
    ] {
        assert!(failure.contains(part), "{part} is not in:\n{failure}");
    }
    // What it advises helps.
    RENAMED.store(false, Ordering::Relaxed);
    instance.rewind("the name is back");
    instance.wait();
    assert_eq!(instance.runtime_status(), Status::Completed);
}

/// Books a trip, or nothing of it.
#[func]
async fn trip(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    let car = context.call_activity("book", "car").await?;
    let rest = async {
        let hotel = context.call_activity("book", "hotel").await?;
        let flight = context.call_activity("book", "flight").await?;
        Ok::<_, CallError>([hotel, flight])
    };
    match rest.await {
        Ok([hotel, flight]) => Ok(vec![car, hotel, flight].into()),
        Err(error) => {
            context.call_activity("give_back", &car).await?;
            Ok(json!({ "failed": error.message() }).into())
        }
    }
}

#[func]
fn book(what: String) -> Result<ActivityOutput, String> {
    Ok(format!("a {what}").into())
}

#[func(activity)]
fn give_back(_what: String) {}

#[test]
fn row_077_the_languages_own_error_handling_runs_a_compensation() {
    let host = TestHost::new();
    assert_eq!(
        host.start("trip", ()).output::<[String; 3]>(),
        ["a car", "a hotel", "a flight"]
    );
    assert!(host.calls("give_back").is_empty());

    let booking = |full: &'static str| {
        move |what: String| {
            if what == full {
                Err("fully booked")
            } else {
                Ok(format!("a {what}"))
            }
        }
    };
    host.try_fake("book", booking("flight"));
    let instance = host.start("trip", ());
    assert_eq!(instance.output::<Value>(), json!({ "failed": "fully booked" }));
    let calls: Vec<_> = instance
        .calls()
        .into_iter()
        .map(|call| (call.activity, call.input))
        .collect();
    let expected = [
        ("book", "car"),
        ("book", "hotel"),
        ("book", "flight"),
        ("give_back", "a car"),
    ];
    assert_eq!(
        calls,
        expected.map(|(activity, what)| (activity.to_owned(), json!(what)))
    );

    // The first `?` is not in the block: its error is the instance's.
    host.try_fake("book", booking("car"));
    assert!(host.start("trip", ()).failure().contains("fully booked"));
    assert_eq!(host.calls("give_back").len(), 1);
}
