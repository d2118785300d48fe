//! NCRONTAB: `{second} {minute} {hour} {day} {month} {day-of-week}`, with the meaning that the NCrontab library gives
//! it: five fields mean second 0; `5/10` counts from 5 to the maximum; day and weekday must both match; weekdays are 0
//! to 6; names may be shortened; a range that is written backwards is turned around. This file knows calendars and wall
//! clocks; what a time zone does to them is the business of `schedule.rs`.

use std::{fmt, str::FromStr};

use chrono::{Datelike as _, Days, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _};

/// A parsed expression that has at least one occurrence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ncrontab {
    seconds: Field,
    minutes: Field,
    hours: Field,
    days: Field,
    months: Field,
    weekdays: Field,
    /// The hour field begins with `*`: the schedule counts intervals rather than naming times of day.
    every_hour: bool,
}

/// The allowed values of one field, a bit each.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Field(u64);

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries((0..64).filter(|value| self.has(*value))).finish()
    }
}

/// The text is not an NCRONTAB expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NcrontabError {
    #[error(
        "it has {0} fields, but needs 6 ({{second}} {{minute}} {{hour}} {{day}} {{month}} {{day-of-week}}), or 5 without the second"
    )]
    FieldCount(usize),
    #[error("'{text}' is not a valid {field}: {problem}")]
    Field {
        field: &'static str,
        text: String,
        problem: String,
    },
    #[error("it never occurs: no month that it names has a day that it names")]
    Never,
}

struct Kind {
    name: &'static str,
    low: u32,
    high: u32,
    names: &'static [&'static str],
}

const SECOND: Kind = Kind {
    name: "second",
    low: 0,
    high: 59,
    names: &[],
};
const MINUTE: Kind = Kind {
    name: "minute",
    low: 0,
    high: 59,
    names: &[],
};
const HOUR: Kind = Kind {
    name: "hour",
    low: 0,
    high: 23,
    names: &[],
};
const DAY: Kind = Kind {
    name: "day",
    low: 1,
    high: 31,
    names: &[],
};
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const MONTH: Kind = Kind {
    name: "month",
    low: 1,
    high: 12,
    names: &MONTHS,
};
const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
const WEEKDAY: Kind = Kind {
    name: "day of week",
    low: 0,
    high: 6,
    names: &WEEKDAYS,
};

impl FromStr for Ncrontab {
    type Err = NcrontabError;

    fn from_str(text: &str) -> Result<Self, NcrontabError> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let (seconds, [minute, hour, day, month, weekday]) = match *fields.as_slice() {
            [minute, hour, day, month, weekday] => (Field::only(0), [minute, hour, day, month, weekday]),
            [second, minute, hour, day, month, weekday] => {
                (Field::parse(&SECOND, second)?, [minute, hour, day, month, weekday])
            }
            _ => return Err(NcrontabError::FieldCount(fields.len())),
        };
        let cron = Self {
            seconds,
            minutes: Field::parse(&MINUTE, minute)?,
            hours: Field::parse(&HOUR, hour)?,
            days: Field::parse(&DAY, day)?,
            months: Field::parse(&MONTH, month)?,
            weekdays: Field::parse(&WEEKDAY, weekday)?,
            every_hour: hour.starts_with('*'),
        };
        let longest = |month| match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        // Within 400 years every day of the year falls on every weekday, so weekdays cannot make it impossible.
        let occurs =
            (1..=12).any(|month| cron.months.has(month) && cron.days.next(1).is_some_and(|day| day <= longest(month)));
        if occurs { Ok(cron) } else { Err(NcrontabError::Never) }
    }
}

impl Ncrontab {
    /// Whether the schedule counts intervals (`*` or `*/n` hours) rather than naming times of day. It matters only
    /// where clocks are changed.
    pub(super) fn is_interval(&self) -> bool {
        self.every_hour
    }

    /// The first occurrence on the wall clock strictly after `time`. `None` at the end of the calendar.
    pub(crate) fn next_after(&self, time: NaiveDateTime) -> Option<NaiveDateTime> {
        // A time with a fraction of a second is before the next whole second.
        let from = time
            .with_nanosecond(0)?
            .checked_add_signed(chrono::TimeDelta::seconds(1))?;
        if self.has_date(from.date())
            && let Some(time) = self.time_at_or_after(from.time())
        {
            return Some(from.date().and_time(time));
        }
        let mut date = from.date().checked_add_days(Days::new(1))?;
        // The longest wait is for a February 29th of one weekday: 40 years, where a century has no leap day.
        let last_year = date.year() + 41;
        while date.year() <= last_year {
            if !self.months.has(date.month()) {
                date = first_of_next_month(date)?;
            } else if self.has_date(date) {
                return Some(date.and_time(self.time_at_or_after(NaiveTime::MIN)?));
            } else {
                date = date.checked_add_days(Days::new(1))?;
            }
        }
        None
    }

