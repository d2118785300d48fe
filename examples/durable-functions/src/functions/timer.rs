use std::time::Duration;

use azure_functions::{bindings::DurableOrchestrationContext, durable::OrchestrationOutput, func};

/// Sleeps for as many milliseconds as the input says (1,000, if it says nothing); nothing runs meanwhile, not even a process.
///
/// Output: `"Slept for 1000 ms."`, or the number asked for.
#[func]
pub async fn timer(context: DurableOrchestrationContext) -> OrchestrationOutput {
    let milliseconds = context.input().as_u64().unwrap_or(1_000);
    let started = context.current_time();
    context.create_timer_after(Duration::from_millis(milliseconds)).await;
    let slept = context.current_time() - started;
    if slept.num_milliseconds().unsigned_abs() < milliseconds {
        return format!("Woken after {} ms.", slept.num_milliseconds()).into();
    }
    format!("Slept for {milliseconds} ms.").into()
}
