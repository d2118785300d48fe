//! The one pass over the file when a hub opens.

use rusqlite::Connection;

use super::{
    entities,
    read::{COLUMNS, instance},
    readable::readable,
    schema::LIVE,
};
use crate::durable::store::{ActivityRow, InboxRow, InstanceKey, Recovery, RowId, TimerRow};

/// The condition of the index, so that it can be used, and the values to look up there.
pub(super) fn live_instances() -> String {
    format!("SELECT {COLUMNS}, NULL FROM instances WHERE ({LIVE}) AND status IN (0, 2, 6, 7) ORDER BY key")
}

pub(super) fn recover(connection: &Connection) -> rusqlite::Result<Recovery> {
    // What an instance left behind when it ended on an older path; nothing refers to it any more. Whether one whose status
    // cannot be read has ended is not known: what it has stays.
    for table in ["inbox", "timers", "activities"] {
        connection.execute(
            &format!(
                "DELETE FROM {table} WHERE NOT EXISTS
                 (SELECT 1 FROM instances WHERE key = {table}.instance AND status NOT IN (1, 3, 4, 5))"
            ),
            [],
        )?;
    }
    let mut unreadable = Vec::new();
    let instances = readable(connection, "instances", &live_instances(), 1, &mut unreadable, instance)?;
    let inbox = readable(
        connection,
        "inbox",
        "SELECT row, instance, message FROM inbox ORDER BY row",
        1,
        &mut unreadable,
        |row| {
            Ok(InboxRow {
                row: row.get(0)?,
                instance: InstanceKey(row.get(1)?),
                message: row.get(2)?,
            })
        },
    )?;
    let timers = readable(
        connection,
        "timers",
        "SELECT row, instance, due, message FROM timers ORDER BY row",
        1,
        &mut unreadable,
        |row| {
            Ok(TimerRow {
                row: row.get(0)?,
                instance: InstanceKey(row.get(1)?),
                due: row.get(2)?,
                message: row.get(3)?,
            })
        },
    )?;
    let activities = readable(
        connection,
        "activities",
        "SELECT row, instance, execution_id, event_id, name, input, version, tags, trace FROM activities ORDER BY row",
        1,
        &mut unreadable,
        |row| {
            Ok(ActivityRow {
                row: row.get(0)?,
                instance: InstanceKey(row.get(1)?),
                execution_id: row.get(2)?,
                event_id: row.get(3)?,
                name: row.get(4)?,
                input: row.get(5)?,
                version: row.get(6)?,
                tags: row.get(7)?,
                trace: row.get(8)?,
            })
        },
    )?;
    let last: Option<RowId> = connection.query_row(
        "SELECT max(row) FROM (SELECT max(key) AS row FROM instances UNION ALL SELECT max(row) FROM history
         UNION ALL SELECT max(row) FROM inbox UNION ALL SELECT max(row) FROM timers
         UNION ALL SELECT max(row) FROM activities UNION ALL SELECT max(row) FROM entity_inbox
         UNION ALL SELECT max(row) FROM entity_timers)",
        [],
        |row| row.get(0),
    )?;
    Ok(Recovery {
        instances,
        inbox,
        timers,
        activities,
        locked: entities::locked(connection, &mut unreadable)?,
        entity_inbox: entities::inbox(connection, &mut unreadable)?,
        entity_timers: entities::timers(connection, &mut unreadable)?,
        unreadable,
        next_row: last.unwrap_or(0).saturating_add(1),
    })
}
