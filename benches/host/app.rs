//! The app that the host runs: the functions of the example, and three whose history grows.

use azure_functions::{durable::CallError, prelude::*};
use serde_json::Value;
use std::time::Duration;

#[path = "../../examples/durable-functions/src/functions/mod.rs"]
#[allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    unused_imports,
    reason = "the example's own files, whose tests are not run here"
)]
mod functions;

use functions::fan_out::square;

/// So many activities, one after the other.
#[func]
async fn chain(context: DurableOrchestrationContext<u64>) -> Result<OrchestrationOutput<u64>, CallError> {
    let mut done = 0;
    for number in 0..context.input() {
        context.call::<square>(number).await?;
        done += 1;
    }
    Ok(done.into())
}

/// Looks so many times, and waits a little between one look and the next.
#[func]
async fn looks(context: DurableOrchestrationContext<u64>) -> Result<OrchestrationOutput<u64>, CallError> {
    let mut done = 0;
    for number in 0..context.input() {
        context.call::<square>(number).await?;
        context.create_timer_after(Duration::from_millis(1)).await;
        done += 1;
    }
    Ok(done.into())
}

/// Takes so many events, which wait for it until another one says that it may.
#[func]
async fn takes_events(context: DurableOrchestrationContext<u64>) -> OrchestrationOutput<u64> {
    let _: Value = context.wait_for_event("go").await;
    let mut taken = 0;
    for _ in 0..context.input() {
        let _: Value = context.wait_for_event("news").await;
        taken += 1;
    }
    taken.into()
}
