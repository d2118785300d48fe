//! Timer for a timeout: asks for a quote, and goes on without it after 30 seconds. The timeout does not stop the activity, whose result is
//! ignored. On the JSON wire the instance stays `Running` until the activity has ended, too.

use std::time::Duration;

use azure_functions::prelude::*;

/// Asks for a quote of the share in the input. Output: whether it came in time.
#[func]
pub async fn try_get_quote(
    context: DurableOrchestrationContext<String>,
) -> Result<OrchestrationOutput<bool>, CallError> {
    let quote = context.call::<get_quote>(context.input());
    match context.timeout(Duration::from_secs(30), quote).await {
        Ok(quote) => {
            // Records of a replay are dropped: this one is in the log once.
            log::info!("The quote is {}.", quote?);
            Ok(true.into())
        }
        Err(_) => {
            log::info!("There is no quote.");
            Ok(false.into())
        }
    }
}

/// Stands for a stock exchange. The price of a share is the length of its name.
#[func]
pub fn get_quote(share: String) -> ActivityOutput<usize> {
    share.len().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_functions_sdk::testing::{TestHost, TestInstance, Wire};

    /// The exchange answers after so long.
    fn ask(host: &TestHost, after: u64) -> TestInstance<'_> {
        host.fake_typed::<get_quote>(|_share| Ok(42))
            .taking(Duration::from_secs(after));
        host.start_typed::<try_get_quote>("ACME".to_owned())
    }

    #[test]
    fn row_114_a_quote_within_30_seconds_is_in_time() {
        let host = TestHost::new();
        let quote = ask(&host, 29);
        assert!(quote.output::<bool>());
        assert_eq!(host.elapsed(), Duration::from_secs(29), "nobody waits for the timer");
        assert_eq!(quote.logs()[0].message, "The quote is 42.");
    }

    #[test]
    fn row_114_a_slow_quote_is_given_up_after_30_seconds() {
        let host = TestHost::new();
        let start = host.now();
        let quote = ask(&host, 60);
        assert!(!quote.output::<bool>());
        let logs = quote.logs();
        assert_eq!(logs[0].message, "There is no quote.");
        assert_eq!((logs[0].time - start).num_seconds(), 30);
        let end = match host.wire() {
            Wire::Json => 60,
            _ => 30,
        };
        assert_eq!(host.elapsed(), Duration::from_secs(end));
    }

    #[test]
    fn a_failure_of_the_exchange_is_no_timeout() {
        let host = TestHost::new();
        host.fake("get_quote", |_: String| ()).failing("it is Sunday");
        assert!(
            host.start_typed::<try_get_quote>("ACME".to_owned())
                .failure()
                .contains("it is Sunday")
        );
    }
}
