//! When a timer fires: an NCRONTAB expression read in a time zone, or a constant interval.

use std::time::Duration;

use chrono::{DateTime, FixedOffset, MappedLocalTime, NaiveDateTime, TimeDelta, Utc};

use super::{
    Zone,
    expression::{Expression, Ncrontab},
};

/// A timer's schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    rule: Rule,
    zone: Zone,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Cron(Ncrontab),
    Every(TimeDelta),
}

/// The text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScheduleError(String);

impl Schedule {
    /// Reads NCRONTAB with six or five fields, or a time span such as `00:05:00`, as `#[func]` does. `%SETTING%` is resolved
    /// before.
    ///
    /// # Errors
    /// The text is neither, or never occurs.
    pub fn parse(text: &str, zone: Zone) -> Result<Self, ScheduleError> {
        let rule = match Expression::parse(text).map_err(ScheduleError)? {
            Expression::Cron(cron) => Rule::Cron(cron),
            // A span of .NET fits; the largest is of ten million days.
            Expression::Every(span) => Rule::Every(TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX)),
        };
        Ok(Self { rule, zone })
    }

    /// The first occurrence strictly after `time`; `None` only at the end of the calendar.
    ///
    /// Where clocks are put back, schedules of intervals (hours `*` or `*/n`) go on through the repeated hour, and others
    /// fire in its first pass only. Where clocks are put forward, an occurrence in the hour that does not exist comes
    /// as much later as the clocks were moved.
    pub fn next_after(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.rule {
            Rule::Every(span) => time.checked_add_signed(*span),
            Rule::Cron(cron) => self.next_cron(cron, time),
        }
    }

    /// The next five occurrences, for people.
    pub fn next_five(&self, time: DateTime<Utc>) -> Vec<DateTime<FixedOffset>> {
        let mut times = std::iter::successors(self.next_after(time), |time| self.next_after(*time));
        times.by_ref().take(5).map(|time| self.zone.local(time)).collect()
    }

    /// `Schedule.AdjustForDST` of the timer's data: true for NCRONTAB, false for intervals.
    pub(super) fn adjusts_for_dst(&self) -> bool {
        matches!(self.rule, Rule::Cron(_))
    }

    /// Whether some of the next occurrences are less than a minute apart: such timers keep no status.
    pub(super) fn is_below_a_minute(&self, now: DateTime<Utc>) -> bool {
        let times = self.next_five(now);
        times
            .windows(2)
            .any(|pair| (pair[1] - pair[0]).to_std().unwrap_or_default() < Duration::from_secs(60))
    }

    pub(super) fn zone(&self) -> Zone {
        self.zone
    }

    fn next_cron(&self, cron: &Ncrontab, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let now = self.zone.local(time);
        let mut wall = now.naive_local();
        let (next, offset) = loop {
            wall = cron.next_after(wall)?;
            let found = match self.zone.offsets(wall) {
                MappedLocalTime::Single(offset) => Some((instant(wall, offset)?, offset)),
                MappedLocalTime::Ambiguous(first, second) => {
                    let passes = [first, second];
                    let mut passes = passes
                        .into_iter()
                        .filter_map(|offset| Some((instant(wall, offset)?, offset)));
                    passes
                        .find(|(next, _)| *next > time)
                        .filter(|(_, offset)| cron.is_interval() || *offset == first)
                }
                MappedLocalTime::None => {
                    let offset = self.offset_before_gap(wall)?;
                    Some((instant(wall, offset)?, offset))
                }
            };
            if let Some((next, offset)) = found.filter(|(next, _)| *next > time) {
                break (next, offset);
            }
        };
        if !cron.is_interval() || offset.local_minus_utc() >= now.offset().local_minus_utc() {
            return Some(next);
        }
        // The clocks are put back between now and `next`, and the wall clock that was asked first ran through the repeated
        // hour without a match: ask the clock after the change.
        let mut wall = time.with_timezone(&offset).naive_local();
        loop {
            wall = cron.next_after(wall)?;
            let repeated = instant(wall, offset)?;
            if repeated >= next {
                return Some(next);
            }
            if *self.zone.local(repeated).offset() == offset {
                return Some(repeated);
            }
        }
    }

    /// The offset that was in force before the gap in which `wall` falls.
    fn offset_before_gap(&self, wall: NaiveDateTime) -> Option<FixedOffset> {
        // Gaps are an hour nearly everywhere; a day was once skipped in the Pacific.
        (1..=50).find_map(|half_hours| {
            let earlier = wall.checked_sub_signed(TimeDelta::minutes(30 * half_hours))?;
            self.zone.offsets(earlier).latest()
        })
    }
}

