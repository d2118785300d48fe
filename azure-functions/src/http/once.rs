//! Warnings that are given once.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

/// How many warnings are remembered. Their names may come from outside, say from a server whose headers a function copies.
const MOST: usize = 1_000;

static GIVEN: Mutex<BTreeSet<(&'static str, String)>> = Mutex::new(BTreeSet::new());

/// Whether this is the first time that a function is to be warned of `what` in this process.
pub(crate) fn first_time(function: &'static str, what: &str) -> bool {
    // The set is whole whatever panicked.
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    given.len() < MOST && given.insert((function, what.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_is_warned_once_of_each_thing() {
        assert!(first_time("once_a", "x"));
        assert!(!first_time("once_a", "x"));
        assert!(first_time("once_a", "y"));
        assert!(first_time("once_b", "x"));
    }
}
