use std::time::Duration;

use azure_functions::{bindings::DurableOrchestrationContext, durable::OrchestrationOutput, func};

/// Waits for the event `approval`, as many milliseconds as the input says (60,000, if it says nothing).
///
/// Output: `"approved"` when the event's data is `true`, `"rejected"` when it is anything else, `"nobody answered"` when
/// the time is over.
#[func]
pub async fn event_with_timeout(context: DurableOrchestrationContext) -> OrchestrationOutput {
    let timeout = Duration::from_millis(context.input().as_u64().unwrap_or(60_000));
    context.set_custom_status("waiting for approval");
    match context.wait_for_event_with_timeout("approval", timeout).await {
        Some(data) if data == true => "approved".into(),
        Some(_) => "rejected".into(),
        None => "nobody answered".into(),
    }
}
