//! The numbers over all registries: one entity, with the empty key.

use azure_functions::prelude::*;
use serde::{Deserialize, Serialize};

/// How many registries were opened, and how many items are in their lists.
#[derive(Default, Serialize, Deserialize)]
pub struct RegistryStats {
    pub registries: u32,
    pub items: u32,
}

#[entity]
impl RegistryStats {
    fn new_registry(&mut self) {
        self.registries += 1;
    }

    fn new_item(&mut self) {
        self.items += 1;
    }
}
