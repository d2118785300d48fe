//! .NET's text forms of instants (`2031-05-04T10:00:00.4182Z`, 0 to 7 fractional digits) and of durations
//! (`[-][d.]hh:mm:ss[.fffffff]`), as the durable extension writes them.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Timelike, Utc};
use std::fmt::Write;

/// Reads an instant. A value without a zone suffix is UTC.
pub(crate) fn parse_instant(text: &str) -> Option<DateTime<Utc>> {
    parse_plain_utc(text.as_bytes()).or_else(|| {
        let zoned = DateTime::parse_from_rfc3339(text).ok()?;
        Some(zoned.with_timezone(&Utc))
    })
}

/// The one form that hosts write: fixed columns, any number of fractional digits, `Z` or nothing.
fn parse_plain_utc(b: &[u8]) -> Option<DateTime<Utc>> {
    let b = b.strip_suffix(b"Z").unwrap_or(b);
    if b.len() < 19 || b[4] != b'-' || b[7] != b'-' || b[10] != b'T' || b[13] != b':' || b[16] != b':' {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(number(&b[..4])?.cast_signed(), number(&b[5..7])?, number(&b[8..10])?)?;
    let nanos = match b.get(19) {
        None => 0,
        Some(b'.') => fraction_nanos(&b[20..])?,
        Some(_) => return None,
    };
    let time = date.and_hms_nano_opt(number(&b[11..13])?, number(&b[14..16])?, number(&b[17..19])?, nanos)?;
    Some(time.and_utc())
}

fn number(digits: &[u8]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0_u32, |n, d| d.is_ascii_digit().then(|| n * 10 + u32::from(d - b'0')))
}

fn fraction_nanos(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    let kept = number(&digits[..digits.len().min(9)])?;
    let scale = 9_u32.saturating_sub(u32::try_from(digits.len()).ok()?);
    digits.iter().all(u8::is_ascii_digit).then(|| kept * 10_u32.pow(scale))
}

/// Writes an instant with the digits it needs, at most seven, and a `Z`.
pub(crate) fn write_instant(out: &mut String, instant: DateTime<Utc>) {
    let (date, time) = (instant.date_naive(), instant.time());
    match u32::try_from(date.year()) {
        Ok(year @ ..=9999) => push_digits(out, year, 4),
        // Beyond what .NET can hold, so no host will take it; signed, as RFC 3339's extension has it. Writing to a String
        // cannot fail.
        _ => drop(write!(out, "{:+05}", date.year())),
    }
    for (separator, number) in [
        ('-', date.month()),
        ('-', date.day()),
        ('T', time.hour()),
        (':', time.minute()),
        (':', time.second()),
    ] {
        out.push(separator);
        push_digits(out, number, 2);
    }
    let mut ticks = instant.nanosecond() % 1_000_000_000 / 100;
    if ticks != 0 {
        let mut digits = 7;
        while ticks.is_multiple_of(10) {
            ticks /= 10;
            digits -= 1;
        }
        out.push('.');
        push_digits(out, ticks, digits);
    }
    out.push('Z');
}

/// Writes a number with exactly so many digits: chrono's own formatting takes longer than the rest of an action.
fn push_digits(out: &mut String, number: u32, digits: u32) {
    for place in (0..digits).rev() {
        let digit = number / 10_u32.pow(place) % 10;
        out.push(char::from_digit(digit, 10).unwrap_or('0'));
    }
}

/// Writes a duration.
pub(super) fn write_time_span(out: &mut String, duration: std::time::Duration) {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    if days > 0 {
        // Writing to a String cannot fail.
        let _ = write!(out, "{days}.");
    }
    let _ = write!(out, "{hours:02}:{minutes:02}:{:02}", seconds % 60);
    let ticks = duration.subsec_nanos() / 100;
    if ticks > 0 {
        let _ = write!(out, ".{ticks:07}");
    }
}

/// Reads a duration.
pub(crate) fn parse_time_span(text: &str) -> Option<TimeDelta> {
    let (negative, text) = match text.trim().strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.trim()),
    };
    let mut parts = text.split(':');
    let (head, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (days, hours) = head.split_once('.').unwrap_or(("0", head));
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let whole = |part: &str| {
        part.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| part.parse::<i64>().ok())
            .flatten()
    };
    let total = whole(days)?
        .checked_mul(24)?
        .checked_add(whole(hours)?)?
        .checked_mul(60)?
        .checked_add(whole(minutes)?)?
        .checked_mul(60)?
        .checked_add(whole(seconds)?)?;
    let span = TimeDelta::try_seconds(total)? + TimeDelta::nanoseconds(i64::from(fraction_nanos(fraction.as_bytes())?));
    Some(if negative { -span } else { span })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(text: &str) -> String {
        let mut out = String::new();
        write_instant(&mut out, parse_instant(text).unwrap());
        out
    }

    #[test]
    fn instants_have_up_to_seven_fractional_digits() {
        for text in [
            "2031-05-04T10:00:00Z",
            "2031-05-04T10:00:00.4182Z",
            "2019-07-22T06:20:29.4882031Z",
        ] {
            assert_eq!(round_trip(text), text);
        }
        assert_eq!(
            round_trip("2031-05-04T10:00:00.123456789Z"),
            "2031-05-04T10:00:00.1234567Z"
        );
    }

    #[test]
    fn an_instant_without_zone_is_utc_and_offsets_are_converted() {
        assert_eq!(round_trip("2031-05-04T10:00:00.5"), "2031-05-04T10:00:00.5Z");
        assert_eq!(round_trip("2031-05-04T12:00:00+02:00"), "2031-05-04T10:00:00Z");
    }

    #[test]
    fn junk_is_no_instant() {
        for text in [
            "",
            "soon",
            "2031-13-04T10:00:00Z",
            "2031-05-04T10:00:00.Z",
            "2031-05-04 10:00",
            "2031-05-04T10:00:00.1x",
        ] {
            assert_eq!(parse_instant(text), None, "{text}");
        }
    }

    #[test]
    fn time_spans_have_optional_days_and_fractions() {
        assert_eq!(parse_time_span("6.00:00:00"), TimeDelta::try_days(6));
        assert_eq!(parse_time_span("00:01:40"), TimeDelta::try_seconds(100));
        assert_eq!(parse_time_span("-00:00:01.5"), Some(TimeDelta::milliseconds(-1500)));
        assert_eq!(
            parse_time_span("10675199.02:48:05.4775807").map(|d| d.num_days()),
            Some(10_675_199)
        );
        assert_eq!(parse_time_span("1:2"), None);
        assert_eq!(parse_time_span("a.00:00:00"), None);
    }
}
