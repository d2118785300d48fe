//! .NET `TimeSpan` text, `[-][d.]hh:mm[:ss[.fffffff]]`, as `host.json` and timer schedules write durations.
//!
//! The file is the same in `azure-functions-codegen` and `azure-functions-sdk`, which the test `cli` of the latter checks.

use std::time::Duration;

/// Reads a span that is not negative: `hh:mm`, `hh:mm:ss`, `d.hh:mm:ss`, with up to seven digits after the second, or a
/// bare number of days. `None` for anything else, negative spans included.
pub(crate) fn parse_time_span(text: &str) -> Option<Duration> {
    let text = text.trim();
    let number = |part: &str, below: u64| -> Option<u64> {
        let digits = !part.is_empty() && part.len() <= 10 && part.bytes().all(|b| b.is_ascii_digit());
        part.parse().ok().filter(|value| digits && *value < below)
    };
    // The largest .NET span has 10,675,199 whole days.
    const DAYS: u64 = 10_675_199;
    let mut fields = text.split(':');
    let first = fields.next()?;
    let Some(minutes) = fields.next() else {
        return Some(Duration::from_secs(number(first, DAYS)? * 86_400));
    };
    let (days, hours) = match first.split_once('.') {
        Some((days, hours)) => (number(days, DAYS)?, number(hours, 24)?),
        None => (0, number(first, 24)?),
    };
    let minutes = number(minutes, 60)?;
    let (seconds, nanos) = match fields.next() {
        None => (0, 0),
        Some(text) => match text.split_once('.') {
            None => (number(text, 60)?, 0),
            Some((seconds, fraction)) if (1..=7).contains(&fraction.len()) => (
                number(seconds, 60)?,
                number(fraction, 10_000_000)? * 10_u64.pow(9 - fraction.len() as u32),
            ),
            Some(_) => return None,
        },
    };
    if fields.next().is_some() {
        return None;
    }
    // The fraction has at most seven digits, so nanos is below 10^9 and fits.
    Some(Duration::new(
        ((days * 24 + hours) * 60 + minutes) * 60 + seconds,
        nanos as u32,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_dotnet_reads_them() {
        for (text, millis) in [
            ("00:05:00", 300_000),
            ("00:05", 300_000),
            ("1.02:03:04.5", 93_784_500),
            ("3", 259_200_000),
            (" 23:59:59.0010000 ", 86_399_001),
            ("6.00:00:00", 518_400_000),
        ] {
            assert_eq!(parse_time_span(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "24:00:00",
            "00:60:00",
            "1:2:3:4",
            "-00:05:00",
            "+1",
            "00:00:00.12345678",
            "5 minutes",
            "1.5",
        ] {
            assert_eq!(parse_time_span(text), None, "{text}");
        }
    }
}
