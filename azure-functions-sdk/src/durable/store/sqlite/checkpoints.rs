//! When the log is folded into the file: on a thread of its own, so that commits need not wait for it, and rarely under load.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{Builder, JoinHandle},
};

use rusqlite::Connection;

use super::schema;
use crate::durable::store::{Durability, StoreError};

/// Average commits per batch from which on the hub counts as busy.
const BUSY: f32 = 8.0;
/// Pages that come into the log before it is folded: under load, and otherwise.
const PAGES_BUSY: i32 = 16_384;
const PAGES_QUIET: i32 = 500;
/// Pages in the log from which on the writer folds it, and waits: while there is always another commit, the log cannot start over, since
/// what has come meanwhile is not folded. Under load, and otherwise. Shortly before, the thread folds as often as without load, so that
/// little is left to the writer.
const MOST_BUSY: i32 = 32_768;
const MOST_QUIET: i32 = 2_000;

/// Folds the log of one database.
#[derive(Debug)]
pub(super) struct Checkpoints {
    /// Pages in the log, as SQLite says after each commit.
    pages: Arc<AtomicI32>,
    /// How many there were when the thread was asked last.
    asked_at: i32,
    load: f32,
    ask: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// Those of the database that the connection writes to: SQLite makes none by itself from now on.
    pub(super) fn begin(path: &Path, writer: &mut Connection, durability: Durability) -> Result<Self, StoreError> {
        let failed = |source| super::fault::database_error(path, source);
        let pages = Arc::new(AtomicI32::new(0));
        let counted = Arc::clone(&pages);
        let hook = move |_: &mut rusqlite::hooks::Wal, pages| {
            counted.store(pages, Ordering::Relaxed);
            Ok(())
        };
        writer.wal_hook(Some(hook)).map_err(failed)?;
        let connection = schema::open_for_checkpoints(path, durability)?;
        let (ask, asked) = sync_channel(1);
        let thread = Builder::new().name("hub-log".to_owned());
        let thread = thread.spawn(move || fold_when_asked(&connection, &asked));
        Ok(Self {
            pages,
            asked_at: 0,
            load: 0.0,
            ask: Some(ask),
            thread: Some(thread.map_err(|source: io::Error| StoreError::File {
                path: path.to_owned(),
                source,
            })?),
        })
    }

    /// After a batch of so many commits.
    pub(super) fn committed(&mut self, batch: usize, writer: &Connection) {
        self.load = self.load * 0.9 + batch as f32 * 0.1;
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < self.asked_at {
            // It has started over.
            self.asked_at = 0;
        }
        let busy = self.load >= BUSY;
        let most = if busy { MOST_BUSY } else { MOST_QUIET };
        if pages >= most {
            fold(writer);
            return;
        }
        let wanted = match busy && pages < most / 4 * 3 {
            true => PAGES_BUSY,
            false => PAGES_QUIET,
        };
        if pages - self.asked_at >= wanted
            && let Some(ask) = &self.ask
            // One that has not begun does.
            && !matches!(ask.try_send(()), Err(TrySendError::Disconnected(())))
        {
            self.asked_at = pages;
        }
    }
}

/// Ends the thread, and its connection: the last one folds the log as it closes.
impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.ask = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn fold_when_asked(connection: &Connection, asked: &Receiver<()>) {
    while asked.recv().is_ok() {
        fold(connection);
    }
}

/// Folds what can be without waiting for readers. What fails is tried again with the next: what is in the log is safe.
fn fold(connection: &Connection) {
    let folded = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    if let Err(error) = folded {
        log::debug!("the log of a task hub was not folded into its file: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn the_log_is_folded_while_commits_go_on_and_by_the_writer_where_it_never_starts_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        let mut writer = schema::open(&path, Durability::Process).unwrap();
        let mut checkpoints = Checkpoints::begin(&path, &mut writer, Durability::Process).unwrap();
        let size = |suffix: &str| {
            let file = folder.path().join(format!("hub.db{suffix}"));
            std::fs::metadata(file).map_or(0, |file| file.len())
        };
        let text = "x".repeat(400_000);
        // Ten rows, so that the file stays small: about 98 pages in the log each time.
        let write = |turn: i64| {
            let insert = "INSERT OR REPLACE INTO history (row, instance, events) VALUES (?1, ?2, ?3)";
            writer.execute(insert, (turn % 10, 1, text.as_str())).unwrap();
        };
        let before = size("");
        for turn in 0..12 {
            write(turn);
            checkpoints.committed(1, &writer);
        }
        let begun = Instant::now();
        while size("") == before {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "the thread folds what is there"
            );
            std::thread::yield_now();
        }
        // A log that the thread leaves alone.
        checkpoints.ask = None;
        for turn in 0..300 {
            write(turn);
            checkpoints.committed(1, &writer);
        }
        let most = u64::try_from(MOST_QUIET).unwrap() * 4_096;
        assert!(size("-wal") < most * 5 / 4, "{}", size("-wal"));
        drop(checkpoints);
        drop(writer);
        assert_eq!(size("-wal"), 0, "the last connection folds the rest");
    }
}