    fn has_date(&self, date: NaiveDate) -> bool {
        self.months.has(date.month())
            && self.days.has(date.day())
            && self.weekdays.has(date.weekday().num_days_from_sunday())
    }

    fn time_at_or_after(&self, time: NaiveTime) -> Option<NaiveTime> {
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        if self.hours.has(hour) {
            if self.minutes.has(minute)
                && let Some(second) = self.seconds.next(second)
            {
                return NaiveTime::from_hms_opt(hour, minute, second);
            }
            if let Some(minute) = self.minutes.next(minute + 1) {
                return NaiveTime::from_hms_opt(hour, minute, self.seconds.next(0)?);
            }
        }
        NaiveTime::from_hms_opt(self.hours.next(hour + 1)?, self.minutes.next(0)?, self.seconds.next(0)?)
    }
}

fn first_of_next_month(date: NaiveDate) -> Option<NaiveDate> {
    match date.month() {
        12 => NaiveDate::from_ymd_opt(date.year().checked_add(1)?, 1, 1),
        month => NaiveDate::from_ymd_opt(date.year(), month + 1, 1),
    }
}

impl Field {
    fn only(value: u32) -> Self {
        Self(1 << value)
    }

    fn has(self, value: u32) -> bool {
        value < 64 && self.0 & (1 << value) != 0
    }

    /// The smallest allowed value that is not less than `from`.
    fn next(self, from: u32) -> Option<u32> {
        let rest = if from < 64 { self.0 & (u64::MAX << from) } else { 0 };
        (rest != 0).then(|| rest.trailing_zeros())
    }

    fn parse(kind: &Kind, text: &str) -> Result<Self, NcrontabError> {
        let mut field = Self(0);
        for item in text.split(',') {
            let bits = Self::parse_item(kind, item).map_err(|problem| NcrontabError::Field {
                field: kind.name,
                text: text.to_owned(),
                problem,
            })?;
            field.0 |= bits.0;
        }
        Ok(field)
    }

    fn parse_item(kind: &Kind, item: &str) -> Result<Self, String> {
        if item.is_empty() {
            return Err("a value is missing".to_owned());
        }
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => {
                let step = number(step).ok_or_else(|| format!("'{step}' is not a step, which is a whole number"))?;
                // The library takes a step of 0 for 1.
                (range, Some(step.max(1)))
            }
            None => (item, None),
        };
        let (first, last) = if range == "*" {
            (kind.low, kind.high)
        } else if let Some((first, last)) = range.split_once('-').filter(|(first, _)| !first.is_empty()) {
            let (first, last) = (kind.value(first)?, kind.value(last)?);
            (first.min(last), first.max(last))
        } else {
            let value = kind.value(range)?;
            // A step of 1 after a single value means that value alone to the library.
            (value, if step.unwrap_or(1) == 1 { value } else { kind.high })
        };
        let mut field = Self(0);
        // A step beyond the range leaves the first value; the conversion cannot fail on 32 bits and more.
        for value in (first..=last).step_by(usize::try_from(step.unwrap_or(1)).unwrap_or(usize::MAX)) {
            field.0 |= 1 << value;
        }
        Ok(field)
    }
}

impl Kind {
    fn value(&self, text: &str) -> Result<u32, String> {
        if text.is_empty() {
            return Err("a value is missing".to_owned());
        }
        if let Some(value) = number(text) {
            if (self.low..=self.high).contains(&value) {
                return Ok(value);
            }
            let hint = if self.names.len() == 7 && value == 7 {
                ", Sunday is 0"
            } else {
                ""
            };
            return Err(format!("{value} is not between {} and {}{hint}", self.low, self.high));
        }
        let is_name = |name: &str| {
            name.get(..text.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(text))
        };
        if let Some(index) = self.names.iter().position(|name| is_name(name)) {
            // There are at most twelve names.
            return Ok(self.low + index as u32);
        }
        let or_name = if self.names.is_empty() {
            String::new()
        } else {
            format!(", or a name such as {}", &self.names[1][..3])
        };
        Err(format!(
            "'{text}' is not a number from {} to {}{or_name}",
            self.low, self.high
        ))
    }
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests;
