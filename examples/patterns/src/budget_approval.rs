//! Waiting for an event that comes from a queue: a budget waits until it is approved or denied. A message in `approval-queue`
//! with the id of a waiting instance approves it.

use azure_functions::{bindings::QueueTrigger, durable::OrchestrationClientError, prelude::*};
use serde::{Deserialize, Serialize};

/// Whether the budget is approved.
#[event("Approval")]
#[derive(Serialize, Deserialize)]
pub struct Approval(bool);

/// Waits for an approval, without a limit. Output: what to do.
#[func]
pub async fn budget_approval(context: DurableOrchestrationContext) -> Result<OrchestrationOutput<String>, CallError> {
    let Approval(approved) = context.wait_for::<Approval>().await?;
    if approved {
        Ok("spend it".into())
    } else {
        Ok("save it".into())
    }
}

/// Approves the budget whose instance id is in the queue.
#[func]
pub async fn approval_queue_processor(
    #[binding(queue_name = "approval-queue")] instance_id: QueueTrigger<String>,
    client: DurableOrchestrationClient,
) -> Result<(), OrchestrationClientError> {
    client.raise(&instance_id.message, &Approval(true)).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_functions_sdk::testing::TestHost;
    use serde_json::Value;

    #[test]
    fn row_115_a_message_with_its_id_approves_a_budget() {
        let host = TestHost::new();
        let budget = host.start_typed::<budget_approval>(Value::Null);
        host.fire("approval_queue_processor").data(budget.id()).run().unwrap();
        assert_eq!(budget.output::<String>(), "spend it");
    }

    /// The same function, called: its parameters are public.
    #[test]
    fn a_message_for_nobody_fails_and_so_does_not_count_as_handled() {
        let host = TestHost::new();
        let message = QueueTrigger::new("nobody".to_owned());
        let result = host.block_on(approval_queue_processor(message, host.client().into()));
        assert!(
            matches!(result, Err(OrchestrationClientError::NotFound { .. })),
            "{result:?}"
        );
    }

    #[test]
    fn a_budget_can_be_denied_too() {
        let host = TestHost::new();
        let budget = host.start_typed::<budget_approval>(Value::Null);
        budget.raise(&Approval(false));
        assert_eq!(budget.output::<String>(), "save it");
    }
}
