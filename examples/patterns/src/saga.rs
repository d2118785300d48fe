//! Saga: a trip is a flight, a hotel, and a payment. If a step fails, the steps before it are undone, the newest first, so that
//! no trip is booked in part.

use azure_functions::{
    durable::patterns::{SagaError, saga},
    prelude::*,
};

/// Books a trip to the place in the input. Output: the receipt.
#[func]
pub async fn book_trip(
    context: DurableOrchestrationContext<String>,
) -> Result<OrchestrationOutput<String>, SagaError<CallError>> {
    saga(async |trip| {
        let flight = context.call::<book_flight>(context.input()).await?;
        trip.on_failure(|| context.call::<cancel>(flight));
        let hotel = context.call::<book_hotel>(context.input()).await?;
        trip.on_failure(|| context.call::<cancel>(hotel));
        Ok(context.call::<pay>(context.input()).await?.into())
    })
    .await
}

#[func]
pub fn book_flight(place: String) -> ActivityOutput<String> {
    format!("flight to {place}").into()
}

#[func]
pub fn book_hotel(place: String) -> ActivityOutput<String> {
    format!("hotel in {place}").into()
}

/// Pays for a trip, unless it is too far.
#[func]
pub fn pay(place: String) -> Result<ActivityOutput<String>, String> {
    if place == "Mars" {
        return Err(format!("nobody has the money for {place}"));
    }
    Ok(format!("paid: a trip to {place}").into())
}

#[func(activity)]
pub fn cancel(booking: String) {
    log::info!("Cancelled: {booking}.");
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_functions_sdk::testing::{TestHost, TestInstance, explore_crashes};

    fn book<'a>(host: &'a TestHost, place: &str) -> TestInstance<'a> {
        host.start_typed::<book_trip>(place.to_owned())
    }

    fn cancelled(host: &TestHost) -> Vec<String> {
        host.calls("cancel").iter().map(|call| call.input_as()).collect()
    }

    #[test]
    fn a_trip_that_succeeds_is_not_undone() {
        let host = TestHost::new();
        assert_eq!(book(&host, "Rome").output::<String>(), "paid: a trip to Rome");
        assert!(cancelled(&host).is_empty());
    }

    #[test]
    fn what_was_booked_is_cancelled_in_reverse_order() {
        let host = TestHost::new();
        assert!(book(&host, "Mars").failure().contains("nobody has the money for Mars"));
        assert_eq!(cancelled(&host), ["hotel in Mars", "flight to Mars"]);
    }

    #[test]
    fn what_was_not_booked_is_not_cancelled() {
        let host = TestHost::new();
        host.fake("book_hotel", |_: String| ()).failing("no room");
        assert!(book(&host, "Rome").failure().contains("no room"));
        assert_eq!(cancelled(&host), ["flight to Rome"]);
    }

    #[test]
    fn what_cannot_be_cancelled_is_told_and_does_not_keep_the_rest() {
        let host = TestHost::new();
        host.try_fake("cancel", |booking: String| match booking.as_str() {
            "hotel in Mars" => Err("no refunds"),
            _ => Ok(()),
        });
        let failure = book(&host, "Mars").failure();
        assert!(
            failure.contains("not undone: ") && failure.contains("no refunds"),
            "{failure}"
        );
        assert_eq!(cancelled(&host), ["hotel in Mars", "flight to Mars"]);
    }

    #[test]
    fn a_rewind_cancels_nothing_twice() {
        let host = TestHost::new();
        let trip = book(&host, "Mars");
        let _ = trip.failure();
        host.fake("pay", |_: String| "paid after all");
        trip.rewind("there is money now");
        assert!(
            trip.failure().contains("nobody has the money for Mars"),
            "its bookings are gone"
        );
        assert_eq!(cancelled(&host).len(), 2);
    }

    #[test]
    fn wherever_the_host_dies_both_bookings_are_cancelled() {
        let explored = explore_crashes(|host| {
            let failure = book(host, "Mars").failure();
            let mut cancelled = cancelled(host);
            // An activity may run again after a crash.
            cancelled.dedup();
            (failure, cancelled)
        });
        assert_eq!(explored.output.1, ["hotel in Mars", "flight to Mars"]);
    }
}
