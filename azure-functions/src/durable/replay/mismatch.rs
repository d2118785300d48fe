//! The first difference between the history and what the code does today.

use super::{action::ActionKind, ids::Site};
use chrono::{DateTime, Utc};

/// The first difference between the history and what the code does today.
#[derive(Debug)]
pub(crate) enum Mismatch {
    /// The code asks for something else than the history records under this id.
    Different {
        id: u32,
        place: usize,
        code: ActionKind,
        /// If it is a piece of a longer wait: when that ends.
        wait: Option<DateTime<Utc>>,
        site: Site,
    },
    /// The history had recorded this action before the code got to it.
    TooLate {
        id: u32,
        place: usize,
        code: ActionKind,
        site: Site,
        cursor: usize,
    },
    /// The history records an action that the code never asked for.
    NeverAsked { place: usize, actions: usize },
}
