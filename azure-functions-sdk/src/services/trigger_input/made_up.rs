//! What stands for what the caller does not give.

use chrono::{DateTime, SecondsFormat, Utc};

/// A variable, or the id of a message.
pub(super) const UNNAMED: &str = "by-hand";

/// A time as .NET writes it in JSON.
pub(super) fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, false)
}
