//! Warnings that are given once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

/// How many warnings of one function are remembered, and given. Their names may come from outside, say from a server whose headers
/// a function copies. Each function has a limit of its own, so that one of them does not silence the others.
const MOST: usize = 100;

static GIVEN: Mutex<BTreeMap<&'static str, BTreeSet<String>>> = Mutex::new(BTreeMap::new());

/// Whether this is the first time that a function is to be warned of `what` in this process.
pub(crate) fn first_time(function: &'static str, what: &str) -> bool {
    // The map is whole whatever panicked.
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let given = given.entry(function).or_default();
    given.len() < MOST && given.insert(what.to_owned())
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

    #[test]
    fn a_function_with_ever_new_warnings_does_not_silence_the_others() {
        let given = (0..2_000).filter(|n| first_time("once_c", &n.to_string())).count();
        assert_eq!(given, MOST);
        assert!(first_time("once_d", "x"));
    }
}
