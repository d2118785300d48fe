//! Where a task hub keeps its state: one trait, so that tests and the test host can keep it elsewhere than on disk.
//!
//! A store knows rows, not semantics: the engine decides what an episode changes, the hub turns that into one
//! [`Commit`], and the store makes a batch of commits durable in one step. Only `sqlite` says SQL.

#[cfg(all(test, feature = "sqlite", feature = "testing"))]
mod agreement;
pub(crate) mod commit;
mod durability;
#[cfg(feature = "sqlite")]
mod identity;
#[cfg(feature = "sqlite")]
mod lock;
#[cfg(feature = "testing")]
pub(crate) mod memory;
pub(crate) mod query;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
pub(crate) mod writer;

use std::{error::Error, fmt, path::PathBuf};

pub(crate) use commit::{
    ActivityRow, Commit, EntityInboxRow, EntityRow, EntityTimerRow, InboxRow, InstanceKey, InstanceRow, InstanceState,
    Micros, Owner, RowId, TimerRow,
};
pub use durability::{Durability, UnknownDurability};
pub(crate) use query::{DamagedRow, EntityPage, EntityQuery, InstanceQuery, Page};

/// Keeps a task hub's rows.
///
/// All methods block; `write` is called from one thread only, the others from any number at a time, and they see
/// whatever has been written before they were called.
pub(crate) trait Store: Send + Sync + 'static {
    /// Everything unfinished, for a hub that starts.
    fn recover(&self) -> Result<Recovery, StoreError>;

    /// Makes all the commits durable, or none.
    fn write(&self, batch: &[Commit]) -> Result<(), StoreError>;

    /// Work that can wait for a quiet moment, such as giving space back to the file system.
    fn tidy(&self) {}

    /// Looks an instance up by its id.
    fn find(&self, id: &str) -> Result<Option<InstanceRow>, StoreError>;

    /// What can be read of the row of an instance that `find` refuses with [`StoreError::Damaged`].
    fn damaged(&self, _id: &str) -> Result<Option<DamagedRow>, StoreError> {
        Ok(None)
    }

    /// The history of an instance: one encoded text per episode, oldest first.
    fn history(&self, key: InstanceKey) -> Result<Vec<String>, StoreError>;

    /// The last text of a history.
    fn last_turn(&self, key: InstanceKey) -> Result<Option<String>, StoreError>;

    /// The history without the rows that cannot be read.
    fn readable_history(&self, key: InstanceKey) -> Result<Vec<String>, StoreError> {
        self.history(key)
    }

    /// One page of instances, in order of creation.
    fn list(&self, query: &InstanceQuery) -> Result<Page, StoreError>;

    /// Looks an entity up by its id.
    fn entity(&self, id: &str) -> Result<Option<EntityRow>, StoreError>;

    /// One page of entities that exist, in the order of their ids.
    fn entities(&self, query: &EntityQuery) -> Result<EntityPage, StoreError>;

    /// Lets another host have the hub; later writes fail with [`StoreError::Closed`].
    fn close(&self);
}

/// What a hub needs to go on after a restart.
#[derive(Debug, Default)]
pub(crate) struct Recovery {
    /// Instances that are not in a terminal state; `input` is left out.
    pub(crate) instances: Vec<InstanceRow>,
    /// In order of arrival.
    pub(crate) inbox: Vec<InboxRow>,
    pub(crate) timers: Vec<TimerRow>,
    pub(crate) activities: Vec<ActivityRow>,
    /// Entities that are locked.
    pub(crate) locked: Vec<EntityRow>,
    /// In order of arrival.
    pub(crate) entity_inbox: Vec<EntityInboxRow>,
    pub(crate) entity_timers: Vec<EntityTimerRow>,
    /// Rows that cannot be read. They stay in the store.
    pub(crate) unreadable: Vec<UnreadableRow>,
    /// The first row number that no table uses.
    pub(crate) next_row: RowId,
}

