//! What is wrong with the settings.

use std::{collections::BTreeMap, fmt};

/// Settings are missing or cannot be read. It names them all, and never their values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigError {
    problems: BTreeMap<String, Problem>,
}

/// What is wrong with one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Missing,
    /// What it must be, if that is known.
    Unreadable(Option<String>),
}

impl ConfigError {
    /// The names of the settings that are missing.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        let missing = self
            .problems
            .iter()
            .filter(|(_, problem)| **problem == Problem::Missing);
        missing.map(|(name, _)| name.as_str())
    }

    /// The names of the settings that cannot be read.
    pub fn unreadable(&self) -> impl Iterator<Item = &str> {
        let unreadable = self
            .problems
            .iter()
            .filter(|(_, problem)| **problem != Problem::Missing);
        unreadable.map(|(name, _)| name.as_str())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Notes a problem, unless one is known of this setting.
    pub(super) fn add(&mut self, name: &str, problem: Problem) {
        self.problems.entry(name.to_owned()).or_insert(problem);
    }

    /// Takes back that a setting is missing: it is a section, whose settings have their own names.
    pub(super) fn is_a_section(&mut self, name: &str) {
        if self.problems.get(name) == Some(&Problem::Missing) {
            self.problems.remove(name);
        }
    }

    /// Adds what another one says.
    pub(crate) fn join(&mut self, other: Self) {
        for (name, problem) in other.problems {
            self.problems.entry(name).or_insert(problem);
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings of the app are not complete: ")?;
        for (index, (name, problem)) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            match (name.as_str(), problem) {
                ("", _) => f.write_str("the settings together cannot be read"),
                (name, Problem::Missing) => write!(f, "`{name}` is missing"),
                (name, Problem::Unreadable(Some(expected))) => write!(f, "`{name}` must be {expected}"),
                (name, Problem::Unreadable(None)) => write!(f, "`{name}` cannot be read"),
            }?;
        }
        f.write_str("; set them in the app settings on Azure, and locally under `Values` in local.settings.json")
    }
}

impl std::error::Error for ConfigError {}
