use azure_functions::{bindings::DurableOrchestrationContext, durable::OrchestrationOutput, func};
use chrono::Duration;

/// Sleeps for as many milliseconds as the input says (1,000, if it says nothing); nothing runs meanwhile, not even a process.
///
/// Output: `"Slept for 1000 ms."`, or the number asked for.
#[func]
pub async fn timer(context: DurableOrchestrationContext) -> OrchestrationOutput {
    let milliseconds = context.input().as_u64().unwrap_or(1_000).min(86_400_000);
    let until = context.current_time() + Duration::milliseconds(milliseconds as i64);
    context.create_timer(until).await;
    if context.current_time() < until {
        return "Woken too early.".into();
    }
    format!("Slept for {milliseconds} ms.").into()
}
