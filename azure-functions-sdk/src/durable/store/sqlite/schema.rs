//! Tables, and the settings that the file's safety and size rest on.

use std::{path::Path, time::Duration};

use rusqlite::Connection;

use super::fault::database_error;
use crate::durable::store::{Durability, StoreError};

/// Version of the tables below, kept in the file.
pub(super) const VERSION: i64 = 8;
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements kept prepared per connection.
pub(super) const STATEMENTS: usize = 48;
/// Pages in the write-ahead log before it is folded into the file: under load, and otherwise. The commit that folds it waits for the
/// disk: with these 16 MB that is less than one orchestration of a hundred.
pub(super) const CHECKPOINT_BUSY: i64 = 16_384;
pub(super) const CHECKPOINT_QUIET: i64 = 4_000;

/// Times are microseconds since 1970 UTC, states the numbers of the durable protocol, numbers of rows and keys are
/// given out by the hub. `instances_live` makes the start of a hub cost what is unfinished, not what is stored.
const TABLES: &str = "
    CREATE TABLE instances (
        key INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        version TEXT,
        generation INTEGER NOT NULL,
        execution_id TEXT NOT NULL,
        status INTEGER NOT NULL,
        created INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        custom_status TEXT,
        output TEXT
    );
    CREATE INDEX instances_live ON instances (status) WHERE status IN (0, 2, 6, 7);
    CREATE TABLE inputs (instance INTEGER PRIMARY KEY, input TEXT NOT NULL);
    CREATE TABLE history (row INTEGER PRIMARY KEY, instance INTEGER NOT NULL, events TEXT NOT NULL);
    CREATE INDEX history_instance ON history (instance);
    CREATE TABLE inbox (row INTEGER PRIMARY KEY, instance INTEGER NOT NULL, message TEXT NOT NULL);
    CREATE TABLE timers (
        row INTEGER PRIMARY KEY, instance INTEGER NOT NULL, due INTEGER NOT NULL, message TEXT NOT NULL
    );
    CREATE TABLE activities (
        row INTEGER PRIMARY KEY,
        instance INTEGER NOT NULL,
        execution_id TEXT NOT NULL,
        event_id INTEGER NOT NULL,
        name TEXT NOT NULL,
        input TEXT
    );
";

/// What version 2 has besides. The ids of entities are compared byte by byte.
const ENTITIES: &str = "
    CREATE TABLE entities (
        id TEXT PRIMARY KEY,
        present INTEGER NOT NULL,
        state TEXT,
        lock TEXT,
        updated INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX entities_locked ON entities (id) WHERE lock IS NOT NULL;
    CREATE TABLE entity_inbox (row INTEGER PRIMARY KEY, entity TEXT NOT NULL, message TEXT NOT NULL);
    CREATE TABLE entity_timers (
        row INTEGER PRIMARY KEY, entity TEXT NOT NULL, due INTEGER NOT NULL, message TEXT NOT NULL
    );
";

/// What version 3 has besides.
const ENDING: &str = "ALTER TABLE instances ADD COLUMN ending TEXT;";

/// What version 4 has besides. `wire`: 0 is JSON, 1 protobuf, 2 a stream of work items.
const WIRE: &str = "
    ALTER TABLE instances ADD COLUMN wire INTEGER;
    ALTER TABLE instances ADD COLUMN tags TEXT;
    ALTER TABLE instances ADD COLUMN parent TEXT;
    ALTER TABLE instances ADD COLUMN scheduled_start INTEGER;
";

/// What version 5 has besides: what workers of streams are told of an activity, and a way from an instance to those that it started.
const CALLS: &str = "
    ALTER TABLE activities ADD COLUMN version TEXT;
    ALTER TABLE activities ADD COLUMN tags TEXT;
    CREATE INDEX instances_parent ON instances (parent) WHERE parent IS NOT NULL;
";

/// Which instances have not ended. Of the index on them, SQLite builds a list with `IN` anew for each row that is written, as a table
/// of its own, which costs more than the row.
pub(super) const LIVE: &str = "status = 0 OR status = 2 OR status = 6 OR status = 7";

/// What version 6 has otherwise.
const LIVE_INDEX: &str = "
    DROP INDEX instances_live;
    CREATE INDEX instances_live ON instances (status) WHERE status = 0 OR status = 2 OR status >= 6;
";

/// What version 7 has otherwise: all instances by status, for lists, each in one of two indexes. SQLite sees that a status is in one of
/// them where its condition names that status.
const STATUS_INDEXES: &str = "
    DROP INDEX instances_live;
    CREATE INDEX instances_live ON instances (status) WHERE status = 0 OR status = 2 OR status = 6 OR status = 7;
    CREATE INDEX instances_ended ON instances (status) WHERE status = 1 OR status = 3 OR status = 4 OR status = 5;
";

/// What version 8 has besides: the trace that an activity belongs to.
const TRACE: &str = "ALTER TABLE activities ADD COLUMN trace TEXT;";

/// Opens the file for the writer, and brings it to this version.
pub(super) fn open(path: &Path, durability: Durability) -> Result<Connection, StoreError> {
    let failed = |source| database_error(path, source);
    let connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);

    let found: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(failed)?;
    if found > VERSION {
        return Err(StoreError::NewerSchema {
            path: path.to_owned(),
            found,
            known: VERSION,
        });
    }
    // Only possible before the first table exists, hence before the log mode.
    set(&connection, path, "auto_vacuum", "2")?;
    set(&connection, path, "journal_mode", "wal")?;
    let synchronous = match durability {
        Durability::Process => "1",
        Durability::Full => "2",
    };
    set(&connection, path, "synchronous", synchronous)?;
    set(&connection, path, "wal_autocheckpoint", &CHECKPOINT_QUIET.to_string())?;
    // After a burst the log gives its space back when it starts over.
    set(&connection, path, "journal_size_limit", "16777216")?;
    set(&connection, path, "temp_store", "2")?;
    // In KiB. What a busy hub writes again and again stays in memory.
    set(&connection, path, "cache_size", "-8192")?;
    if found < VERSION {
        let steps = [
            (1, TABLES),
            (2, ENTITIES),
            (3, ENDING),
            (4, WIRE),
            (5, CALLS),
            (6, LIVE_INDEX),
            (7, STATUS_INDEXES),
            (8, TRACE),
        ];
        let missing: String = steps
            .into_iter()
            .filter(|(version, _)| found < *version)
            .map(|(_, step)| step)
            .collect();
        let change = format!("BEGIN IMMEDIATE; {missing} PRAGMA user_version = {VERSION}; COMMIT;");
        connection.execute_batch(&change).map_err(failed)?;
    }
    Ok(connection)
}

/// Changes a setting and reads it back.
fn set(connection: &Connection, path: &Path, pragma: &'static str, wanted: &str) -> Result<(), StoreError> {
    let failed = |source| database_error(path, source);
    let change = format!("PRAGMA {pragma} = {wanted}");
    // Some answer with a row, some do not.
    let mut statement = connection.prepare(&change).map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    while rows.next().map_err(failed)?.is_some() {}
    let found = connection
        .query_row(&format!("PRAGMA {pragma}"), [], |row| {
            Ok(match row.get_ref(0)? {
                rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                other => other.as_str().unwrap_or_default().to_owned(),
            })
        })
        .map_err(failed)?;
    if found == wanted {
        Ok(())
    } else {
        Err(StoreError::Setting {
            path: path.to_owned(),
            pragma,
            wanted: wanted.to_owned(),
            found,
        })
    }
}
