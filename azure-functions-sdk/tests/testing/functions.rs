//! The app under test.

use std::{
    error::Error,
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use azure_functions::{
    durable::{CallError, RetryOptions},
    prelude::*,
};
use serde_json::{Value, json};

type Failure = Box<dyn Error + Send + Sync>;

/// Three greetings, one after the other.
#[func]
pub(crate) async fn sequence(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    log::info!("greeting");
    let mut greetings = Vec::new();
    for city in ["Tokyo", "London", "Seattle"] {
        greetings.push(context.call_activity("say_hello", city).await?);
    }
    log::info!("greeted");
    Ok(greetings.into())
}

#[func]
pub(crate) fn say_hello(name: String) -> Result<ActivityOutput, Failure> {
    log::debug!("hello to {name}");
    if name == "nobody" {
        return Err("there is nobody to greet".into());
    }
    Ok(format!("Hello {name}!").into())
}

/// As many as the input says, at the same time.
#[func]
pub(crate) async fn fan_out(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    let count = context.input().as_u64().unwrap_or(3);
    let squares = context
        .try_join_all((0..count).map(|n| context.call_activity("square", n)))
        .await?;
    Ok(squares.iter().filter_map(Value::as_u64).sum::<u64>().into())
}

#[func]
pub(crate) async fn square(number: u64) -> ActivityOutput {
    // A little real time, out of step.
    tokio::time::sleep(Duration::from_millis(5 - number % 5)).await;
    (number * number).into()
}

/// Three days for an approval, then the deputy decides.
#[func]
pub(crate) async fn approval(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    context.set_custom_status("waiting");
    let three_days = Duration::from_hours(72);
    match context.wait_for_event_with_timeout("approved", three_days).await {
        Some(answer) => Ok(json!({ "approved": answer }).into()),
        None => Ok(context.call_activity("say_hello", "boss").await?.into()),
    }
}

/// Tries until it works.
#[func]
pub(crate) async fn stubborn(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    let policy = RetryOptions::new(Duration::from_mins(10), 5).backoff_coefficient(2.0);
    Ok(context
        .call_activity_with_retry("say_hello", policy, context.input())
        .await?
        .into())
}

/// Never ends by itself.
#[func]
pub(crate) async fn eternal(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    let days = context.input().as_u64().unwrap_or_default();
    context
        .create_timer(context.current_time() + Duration::from_hours(24))
        .await;
    context.set_custom_status(days + 1);
    context.continue_as_new(days + 1, true).await;
    Ok(().into())
}

/// Waits for two things that never come.
#[func]
pub(crate) async fn waiting(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    let child = context.call_sub_orchestrator("listener", Some("child"), "east");
    let event = async { Ok(context.wait_for_event("left").await) };
    let (child, event) = context.try_join((child, event)).await?;
    Ok(vec![child, event].into())
}

#[func]
pub(crate) async fn listener(context: DurableOrchestrationContext) -> OrchestrationOutput {
    context
        .wait_for_event(context.input().as_str().unwrap_or("any"))
        .await
        .into()
}

/// Asks the clock of the machine, behind a function that no lint sees.
#[func]
pub(crate) async fn undeterministic(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    Ok(context.call_activity("say_hello", count().to_string()).await?.into())
}

fn count() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

/// Blocks its thread, behind a function that no lint sees.
#[func]
pub(crate) async fn blocked(context: DurableOrchestrationContext) -> OrchestrationOutput {
    block();
    context.input().clone().into()
}

fn block() {
    std::thread::park();
}

/// An HTTP function that waits for what it starts.
#[func]
pub(crate) async fn ask(
    #[binding(auth_level = "anonymous", methods = "post", route = "ask/{orchestration}")] req: HttpRequest,
    orchestration: Route<String>,
    client: DurableOrchestrationClient,
) -> Result<HttpResponse, Failure> {
    let input = req.json::<Value>().unwrap_or_default();
    let id = client.start_new(&orchestration, None, input).await?;
    let (timeout, step) = (Duration::from_secs(10), Duration::from_secs(1));
    Ok(client
        .wait_for_completion_or_create_check_status_response(Some(req.url()), &id, timeout, step)
        .await?
        .into())
}

/// An activity that raises an event for another instance.
#[func]
pub(crate) async fn tell(id: String, client: DurableOrchestrationClient) -> Result<ActivityOutput, Failure> {
    client.raise_event(&id, "approved", "by an activity").await?;
    Ok("told".into())
}

#[func]
pub(crate) async fn teller(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    Ok(context.call_activity("tell", context.input()).await?.into())
}

/// Holds the world up until the test lets it go.
#[func]
pub(crate) fn slow(_input: Value) -> ActivityOutput {
    std::thread::sleep(Duration::from_secs(3600));
    ().into()
}

#[func]
pub(crate) async fn slowly(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    Ok(context.call_activity("slow", ()).await?.into())
}

/// How far the code of [`evolving`] has come: before the change, with the question, with the new way only.
pub(crate) static VERSION: AtomicU8 = AtomicU8::new(0);

/// Greets in between, since its code was changed.
#[func]
pub(crate) async fn evolving(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    context.wait_for_event("begin").await;
    let new = match VERSION.load(Ordering::Relaxed) {
        0 => false,
        1 => context.patched("greet"),
        _ => true,
    };
    let greeting = if new {
        context.call_activity("say_hello", "again").await?
    } else {
        Value::Null
    };
    context.wait_for_event("end").await;
    Ok(greeting.into())
}
