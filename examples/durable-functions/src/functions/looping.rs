use azure_functions::prelude::*;
use serde::{Deserialize, Serialize};

use super::fan_out::square;

/// What one execution hands to the next.
#[derive(Serialize, Deserialize)]
pub struct Progress {
    left: u64,
    #[serde(default)]
    sum: u64,
}

/// Counts down, one execution per number: `start_over` is continue-as-new with an input of the right type. A new execution
/// begins with an empty history, so a loop may go on for ever: an eternal orchestration.
///
/// Output for the input `{"left":5}`, and for none: `55`, which is 25 + 16 + 9 + 4 + 1.
#[func]
pub async fn looping(
    context: DurableOrchestrationContext<Option<Progress>>,
) -> Result<OrchestrationOutput<u64>, CallError> {
    let Progress { left, sum } = context.input().unwrap_or(Progress { left: 5, sum: 0 });
    if left == 0 {
        return Ok(sum.into());
    }
    let next = Progress {
        left: left - 1,
        sum: sum + context.call::<square>(left).await?,
    };
    // Events that were not waited for are dropped, not handed on.
    context.start_over(Some(next)).discard_unprocessed_events().await
}

#[cfg(test)]
mod tests {
    use azure_functions_sdk::testing::TestHost;
    use serde_json::json;

    #[test]
    fn five_executions_and_one_sum() {
        let host = TestHost::new();
        assert_eq!(host.start("looping", ()).output::<u64>(), 55);
        assert_eq!(host.start("looping", json!({ "left": 5 })).output::<u64>(), 55);
    }

    #[test]
    fn an_execution_begins_with_what_the_last_one_handed_on_and_an_empty_history() {
        let host = TestHost::new();
        let long = host.start("looping", json!({ "left": 200 }));
        assert_eq!(long.output::<u64>(), 200 * 201 * 401 / 6);
        assert_eq!(long.calls().len(), 200);
        let short = host.start("looping", json!({ "left": 1 }));
        assert_eq!(short.output::<u64>(), 1);
        assert_eq!(long.history().len(), short.history().len());
    }

    #[test]
    fn another_kind_of_input_is_a_failure() {
        let host = TestHost::new();
        let failure = host.start("looping", json!({ "right": 5 })).failure();
        assert!(failure.contains("left"), "{failure}");
    }
}