/// A row that cannot be read when a hub opens: it stays in the store and takes part in nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnreadableRow {
    pub(crate) table: &'static str,
    /// Its number, or the id of an entity.
    pub(crate) row: String,
    /// Id of the instance or entity that it belongs to; where a row has only the key of an instance, that.
    pub(crate) owner: String,
    /// What is wrong with it.
    pub(crate) reason: String,
}

impl UnreadableRow {
    /// Whether `owner` is the key of an instance.
    pub(crate) fn is_of_instance(&self) -> bool {
        matches!(self.table, "inbox" | "timers" | "activities")
    }
}

/// A store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database refused for a reason that can pass, such as a full disk; the text of the cause says why.
    #[error("the task hub's database {}: {source}", path.display())]
    Database {
        /// The database file.
        path: PathBuf,
        /// What the database said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A row holds what nothing here has written, as after a fault of the disk. The other rows can be read.
    #[error("a row of the task hub's database {} cannot be read: {source}", path.display())]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A part of the database makes no sense, as after a fault of the disk, or it refuses one change. Other parts can be read
    /// and written.
    #[error(
        "a part of the task hub's database {} cannot be used: {source}; if it stays so, stop the host, and restore the file from a \
         copy or repair it with `sqlite3 {} .recover`",
        path.display(),
        path.display()
    )]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What the database said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file cannot be written, and that does not pass by itself: it is read-only, or no database any more.
    #[error(
        "the task hub's database {} cannot be written: {source}; nothing that was written before is lost: stop the host, see to it \
         that the file is a database that this user may write, and start the host again",
        path.display()
    )]
    Unwritable {
        /// The database file.
        path: PathBuf,
        /// What the database said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The database was deleted, moved, or replaced while it was open: what is written now would be lost.
    #[error(
        "the file {} of the task hub was deleted, moved, or replaced while the host runs: put it back, or restart the host with \
         what is there now",
        path.display()
    )]
    Gone {
        /// The database file, or the log beside it.
        path: PathBuf,
    },
    /// A file beside the database could not be used.
    #[error("cannot use {}: {source}; check that the folder exists and is writable", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Another host works on this hub.
    #[error("{}", InUse { path, pid: *pid })]
    InUse {
        /// The database file.
        path: PathBuf,
        /// Process id of the other host, where its lock file tells.
        pid: Option<u32>,
    },
    /// The file was written by a newer version of this program.
    #[error(
        "{} has schema version {found}, this program knows versions up to {known}: update cargo-func, or choose another data folder",
        path.display()
    )]
    NewerSchema {
        /// The database file.
        path: PathBuf,
        /// Version in the file.
        found: i64,
        /// Newest version that this program knows.
        known: i64,
    },
    /// The database did not take a setting that its safety rests on.
    #[error(
        "{} does not accept `{pragma} = {wanted}` (it stays at {found}); the data folder must be on a local file system",
        path.display()
    )]
    Setting {
        /// The database file.
        path: PathBuf,
        /// Name of the setting.
        pragma: &'static str,
        /// What was asked.
        wanted: String,
        /// What it is.
        found: String,
    },
    /// The store has been closed.
    #[error("the task hub is closed")]
    Closed,
}

/// How far a failed write reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It can pass: the same write may succeed later.
    Passes,
    /// The commit will never be written; others can be.
    Commit,
    /// Nothing can be written until the hub is opened again.
    Hub,
}

impl StoreError {
    /// How far the error of a write reaches.
    pub(crate) fn reach(&self) -> Reach {
        match self {
            Self::Database { .. } | Self::Gone { .. } | Self::File { .. } => Reach::Passes,
            Self::Damaged { .. } | Self::Corrupt { .. } => Reach::Commit,
            Self::Unwritable { .. }
            | Self::InUse { .. }
            | Self::NewerSchema { .. }
            | Self::Setting { .. }
            | Self::Closed => Reach::Hub,
        }
    }
}

struct InUse<'a> {
    path: &'a std::path::Path,
    pid: Option<u32>,
}

impl fmt::Display for InUse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "task hub in use by pid {pid}")?,
            None => f.write_str("task hub in use by another process")?,
        }
        write!(
            f,
            " ({}): stop that host, or give this one another data folder or hub name",
            self.path.display()
        )
    }
}
