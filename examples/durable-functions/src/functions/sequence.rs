use azure_functions::prelude::*;

use super::say_hello::say_hello;

/// One activity after the other.
///
/// Output: `["Hello Tokyo!","Hello London!","Hello Seattle!"]`.
#[func]
pub async fn sequence(context: DurableOrchestrationContext) -> Result<OrchestrationOutput<Vec<String>>, CallError> {
    let mut greetings = Vec::new();
    for city in ["Tokyo", "London", "Seattle"] {
        greetings.push(context.call::<say_hello>(city.into()).await?);
    }
    Ok(greetings.into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use azure_functions_sdk::testing::{TestHost, explore_crashes};

    #[test]
    fn each_city_is_greeted_after_the_one_before() {
        let host = TestHost::new();
        let fake = host.fake("say_hello", |city: String| format!("Hi {city}!"));
        fake.taking(Duration::from_hours(8));
        let (start, instance) = (host.now(), host.start("sequence", ()));
        assert_eq!(
            instance.output::<Vec<String>>(),
            ["Hi Tokyo!", "Hi London!", "Hi Seattle!"]
        );
        let hours: Vec<i64> = instance
            .calls()
            .iter()
            .map(|call| (call.time - start).num_hours())
            .collect();
        assert_eq!(hours, [0, 8, 16]);
    }

    #[test]
    fn a_failure_ends_it_at_once() {
        let host = TestHost::new();
        host.fake("say_hello", |_: String| ()).failing("no answer");
        let instance = host.start("sequence", ());
        assert!(instance.failure().contains("no answer"));
        assert_eq!(instance.calls().len(), 1);
    }

    #[test]
    fn wherever_the_host_dies_the_greetings_are_the_same() {
        let explored = explore_crashes(|host| host.start("sequence", ()).output::<Vec<String>>());
        assert_eq!(explored.output, ["Hello Tokyo!", "Hello London!", "Hello Seattle!"]);
        // A start, then for each city a call and its result, at the least.
        assert!(explored.runs >= 7, "{explored:?}");
    }
}
