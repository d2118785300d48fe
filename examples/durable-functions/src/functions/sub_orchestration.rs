use azure_functions::prelude::*;
use serde_json::{Value, json};

use super::{fan_out::fan_out, sequence::sequence};

/// An orchestration made of others, two of which run at once.
///
/// Output: `{"greetings":["Hello Tokyo!","Hello London!","Hello Seattle!"],"sum":385}`.
#[func]
pub async fn sub_orchestration(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    let (greetings, sum) = context
        .try_join((
            context.call_sub::<sequence>(Value::Null),
            context.call_sub::<fan_out>(Some(10)),
        ))
        .await?;
    Ok(json!({ "greetings": greetings, "sum": sum }).into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use azure_functions_sdk::testing::TestHost;
    use serde_json::{Value, json};

    #[test]
    fn two_orchestrations_are_steps_of_a_third() {
        let host = TestHost::new();
        let instance = host.start("sub_orchestration", ());
        assert_eq!(
            instance.output::<Value>(),
            json!({ "greetings": ["Hello Tokyo!", "Hello London!", "Hello Seattle!"], "sum": 385 })
        );
        let names: Vec<String> = host.instances().into_iter().map(|status| status.name).collect();
        assert_eq!(names, ["sub_orchestration", "sequence", "fan_out"]);
    }

    #[test]
    fn they_run_at_once() {
        let host = TestHost::new();
        host.fake("say_hello", |_: String| "Hi!")
            .taking(Duration::from_hours(2));
        host.fake("square", |_: u64| 1).taking(Duration::from_hours(5));
        let instance = host.start("sub_orchestration", ());
        assert_eq!(instance.output::<Value>()["sum"], 10);
        assert_eq!(
            host.elapsed(),
            Duration::from_hours(6),
            "as long as three greetings take"
        );
    }

    #[test]
    fn it_fails_with_the_first_of_them() {
        let host = TestHost::new();
        host.fake("square", |_: u64| ()).failing("no numbers today");
        assert!(
            host.start("sub_orchestration", ())
                .failure()
                .contains("no numbers today")
        );
    }
}
