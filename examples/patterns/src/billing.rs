//! Timer for a delay: a bill every day, for ten days. Between two bills nothing has to run, not even the host.

use std::time::Duration;

use azure_functions::prelude::*;

const DAY: Duration = Duration::from_hours(24);

/// Sends bills to the customer in the input.
#[func]
pub async fn billing_issuer(context: DurableOrchestrationContext<String>) -> Result<(), CallError> {
    for _ in 0..10 {
        context.create_timer_after(DAY).await;
        context.call::<send_billing_event>(context.input()).await?;
    }
    Ok(())
}

#[func(activity)]
pub fn send_billing_event(customer: String) {
    log::info!("A bill goes to {customer}.");
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_functions_sdk::testing::TestHost;

    #[test]
    fn row_113_ten_bills_are_sent_a_day_apart() {
        let host = TestHost::new();
        let (start, issuer) = (host.now(), host.start_typed::<billing_issuer>("ada".to_owned()));
        issuer.wait();
        let bills = host.calls("send_billing_event");
        let hours: Vec<_> = bills.iter().map(|bill| (bill.time - start).num_hours()).collect();
        assert_eq!(hours, [24, 48, 72, 96, 120, 144, 168, 192, 216, 240]);
        assert!(bills.iter().all(|bill| bill.input == "ada"));
    }

    #[test]
    fn a_restart_neither_forgets_a_bill_nor_sends_one_twice() {
        let host = TestHost::new();
        let issuer = host.start_typed::<billing_issuer>("ada".to_owned());
        for _ in 0..9 {
            host.advance(DAY);
            host.restart();
        }
        issuer.wait();
        assert_eq!(host.calls("send_billing_event").len(), 10);
        assert_eq!(host.elapsed(), 10 * DAY);
    }
}
