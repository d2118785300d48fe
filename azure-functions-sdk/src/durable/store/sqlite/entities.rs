//! Entities and their messages as SQL.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params, params_from_iter, types::Value};

use super::{
    fault::is_damage,
    read::shown,
    readable::readable,
    rows::{each, remove_rows},
    superseded::Superseded,
};
use crate::durable::store::{
    Commit, EntityInboxRow, EntityPage, EntityQuery, EntityRow, EntityTimerRow, UnreadableRow,
};

pub(super) fn find(connection: &Connection, id: &str) -> rusqlite::Result<Option<EntityRow>> {
    connection
        .prepare_cached("SELECT id, present, state, lock, updated FROM entities WHERE id = ?1")?
        .query_row([id], entity)
        .optional()
}

pub(super) fn list(connection: &Connection, query: &EntityQuery) -> rusqlite::Result<EntityPage> {
    if query.limit == 0 {
        return Ok(EntityPage::default());
    }
    let state = if query.with_state { "state" } else { "NULL" };
    let mut sql = format!("SELECT id, present, {state}, lock, updated FROM entities WHERE present = 1");
    let mut values: Vec<Value> = Vec::new();
    let mut only = |condition: &str, value: Value| {
        sql.push_str(condition);
        values.push(value);
    };
    if let Some(name) = &query.name {
        // Ids are compared byte by byte, and A follows @.
        only(" AND id >= ?", format!("@{name}@").into());
        only(" AND id < ?", format!("@{name}A").into());
    }
    if let Some(after) = &query.after {
        only(" AND id > ?", after.clone().into());
    }
    if let Some(from) = query.updated_from {
        only(" AND updated >= ?", from.into());
    }
    if let Some(to) = query.updated_to {
        only(" AND updated <= ?", to.into());
    }
    // One more than asked tells whether there is a next page.
    let limit = i64::try_from(query.limit.saturating_add(1)).unwrap_or(i64::MAX);
    only(" ORDER BY id LIMIT ?", limit.into());
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| match entity(row) {
        Err(error) if is_damage(&error) => damaged(row, &error),
        read => read,
    })?;
    let mut entities: Vec<EntityRow> = rows.collect::<rusqlite::Result<_>>()?;
    let more = entities.len() > query.limit;
    entities.truncate(query.limit);
    let next = entities.last().map(|last| last.id.clone()).filter(|_| more);
    Ok(EntityPage { entities, next })
}

/// An entry for a row that cannot be read: the list goes on, and its state says what is wrong.
fn damaged(row: &Row<'_>, error: &rusqlite::Error) -> rusqlite::Result<EntityRow> {
    let problem = format!("The row of this entity in the task hub's database cannot be read: {error}.");
    Ok(EntityRow {
        id: shown(row, 0)?,
        exists: true,
        state: Some(serde_json::Value::from(problem).to_string()),
        lock: None,
        updated: 0,
    })
}

pub(super) fn locked(connection: &Connection, unreadable: &mut Vec<UnreadableRow>) -> rusqlite::Result<Vec<EntityRow>> {
    readable(
        connection,
        "entities",
        "SELECT id, present, state, lock, updated FROM entities WHERE lock IS NOT NULL ORDER BY id",
        0,
        unreadable,
        entity,
    )
}

pub(super) fn inbox(
    connection: &Connection,
    unreadable: &mut Vec<UnreadableRow>,
) -> rusqlite::Result<Vec<EntityInboxRow>> {
    readable(
        connection,
        "entity_inbox",
        "SELECT row, entity, message FROM entity_inbox ORDER BY row",
        1,
        unreadable,
        |row| {
            Ok(EntityInboxRow {
                row: row.get(0)?,
                entity: row.get(1)?,
                message: row.get(2)?,
            })
        },
    )
}

pub(super) fn timers(
    connection: &Connection,
    unreadable: &mut Vec<UnreadableRow>,
) -> rusqlite::Result<Vec<EntityTimerRow>> {
    readable(
        connection,
        "entity_timers",
        "SELECT row, entity, due, message FROM entity_timers ORDER BY row",
        1,
        unreadable,
        |row| {
            Ok(EntityTimerRow {
                row: row.get(0)?,
                entity: row.get(1)?,
                due: row.get(2)?,
                message: row.get(3)?,
            })
        },
    )
}

pub(super) fn write(tx: &Transaction<'_>, commits: &[Commit], superseded: &Superseded<'_>) -> rusqlite::Result<()> {
    for commit in commits {
        for row in &commit.entities {
            if superseded.is_newest_of_entity(&row.id) {
                tx.prepare_cached(
                    "INSERT OR REPLACE INTO entities (id, present, state, lock, updated) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![row.id, row.exists, row.state, row.lock, row.updated])?;
            }
        }
        for id in &commit.entities_removed {
            if superseded.is_newest_of_entity(id) {
                tx.prepare_cached("DELETE FROM entities WHERE id = ?1")?.execute([id])?;
            }
        }
    }
    let gone = commits.iter().flat_map(|commit| &commit.entity_inbox_removed);
    let gone = gone.filter(|row| !superseded.entity_inbox.contains(*row));
    remove_rows(tx, "DELETE FROM entity_inbox WHERE row = ?1", gone)?;
    let added = commits.iter().flat_map(|commit| &commit.entity_inbox_added);
    each(
        tx,
        "INSERT INTO entity_inbox (row, entity, message) VALUES (?1, ?2, ?3)",
        added.filter(|added| !superseded.entity_inbox.contains(&added.row)),
        |statement, added| statement.execute(params![added.row, added.entity, added.message]),
    )?;
    let gone = commits.iter().flat_map(|commit| &commit.entity_timers_removed);
    let gone = gone.filter(|row| !superseded.entity_timers.contains(*row));
    remove_rows(tx, "DELETE FROM entity_timers WHERE row = ?1", gone)?;
    let added = commits.iter().flat_map(|commit| &commit.entity_timers_added);
    each(
        tx,
        "INSERT INTO entity_timers (row, entity, due, message) VALUES (?1, ?2, ?3, ?4)",
        added.filter(|added| !superseded.entity_timers.contains(&added.row)),
        |statement, added| statement.execute(params![added.row, added.entity, added.due, added.message]),
    )
}

fn entity(row: &Row<'_>) -> rusqlite::Result<EntityRow> {
    Ok(EntityRow {
        id: row.get(0)?,
        exists: row.get(1)?,
        state: row.get(2)?,
        lock: row.get(3)?,
        updated: row.get(4)?,
    })
}