fn instant(wall: NaiveDateTime, offset: FixedOffset) -> Option<DateTime<Utc>> {
    Some(wall.checked_sub_offset(offset)?.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::timers::names_a_setting;

    fn schedule(text: &str, zone: &str) -> Schedule {
        Schedule::parse(text, Zone::from_setting(Some(zone)).unwrap()).unwrap()
    }

    fn five(text: &str, zone: &str, after: &str) -> Vec<String> {
        let times = schedule(text, zone).next_five(after.parse().unwrap());
        times
            .iter()
            .map(|time| time.format("%m-%d %H:%M %z").to_string())
            .collect()
    }

    #[test]
    fn utc_is_the_default_and_intervals_are_constant() {
        assert_eq!(
            five("0 0 */6 * * *", "", "2026-12-31T13:00:00Z"),
            [
                "12-31 18:00 +0000",
                "01-01 00:00 +0000",
                "01-01 06:00 +0000",
                "01-01 12:00 +0000",
                "01-01 18:00 +0000"
            ]
        );
        let every = schedule("1.00:30:00", "");
        assert_eq!(
            every.next_after("2026-01-01T00:00:01Z".parse().unwrap()),
            Some("2026-01-02T00:30:01Z".parse().unwrap())
        );
        assert!(!every.adjusts_for_dst());
    }

    #[test]
    fn times_of_day_in_the_missing_hour_come_an_hour_later() {
        // New York, March 8th 2026: 02:00 becomes 03:00.
        assert_eq!(
            five("0 30 2 * * *", "America/New_York", "2026-03-07T00:00:00Z"),
            [
                "03-07 02:30 -0500",
                "03-08 03:30 -0400",
                "03-09 02:30 -0400",
                "03-10 02:30 -0400",
                "03-11 02:30 -0400"
            ]
        );
        assert_eq!(
            five("0 */30 * * * *", "America/New_York", "2026-03-08T06:00:00Z"),
            [
                "03-08 01:30 -0500",
                "03-08 03:00 -0400",
                "03-08 03:30 -0400",
                "03-08 04:00 -0400",
                "03-08 04:30 -0400"
            ]
        );
    }

    #[test]
    fn times_of_day_in_the_repeated_hour_come_once_and_intervals_go_on() {
        // New York, November 1st 2026: 02:00 becomes 01:00.
        assert_eq!(
            five("0 30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z"),
            [
                "11-01 01:30 -0400",
                "11-02 01:30 -0500",
                "11-03 01:30 -0500",
                "11-04 01:30 -0500",
                "11-05 01:30 -0500"
            ]
        );
        assert_eq!(
            five("0 30 1 * * *", "America/New_York", "2026-11-01T06:10:00Z")[0],
            "11-02 01:30 -0500",
            "asked in the second pass"
        );
        assert_eq!(
            five("0 */30 * * * *", "America/New_York", "2026-11-01T05:00:00Z"),
            [
                "11-01 01:30 -0400",
                "11-01 01:00 -0500",
                "11-01 01:30 -0500",
                "11-01 02:00 -0500",
                "11-01 02:30 -0500"
            ]
        );
        assert_eq!(
            five("0 15 * * * *", "America/New_York", "2026-11-01T04:30:00Z"),
            [
                "11-01 01:15 -0400",
                "11-01 01:15 -0500",
                "11-01 02:15 -0500",
                "11-01 03:15 -0500",
                "11-01 04:15 -0500"
            ]
        );
    }

    #[test]
    fn occurrences_only_ever_move_forward_across_changes_of_the_clock() {
        for zone in [
            "America/New_York",
            "Europe/Amsterdam",
            "Australia/Lord_Howe",
            "Africa/Casablanca",
        ] {
            for text in ["0 */7 * * * *", "0 30 1,2 * * *", "30 15 */2 * * *", "0 0 0 * * Sun"] {
                let schedule = schedule(text, zone);
                let mut time = "2026-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap();
                for _ in 0..2000 {
                    let next = schedule.next_after(time).unwrap();
                    assert!(next > time, "{text} in {zone} stood still at {time}");
                    time = next;
                }
            }
        }
    }

    #[test]
    fn every_minute_means_every_minute_all_year() {
        let schedule = schedule("0 * * * * *", "Australia/Lord_Howe");
        let mut time = "2026-04-04T00:00:00Z".parse::<DateTime<Utc>>().unwrap();
        for _ in 0..3000 {
            let next = schedule.next_after(time).unwrap();
            assert_eq!(next - time, TimeDelta::minutes(1), "after {time}");
            time = next;
        }
    }

    #[test]
    fn the_host_takes_the_schedules_of_the_table_and_no_others() {
        for line in include_str!("../../../../azure-functions-codegen/tests/schedules.txt").lines() {
            let (verdict, text) = line.split_once('|').unwrap();
            if !names_a_setting(text) {
                let parsed = Schedule::parse(text, Zone::UTC);
                assert_eq!(parsed.is_ok(), verdict == "good", "`{text}`: {parsed:?}");
            }
        }
    }

    #[test]
    fn schedules_below_a_minute_are_known() {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        for (text, below) in [
            ("*/30 * * * * *", true),
            ("0 * * * * *", false),
            ("00:00:59", true),
            ("00:01:00", false),
        ] {
            assert_eq!(schedule(text, "").is_below_a_minute(now), below, "{text}");
        }
    }
}
