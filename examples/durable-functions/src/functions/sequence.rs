use azure_functions::{
    bindings::DurableOrchestrationContext,
    durable::{CallError, OrchestrationOutput},
    func,
};

/// One activity after the other.
///
/// Output: `["Hello Tokyo!","Hello London!","Hello Seattle!"]`.
#[func]
pub async fn sequence(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    let mut greetings = Vec::new();
    for city in ["Tokyo", "London", "Seattle"] {
        greetings.push(context.call_activity("say_hello", city).await?);
    }
    Ok(greetings.into())
}
