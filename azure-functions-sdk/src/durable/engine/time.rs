//! Times and time spans as .NET writes them.

use std::fmt::Write;

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};

/// Appends a time as ISO-8601 UTC with 0 to 7 fractional digits, trailing zeros trimmed.
pub(crate) fn write_time(time: DateTime<Utc>, out: &mut String) {
    let year = time.year();
    if (0..=9999).contains(&year) {
        digits(year as u32, 4, out);
    } else {
        // Writing to a String cannot fail.
        let _ = write!(out, "{year:+05}");
    }
    for (separator, value) in [
        ('-', time.month()),
        ('-', time.day()),
        ('T', time.hour()),
        (':', time.minute()),
        (':', time.second()),
    ] {
        out.push(separator);
        digits(value, 2, out);
    }
    // A leap second is told as nanoseconds above a billion.
    let mut fraction = (time.nanosecond() % 1_000_000_000) / 100;
    if fraction != 0 {
        let mut width = 7;
        while fraction.is_multiple_of(10) {
            fraction /= 10;
            width -= 1;
        }
        out.push('.');
        digits(fraction, width, out);
    }
    out.push('Z');
}

/// Appends a number with leading zeros. Times are most of what a history's text costs, and `write!` is ten times slower.
fn digits(mut value: u32, width: usize, out: &mut String) {
    let mut text = [b'0'; 10];
    let width = width.min(text.len());
    for digit in text[..width].iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
    out.extend(text[..width].iter().map(|digit| char::from(*digit)));
}

/// The time without what .NET does not count: parts of 100 ns.
pub(crate) fn whole_ticks(time: DateTime<Utc>) -> DateTime<Utc> {
    time - TimeDelta::nanoseconds(i64::from(time.nanosecond() % 100))
}

/// A time of the protobuf wire; `None` outside the years 1 to 9999, which is what can be written and read back.
pub(crate) fn time_of(seconds: i64, nanos: i32) -> Option<DateTime<Utc>> {
    let time = DateTime::from_timestamp(seconds, u32::try_from(nanos).ok()?)?;
    (1..=9999).contains(&time.year()).then_some(time)
}

/// Reads an ISO-8601 time; one without a zone is UTC.
pub(crate) fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.with_timezone(&Utc));
    }
    text.parse::<chrono::NaiveDateTime>().ok().map(|time| time.and_utc())
}

/// Appends a .NET `TimeSpan`: `[-][d.]hh:mm:ss[.fffffff]`.
pub(crate) fn write_span(span: TimeDelta, out: &mut String) {
    if span < TimeDelta::zero() {
        out.push('-');
    }
    let span = span.abs();
    let seconds = span.num_seconds();
    if seconds >= 86_400 {
        let _ = write!(out, "{}.", seconds / 86_400);
    }
    let _ = write!(
        out,
        "{:02}:{:02}:{:02}",
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60
    );
    let ticks = span.subsec_nanos() / 100;
    if ticks != 0 {
        let _ = write!(out, ".{ticks:07}");
    }
}

/// Reads a .NET `TimeSpan`: `[-][d.]hh:mm[:ss[.fffffff]]` or a number of days.
pub(crate) fn parse_span(text: &str) -> Option<TimeDelta> {
    let text = text.trim();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut parts = text.split(':');
    let first = parts.next()?;
    let (days, hours) = match (first.split_once('.'), text.contains(':')) {
        (Some((days, hours)), true) => (number(days)?, number(hours)?),
        (None, true) => (0, number(first)?),
        (None, false) => (number(first)?, 0),
        (Some(_), false) => return None,
    };
    let minutes = parts.next().map_or(Some(0), number)?;
    let seconds = parts.next().unwrap_or("0");
    if parts.next().is_some() {
        return None;
    }
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let seconds = number(seconds)?;
    let mut nanoseconds = 0;
    if !fraction.is_empty() {
        if fraction.len() > 9 {
            return None;
        }
        nanoseconds = number(fraction)? * 10_i64.pow(9 - u32::try_from(fraction.len()).ok()?);
    }
    let total = days
        .checked_mul(86_400)?
        .checked_add(hours.checked_mul(3600)?)?
        .checked_add(minutes.checked_mul(60)?)?
        .checked_add(seconds)?;
    let span = TimeDelta::try_seconds(total)?.checked_add(&TimeDelta::nanoseconds(nanoseconds))?;
    Some(if negative { -span } else { span })
}

fn number(digits: &str) -> Option<i64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// `time + span`, or the last time there is.
pub(crate) fn later(time: DateTime<Utc>, span: TimeDelta) -> DateTime<Utc> {
    time.checked_add_signed(span).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(nanoseconds: i64) -> String {
        let time = DateTime::from_timestamp(1_935_655_200, 0).unwrap() + TimeDelta::nanoseconds(nanoseconds);
        let mut out = String::new();
        write_time(time, &mut out);
        assert_eq!(
            parse_time(&out).unwrap(),
            time - TimeDelta::nanoseconds(nanoseconds % 100)
        );
        out
    }

    #[test]
    fn times_have_as_many_fractional_digits_as_needed() {
        assert_eq!(text(0), "2031-05-04T10:00:00Z");
        assert_eq!(text(418_200_000), "2031-05-04T10:00:00.4182Z");
        assert_eq!(text(123_456_789), "2031-05-04T10:00:00.1234567Z");
        assert_eq!(text(1_200), "2031-05-04T10:00:00.0000012Z");
        assert_eq!(text(99), "2031-05-04T10:00:00Z");
    }

    #[test]
    fn a_time_without_zone_is_utc_and_offsets_are_converted() {
        let ten = DateTime::from_timestamp(1_935_655_200, 0);
        assert_eq!(parse_time("2031-05-04T10:00:00"), ten);
        assert_eq!(parse_time("2031-05-04T12:00:00+02:00"), ten);
        assert_eq!(parse_time("soon"), None);
    }

    #[test]
    fn spans_are_written_and_read_as_dotnet_does() {
        for (span, expected) in [
            (TimeDelta::days(6), "6.00:00:00"),
            (TimeDelta::seconds(3_661), "01:01:01"),
            (TimeDelta::zero(), "00:00:00"),
            (TimeDelta::milliseconds(-1_500), "-00:00:01.5000000"),
        ] {
            let mut out = String::new();
            write_span(span, &mut out);
            assert_eq!(out, expected);
            assert_eq!(parse_span(&out), Some(span));
        }
        assert_eq!(parse_span("10675199.02:48:05.4775807").unwrap().num_days(), 10_675_199);
        assert_eq!(parse_span("2"), Some(TimeDelta::days(2)));
        for bad in ["", "1.5", "a:00", "1:2:3:4", "::"] {
            assert_eq!(parse_span(bad), None, "{bad}");
        }
    }
}
