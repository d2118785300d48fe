//! Typed calls that do not fit the function they call.

use azure_functions::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Order {
    items: u32,
}

#[func]
fn say_hello(name: String) -> ActivityOutput<String> {
    format!("Hello {name}!").into()
}

#[func]
async fn child(context: DurableOrchestrationContext<Order>) -> OrchestrationOutput<u32> {
    context.input().items.into()
}

#[func]
async fn wrong_input(context: DurableOrchestrationContext) {
    let _ = context.call::<say_hello>(5).await;
}

#[func]
async fn wrong_output(context: DurableOrchestrationContext) -> Result<(), CallError> {
    let _length: usize = context.call::<say_hello>("Tokyo".into()).await?;
    Ok(())
}

#[func]
async fn activity_as_sub_orchestration(context: DurableOrchestrationContext) {
    let _ = context.call_sub::<say_hello>("Tokyo".into()).await;
}

#[func]
async fn orchestration_as_activity(context: DurableOrchestrationContext) {
    let _ = context.call::<child>(Order { items: 1 }).await;
}

#[func]
async fn no_event(context: DurableOrchestrationContext) {
    let _ = context.wait_for::<Order>().await;
}

#[func]
async fn starts_an_activity(_req: HttpRequest, client: DurableOrchestrationClient) {
    let _ = client.start::<say_hello>("Tokyo".into()).await;
}

#[func]
fn another_output(_name: String) -> ActivityOutput<String> {
    5.into()
}

fn main() {}
