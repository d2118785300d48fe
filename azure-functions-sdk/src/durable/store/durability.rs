//! How safe a commit is when it counts as done.

use std::{fmt, str::FromStr};

/// When a change of a task hub counts as done: only then clients are answered, and activities run that it asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// When the operating system has it: the end of a process loses nothing. A power cut may lose the last moments, and corrupts
    /// nothing.
    #[default]
    Process,
    /// When the disk has it: nothing is lost in a power cut either. Each step of an orchestration then waits for the disk; those of
    /// many orchestrations wait together.
    Full,
}

impl Durability {
    /// Its name: `process`, `full`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A name that is no [`Durability`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no durability: use `process` or `full`")]
pub struct UnknownDurability(String);

impl FromStr for Durability {
    type Err = UnknownDurability;

    fn from_str(name: &str) -> Result<Self, UnknownDurability> {
        [Self::Process, Self::Full]
            .into_iter()
            .find(|durability| durability.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownDurability(name.to_owned()))
    }
}
