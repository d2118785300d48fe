//! Entities in tests.

use azure_functions_durable::EntityId;
use serde::Serialize;
use serde_json::Value;

use super::{
    TestHost,
    host::{json, ok},
};

impl TestHost {
    /// Signals an operation to an entity, as a client would. When this returns, the operation has run, and whatever follows from
    /// it at this moment; unless the entity is locked by an orchestration.
    ///
    /// # Panics
    /// If the app has no entity of this name, name or key break the rules, or the input cannot be JSON.
    #[track_caller]
    pub fn signal_entity(&self, name: &str, key: &str, operation: &str, input: impl Serialize) {
        let (id, operation) = (entity_id(name, key), operation.to_owned());
        let input = json(&input, "the input");
        ok(self.ask(async move |client| client.signal_entity(&id, &operation, input).await));
    }

    /// The state of an entity; `None` if it does not exist.
    ///
    /// # Panics
    /// If name or key break the rules.
    #[must_use]
    #[track_caller]
    pub fn entity_state(&self, name: &str, key: &str) -> Option<Value> {
        let id = entity_id(name, key);
        let read = ok(self.ask(async move |client| client.read_entity_state::<Value>(&id).await));
        read.exists.then(|| read.state.unwrap_or_default())
    }
}

#[track_caller]
fn entity_id(name: &str, key: &str) -> EntityId {
    match EntityId::new(name, key) {
        Ok(id) => id,
        Err(error) => panic!("{error}"),
    }
}
