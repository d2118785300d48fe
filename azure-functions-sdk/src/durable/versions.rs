//! Which versions of orchestrations a host takes: `versionMatchStrategy` and `versionFailureStrategy` of `host.json`.
//!
//! The rules are those of the extension, and hold on the protobuf wire.

use std::cmp::Ordering;

/// What the version of an instance must be, compared with the host's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VersionMatch {
    /// Any.
    None,
    /// The same.
    Strict,
    /// The same or an older one: so, on a host without a version, none.
    #[default]
    CurrentOrOlder,
}

/// What becomes of an instance with another version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VersionFailure {
    /// It waits until a host takes it.
    #[default]
    Reject,
    /// It fails.
    Fail,
}

impl VersionMatch {
    /// Whether an instance of this version runs on a host of that one. Empty: none.
    pub(crate) fn admits(self, instance: &str, host: &str) -> bool {
        match self {
            Self::None => true,
            Self::Strict => compare(instance, host) == Ordering::Equal,
            Self::CurrentOrOlder => compare(instance, host) != Ordering::Greater,
        }
    }
}

/// Versions of numbers are compared by them, all others as text without regard to case. No version is before all others.
fn compare(left: &str, right: &str) -> Ordering {
    match (left.is_empty(), right.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Less,
        (false, true) => return Ordering::Greater,
        (false, false) => {}
    }
    match (numbers(left), numbers(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => left.to_lowercase().cmp(&right.to_lowercase()),
    }
}

/// What .NET takes as a version: two to four numbers; a missing one is before zero.
fn numbers(text: &str) -> Option<Vec<i32>> {
    let parts: Option<Vec<i32>> = text
        .split('.')
        .map(|part| part.trim().parse().ok().filter(|number| *number >= 0))
        .collect();
    parts.filter(|parts| (2..=4).contains(&parts.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_takes_instances_of_its_version_and_older_ones_unless_it_is_told_otherwise() {
        for (instance, host, strict, older) in [
            ("", "", true, true),
            ("1.2", "", false, false),
            ("", "5.0", false, true),
            ("1.2", "5.0", false, true),
            ("5.0", "5.0", true, true),
            ("10.0", "9.1", false, false),
            ("5.0", "5.0.0", false, true),
            ("beta", "Beta", true, true),
            ("b", "a", false, false),
        ] {
            assert!(VersionMatch::None.admits(instance, host));
            assert_eq!(VersionMatch::Strict.admits(instance, host), strict, "{instance} {host}");
            assert_eq!(
                VersionMatch::CurrentOrOlder.admits(instance, host),
                older,
                "{instance} {host}"
            );
        }
    }
}
