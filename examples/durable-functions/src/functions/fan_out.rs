use azure_functions::prelude::*;

/// Runs as many activities at once as the input says (10 without one), and adds up their results.
///
/// Output for the input `10`: `385`, which is 1 + 4 + 9 + … + 100.
#[func]
pub async fn fan_out(context: DurableOrchestrationContext<Option<u64>>) -> Result<OrchestrationOutput<u64>, CallError> {
    let count = context.input().unwrap_or(10);
    let squares = context
        .try_join_all((1..=count).map(|number| context.call::<square>(number)))
        .await?;
    Ok(squares.into_iter().sum::<u64>().into())
}

/// The square of its input.
#[func]
pub fn square(number: u64) -> Result<ActivityOutput<u64>, String> {
    match number.checked_mul(number) {
        Some(square) => Ok(square.into()),
        None => Err(format!("{number} is too large")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use azure_functions_sdk::testing::TestHost;

    #[test]
    fn a_thousand_calls_take_as_long_as_one_and_make_one_sum() {
        let host = TestHost::new();
        let fake = host.fake("square", |number: u64| number * number);
        fake.taking(Duration::from_hours(1));
        let instance = host.start("fan_out", 1_000);
        assert_eq!(instance.output::<u64>(), 1_000 * 1_001 * 2_001 / 6);
        assert_eq!(instance.calls().len(), 1_000);
        assert_eq!(host.elapsed(), Duration::from_hours(1));
    }

    #[test]
    fn without_an_input_there_are_ten() {
        assert_eq!(TestHost::new().start("fan_out", ()).output::<u64>(), 385);
    }

    #[test]
    fn one_failure_fails_the_whole() {
        let host = TestHost::new();
        host.try_fake("square", |number: u64| match number {
            7 => Err("seven is too much"),
            other => Ok(other * other),
        });
        assert!(host.start("fan_out", 10).failure().contains("seven is too much"));
    }

    #[test]
    fn square_refuses_what_it_cannot_square() {
        let host = TestHost::new();
        assert_eq!(host.run_activity("square", 12), Ok(144.into()));
        assert!(
            host.run_activity("square", "twelve")
                .unwrap_err()
                .contains("expected u64")
        );
        assert!(host.run_activity("square", u64::MAX).unwrap_err().contains("too large"));
    }
}
