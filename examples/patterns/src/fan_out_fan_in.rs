//! Fan-out/fan-in: one activity makes a list of work items, one activity for each item runs at the same time as all others, and
//! the last one takes the sum of their outputs.

use azure_functions::prelude::*;

/// Takes stock of a warehouse with as many shelves as the input says. Output: the pieces on all of them.
#[func]
pub async fn fan_out_fan_in(context: DurableOrchestrationContext<u32>) -> Result<OrchestrationOutput<u64>, CallError> {
    // Get a list of N work items to process in parallel.
    let shelves = context.call::<list_shelves>(context.input()).await?;
    // Returns at the first failure; `join_all` would wait for all.
    let counts = context
        .try_join_all(shelves.into_iter().map(|shelf| context.call::<count_shelf>(shelf)))
        .await?;

    // Aggregate all N outputs and send the result to the last activity.
    let sum: u64 = counts.into_iter().sum();
    context.call::<report>(sum).await?;
    Ok(sum.into())
}

#[func]
pub fn list_shelves(count: u32) -> ActivityOutput<Vec<u32>> {
    (1..=count).collect()
}

/// Counts the pieces on a shelf, which come in dozens.
#[func]
pub fn count_shelf(shelf: u32) -> ActivityOutput<u64> {
    (u64::from(shelf) * 12).into()
}

#[func(activity)]
pub fn report(pieces: u64) {
    log::info!("There are {pieces} pieces in the warehouse.");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use azure_functions_sdk::testing::TestHost;

    #[test]
    fn row_108_a_thousand_shelves_are_counted_in_the_time_of_one() {
        let host = TestHost::new();
        host.fake_typed::<count_shelf>(|shelf| Ok(shelf.into()))
            .taking(Duration::from_hours(1));
        let stock = host.start_typed::<fan_out_fan_in>(1_000);
        assert_eq!(stock.output::<u64>(), 500_500);
        assert_eq!(host.elapsed(), Duration::from_hours(1));
        assert_eq!(host.calls("count_shelf").len(), 1_000);
        assert_eq!(host.calls("report")[0].input_as::<u64>(), 500_500);
    }

    #[test]
    fn an_empty_warehouse_has_nothing_in_it() {
        let host = TestHost::new();
        assert_eq!(host.start_typed::<fan_out_fan_in>(0).output::<u64>(), 0);
    }

    #[test]
    fn nothing_is_reported_if_one_shelf_cannot_be_counted() {
        let host = TestHost::new();
        host.try_fake("count_shelf", |shelf: u32| match shelf {
            7 => Err("too dark"),
            _ => Ok(1),
        });
        assert!(host.start_typed::<fan_out_fan_in>(10).failure().contains("too dark"));
        assert!(host.calls("report").is_empty());
    }
}
