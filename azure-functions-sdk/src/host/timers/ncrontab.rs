//! What an NCRONTAB expression means on the calendar and the wall clock. What a time zone does to them is the business of
//! `schedule.rs`.

use chrono::{Datelike as _, Days, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _};

use super::expression::Ncrontab;

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

#[cfg(test)]
mod tests;
