//! Rows that cannot be read when a hub opens. They stay where they are and take part in nothing; the log tells each in one
//! sentence, so that none is lost unnoticed.

use std::fmt;

use crate::durable::store::UnreadableRow;

/// One row; its text is what the log says.
#[derive(Debug)]
pub(super) struct SetAside(UnreadableRow);

impl SetAside {
    /// `id`: of the instance whose key is the row's owner, where it has one and that is known.
    pub(super) fn new(mut row: UnreadableRow, id: Option<&str>) -> Self {
        row.owner = match id {
            Some(id) => format!("'{id}'"),
            None if row.is_of_instance() => format!("with the key {}", row.owner),
            None => format!("'{}'", row.owner),
        };
        Self(row)
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
