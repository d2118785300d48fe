//! Dates and times as .NET writes them.

use chrono::{DateTime, Datelike, NaiveDateTime, ParseError, Utc};
use serde::{Deserialize, Deserializer, de::Error};

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

/// For members that are dates and times: none if it is missing, `null`, or not set.
pub(crate) fn option<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let time = parse(&text).map_err(|error| D::Error::custom(format!("{text:?} is not a date and time: {error}")))?;
    Ok(Some(time).filter(|time| time.year() > 1))
}

/// As [`option`], with the beginning of 1970 for none.
pub(crate) fn or_epoch<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    option(deserializer).map(Option::unwrap_or_default)
}
