//! What a world's task hub keeps its state in, and what happens to it when the hub ends.

use std::sync::Arc;

use crate::durable::{
    StoreError,
    store::{InstanceRow, Store, memory::MemoryStore},
};

/// Survives the hub.
pub(super) trait Disk: Send {
    /// The store for the next hub.
    fn store(&self) -> Arc<dyn Store>;

    /// Makes the store ready for another hub.
    fn reopen(&mut self) -> Result<(), StoreError>;

    /// Whether the hub shall end here.
    fn crashed(&self) -> bool {
        false
    }

    /// An instance, as it is stored.
    fn find(&self, id: &str) -> Result<Option<InstanceRow>, StoreError> {
        self.store().find(id)
    }
}

/// Memory.
#[derive(Debug, Default)]
pub(super) struct Memory(Arc<MemoryStore>);

impl Disk for Memory {
    fn store(&self) -> Arc<dyn Store> {
        self.0.clone()
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}
