//! The life of a registry: an orchestration whose instance id is the registry's id.

use std::time::Duration;

use azure_functions::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{list::RegistryList, stats::RegistryStats};

const FIVE_MINUTES: Duration = Duration::from_mins(5);

/// The user wants no more items.
#[event("close")]
#[derive(Serialize, Deserialize)]
pub struct Close;

/// Keeps a registry open until its user closes it, or for five minutes. Output: whether the user closed it.
#[func]
pub async fn registry(context: DurableOrchestrationContext) -> Result<OrchestrationOutput<bool>, CallError> {
    // A signal is not waited for. A call, such as `close` below, is.
    context.signal::<RegistryStats>("").new_registry()?;
    let closed_by_user = context.timeout(FIVE_MINUTES, context.wait_for::<Close>()).await.is_ok();
    context.entity::<RegistryList>(context.instance_id()).close().await?;
    Ok(closed_by_user.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_functions_sdk::testing::TestHost;
    use serde_json::{Value, json};

    #[test]
    fn a_registry_closes_by_itself_after_five_minutes() {
        let host = TestHost::new();
        let instance = host.start_typed::<registry>(Value::Null);
        assert!(!instance.output::<bool>());
        assert_eq!(host.elapsed(), FIVE_MINUTES);
    }

    #[test]
    fn its_user_closes_it_at_once() {
        let host = TestHost::new();
        let instance = host.start_typed::<registry>(Value::Null);
        host.advance(FIVE_MINUTES / 2);
        instance.raise(&Close);
        assert!(instance.output::<bool>());
        assert_eq!(host.elapsed(), FIVE_MINUTES / 2, "the timer is not waited for");
    }

    #[test]
    fn a_restart_of_the_host_gives_nobody_more_time() {
        let host = TestHost::new();
        let instance = host.start_typed::<registry>(Value::Null);
        host.advance(FIVE_MINUTES / 2);
        host.restart();
        assert!(!instance.output::<bool>());
        assert_eq!(host.elapsed(), FIVE_MINUTES);
    }

    #[test]
    fn every_registry_is_counted_once() {
        let host = TestHost::new();
        for _ in 0..3 {
            host.start_typed::<registry>(Value::Null);
        }
        host.run_until_idle();
        let stats = host.entity_state("registrystats", "");
        assert_eq!(stats, Some(json!({ "registries": 3, "items": 0 })));
    }
}
