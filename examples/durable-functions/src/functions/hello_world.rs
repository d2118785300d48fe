use azure_functions::prelude::*;
use log::info;

use super::say_hello::say_hello;

/// Three activities at once. Their results keep the order of the calls; an activity that fails has its error in its place.
///
/// Output: `["Hello Tokyo!","Hello London!","Hello Seattle!"]`.
#[func]
pub async fn hello_world(context: DurableOrchestrationContext) -> OrchestrationOutput<Vec<String>> {
    // Records of a replay are dropped: `if !context.is_replaying()` is not needed.
    info!("Orchestration started at {}.", context.current_time());

    let greetings = context
        .join_all(["Tokyo", "London", "Seattle"].map(|city| context.call::<say_hello>(city.into())))
        .await;

    info!("Orchestration completed at {}.", context.current_time());
    greetings
        .into_iter()
        .map(|greeting| greeting.unwrap_or_else(|e| e.to_string()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use azure_functions_sdk::testing::TestHost;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn row_120_greetings_come_in_the_order_of_the_calls() {
        let host = TestHost::new();
        let instance = host.start("hello_world", ());
        assert_eq!(
            instance.output::<Vec<String>>(),
            ["Hello Tokyo!", "Hello London!", "Hello Seattle!"]
        );
    }

    #[test]
    fn all_are_greeted_at_once_and_a_failure_stands_in_its_place() {
        let host = TestHost::new();
        let fake = host.try_fake("say_hello", |city: String| match &*city {
            "London" => Err("no answer"),
            city => Ok(format!("Hi {city}!")),
        });
        fake.taking(HOUR);
        let greetings: Vec<String> = host.start("hello_world", ()).output();
        assert_eq!((&*greetings[0], &*greetings[2]), ("Hi Tokyo!", "Hi Seattle!"));
        assert!(greetings[1].contains("no answer"), "{}", greetings[1]);
        assert_eq!(
            host.elapsed(),
            HOUR,
            "three calls, one after the other, would take three hours"
        );
    }

    #[test]
    fn start_and_end_are_logged_once_each_however_often_the_code_was_replayed() {
        let host = TestHost::new();
        let instance = host.start("hello_world", ());
        let said: Vec<String> = instance.logs().into_iter().map(|record| record.message).collect();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].starts_with("Orchestration started at 2026-01-01"), "{said:?}");
        assert!(said[1].starts_with("Orchestration completed at 2026-01-01"), "{said:?}");
    }
}
