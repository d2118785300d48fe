use std::error::Error;

use azure_functions::{bindings::DurableOrchestrationContext, durable::OrchestrationOutput, func};
use chrono::Duration;

/// Waits for the event `approval`, as many milliseconds as the input says (60,000, if it says nothing).
///
/// Output: `"approved"` when the event's data is `true`, `"rejected"` when it is anything else, `"nobody answered"` when
/// the time is over.
#[func]
pub async fn event_with_timeout(
    context: DurableOrchestrationContext,
) -> Result<OrchestrationOutput, Box<dyn Error + Send + Sync>> {
    let milliseconds = context.input().as_u64().unwrap_or(60_000).min(86_400_000);
    context.set_custom_status("waiting for approval");
    let answer = context
        .wait_for_event_with_timeout("approval", Duration::milliseconds(milliseconds as i64))
        .await?;
    Ok(match answer {
        Some(data) if data == true => "approved",
        Some(_) => "rejected",
        None => "nobody answered",
    }
    .into())
}
