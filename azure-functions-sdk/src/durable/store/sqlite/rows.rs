//! One statement for many rows: it is prepared once.

use rusqlite::{CachedStatement, Transaction};

use crate::durable::store::RowId;

/// Runs a statement for each of the items, if there are any.
pub(super) fn each<T>(
    tx: &Transaction<'_>,
    sql: &str,
    items: impl Iterator<Item = T>,
    run: impl Fn(&mut CachedStatement<'_>, T) -> rusqlite::Result<usize>,
) -> rusqlite::Result<()> {
    let mut items = items.peekable();
    if items.peek().is_none() {
        return Ok(());
    }
    let mut statement = tx.prepare_cached(sql)?;
    items.try_for_each(|item| run(&mut statement, item).map(drop))
}

/// Removes rows by their numbers.
pub(super) fn remove_rows<'b>(
    tx: &Transaction<'_>,
    sql: &str,
    rows: impl Iterator<Item = &'b RowId>,
) -> rusqlite::Result<()> {
    each(tx, sql, rows, |statement, row| statement.execute([row]))
}
