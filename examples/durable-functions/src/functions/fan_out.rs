use std::error::Error;

use azure_functions::{
    bindings::{DurableActivityContext, DurableOrchestrationContext},
    durable::{ActivityOutput, CallError, OrchestrationOutput},
    func,
};

/// As many activities at once as the input says (10, if it says nothing), and one sum of their results.
///
/// Output for the input `10`: `385`, which is 1 + 4 + 9 + … + 100.
#[func]
pub async fn fan_out(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    let count = context.input().as_u64().unwrap_or(10);
    let squares = context
        .try_join_all((1..=count).map(|number| context.call_activity("square", number)))
        .await?;
    let sum: u64 = squares.iter().filter_map(serde_json::Value::as_u64).sum();
    Ok(sum.into())
}

/// The square of its input.
#[func]
pub fn square(context: DurableActivityContext) -> Result<ActivityOutput, Box<dyn Error + Send + Sync>> {
    let number = context.input().as_u64().ok_or("`square` takes a whole number")?;
    let square = number
        .checked_mul(number)
        .ok_or_else(|| format!("{number} is too large"))?;
    Ok(square.into())
}
