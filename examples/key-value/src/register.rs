//! Where a value is kept: an entity, whose key is that of the database.

use azure_functions::prelude::*;
use serde::{Deserialize, Serialize};

/// A value, once there is one.
#[derive(Default, Serialize, Deserialize)]
pub struct Register(Option<String>);

#[entity]
impl Register {
    fn set(&mut self, value: String) -> String {
        self.0 = Some(value.clone());
        value
    }

    fn get(&self) -> Option<String> {
        self.0.clone()
    }
}
