//! Human interaction: asks a person for approval and waits 72 hours for the answer, an external event. Without an answer, the
//! request is escalated.

use std::time::Duration;

use azure_functions::prelude::*;
use serde::{Deserialize, Serialize};

/// The answer, `true` or `false` as JSON: whether it is approved.
#[event("ApprovalEvent")]
#[derive(Serialize, Deserialize)]
pub struct ApprovalEvent(bool);

/// Asks for approval of the request in the input. Output: the outcome.
#[func]
pub async fn approval_workflow(
    context: DurableOrchestrationContext<String>,
) -> Result<OrchestrationOutput<String>, CallError> {
    context.call::<request_approval>(context.input()).await?;
    let approval = context.timeout(Duration::from_hours(72), context.wait_for::<ApprovalEvent>());
    let outcome = match approval.await {
        Ok(event) => context.call::<process_approval>(event?.0).await?,
        Err(_) => context.call::<escalate>(context.input()).await?,
    };
    Ok(outcome.into())
}

#[func(activity)]
pub fn request_approval(wish: String) {
    log::info!("Please say within 72 hours whether this may be: {wish}");
}

#[func]
pub fn process_approval(approved: bool) -> ActivityOutput<String> {
    if approved { "approved" } else { "refused" }.into()
}

#[func]
pub fn escalate(wish: String) -> ActivityOutput<String> {
    format!("the boss decides about {wish}").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_functions_sdk::testing::{TestHost, TestInstance};

    const DAY: Duration = Duration::from_hours(24);

    fn ask(host: &TestHost) -> TestInstance<'_> {
        host.start_typed::<approval_workflow>("a day off".to_owned())
    }

    #[test]
    fn row_111_what_is_approved_is_processed_at_once() {
        let host = TestHost::new();
        let workflow = ask(&host);
        assert_eq!(host.calls("request_approval").len(), 1);
        host.advance(2 * DAY);
        workflow.raise(&ApprovalEvent(true));
        assert_eq!(workflow.output::<String>(), "approved");
        assert_eq!(host.elapsed(), 2 * DAY, "nobody waits for the timer");
        assert!(host.calls("escalate").is_empty());
    }

    #[test]
    fn row_111_silence_of_72_hours_is_escalated() {
        let host = TestHost::new();
        assert_eq!(ask(&host).output::<String>(), "the boss decides about a day off");
        assert_eq!(host.elapsed(), 3 * DAY);
        assert!(host.calls("process_approval").is_empty());
    }

    #[test]
    fn a_refusal_is_an_answer_too() {
        let host = TestHost::new();
        let workflow = ask(&host);
        workflow.raise(&ApprovalEvent(false));
        assert_eq!(workflow.output::<String>(), "refused");
    }

    #[test]
    fn an_answer_that_is_none_fails_the_workflow_and_says_why() {
        let host = TestHost::new();
        let workflow = ask(&host);
        workflow.raise_event("ApprovalEvent", "perhaps");
        assert!(
            workflow.failure().contains("the payload of event 'ApprovalEvent'"),
            "{}",
            workflow.failure()
        );
    }
}
