//! Typed calls, contexts, errors and events, from one end to the other.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use azure_functions::{durable::OutputError, event, prelude::*};
use azure_functions_sdk::testing::{TestHost, Wire};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    customer: String,
    items: Vec<Item>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Item {
    name: String,
    price: u32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    customer: String,
    paid: u32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum PaymentError {
    #[error("the card {card} was declined: AccountKey=secret")]
    Declined { card: String },
    #[error("only {0} are left")]
    Short(u32),
}

#[func]
pub(crate) fn charge(context: DurableActivityContext<(String, u32)>) -> Result<ActivityOutput<Receipt>, PaymentError> {
    let (customer, amount) = context.input;
    match (customer.as_str(), amount) {
        ("nobody", _) => Err(PaymentError::Declined {
            card: "<4711> @ home; $OutOfProcData$:\nStack: of cards".to_owned(),
        }),
        (_, 101..) => Err(PaymentError::Short(100)),
        _ => Ok(Receipt { customer, paid: amount }.into()),
    }
}

#[func]
pub(crate) async fn pay(
    context: DurableOrchestrationContext<Order>,
) -> Result<OrchestrationOutput<Receipt>, CallError> {
    let order = context.input();
    let total = order.items.iter().map(|item| item.price).sum();
    let receipt = match context
        .call::<charge>((order.customer.clone(), total))
        .returned()
        .await?
    {
        Ok(receipt) => receipt,
        Err(PaymentError::Short(left)) => context.call::<charge>((order.customer, left)).await?,
        Err(PaymentError::Declined { .. }) => {
            return Err(context.call::<charge>((order.customer, total)).await.unwrap_err());
        }
    };
    Ok(receipt.into())
}

/// Two payments, together.
#[func]
pub(crate) async fn parent(context: DurableOrchestrationContext<u32>) -> Result<OrchestrationOutput<u32>, CallError> {
    let order = |name: &str| Order {
        customer: name.to_owned(),
        items: vec![Item {
            name: "tea".to_owned(),
            price: context.input(),
        }],
    };
    let (one, two) = context
        .try_join((
            context.call_sub::<pay>(order("one")),
            context.call_sub::<pay>(order("two")).instance_id("the-second"),
        ))
        .await?;
    Ok((one.paid + two.paid).into())
}

#[func]
pub(crate) async fn count_to_three(context: DurableOrchestrationContext<u32>) -> OrchestrationOutput<String> {
    match context.input() {
        3 => "done".into(),
        n => context.start_over(n + 1).await,
    }
}

static TRIES: AtomicU32 = AtomicU32::new(0);

#[func(activity)]
pub(crate) fn moody(_input: ()) -> Result<(), PaymentError> {
    match TRIES.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => Err(PaymentError::Short(7)),
        _ => Err(PaymentError::Declined { card: "x".to_owned() }),
    }
}

/// How often it was tried, as the error tells.
#[func]
pub(crate) async fn insists(context: DurableOrchestrationContext) -> Result<OrchestrationOutput<String>, CallError> {
    let policy = RetryOptions::new(Duration::from_mins(1), 10)
        .retry_if(|error| matches!(error.returned(), Some(PaymentError::Short(_))));
    let error = context.call::<moody>(()).retry(&policy).await.unwrap_err();
    assert_eq!(error.returned(), Some(PaymentError::Declined { card: "x".to_owned() }));
    Ok(format!("{} | {error}", error.message()).into())
}

static FAILURES: AtomicU32 = AtomicU32::new(0);

#[func(activity)]
pub(crate) fn second_time(_input: ()) -> Result<(), PaymentError> {
    match FAILURES.fetch_add(1, Ordering::Relaxed) {
        0 => Err(PaymentError::Short(7)),
        _ => Ok(()),
    }
}

#[func]
pub(crate) async fn flaky_child(
    context: DurableOrchestrationContext,
) -> Result<OrchestrationOutput<String>, CallError> {
    context.call::<second_time>(()).await?;
    Ok(context.instance_id().to_owned().into())
}

#[func]
pub(crate) async fn insists_on_an_id(
    context: DurableOrchestrationContext,
) -> Result<OrchestrationOutput<String>, CallError> {
    let policy = RetryOptions::new(Duration::from_mins(1), 3);
    let child = context
        .call_sub::<flaky_child>(json!(null))
        .instance_id("my-child")
        .retry(&policy);
    Ok(child.await?.into())
}

#[test]
fn a_typed_sub_orchestration_is_tried_again_under_its_id() {
    let host = TestHost::new();
    assert_eq!(host.start(insists_on_an_id::NAME, ()).output::<String>(), "my-child");
    assert_eq!(host.elapsed(), Duration::from_mins(1));
    assert_eq!(FAILURES.load(Ordering::Relaxed), 2);
}

#[event("approval")]
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Approval {
    by: String,
}

#[func]
pub(crate) async fn approved(context: DurableOrchestrationContext) -> Result<OrchestrationOutput<String>, CallError> {
    Ok(context.wait_for::<Approval>().await?.by.into())
}

#[test]
fn an_activity_s_own_error_comes_back_as_itself() {
    let host = TestHost::new();
    let item = |price| Item {
        name: "tea".to_owned(),
        price,
    };
    let order = Order {
        customer: "me".to_owned(),
        items: vec![item(80), item(70)],
    };
    let paid: Receipt = host.start(pay::NAME, &order).output();
    assert_eq!((paid.customer.as_str(), paid.paid), ("me", 100));
}

