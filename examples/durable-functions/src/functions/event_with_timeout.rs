use std::time::Duration;

use azure_functions::prelude::*;

/// Waits for the event `approval`, for as many milliseconds as the input says (60,000 without one).
///
/// Output: `"approved"` when the event's data is `true`, `"rejected"` when it is anything else, `"nobody answered"` when
/// the time is over. (Events have types, too: see the examples `gift-registry` and `patterns`.)
#[func]
pub async fn event_with_timeout(context: DurableOrchestrationContext<Option<u64>>) -> OrchestrationOutput<String> {
    let timeout = Duration::from_millis(context.input().unwrap_or(60_000));
    context.set_custom_status("waiting for approval");
    match context.wait_for_event_with_timeout("approval", timeout).await {
        // Any JSON.
        Some(data) if data == true => "approved".into(),
        Some(_) => "rejected".into(),
        None => "nobody answered".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_functions_sdk::testing::{TestHost, TestInstance};

    const DAY: Duration = Duration::from_hours(24);

    /// One that waits for three days.
    fn ask(host: &TestHost) -> TestInstance<'_> {
        host.start("event_with_timeout", (3 * DAY).as_millis() as u64)
    }

    #[test]
    fn an_approval_ends_the_waiting_when_it_comes() {
        let host = TestHost::new();
        let instance = ask(&host);
        assert_eq!(instance.custom_status::<String>(), "waiting for approval");
        host.advance(2 * DAY);
        instance.raise_event("approval", true);
        assert_eq!(instance.output::<String>(), "approved");
        assert_eq!(host.elapsed(), 2 * DAY);
    }

    #[test]
    fn any_other_answer_is_a_rejection() {
        let host = TestHost::new();
        for answer in [serde_json::json!(false), "of course".into(), serde_json::Value::Null] {
            let instance = ask(&host);
            instance.raise_event("approval", answer);
            assert_eq!(instance.output::<String>(), "rejected");
        }
    }

    #[test]
    fn nobody_answers_and_that_is_known_after_the_whole_time() {
        let host = TestHost::new();
        let instance = ask(&host);
        assert_eq!(instance.output::<String>(), "nobody answered");
        assert_eq!(host.elapsed(), 3 * DAY);
    }

    #[test]
    fn another_event_is_no_answer() {
        let host = TestHost::new();
        let instance = ask(&host);
        instance.raise_event("applause", true);
        assert_eq!(instance.output::<String>(), "nobody answered");
    }

    #[test]
    fn without_an_input_it_waits_for_a_minute() {
        let host = TestHost::new();
        let instance = host.start("event_with_timeout", ());
        assert_eq!(instance.output::<String>(), "nobody answered");
        assert_eq!(host.elapsed(), Duration::from_mins(1));
    }
}
