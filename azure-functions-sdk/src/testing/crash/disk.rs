//! The disk of a world whose process ends: what was written is there for the next one.

use std::sync::Arc;

use super::store::{CrashStore, Journal, Wrap};
use crate::{
    durable::{StoreError, store::Store},
    testing::disk::Disk,
};

/// Opens what one process after another keeps its state in.
pub(super) type Open = Box<dyn Fn() -> Result<Arc<dyn Store>, StoreError> + Send>;

/// See the module.
pub(super) struct CrashDisk {
    open: Open,
    wrap: Option<Wrap>,
    journal: Arc<Journal>,
    store: Arc<dyn Store>,
}

impl CrashDisk {
    pub(super) fn open(open: Open, journal: Arc<Journal>, wrap: Option<Wrap>) -> Result<Self, StoreError> {
        let store = of_one_process(&open, &journal, wrap)?;
        Ok(Self {
            open,
            wrap,
            journal,
            store,
        })
    }
}

fn of_one_process(open: &Open, journal: &Arc<Journal>, wrap: Option<Wrap>) -> Result<Arc<dyn Store>, StoreError> {
    let store: Arc<dyn Store> = Arc::new(CrashStore {
        store: open()?,
        journal: Arc::clone(journal),
    });
    Ok(wrap.map_or(store.clone(), |wrap| wrap(store)))
}

impl Disk for CrashDisk {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        self.store.close();
        self.store = of_one_process(&self.open, &self.journal, self.wrap)?;
        self.journal.up();
        Ok(())
    }

    fn crashed(&self) -> bool {
        self.journal.is_down()
    }
}

/// An SQLite file in a folder that goes with it.
#[cfg(feature = "sqlite")]
pub(super) fn in_file() -> Result<Open, String> {
    use crate::durable::{Durability, store::sqlite::SqliteStore};

    let folder = tempfile::Builder::new().prefix("azure-functions-test-").tempdir();
    let folder = folder.map_err(|error| format!("there is no temporary folder for the task hub: {error}"))?;
    Ok(Box::new(move || {
        let store = SqliteStore::open(&folder.path().join("hub.db"), Durability::Process)?;
        Ok(Arc::new(store))
    }))
}
