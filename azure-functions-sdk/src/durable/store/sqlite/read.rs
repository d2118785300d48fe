//! Queries.

use rusqlite::{Connection, OptionalExtension, Row, types::ValueRef};

use super::fault::is_damage;
use crate::durable::{
    engine::runtime_status::RuntimeStatus,
    store::{DamagedRow, InstanceKey, InstanceRow, InstanceState},
    work::Wire,
};

/// Columns of an instance, without its input.
pub(super) const COLUMNS: &str = "key, id, name, version, generation, execution_id, status, created, updated, custom_status, output, ending, \
     wire, tags, parent, scheduled_start";

/// The input comes behind the columns.
const INPUT: usize = 16;

pub(super) fn find(connection: &Connection, id: &str) -> rusqlite::Result<Option<InstanceRow>> {
    by_id(connection, id, instance)
}

/// What can be read of an instance that `find` cannot read; `None` if it can.
pub(super) fn find_damaged(connection: &Connection, id: &str) -> rusqlite::Result<Option<DamagedRow>> {
    let found = by_id(connection, id, |row| match instance(row) {
        Err(error) if is_damage(&error) => damaged(row, &error).map(Some),
        read => read.map(|_| None),
    })?;
    Ok(found.flatten())
}

fn by_id<T>(
    connection: &Connection,
    id: &str,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS}, (SELECT input FROM inputs WHERE instance = key) FROM instances WHERE id = ?1"
        ))?
        .query_row([id], read)
        .optional()
}

pub(super) fn history(connection: &Connection, key: InstanceKey) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached("SELECT events FROM history WHERE instance = ?1 ORDER BY row")?
        .query_map([key.0], |row| row.get(0))?
        .collect()
}

pub(super) fn last_turn(connection: &Connection, key: InstanceKey) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT events FROM history WHERE instance = ?1 ORDER BY row DESC LIMIT 1")?
        .query_row([key.0], |row| row.get(0))
        .optional()
}

pub(super) fn readable_history(connection: &Connection, key: InstanceKey) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare_cached("SELECT events FROM history WHERE instance = ?1 ORDER BY row")?;
    let rows = statement.query_map([key.0], |row| row.get(0))?;
    rows.filter(|row| !row.as_ref().is_err_and(is_damage)).collect()
}

pub(super) fn damaged(row: &Row<'_>, error: &rusqlite::Error) -> rusqlite::Result<DamagedRow> {
    Ok(DamagedRow {
        key: InstanceKey(row.get(0)?),
        id: shown(row, 1)?,
        name: shown(row, 2)?,
        reason: error.to_string(),
        status: row.get(6).ok().and_then(RuntimeStatus::from_number),
        wire: wire(row).ok(),
        has_readable_input: row.get::<_, Option<String>>(INPUT).is_ok(),
    })
}

/// What a column holds, as text, whatever it is.
pub(super) fn shown(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    })
}

fn wire(row: &Row<'_>) -> rusqlite::Result<Option<Wire>> {
    match row.get(12)? {
        None => Ok(None),
        Some(0) => Ok(Some(Wire::Json)),
        Some(1) => Ok(Some(Wire::Protobuf)),
        Some(2) => Ok(Some(Wire::Stream)),
        Some(other) => Err(rusqlite::Error::IntegralValueOutOfRange(12, other)),
    }
}

pub(super) fn instance(row: &Row<'_>) -> rusqlite::Result<InstanceRow> {
    Ok(InstanceRow {
        key: InstanceKey(row.get(0)?),
        id: row.get(1)?,
        name: row.get(2)?,
        state: InstanceState {
            version: row.get(3)?,
            generation: row.get(4)?,
            execution_id: row.get(5)?,
            status: RuntimeStatus::from_number(row.get(6)?)
                .ok_or(rusqlite::Error::IntegralValueOutOfRange(6, row.get(6)?))?,
            created: row.get(7)?,
            updated: row.get(8)?,
            custom_status: row.get(9)?,
            output: row.get(10)?,
            ending: row.get(11)?,
            wire: wire(row)?,
        },
        input: row.get(INPUT)?,
        tags: row.get(13)?,
        parent: row.get(14)?,
        scheduled_start: row.get(15)?,
    })
}
