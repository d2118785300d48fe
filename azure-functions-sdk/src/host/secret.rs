//! Secrets of this host: made by chance, compared in constant time, never shown.

use std::{fmt, hint::black_box};
use uuid::Uuid;

/// What proves that a worker is the process that the host started.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new() -> Self {
        Self(new_key())
    }

    /// The text, for the one who may know it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    pub(crate) fn is(&self, given: &str) -> bool {
        same(&self.0, given)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

/// 64 hexadecimal digits, 244 of their 256 bits random: safe in a URL as they are.
pub(crate) fn new_key() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// Compares without telling by its duration where the texts differ. Lengths may be told: they are no secret.
pub(crate) fn same(known: &str, given: &str) -> bool {
    if known.is_empty() || known.len() != given.len() {
        return false;
    }
    let difference = known
        .bytes()
        .zip(given.bytes())
        .fold(0, |all, (a, b)| black_box(all | (a ^ b)));
    black_box(difference) == 0
}
