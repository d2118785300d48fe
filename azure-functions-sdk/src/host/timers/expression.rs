//! The text of a timer's schedule: an NCRONTAB expression, or the time span between two runs.
//!
//! `#[func]` and the local host read schedules with this very code, so that neither refuses what the other takes: the file is
//! the same in `azure-functions-codegen` and `azure-functions-sdk`, which the test `cli` of the latter checks. It needs the
//! standard library only.
//!
//! The meaning is that of the NCrontab library: five fields mean second 0; `5/10` counts from 5 to the maximum; day and
//! weekday must both match; weekdays are 0 to 6. What the library takes, but hardly as it was meant, is refused: a step of 0
//! (it means 1, so `0 */0 * * * *` would run every minute), a range that goes backwards (it is turned around, so `Sat-Sun`
//! would be every day), a name of one or two letters, and a number alone (so many days).

use super::parse_time_span;
use std::{fmt, time::Duration};

/// What the text of a schedule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    /// Times on the calendar.
    Cron(Ncrontab),
    /// The time between two runs, above zero.
    Every(Duration),
}

/// An NCRONTAB expression that has at least one occurrence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ncrontab {
    pub(crate) seconds: Field,
    pub(crate) minutes: Field,
    pub(crate) hours: Field,
    pub(crate) days: Field,
    pub(crate) months: Field,
    pub(crate) weekdays: Field,
    /// The hour field begins with `*`: the schedule counts intervals rather than naming times of day.
    pub(crate) every_hour: bool,
}

/// The allowed values of one field, a bit each.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field(u64);

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries((0..64).filter(|value| self.has(*value))).finish()
    }
}

/// What can be written.
pub(crate) const FORMS: &str = "write six fields `{second} {minute} {hour} {day} {month} {day of week}`, for example \
                                `0 */5 * * * *`, or five without the second, or a time span such as `00:05:00`, or `%SETTING%`";

/// Whether the text names an app setting, as in `%SETTING%`: only the host knows the schedule then.
pub(crate) fn names_a_setting(text: &str) -> bool {
    let mut parts = text.split('%');
    parts.next();
    // The last part has no `%` after it.
    parts.next().is_some_and(|name| !name.is_empty()) && parts.next().is_some()
}

impl Expression {
    /// Reads a schedule in which no setting is named; the error is a sentence without its full stop.
    pub(crate) fn parse(schedule: &str) -> Result<Self, String> {
        let text = schedule.trim();
        if text.is_empty() {
            return Err(format!("the schedule is empty: {FORMS}"));
        }
        Self::parse_text(text).map_err(|problem| format!("`{text}` is not a schedule: {problem}"))
    }

    fn parse_text(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let (second, [minute, hour, day, month, weekday]) = match fields[..] {
            [span] if span.contains([':', '.']) => return time_span(span).map(Self::Every),
            [minute, hour, day, month, weekday] => ("0", [minute, hour, day, month, weekday]),
            [second, minute, hour, day, month, weekday] => (second, [minute, hour, day, month, weekday]),
            [_] => return Err(format!("it has 1 field: {FORMS}")),
            _ => return Err(format!("it has {} fields: {FORMS}", fields.len())),
        };
        let cron = Ncrontab {
            seconds: SECOND.parse(second)?,
            minutes: MINUTE.parse(minute)?,
            hours: HOUR.parse(hour)?,
            days: DAY.parse(day)?,
            months: MONTH.parse(month)?,
            weekdays: WEEKDAY.parse(weekday)?,
            every_hour: hour.starts_with('*'),
        };
        if cron.occurs() {
            Ok(Self::Cron(cron))
        } else {
            Err("it never occurs: no month that it names has a day that it names".to_owned())
        }
    }
}

fn time_span(text: &str) -> Result<Duration, String> {
    match parse_time_span(text) {
        Some(Duration::ZERO) => Err("the time between two runs must be above zero".to_owned()),
        Some(span) => Ok(span),
        None => Err("a time span is `hh:mm:ss` with hours up to 23, or `d.hh:mm:ss` from one day on".to_owned()),
    }
}

