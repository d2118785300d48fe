use std::error::Error;

use azure_functions::{bindings::DurableOrchestrationContext, durable::OrchestrationOutput, func};

/// One activity after the other.
///
/// Output: `["Hello Tokyo!","Hello London!","Hello Seattle!"]`.
#[func]
pub async fn sequence(
    context: DurableOrchestrationContext,
) -> Result<OrchestrationOutput, Box<dyn Error + Send + Sync>> {
    let mut greetings = Vec::new();
    for city in ["Tokyo", "London", "Seattle"] {
        greetings.push(context.call_activity("say_hello", city).await?);
    }
    Ok(greetings.into())
}
