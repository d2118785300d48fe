//! The list of one registry: an entity whose key is the registry's id.

use std::error::Error;

use azure_functions::prelude::*;
use serde::{Deserialize, Serialize};

use crate::stats::RegistryStats;

/// The items, and whether more can come.
#[derive(Default, Serialize, Deserialize)]
pub struct RegistryList {
    pub items: Vec<String>,
    closed: bool,
}

#[entity]
impl RegistryList {
    /// Adds an item and has it counted, unless the list is closed: nobody can be later than the list itself.
    fn add_item(&mut self, item: String, context: &DurableEntityContext) -> Result<(), Box<dyn Error + Send + Sync>> {
        if self.closed {
            return Err("this registry is closed".into());
        }
        self.items.push(item);
        context.entity::<RegistryStats>("").new_item()?;
        Ok(())
    }

    fn close(&mut self) {
        self.closed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_functions::bindings::DurableOrchestrationClient;
    use azure_functions_sdk::testing::TestHost;

    #[test]
    fn a_closed_list_refuses_items_and_has_none_counted() {
        let host = TestHost::new();
        let client: DurableOrchestrationClient = host.client().into();
        host.block_on(async {
            let list = client.entity::<RegistryList>("mine");
            list.add_item("socks".to_owned()).await?;
            list.close().await?;
            list.add_item("too late".to_owned()).await
        })
        .unwrap();
        host.run_until_idle();

        let (list, stats) = host.block_on(async {
            let list = client
                .read_entity_state(&RegistryList::entity_id("mine").unwrap())
                .await;
            let stats = client.read_entity_state(&RegistryStats::entity_id("").unwrap()).await;
            (list.unwrap().state, stats.unwrap().state)
        });
        let (list, stats): (RegistryList, RegistryStats) = (list.unwrap(), stats.unwrap());
        assert_eq!((list.items, stats.items), (vec!["socks".to_owned()], 1));
    }
}
