use azure_functions::{bindings::DurableOrchestrationContext, durable::OrchestrationOutput, func};
use log::info;

/// Three activities at once; their results keep the order of the calls.
///
/// Output: `["Hello Tokyo!","Hello London!","Hello Seattle!"]`.
#[func]
pub async fn hello_world(context: DurableOrchestrationContext) -> OrchestrationOutput {
    if !context.is_replaying() {
        info!("Orchestration started at {}.", context.current_time());
    }

    let greetings = context
        .join_all(["Tokyo", "London", "Seattle"].map(|city| context.call_activity("say_hello", city)))
        .await;

    if !context.is_replaying() {
        info!("Orchestration completed at {}.", context.current_time());
    }
    greetings
        .into_iter()
        .map(|greeting| greeting.unwrap_or_else(|e| e.to_string().into()))
        .collect()
}
