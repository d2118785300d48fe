//! Warnings that are given once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

/// How many warnings of one function are remembered, and given. Their texts may come from outside. Each function has a limit of
/// its own, so that one of them does not silence the others.
const MOST: usize = 100;

/// The warnings that were given, by function.
#[derive(Debug, Default)]
pub(crate) struct Once(Mutex<BTreeMap<String, BTreeSet<String>>>);

impl Once {
    /// Whether this is the first time that `function` is to be warned of `what`.
    pub(crate) fn first_time(&self, function: &str, what: &str) -> bool {
        // The map is whole whatever panicked.
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let given = given.entry(function.to_owned()).or_default();
        given.len() < MOST && given.insert(what.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_with_ever_new_warnings_does_not_silence_the_others() {
        let once = Once::default();
        let given = (0..2_000).filter(|n| once.first_time("a", &n.to_string())).count();
        assert_eq!(given, MOST);
        assert!(once.first_time("b", "x"));
        assert!(!once.first_time("b", "x"));
    }
}
