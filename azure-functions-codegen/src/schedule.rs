//! The schedule of a timer: NCRONTAB, a time span, or the name of a setting.

#[cfg_attr(
    not(test),
    allow(dead_code, reason = "what a schedule means is the business of hosts")
)]
mod expression;
mod time_span;

use expression::{Expression, names_a_setting};
use time_span::parse_time_span;

/// What is wrong with a schedule. Settings are known to the host alone.
pub(crate) fn wrong(schedule: &str) -> Option<String> {
    if names_a_setting(schedule) {
        return None;
    }
    Expression::parse(schedule).err()
}

/// A time span as .NET writes it.
pub(crate) fn time_span(text: &str) -> Option<std::time::Duration> {
    parse_time_span(text)
}

#[cfg(test)]
mod tests {
    use super::wrong;

    /// The local host and `cargo func new` are tested with the same table.
    #[test]
    fn the_macro_takes_the_schedules_of_the_table_and_no_others() {
        let mut count = 0;
        for line in include_str!("../tests/schedules.txt").lines() {
            let (verdict, schedule) = line.split_once('|').unwrap();
            let reason = wrong(schedule);
            assert_eq!(reason.is_none(), verdict == "good", "`{schedule}`: {reason:?}");
            count += 1;
        }
        assert!(count > 300, "{count} schedules");
    }

    #[test]
    fn what_is_refused_is_refused_for_a_reason() {
        for (schedule, reason) in [
            ("", "is empty"),
            ("* * * *", "it has 4 fields: write six fields"),
            ("@daily", "it has 1 field: write six fields"),
            ("0 0 24 * * *", "the hour 24 is not between 0 and 23"),
            ("0 0 0 0 * *", "the day 0 is not between 1 and 31"),
            ("0 0 0 * 13 *", "the month 13"),
            ("0 0 0 * * 7", "the day of week 7 is not between 0 and 6: Sunday is 0"),
            (
                "0 0 0 * * ?",
                "`?` is no day of week: write `*`, a number from 0 to 6, or a name such as `mon`",
            ),
            ("0 */0 * * * *", "`0` is no step for the minute: it is a number above 0"),
            (
                "0 30-10 * * * *",
                "the range `30-10` of the minute goes backwards: write `30-59,0-10`",
            ),
            ("0 x * * * *", "`x` is no minute"),
            ("0 1,,2 * * * *", "a value is missing in `1,,2`, the minute"),
            ("0 0 0 30 2 *", "it never occurs"),
            ("24:00:00", "a time span is `hh:mm:ss` with hours up to 23"),
            ("00:00:00", "above zero"),
            ("1:2:3:4", "a time span is"),
        ] {
            let text = wrong(schedule).unwrap_or_default();
            assert!(text.contains(reason), "{schedule}: {text}");
        }
    }
}
