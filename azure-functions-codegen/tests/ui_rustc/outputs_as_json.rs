//! Outputs and events that serde cannot write or read: one error each, which says what to derive.

use azure_functions::{event, prelude::*};
use serde::Serialize;

struct Neither;

#[derive(Serialize)]
struct Written;

#[event]
struct Paid;

#[func]
fn makes_neither(_name: String) -> Result<ActivityOutput<Neither>, String> {
    Ok(Neither.into())
}

#[func]
fn makes_written(_name: String) -> ActivityOutput<Written> {
    Written.into()
}

#[func(activity)]
fn makes_neither_plainly(_name: String) -> Result<Neither, String> {
    Ok(Neither)
}

#[func(activity)]
fn fails_with_neither(_name: String) -> Result<String, Neither> {
    Err(Neither)
}

#[func(orchestration)]
async fn returns_neither_plainly(_context: DurableOrchestrationContext) -> Neither {
    Neither
}

#[func]
async fn returns_neither(_context: DurableOrchestrationContext) -> OrchestrationOutput<Neither> {
    Neither.into()
}

#[func]
async fn calls_written(context: DurableOrchestrationContext) -> Result<(), CallError> {
    let _written = context.call::<makes_written>("x".to_owned()).await?;
    Ok(())
}

#[func]
async fn waits(context: DurableOrchestrationContext) -> Result<(), CallError> {
    context.wait_for::<Paid>().await?;
    Ok(())
}

fn main() {}
