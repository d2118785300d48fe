use std::time::Duration;

use azure_functions::prelude::*;

/// Sleeps for as many milliseconds as the input says (1,000 without one). Meanwhile nothing has to run, not even the host.
///
/// Output: `"Slept for 1000 ms."`, or the number asked for.
#[func]
pub async fn timer(context: DurableOrchestrationContext<Option<u64>>) -> OrchestrationOutput<String> {
    let milliseconds = context.input().unwrap_or(1_000);
    context.create_timer_after(Duration::from_millis(milliseconds)).await;
    format!("Slept for {milliseconds} ms.").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_functions_sdk::testing::TestHost;

    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn it_sleeps_for_a_second_if_nobody_says_otherwise() {
        let (host, second) = (TestHost::new(), Duration::from_secs(1));
        assert_eq!(host.start("timer", ()).output::<String>(), "Slept for 1000 ms.");
        assert_eq!(host.elapsed(), second);
    }

    #[test]
    fn a_hundred_days_are_neither_a_millisecond_too_short_nor_too_long() {
        let (host, sleep) = (TestHost::new(), 100 * DAY);
        let instance = host.start("timer", sleep.as_millis() as u64);
        host.advance(sleep - Duration::from_millis(1));
        assert!(!instance.runtime_status().is_terminal());
        host.advance(Duration::from_millis(1));
        assert!(instance.runtime_status().is_terminal());
        assert_eq!(instance.output::<String>(), "Slept for 8640000000 ms.");
    }

    #[test]
    fn it_sleeps_on_when_the_host_restarts() {
        let host = TestHost::new();
        let instance = host.start("timer", (3 * DAY).as_millis() as u64);
        host.advance(DAY);
        host.restart();
        assert_eq!(instance.output::<String>(), "Slept for 259200000 ms.");
        assert_eq!(host.elapsed(), 3 * DAY);
    }
}
