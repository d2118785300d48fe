use std::error::Error;

use azure_functions::{bindings::DurableOrchestrationContext, durable::OrchestrationOutput, func};
use serde::{Deserialize, Serialize};

/// What one generation hands to the next.
#[derive(Serialize, Deserialize)]
struct Progress {
    left: u64,
    #[serde(default)]
    sum: u64,
}

/// Counts down, one generation per number; a new generation begins with an empty history, so a loop may go on for ever.
///
/// Output for the input `{"left":5}`, and for none: `55`, which is 25 + 16 + 9 + 4 + 1.
#[func]
pub async fn looping(
    context: DurableOrchestrationContext,
) -> Result<OrchestrationOutput, Box<dyn Error + Send + Sync>> {
    let progress: Option<Progress> = context.input_as()?;
    let Progress { left, sum } = progress.unwrap_or(Progress { left: 5, sum: 0 });
    if left == 0 {
        return Ok(sum.into());
    }
    let square = context
        .call_activity("square", left)
        .await?
        .as_u64()
        .unwrap_or_default();
    let next = Progress {
        left: left - 1,
        sum: sum + square,
    };
    context.continue_as_new(next, false).await;
    Ok(().into())
}
