//! Commits as SQL.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::entities;
use crate::durable::{
    store::{Commit, InstanceKey, InstanceRow, InstanceState},
    work::Wire,
};

/// Pages that one call gives back at most: it runs on the writer's thread.
const PAGES_AT_ONCE: i64 = 4_096;

/// Writes all commits in one transaction, which the caller commits.
pub(super) fn batch<'c>(connection: &'c mut Connection, commits: &[Commit]) -> rusqlite::Result<Transaction<'c>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for commit in commits {
        one(&transaction, commit)?;
    }
    Ok(transaction)
}

fn one(tx: &Transaction<'_>, commit: &Commit) -> rusqlite::Result<()> {
    for key in &commit.removed {
        remove(tx, *key)?;
    }
    for instance in &commit.created {
        create(tx, instance)?;
    }
    for (key, state) in &commit.updated {
        update(tx, *key, state)?;
    }
    for (key, input) in &commit.inputs {
        replace_input(tx, *key, input.as_deref())?;
    }
    for key in &commit.cleared {
        tx.prepare_cached("DELETE FROM history WHERE instance = ?1")?
            .execute([key.0])?;
    }
    for (row, key, events) in &commit.history {
        tx.prepare_cached("INSERT INTO history (row, instance, events) VALUES (?1, ?2, ?3)")?
            .execute(params![row, key.0, events])?;
    }
    for row in &commit.inbox_removed {
        tx.prepare_cached("DELETE FROM inbox WHERE row = ?1")?.execute([row])?;
    }
    for added in &commit.inbox_added {
        tx.prepare_cached("INSERT INTO inbox (row, instance, message) VALUES (?1, ?2, ?3)")?
            .execute(params![added.row, added.instance.0, added.message])?;
    }
    for row in &commit.timers_removed {
        tx.prepare_cached("DELETE FROM timers WHERE row = ?1")?.execute([row])?;
    }
    for added in &commit.timers_added {
        tx.prepare_cached("INSERT INTO timers (row, instance, due, message) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![added.row, added.instance.0, added.due, added.message])?;
    }
    for row in &commit.activities_removed {
        tx.prepare_cached("DELETE FROM activities WHERE row = ?1")?
            .execute([row])?;
    }
    for added in &commit.activities_added {
        tx.prepare_cached(
            "INSERT INTO activities (row, instance, execution_id, event_id, name, input, version, tags)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            added.row,
            added.instance.0,
            added.execution_id,
            added.event_id,
            added.name,
            added.input,
            added.version,
            added.tags
        ])?;
    }
    entities::write(tx, commit)
}

/// The inbox, timers and activities of an instance are removed by their numbers, which the hub knows; an instance
/// that is removed has none left. One that was damaged may have some: they go when the hub opens.
fn remove(tx: &Transaction<'_>, key: InstanceKey) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM history WHERE instance = ?1")?
        .execute([key.0])?;
    tx.prepare_cached("DELETE FROM inputs WHERE instance = ?1")?
        .execute([key.0])?;
    tx.prepare_cached("DELETE FROM instances WHERE key = ?1")?
        .execute([key.0])?;
    Ok(())
}

fn create(tx: &Transaction<'_>, instance: &InstanceRow) -> rusqlite::Result<()> {
    let state = &instance.state;
    // A damaged row is replaced by one that can be read. Other than that, the hub never creates an id that exists; should it
    // ever, then replacing is better than a queue that stands still.
    tx.prepare_cached(
        "INSERT OR REPLACE INTO instances
         (key, id, name, version, generation, execution_id, status, created, updated, custom_status, output,
          ending, wire, tags, parent, scheduled_start)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )?
    .execute(params![
        instance.key.0,
        instance.id,
        instance.name,
        state.version,
        state.generation,
        state.execution_id,
        state.status.number(),
        state.created,
        state.updated,
        state.custom_status,
        state.output,
        state.ending,
        state.wire.map(number),
        instance.tags,
        instance.parent,
        instance.scheduled_start
    ])?;
    if let Some(input) = &instance.input {
        tx.prepare_cached("INSERT OR REPLACE INTO inputs (instance, input) VALUES (?1, ?2)")?
            .execute(params![instance.key.0, input])?;
    }
    Ok(())
}

fn update(tx: &Transaction<'_>, key: InstanceKey, state: &InstanceState) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE instances SET execution_id = ?2, status = ?3, created = ?4, updated = ?5, custom_status = ?6,
         output = ?7, generation = ?8, ending = ?9, wire = ?10, version = ?11 WHERE key = ?1",
    )?
    .execute(params![
        key.0,
        state.execution_id,
        state.status.number(),
        state.created,
        state.updated,
        state.custom_status,
        state.output,
        state.generation,
        state.ending,
        state.wire.map(number),
        state.version
    ])?;
    Ok(())
}

fn number(wire: Wire) -> i64 {
    match wire {
        Wire::Json => 0,
        Wire::Protobuf => 1,
        Wire::Stream => 2,
    }
}

fn replace_input(tx: &Transaction<'_>, key: InstanceKey, input: Option<&str>) -> rusqlite::Result<()> {
    match input {
        Some(input) => tx
            .prepare_cached("INSERT OR REPLACE INTO inputs (instance, input) VALUES (?1, ?2)")?
            .execute(params![key.0, input])?,
        None => tx
            .prepare_cached("DELETE FROM inputs WHERE instance = ?1")?
            .execute([key.0])?,
    };
    Ok(())
}

/// Shrinks the file when a good part of it is empty; a little is left for what comes next.
pub(super) fn give_space_back(connection: &Connection) -> rusqlite::Result<()> {
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    let free: i64 = connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
    if free < 256 || free < pages / 4 {
        return Ok(());
    }
    let surplus = (free - pages / 8).min(PAGES_AT_ONCE);
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({surplus})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}
