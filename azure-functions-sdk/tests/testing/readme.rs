use std::time::Duration;

use azure_functions::prelude::*;
use azure_functions_sdk::testing::TestHost;

const THREE_DAYS: Duration = Duration::from_hours(72);

#[func(orchestration)]
pub async fn holiday(context: DurableOrchestrationContext) -> String {
    match context.wait_for_event_with_timeout("granted", THREE_DAYS).await {
        Some(_) => "granted".to_owned(),
        None => "no answer".to_owned(),
    }
}

#[test]
fn three_days_without_an_answer_are_enough() {
    let host = TestHost::new();
    let instance = host.start("holiday", ());
    assert_eq!(instance.output::<String>(), "no answer");
    assert_eq!(host.elapsed(), THREE_DAYS);
}
