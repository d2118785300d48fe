//! A layer around all functions: one record for each invocation, with how long it took.

use std::{error::Error, time::Instant};

use azure_functions::app::{Completed, FunctionKind, Invocation, Next};

/// Logs how each function ends. Orchestrations are left out: their invocations are episodes, which a host repeats as it needs.
pub async fn access_log(invocation: Invocation, next: Next) -> Result<Completed, Box<dyn Error + Send + Sync>> {
    if invocation.kind() == FunctionKind::Orchestration {
        return next.run(invocation).await;
    }
    let name = invocation.function_name();
    let begun = Instant::now();
    let ended = next.run(invocation).await;
    let took = begun.elapsed().as_millis();
    match &ended {
        Ok(_) => log::info!("{name} completed after {took} ms"),
        Err(error) => log::warn!("{name} failed after {took} ms: {error}"),
    }
    ended
}
