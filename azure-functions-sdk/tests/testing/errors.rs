//! `?` on every call and every wait: into an error of the app, and into `anyhow`.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use azure_functions::{durable::DurableHttpRequest, event, prelude::*};
use azure_functions_durable::OrchestrationRuntimeStatus as Status;
use azure_functions_sdk::testing::{TestHost, Wire};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_mins(1);
const POLICY: RetryOptions = RetryOptions::new(MINUTE, 3);

#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("the card was declined")]
pub(crate) struct CardDeclined;

#[derive(Debug, thiserror::Error)]
pub(crate) enum ShopError {
    #[error("payment: {0}")]
    Payment(#[from] CardDeclined),
    #[error("call: {0}")]
    Call(#[from] CallError),
    #[error(transparent)]
    EntityId(#[from] azure_functions::entities::EntityIdError),
    #[error("client: {0}")]
    Client(#[from] azure_functions::durable::OrchestrationClientError),
}

#[func]
pub(crate) fn weigh(item: String) -> ActivityOutput<usize> {
    item.len().into()
}

#[func]
pub(crate) fn pay_for(weight: usize) -> Result<ActivityOutput<usize>, CardDeclined> {
    if weight > 5 {
        Err(CardDeclined)
    } else {
        Ok(weight.into())
    }
}

#[func]
pub(crate) async fn wrap(context: DurableOrchestrationContext<String>) -> OrchestrationOutput<String> {
    context.input().into()
}

#[event("wrapped")]
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Wrapped(u32);

#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Shelf {
    left: u32,
}

#[entity]
impl Shelf {
    fn add(&mut self, count: u32) -> u32 {
        self.left += count;
        self.left
    }
}

macro_rules! shop {
    ($name:ident, $error:ty) => {
        #[func]
        pub(crate) async fn $name(
            context: DurableOrchestrationContext<(String, bool)>,
        ) -> Result<OrchestrationOutput<usize>, $error> {
            let (item, with_http) = context.input();
            let shelf = Shelf::entity_id("a")?;
            let weight = context.call::<weigh>(item.clone()).await?;
            context
                .call::<weigh>(item.clone())
                .retry(&POLICY)
                .named("weigh again")
                .await?;
            context.call_activity("weigh", &item).await?;
            context.call_activity_with_retry("weigh", POLICY, &item).await?;
            context.call_sub::<wrap>(item.clone()).retry(&POLICY).await?;
            context.call_sub_orchestrator("wrap", None, &item).await?;
            context
                .call_sub_orchestrator_with_retry("wrap", None, POLICY, &item)
                .await?;
            context
                .timeout(MINUTE, context.call::<weigh>(item.clone()))
                .await??;
            context
                .timeout(MINUTE, context.create_timer_after(Duration::ZERO))
                .await?;
            context
                .try_join((
                    context.call::<weigh>(item.clone()),
                    context.call_sub::<wrap>(item.clone()),
                ))
                .await?;
            context
                .try_join_all([context.call::<weigh>(item.clone())])
                .await?;
            context
                .select_all([context.call::<weigh>(item.clone())])
                .await
                .0?;
            context.entity::<Shelf>("a").add(1).await?;
            context.signal::<Shelf>("a").add(1)?;
            context.call_entity(&shelf, "add", 1).await?;
            context.signal_entity(&shelf, "add", 1)?;
            let section = context.lock([&shelf]).await;
            section.entity::<Shelf>("a").add(1).await?;
            section.release();
            context.wait_for::<Wrapped>().await?;
            if with_http {
                context.call_http(DurableHttpRequest::get("nowhere")).await?;
            }
            Ok(context.call::<pay_for>(weight).returned().await??.into())
        }
    };
}

shop!(shop, ShopError);
shop!(shop_anyhow, anyhow::Error);

#[func(activity)]
pub(crate) fn restock(context: DurableActivityContext<u32>) -> Result<(), ShopError> {
    match context.input() {
        0 => Err(CardDeclined)?,
        _ => Ok(()),
    }
}

#[func]
pub(crate) async fn order_status(
    _request: HttpRequest,
    client: DurableOrchestrationClient,
) -> Result<HttpResponse, ShopError> {
    let shelf = client.entity::<Shelf>("a").state().await?.unwrap_or_default();
    let id = client
        .start::<wrap>(shelf.left.to_string())
        .instance_id("status")
        .await?;
    Ok(id.into())
}

#[test]
fn the_question_mark_takes_the_error_of_every_call_and_wait() {
    let run = |name: &str, input: Value, event: Value| {
        let host = TestHost::new();
        let instance = host.start(name, input);
        instance.raise_event("wrapped", event);
        instance.wait().output
    };
    for name in ["shop", "shop_anyhow"] {
        assert_eq!(run(name, json!(["tea", false]), json!(1)), json!(3));
        for (input, event, expected) in [
            (json!(["coffee", false]), json!(1), "the card was declined"),
            (
                json!(["tea", false]),
                json!("no number"),
                "the payload of event 'wrapped' is not a Wrapped",
            ),
            (json!(["tea", true]), json!(1), "the HTTP request cannot be made"),
        ] {
            let failure = run(name, input, event).to_string();
            assert!(failure.contains(expected), "{name}: {failure}");
        }
    }
    let host = TestHost::new();
    let instance = host.start("shop", ("coffee", false));
    instance.raise(&Wrapped(1));
    assert_eq!(
        instance.failure(),
        match host.wire() {
            Wire::Json => "Orchestrator function 'shop' failed: payment: the card was declined",
            _ => "testing::errors::ShopError: payment: the card was declined",
        }
    );
}

static SHAKY: AtomicU32 = AtomicU32::new(0);

#[func(activity, retry = POLICY)]
pub(crate) fn shaky(_input: ()) -> Result<(), CardDeclined> {
    SHAKY.fetch_add(1, Ordering::Relaxed);
    Err(CardDeclined)
}

#[func]
pub(crate) async fn shakes(context: DurableOrchestrationContext<u32>) -> Result<(), CallError> {
    match context.input() {
        0 => context.call::<shaky>(()).await,
        1 => context.call::<shaky>(()).retry(&RetryOptions::NONE).await,
        2 => context.call::<shaky>(()).retry(&RetryOptions::new(MINUTE, 2)).await,
        _ => context.call_activity("shaky", ()).await.map(drop),
    }
}

#[test]
fn an_activity_s_own_retries_count_for_typed_calls_that_set_none() {
    for (input, attempts) in [(0, 3), (1, 1), (2, 2), (3, 1)] {
        SHAKY.store(0, Ordering::Relaxed);
        let host = TestHost::new();
        assert!(host.start("shakes", input).failure().ends_with("the card was declined"));
        assert_eq!(SHAKY.load(Ordering::Relaxed), attempts, "{input}");
        assert_eq!(host.elapsed(), MINUTE * (attempts - 1), "{input}");
    }
}

#[test]
fn a_client_reads_the_state_of_an_entity_by_type() {
    let host = TestHost::new();
    let client = host.client();
    let shelf = client.entity::<Shelf>("b");
    assert!(host.block_on(shelf.state()).unwrap().is_none());
    host.block_on(shelf.add(3)).unwrap();
    host.run_until_idle();
    assert_eq!(host.block_on(shelf.state()).unwrap().unwrap().left, 3);
    let wrong = host.block_on(client.entity::<Shelf>("a/b").state()).err().unwrap();
    assert!(
        wrong.to_string().contains("`a/b` cannot be the key of an entity"),
        "{wrong}"
    );
}

/// Two branches, of which one tries three times.
#[func]
pub(crate) async fn branches(context: DurableOrchestrationContext<[String; 2]>) -> Result<(), CallError> {
    let calls = context.input().map(|branch| {
        let attempts = if branch == "retried" { 3 } else { 1 };
        context.call_activity_with_retry("say_hello", RetryOptions::new(MINUTE, attempts), branch)
    });
    context
        .join_all(calls)
        .await
        .into_iter()
        .try_for_each(|said| said.map(drop))
}

/// A child that waits, and an activity that fails meanwhile.
#[func]
pub(crate) async fn child_and_activity(context: DurableOrchestrationContext<()>) -> Result<String, CallError> {
    let said = context.call_activity("say_hello", "you");
    let child = context.call_sub_orchestrator("waiting_child", Some("child"), ());
    let (said, heard) = context.try_join((said, child)).await?;
    Ok(format!("{said}, {heard}"))
}

#[func]
pub(crate) async fn waiting_child(context: DurableOrchestrationContext<()>) -> OrchestrationOutput {
    context.wait_for_event("word").await.into()
}

#[test]
fn a_rewound_instance_hears_of_a_child_that_ended_meanwhile() {
    for wire in [Wire::Protobuf, Wire::Json] {
        for (ends, at_last) in [("by itself", Status::Completed), ("by force", Status::Failed)] {
            let host = TestHost::builder().wire(wire).build();
            host.try_fake("say_hello", |_: String| Err::<String, _>("not yet"));
            let instance = host.start("child_and_activity", ());
            host.run_until_idle();
            let child = host.instance("child");
            match ends {
                "by itself" => child.raise_event("word", "bye"),
                _ => child.terminate("enough"),
            }
            child.wait();
            assert!(instance.failure().contains("not yet"), "{}", instance.failure());
            host.fake("say_hello", |_: String| "hello");
            instance.rewind("it can speak");
            assert_eq!(instance.wait().runtime_status, at_last, "{wire:?}, {ends}");
        }
    }
}

#[test]
fn a_rewound_instance_goes_on_with_a_child_that_still_runs() {
    let host = TestHost::builder().wire(Wire::Protobuf).build();
    host.try_fake("say_hello", |_: String| Err::<String, _>("not yet"));
    let instance = host.start("child_and_activity", ());
    assert!(instance.failure().contains("not yet"));
    host.fake("say_hello", |_: String| "hello");
    instance.rewind("it can speak");
    host.run_until_idle();
    assert_eq!(instance.runtime_status(), Status::Running);
    host.instance("child").raise_event("word", "bye");
    assert_eq!(instance.output::<String>(), r#""hello", "bye""#);
}

#[test]
fn a_rewind_makes_the_branch_again_that_was_lost_whatever_another_one_has_retried() {
    for wire in [Wire::Protobuf, Wire::Json] {
        for branches in [["lost", "retried"], ["retried", "lost"]] {
            let host = TestHost::builder().wire(wire).build();
            let calls = AtomicU32::new(0);
            host.try_fake("say_hello", move |branch: String| {
                let retried = calls.fetch_add(u32::from(branch == "retried"), Ordering::Relaxed) > 0;
                match retried && branch == "retried" {
                    true => Ok("hello"),
                    false => Err(format!("no {branch}")),
                }
            });
            let instance = host.start("branches", branches);
            assert!(instance.failure().contains("no lost"), "{}", instance.failure());
            assert_eq!(host.calls("say_hello").len(), 3);
            host.fake("say_hello", |_: String| "hello");
            instance.rewind("it is found");
            instance.wait();
            assert_eq!(instance.runtime_status(), Status::Completed, "{branches:?}");
        }
    }
}
