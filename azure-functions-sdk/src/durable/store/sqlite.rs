//! The store on disk: one SQLite file per task hub, in write-ahead mode.
//!
//! The layout follows what was measured: history is append-only with one row per episode, keys are integers that the
//! hub gives out, nothing but history has an index on its instance, and the log is folded into the file rarely under
//! load. A file that is not busy is folded often, so that it stays small.

mod entities;
mod fault;
mod list;
#[cfg(test)]
mod power_cut;
mod read;
mod readable;
mod recover;
mod rows;
mod schema;
mod superseded;
#[cfg(test)]
mod tests;
mod write;

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use rusqlite::{Connection, OpenFlags};

use crate::private;

use self::schema::{BUSY_TIMEOUT, CHECKPOINT_BUSY, CHECKPOINT_QUIET, STATEMENTS};
use super::{
    Commit, DamagedRow, Durability, EntityPage, EntityQuery, EntityRow, InstanceKey, InstanceQuery, InstanceRow, Page,
    Recovery, Store, StoreError, identity::OpenFile, lock::HubLock,
};

/// Connections that are kept for readers; more are opened when needed and closed after use.
const IDLE_READERS: usize = 4;
/// Average commits per batch from which on the hub counts as busy.
const BUSY: f32 = 8.0;

/// The files of a hub, by what follows the name of the database. The database is after what SQLite keeps beside it: as long
/// as it is there, the hub is.
const FILES: [&str; 4] = ["-shm", "-wal", "", ".lock"];

/// A task hub's SQLite file.
#[derive(Debug)]
pub(crate) struct SqliteStore {
    path: PathBuf,
    /// The database, and SQLite's log beside it.
    files: [OpenFile; 2],
    /// Dropped before the writer, in the order of `close`.
    readers: Mutex<Vec<Connection>>,
    writer: Mutex<Option<WriterConnection>>,
    space_freed: AtomicBool,
}

#[derive(Debug)]
struct WriterConnection {
    connection: Connection,
    load: f32,
    busy: bool,
    /// Released with the connection.
    _lock: HubLock,
}

impl SqliteStore {
    /// Opens or creates the file, and makes sure that no other host has it.
    pub(crate) fn open(path: &Path, durability: Durability) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent() {
            private::data_folder(folder).map_err(|source| StoreError::File {
                path: folder.to_owned(),
                source,
            })?;
        }
        let lock = HubLock::acquire(path)?;
        // SQLite makes the others with the mode of the database.
        for suffix in FILES {
            private::file(&beside(path, suffix));
        }
        let connection = schema::open(path, durability)?;
        let writer = WriterConnection {
            connection,
            load: 0.0,
            busy: false,
            _lock: lock,
        };
        Ok(Self {
            path: path.to_owned(),
            files: ["", "-wal"].map(|suffix| OpenFile::new(beside(path, suffix))),
            writer: Mutex::new(Some(writer)),
            readers: Mutex::default(),
            space_freed: AtomicBool::new(false),
        })
    }

    /// Removes the file and what SQLite keeps beside it, if no host has it; `false` if there is none.
    pub(crate) fn delete(path: &Path) -> Result<bool, StoreError> {
        if !path.exists() {
            return Ok(false);
        }
        let _lock = HubLock::acquire(path)?;
        for suffix in FILES {
            let name = beside(path, suffix);
            match std::fs::remove_file(&name) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StoreError::File { path: name, source });
                }
                _ => {}
            }
        }
        Ok(true)
    }

    fn with_writer<T>(&self, work: impl FnOnce(&mut WriterConnection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let mut writer = lock(&self.writer);
        let writer = writer.as_mut().ok_or(StoreError::Closed)?;
        work(writer).map_err(|source| self.failed(source))
    }

    fn with_reader<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let idle = lock(&self.readers).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                // Another file in its place is not this hub.
                self.check_files()?;
                self.open_reader().map_err(|source| self.failed(source))?
            }
        };
        let result = work(&connection).map_err(|source| self.failed(source));
        let mut readers = lock(&self.readers);
        if readers.len() < IDLE_READERS {
            readers.push(connection);
        }
        result
    }

    fn open_reader(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(connection)
    }

    fn check_files(&self) -> Result<(), StoreError> {
        self.files.iter().try_for_each(OpenFile::check)
    }

    fn failed(&self, source: rusqlite::Error) -> StoreError {
        fault::database_error(&self.path, source)
    }
}

impl Store for SqliteStore {
    fn recover(&self) -> Result<Recovery, StoreError> {
        self.with_writer(|writer| recover::recover(&writer.connection))
    }

    fn write(&self, batch: &[Commit]) -> Result<(), StoreError> {
        if batch.iter().any(|commit| !commit.removed.is_empty()) {
            self.space_freed.store(true, Ordering::Relaxed);
        }
        let mut writer = lock(&self.writer);
        let writer = writer.as_mut().ok_or(StoreError::Closed)?;
        let failed = |source| self.failed(source);
        writer.adapt_checkpoints(batch.len()).map_err(failed)?;
        let transaction = write::batch(&mut writer.connection, batch).map_err(failed)?;
        // As late as can be. It rolls back.
        self.check_files()?;
        transaction.commit().map_err(failed)
    }

    fn tidy(&self) {
        if self.space_freed.swap(false, Ordering::Relaxed)
            && let Err(error) = self.with_writer(|writer| write::give_space_back(&writer.connection))
        {
            log::debug!("space of purged instances was not given back: {error}");
        }
    }

    fn find(&self, id: &str) -> Result<Option<InstanceRow>, StoreError> {
        self.with_reader(|connection| read::find(connection, id))
    }

    fn damaged(&self, id: &str) -> Result<Option<DamagedRow>, StoreError> {
        self.with_reader(|connection| read::find_damaged(connection, id))
    }

    fn history(&self, key: InstanceKey) -> Result<Vec<String>, StoreError> {
        self.with_reader(|connection| read::history(connection, key))
    }

    fn last_turn(&self, key: InstanceKey) -> Result<Option<String>, StoreError> {
        self.with_reader(|connection| read::last_turn(connection, key))
    }

    fn readable_history(&self, key: InstanceKey) -> Result<Vec<String>, StoreError> {
        self.with_reader(|connection| read::readable_history(connection, key))
    }

    fn list(&self, query: &InstanceQuery) -> Result<Page, StoreError> {
        self.with_reader(|connection| list::list(connection, query))
    }

    fn entity(&self, id: &str) -> Result<Option<EntityRow>, StoreError> {
        self.with_reader(|connection| entities::find(connection, id))
    }

    fn entities(&self, query: &EntityQuery) -> Result<EntityPage, StoreError> {
        self.with_reader(|connection| entities::list(connection, query))
    }

    fn close(&self) {
        lock(&self.readers).clear();
        // The last connection folds the log into the file as it closes.
        lock(&self.writer).take();
    }
}

impl WriterConnection {
    /// Folds the log into the file rarely while many commits share a batch, often otherwise.
    fn adapt_checkpoints(&mut self, batch: usize) -> rusqlite::Result<()> {
        self.load = self.load * 0.9 + batch as f32 * 0.1;
        let busy = self.load >= BUSY;
        if busy != self.busy {
            self.busy = busy;
            let pages = if busy { CHECKPOINT_BUSY } else { CHECKPOINT_QUIET };
            self.connection.pragma_update(None, "wal_autocheckpoint", pages)?;
        }
        Ok(())
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic between two statements leaves a transaction that rolls back when the next one begins.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
