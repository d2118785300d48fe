//! Queries of which single rows may be damaged.

use rusqlite::{Connection, Row};

use super::{fault::is_damage, read::shown};
use crate::durable::store::UnreadableRow;

/// The rows of a query that can be read; the others are noted. Its first column is the number of the row, and `owner` the one
/// that tells whose it is.
pub(super) fn readable<T>(
    connection: &Connection,
    table: &'static str,
    sql: &str,
    owner: usize,
    unreadable: &mut Vec<UnreadableRow>,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        match read(row) {
            Ok(read) => found.push(read),
            Err(error) if is_damage(&error) => unreadable.push(UnreadableRow {
                table,
                row: shown(row, 0)?,
                owner: shown(row, owner)?,
                reason: error.to_string(),
            }),
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}
