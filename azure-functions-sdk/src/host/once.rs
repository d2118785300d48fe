//! Warnings that are given once.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

/// How many warnings are remembered. Their texts may come from outside.
const MOST: usize = 1_000;

/// The warnings that were given.
#[derive(Debug, Default)]
pub(crate) struct Once(Mutex<BTreeSet<(String, String)>>);

impl Once {
    /// Whether this is the first time that `function` is to be warned of `what`.
    pub(crate) fn first_time(&self, function: &str, what: &str) -> bool {
        // The set is whole whatever panicked.
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        given.len() < MOST && given.insert((function.to_owned(), what.to_owned()))
    }
}
