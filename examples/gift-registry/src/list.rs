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
    /// Adds an item and has it counted, unless the list is closed. The web API checks that, too, but the registry may have closed
    /// since. Operations run one after the other, so this check is the one that counts.
    fn add_item(&mut self, item: String, context: &DurableEntityContext) -> Result<(), Box<dyn Error + Send + Sync>> {
        if self.closed {
            return Err("this registry is closed".into());
        }
        self.items.push(item);
        // A signal, which is sent when this operation has succeeded.
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
    use azure_functions_sdk::testing::TestHost;
    use serde_json::json;

    #[test]
    fn a_closed_list_refuses_items_and_has_none_counted() {
        let host = TestHost::new();
        let list = host.client().entity::<RegistryList>("mine");
        host.block_on(async {
            list.add_item("socks".to_owned()).await?;
            list.close().await?;
            list.add_item("too late".to_owned()).await
        })
        .unwrap();
        host.run_until_idle();
        let state = host.entity_state("registrylist", "mine");
        assert_eq!(state, Some(json!({ "items": ["socks"], "closed": true })));
        let stats = host.entity_state("registrystats", "");
        assert_eq!(stats, Some(json!({ "registries": 0, "items": 1 })));
    }
}
