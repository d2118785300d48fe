//! Dates and times as .NET writes them.

use chrono::{DateTime, Datelike, NaiveDateTime, ParseError, Utc};

/// A date and time: with offset, with `Z`, or with neither, which means UTC.
pub(crate) fn parse(text: &str) -> Result<DateTime<Utc>, ParseError> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    text.parse::<NaiveDateTime>().map(|time| time.and_utc())
}

/// As [`parse`]; the year 1, which stands for a time that is not set, is none, and so is what cannot be read.
pub(crate) fn set(text: &str) -> Option<DateTime<Utc>> {
    parse(text).ok().filter(|time| time.year() > 1)
}