#[test]
fn the_message_of_a_typed_error_reads_the_same_as_ever() {
    let host = TestHost::new();
    let order = json!({ "customer": "nobody", "items": [] });
    let failure = host.start(pay::NAME, order).failure();
    // On the JSON wire, hosts would cut at a line of their own.
    let stack = match host.wire() {
        Wire::Json => " Stack:",
        _ => "Stack:",
    };
    let expected = format!("the card <4711> @ home; $OutOfProcData$:\n{stack} of cards was declined");
    assert!(failure.contains(&expected), "{failure}");
    assert!(!failure.contains("rust-error"), "{failure}");
}

#[test]
fn a_typed_error_decides_about_another_try() {
    let host = TestHost::new();
    let text: String = host.start(insists::NAME, ()).output();
    let message = "the card x was declined: AccountKey=secret";
    let expected = match host.wire() {
        Wire::Json => format!("{message} | Activity function 'moody' failed: "),
        _ => format!("{message} | {message}"),
    };
    assert!(text.starts_with(&expected), "{text}");
    assert!(text.ends_with(message), "{text}");
    assert_eq!(TRIES.load(Ordering::Relaxed), 3);
}

#[test]
fn sub_orchestrations_are_called_by_type() {
    let host = TestHost::new();
    assert_eq!(host.start(parent::NAME, 20).output::<u32>(), 40);
    assert_eq!(host.instance("the-second").status().name, "pay");
    assert_eq!(host.start(count_to_three::NAME, 0).output::<String>(), "done");
}

#[test]
fn row_053_an_input_is_decoded_or_fails_the_instance_with_the_path() {
    let host = TestHost::new();
    let right = json!({ "customer": "me", "items": [{ "name": "tea", "price": 3 }, { "name": "milk", "price": 4 }] });
    assert_eq!(host.start(pay::NAME, right).output::<Receipt>().paid, 7);
    let wrong =
        json!({ "customer": "me", "items": [{ "name": "tea", "price": 1 }, { "name": "milk", "price": "much" }] });
    let failure = host.start(pay::NAME, wrong).failure();
    assert!(failure.contains("items[1].price"), "{failure}");
    // On the protobuf wire, the output of an instance has no causes.
    if host.wire() == Wire::Json {
        assert!(failure.contains("invalid type: string \"much\""), "{failure}");
    }
    let failure = host.run_activity("charge", json!(["me", "much"])).unwrap_err();
    assert!(
        failure.contains("parameter `context`: [1]: invalid type: string \"much\""),
        "{failure}"
    );
}

#[test]
fn an_output_of_another_shape_is_an_error_with_the_path() {
    let host = TestHost::new();
    host.fake("charge", |_: serde_json::Value| json!({ "customer": 5 }));
    let failure = host
        .start(pay::NAME, json!({ "customer": "me", "items": [] }))
        .failure();
    assert!(
        failure.contains("the output of 'charge' is not a ") && failure.contains("at `customer`"),
        "{failure}"
    );
}

#[test]
fn a_worker_that_knows_no_types_still_fails_the_call() {
    let host = TestHost::new();
    host.fake("charge", |_: serde_json::Value| ())
        .failing("only 3 are left");
    let failure = host
        .start(pay::NAME, json!({ "customer": "me", "items": [] }))
        .failure();
    assert!(failure.ends_with("only 3 are left"), "{failure}");
}

#[test]
fn an_event_is_raised_and_awaited_by_type() {
    let host = TestHost::new();
    let client = host.client();
    let waiting = host.start(approved::NAME, ());
    host.run_until_idle();
    host.block_on(client.raise(waiting.id(), &Approval { by: "boss".to_owned() }))
        .unwrap();
    assert_eq!(waiting.output::<String>(), "boss");

    let waiting = host.start_typed::<approved>(json!(null));
    waiting.raise(&Approval { by: "me".to_owned() });
    assert_eq!(waiting.output::<String>(), "me");

    let waiting = host.start(approved::NAME, ());
    waiting.raise_event("APPROVAL", json!({ "by": ["boss"] }));
    let failure = waiting.failure();
    assert!(
        failure.contains("the payload of event 'approval' is not an Approval, at `by`"),
        "{failure}"
    );
}

#[test]
fn a_fake_fails_with_the_activity_s_own_error() {
    let host = TestHost::new();
    host.fake_typed::<charge>(|(customer, amount)| match amount {
        7 => Ok(Receipt { customer, paid: 7 }),
        _ => Err(PaymentError::Short(7)),
    });
    let order = Order {
        customer: "me".to_owned(),
        items: vec![Item {
            name: "tea".to_owned(),
            price: 80,
        }],
    };
    let paid: Receipt = host.start_typed::<pay>(order).output();
    assert_eq!(paid.paid, 7);
    // A reader of the history sees the message alone.
    let short = host.calls("charge")[0].result.clone();
    assert_eq!(short, Some(Err("only 7 are left".to_owned())));
    let message = host.run_activity("charge", ("me", 200)).unwrap_err();
    assert_eq!(message, "only 100 are left");
}

#[test]
fn a_client_starts_by_type_and_reads_the_output() {
    let host = TestHost::new();
    let client = host.client();
    host.block_on(async {
        let id = client.start::<parent>(7).await.unwrap();
        let minute = Duration::from_mins(1);
        assert_eq!(client.output::<parent>(&id, minute).await.unwrap(), Some(14));
        let other = client.output::<pay>(&id, minute).await.unwrap_err();
        assert!(matches!(other, OutputError::OtherOrchestration { .. }), "{other}");
        let waits = client
            .start::<approved>(json!(null))
            .instance_id("waits")
            .await
            .unwrap();
        assert_eq!(client.output::<approved>(&waits, minute).await.unwrap(), None);
        client.terminate("waits", "enough").await.unwrap();
        let ended = client.output::<approved>(&waits, minute).await.unwrap_err();
        assert!(ended.to_string().ends_with(": enough"), "{ended}");
    });
}
