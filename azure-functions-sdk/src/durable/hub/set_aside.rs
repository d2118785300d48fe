//! Rows that cannot be read when a hub opens. They stay where they are and take part in nothing; the log tells each in one
//! sentence, so that none is lost unnoticed.

use std::{collections::HashMap, fmt};

use crate::durable::store::{InstanceKey, RowId, UnreadableRow};

/// One row; its text is what the log says.
#[derive(Debug)]
pub(super) struct SetAside(UnreadableRow);

impl SetAside {
    /// `names`: ids of instances by their keys, as text.
    pub(super) fn new(mut row: UnreadableRow, names: &HashMap<String, String>) -> Self {
        if matches!(row.table, "inbox" | "timers" | "activities") {
            row.owner = match names.get(&row.owner) {
                Some(id) => format!("'{id}'"),
                None => format!("with the key {}", row.owner),
            };
        } else {
            row.owner = format!("'{}'", row.owner);
        }
        Self(row)
    }

    pub(super) fn of_instance(
        table: &'static str,
        row: RowId,
        key: InstanceKey,
        reason: String,
        names: &HashMap<String, String>,
    ) -> Self {
        let row = UnreadableRow {
            table,
            row: row.to_string(),
            owner: key.0.to_string(),
            reason,
        };
        Self::new(row, names)
    }

    pub(super) fn of_entity(table: &'static str, row: String, entity: String, reason: String) -> Self {
        let row = UnreadableRow {
            table,
            row,
            owner: entity,
            reason,
        };
        Self::new(row, &HashMap::new())
    }
}

impl fmt::Display for SetAside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UnreadableRow {
            table,
            row,
            owner,
            reason,
        } = &self.0;
        let (what, then) = match *table {
            "instances" => (
                "orchestration instance",
                "it does not run; terminate it or purge it, and its id is free again",
            ),
            "inbox" => (
                "a message to orchestration instance",
                "the instance goes on without it; terminate it if it waits for that message",
            ),
            "timers" => (
                "a timer of orchestration instance",
                "the instance goes on without it; terminate it if it waits for that timer",
            ),
            "activities" => (
                "an activity of orchestration instance",
                "it does not run; terminate the instance if it waits for that activity",
            ),
            "entities" => ("the lock of entity", "what is sent to the entity waits"),
            "entity_timers" => ("a delayed message to entity", "the entity goes on without it"),
            _ => ("a message to entity", "the entity goes on without it"),
        };
        write!(
            f,
            "{what} {owner} cannot be read and is set aside, row {row} of the table `{table}`: {reason}; {then}"
        )
    }
}
