//! Commits as SQL.

use rusqlite::{CachedStatement, Connection, Transaction, TransactionBehavior, params};

use super::{
    entities,
    rows::{each, remove_rows},
    superseded::Superseded,
};
use crate::durable::{
    store::{Commit, InstanceKey, InstanceRow, InstanceState},
    work::Wire,
};

/// Pages that one call gives back at most: it runs on the writer's thread.
const PAGES_AT_ONCE: i64 = 4_096;

/// Writes all commits in one transaction, which the caller commits.
///
/// Table by table, so that each statement is prepared once: what goes, then what comes. Of what a later commit of the batch
/// undoes, nothing is written.
pub(super) fn batch<'c>(connection: &'c mut Connection, commits: &[Commit]) -> rusqlite::Result<Transaction<'c>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let superseded = Superseded::of(commits);
    instances(&transaction, commits, &superseded)?;
    messages(&transaction, commits, &superseded)?;
    entities::write(&transaction, commits, &superseded)?;
    Ok(transaction)
}

/// The instances, their inputs and their histories.
fn instances(tx: &Transaction<'_>, commits: &[Commit], superseded: &Superseded<'_>) -> rusqlite::Result<()> {
    let placed = || commits.iter().enumerate();
    for key in commits.iter().flat_map(|commit| &commit.removed) {
        remove(tx, *key)?;
    }
    for (place, commit) in placed() {
        for instance in &commit.created {
            if !superseded.is_removed(instance.key, place) {
                let state = superseded.first_state(instance.key, place, &instance.state);
                create(tx, instance, state)?;
            }
        }
    }
    let updated = commits.iter().flat_map(|commit| &commit.updated);
    let updated = updated.filter(|(key, state)| superseded.is_update(*key, state));
    each(tx, UPDATE, updated, |statement, (key, state)| {
        update(statement, *key, state)
    })?;
    for (place, commit) in placed() {
        for (key, input) in &commit.inputs {
            if !superseded.is_removed(*key, place) {
                replace_input(tx, *key, input.as_deref())?;
            }
        }
    }
    let cleared = commits.iter().flat_map(|commit| &commit.cleared);
    each(
        tx,
        "DELETE FROM history WHERE instance = ?1",
        cleared,
        |statement, key| statement.execute([key.0]),
    )?;
    let history = placed().flat_map(|(place, commit)| commit.history.iter().map(move |row| (place, row)));
    let history = history
        .filter(|(place, (_, key, _))| !superseded.is_removed(*key, *place) && !superseded.is_cleared(*key, *place));
    each(
        tx,
        "INSERT INTO history (row, instance, events) VALUES (?1, ?2, ?3)",
        history,
        |statement, (_, (row, key, events))| statement.execute(params![row, key.0, events]),
    )
}

/// What waits for the instances.
fn messages(tx: &Transaction<'_>, commits: &[Commit], superseded: &Superseded<'_>) -> rusqlite::Result<()> {
    let gone = commits.iter().flat_map(|commit| &commit.inbox_removed);
    let gone = gone.filter(|row| !superseded.inbox.contains(*row));
    remove_rows(tx, "DELETE FROM inbox WHERE row = ?1", gone)?;
    let added = commits.iter().flat_map(|commit| &commit.inbox_added);
    each(
        tx,
        "INSERT INTO inbox (row, instance, message) VALUES (?1, ?2, ?3)",
        added.filter(|added| !superseded.inbox.contains(&added.row)),
        |statement, added| statement.execute(params![added.row, added.instance.0, added.message]),
    )?;
    let gone = commits.iter().flat_map(|commit| &commit.timers_removed);
    let gone = gone.filter(|row| !superseded.timers.contains(*row));
    remove_rows(tx, "DELETE FROM timers WHERE row = ?1", gone)?;
    let added = commits.iter().flat_map(|commit| &commit.timers_added);
    each(
        tx,
        "INSERT INTO timers (row, instance, due, message) VALUES (?1, ?2, ?3, ?4)",
        added.filter(|added| !superseded.timers.contains(&added.row)),
        |statement, added| statement.execute(params![added.row, added.instance.0, added.due, added.message]),
    )?;
    let gone = commits.iter().flat_map(|commit| &commit.activities_removed);
    let gone = gone.filter(|row| !superseded.activities.contains(*row));
    remove_rows(tx, "DELETE FROM activities WHERE row = ?1", gone)?;
    let added = commits.iter().flat_map(|commit| &commit.activities_added);
    each(
        tx,
        "INSERT INTO activities (row, instance, execution_id, event_id, name, input, version, tags, trace)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        added.filter(|added| !superseded.activities.contains(&added.row)),
        |statement, added| {
            statement.execute(params![
                added.row,
                added.instance.0,
                added.execution_id,
                added.event_id,
                added.name,
                added.input,
                added.version,
                added.tags,
                added.trace
            ])
        },
    )
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

fn create(tx: &Transaction<'_>, instance: &InstanceRow, state: &InstanceState) -> rusqlite::Result<()> {
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

const UPDATE: &str = "
    UPDATE instances SET execution_id = ?2, status = ?3, created = ?4, updated = ?5, custom_status = ?6,
    output = ?7, generation = ?8, ending = ?9, wire = ?10, version = ?11 WHERE key = ?1";

fn update(statement: &mut CachedStatement<'_>, key: InstanceKey, state: &InstanceState) -> rusqlite::Result<usize> {
    statement.execute(params![
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
    ])
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
