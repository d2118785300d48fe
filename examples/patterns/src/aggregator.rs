//! Aggregator: one entity for each place adds up the readings of many sensors, in any order. Clients and orchestrations read the
//! result from it.

use azure_functions::prelude::*;
use serde::{Deserialize, Serialize};

/// The readings of a place, which is the entity's key.
#[derive(Default, Serialize, Deserialize)]
pub struct Readings {
    count: u64,
    sum: f64,
}

#[entity]
impl Readings {
    fn add(&mut self, reading: f64) {
        self.count += 1;
        self.sum += reading;
    }

    fn reset(&mut self) {
        *self = Self::default();
    }

    /// The mean of the readings, if there are any.
    fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

/// The mean of the readings of the place in the input. Output: a number, or `null`.
#[func]
pub async fn mean_reading(
    context: DurableOrchestrationContext<String>,
) -> Result<OrchestrationOutput<Option<f64>>, CallError> {
    Ok(context.entity::<Readings>(context.input()).mean().await?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_functions_sdk::testing::TestHost;
    use futures_util::future::join_all;
    use serde_json::json;

    fn mean(host: &TestHost, place: &str) -> Option<f64> {
        host.start_typed::<mean_reading>(place.to_owned()).output()
    }

    #[test]
    fn row_112_a_thousand_signals_at_once_all_count() {
        let host = TestHost::new();
        let cellar = host.client().entity::<Readings>("cellar");
        let sent = host.block_on(join_all((1..=1_000).map(|reading| cellar.add(f64::from(reading)))));
        assert!(sent.iter().all(Result::is_ok));
        host.run_until_idle();
        assert_eq!(
            host.entity_state("readings", "cellar"),
            Some(json!({ "count": 1_000, "sum": 500_500.0 }))
        );
        assert_eq!(mean(&host, "cellar"), Some(500.5));
    }

    #[test]
    fn places_do_not_mix() {
        let host = TestHost::new();
        host.signal_entity("readings", "cellar", "add", 12.5);
        host.signal_entity("readings", "attic", "add", 30);
        assert_eq!((mean(&host, "cellar"), mean(&host, "attic")), (Some(12.5), Some(30.0)));
    }

    #[test]
    fn without_readings_there_is_no_mean() {
        let host = TestHost::new();
        assert_eq!(mean(&host, "cellar"), None);
        host.signal_entity("readings", "cellar", "add", 12.5);
        host.signal_entity("readings", "cellar", "reset", ());
        assert_eq!(mean(&host, "cellar"), None);
    }
}