impl Ncrontab {
    /// Whether some day matches. Within 400 years every day of the year falls on every weekday, so weekdays cannot make it
    /// impossible.
    fn occurs(&self) -> bool {
        let longest = |month| match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        (1..=12).any(|month| self.months.has(month) && self.days.next(1).is_some_and(|day| day <= longest(month)))
    }
}

impl Field {
    pub(crate) fn has(self, value: u32) -> bool {
        value < 64 && self.0 & (1 << value) != 0
    }

    /// The smallest allowed value that is not less than `from`.
    pub(crate) fn next(self, from: u32) -> Option<u32> {
        let rest = if from < 64 { self.0 & (u64::MAX << from) } else { 0 };
        (rest != 0).then(|| rest.trailing_zeros())
    }
}

/// What a field can hold.
struct Kind {
    name: &'static str,
    low: u32,
    high: u32,
    names: &'static [&'static str],
}

const SECOND: Kind = Kind::numbers("second", 0, 59);
const MINUTE: Kind = Kind::numbers("minute", 0, 59);
const HOUR: Kind = Kind::numbers("hour", 0, 23);
const DAY: Kind = Kind::numbers("day", 1, 31);
const MONTH: Kind = Kind {
    name: "month",
    low: 1,
    high: 12,
    names: &[
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ],
};
const WEEKDAY: Kind = Kind {
    name: "day of week",
    low: 0,
    high: 6,
    names: &[
        "sunday",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
    ],
};

impl Kind {
    const fn numbers(name: &'static str, low: u32, high: u32) -> Self {
        Self {
            name,
            low,
            high,
            names: &[],
        }
    }

    fn parse(&self, text: &str) -> Result<Field, String> {
        text.split(',').try_fold(Field(0), |field, item| {
            let bits = self.item(item, text)?;
            Ok(Field(field.0 | bits.0))
        })
    }

    /// One item of the list `field`.
    fn item(&self, item: &str, field: &str) -> Result<Field, String> {
        let Self { name, low, high, .. } = self;
        let (range, step) = match item.split_once('/') {
            None => (item, None),
            Some((range, step)) => match number(step) {
                Some(number) if number > 0 => (range, Some(number)),
                _ => {
                    return Err(format!("`{step}` is no step for the {name}: it is a number above 0"));
                }
            },
        };
        let value = |text: &str| {
            if text.is_empty() {
                return Err(format!("a value is missing in `{field}`, the {name}"));
            }
            self.value(text)
        };
        let (first, last) = match range.split_once('-').filter(|(first, _)| !first.is_empty()) {
            _ if range == "*" => (*low, *high),
            Some((first, last)) => match (value(first)?, value(last)?) {
                (from, to) if from > to => {
                    return Err(format!(
                        "the range `{range}` of the {name} goes backwards: write `{first}-{high},{low}-{last}`"
                    ));
                }
                range => range,
            },
            None => {
                let value = value(range)?;
                // A step of 1 after a single value means that value alone to the library.
                (value, if step.unwrap_or(1) == 1 { value } else { *high })
            }
        };
        let mut bits = 0;
        // A step beyond the range leaves the first value; the conversion cannot fail on 32 bits and more.
        for value in (first..=last).step_by(usize::try_from(step.unwrap_or(1)).unwrap_or(usize::MAX)) {
            bits |= 1 << value;
        }
        Ok(Field(bits))
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        let Self { name, low, high, names } = self;
        if let Some(value) = number(text) {
            if (*low..=*high).contains(&value) {
                return Ok(value);
            }
            let hint = if names.len() == 7 && value == 7 {
                ": Sunday is 0"
            } else {
                ""
            };
            return Err(format!("the {name} {value} is not between {low} and {high}{hint}"));
        }
        let lower = text.to_lowercase();
        let named = names.iter().zip(*low..).find(|(name, _)| name.starts_with(&lower));
        match named {
            Some((_, value)) if lower.len() >= 3 => Ok(value),
            _ if names.is_empty() => Err(format!(
                "`{text}` is no {name}: write `*`, a number from {low} to {high}, a range `a-b`, a list `a,b` or a step `*/n`"
            )),
            _ => Err(format!(
                "`{text}` is no {name}: write `*`, a number from {low} to {high}, or a name such as `{}`",
                &names[1][..3]
            )),
        }
    }
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}
