use azure_functions::{
    bindings::DurableOrchestrationContext,
    durable::{CallError, OrchestrationOutput},
    func,
};
use serde_json::{Value, json};

/// An orchestration made of others, two of which run at once.
///
/// Output: `{"greetings":["Hello Tokyo!","Hello London!","Hello Seattle!"],"sum":385}`.
#[func]
pub async fn sub_orchestration(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    let (greetings, sum) = context
        .try_join((
            context.call_sub_orchestrator("sequence", None, Value::Null),
            context.call_sub_orchestrator("fan_out", None, 10),
        ))
        .await?;
    Ok(json!({ "greetings": greetings, "sum": sum }).into())
}
