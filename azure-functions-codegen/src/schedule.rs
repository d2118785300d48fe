//! The schedule of a timer: NCRONTAB, a time span, or the name of a setting.

/// What is wrong with a schedule.
pub(crate) fn wrong(schedule: &str) -> Option<String> {
    let text = schedule.trim();
    if text.is_empty() {
        return Some(format!("the schedule is empty: {FORMS}"));
    }
    if text.contains('%') {
        // Settings are known to the host alone.
        return None;
    }
    let fields: Vec<_> = text.split_whitespace().collect();
    if let [span] = fields[..]
        && (span.contains(':') || span.contains('.'))
    {
        return wrong_time_span(span);
    }
    let fields_of = match fields.len() {
        5 => &FIELDS[1..],
        6 => &FIELDS[..],
        n => {
            return Some(format!(
                "`{text}` has {n} field{}: {FORMS}",
                if n == 1 { "" } else { "s" }
            ));
        }
    };
    fields
        .iter()
        .zip(fields_of)
        .find_map(|(text, field)| field.wrong(text).map(|reason| format!("`{schedule}`: {reason}")))
}

const FORMS: &str = "write six fields `{second} {minute} {hour} {day} {month} {day of week}`, for example \
                     `0 */5 * * * *`, or five without the second, or a time span such as `00:05:00`, or `%SETTING%`";

struct Field {
    name: &'static str,
    low: u32,
    high: u32,
    names: &'static [&'static str],
}

const FIELDS: [Field; 6] = [
    field("second", 0, 59, &[]),
    field("minute", 0, 59, &[]),
    field("hour", 0, 23, &[]),
    field("day", 1, 31, &[]),
    field(
        "month",
        1,
        12,
        &[
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
    ),
    field(
        "day of week",
        0,
        6,
        &[
            "sunday",
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
            "saturday",
        ],
    ),
];

const fn field(name: &'static str, low: u32, high: u32, names: &'static [&'static str]) -> Field {
    Field { name, low, high, names }
}

impl Field {
    fn wrong(&self, text: &str) -> Option<String> {
        text.split(',').find_map(|item| self.wrong_item(item))
    }

    fn wrong_item(&self, item: &str) -> Option<String> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (item, None),
        };
        if let Some(step) = step
            && !step.parse::<u32>().is_ok_and(|step| step > 0)
        {
            return Some(format!(
                "`{step}` is no step for the {}: it is a number above 0",
                self.name
            ));
        }
        if range == "*" {
            return None;
        }
        match range.split_once('-') {
            None => self.value(range).err(),
            Some((first, last)) => match (self.value(first), self.value(last)) {
                (Ok(first), Ok(last)) if first > last => {
                    Some(format!("the range `{range}` of the {} goes backwards", self.name))
                }
                (Err(error), _) | (_, Err(error)) => Some(error),
                _ => None,
            },
        }
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        let lower = text.to_lowercase();
        if lower.len() >= 3
            && let Some(position) = self.names.iter().position(|name| name.starts_with(&lower))
        {
            return Ok(self.low + u32::try_from(position).unwrap_or_default());
        }
        let Self { name, low, high, names } = self;
        match text.parse::<u32>() {
            Ok(number) if (*low..=*high).contains(&number) => Ok(number),
            Ok(number) => Err(format!("the {name} {number} is not between {low} and {high}")),
            Err(_) if names.is_empty() => Err(format!(
                "`{text}` is no {name}: write `*`, a number from {low} to {high}, a range `a-b`, a list `a,b` or a step `*/n`"
            )),
            Err(_) => Err(format!(
                "`{text}` is no {name}: write `*`, a number from {low} to {high}, or a name such as `{}`",
                &names[1][..3]
            )),
        }
    }
}

/// The text of a .NET time span: `[d.]hh:mm[:ss[.fff]]`, above zero.
fn wrong_time_span(text: &str) -> Option<String> {
    const FORM: &str = "a time span is `hh:mm:ss`, or `d.hh:mm:ss` from one day on";
    let (days, rest) = match text.split_once('.') {
        Some((days, rest)) if days.chars().all(|c| c.is_ascii_digit()) && rest.contains(':') => (days, rest),
        _ => ("0", text),
    };
    let (time, fraction) = rest.split_once('.').unwrap_or((rest, "0"));
    let numbers: Result<Vec<u32>, _> = [days, fraction]
        .into_iter()
        .chain(time.split(':'))
        .map(str::parse)
        .collect();
    let Ok(numbers) = numbers else {
        return Some(format!("`{text}` is no schedule: {FORM}"));
    };
    let (Some(hour), Some(minute)) = (numbers.get(2), numbers.get(3)) else {
        return Some(format!("`{text}` is no schedule: {FORM}"));
    };
    let second = numbers.get(4).unwrap_or(&0);
    if numbers.len() > 5 {
        Some(format!("`{text}` is no schedule: {FORM}"))
    } else if *hour > 23 || *minute > 59 || *second > 59 {
        Some(format!("`{text}`: hours go to 23, minutes and seconds to 59; {FORM}"))
    } else if numbers.iter().all(|number| *number == 0) {
        Some(format!("`{text}`: the time between two runs must be above zero"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::wrong;

    #[test]
    fn legal_schedules_pass() {
        for schedule in [
            "0 */5 * * * *",
            "*/5 * * * *",
            "0 30 9 * * 1-5",
            "0 0,30 8-18/2 1 JAN,jul mon-fri",
            "0 0 5/6 * * *",
            "00:05:00",
            "1.00:00:00",
            "00:00:00.5",
            "%SCHEDULE%",
        ] {
            assert_eq!(wrong(schedule), None, "{schedule}");
        }
    }

    #[test]
    fn illegal_ones_are_refused_for_a_reason() {
        for (schedule, reason) in [
            ("", "is empty"),
            ("* * * *", "has 4 fields"),
            ("0 0 24 * * *", "the hour 24 is not between 0 and 23"),
            ("0 0 0 0 * *", "the day 0 is not between 1 and 31"),
            ("0 0 0 * 13 *", "the month 13"),
            ("0 0 0 * * 7", "the day of week 7 is not between 0 and 6"),
            ("0 0 0 * * ?", "`?` is no day of week"),
            ("0 */0 * * * *", "no step"),
            ("0 30-10 * * * *", "goes backwards"),
            ("0 x * * * *", "`x` is no minute"),
            ("24:00:00", "hours go to 23"),
            ("00:00:00", "above zero"),
            ("1:2:3:4", "is no schedule"),
            ("@daily", "has 1 field:"),
        ] {
            let text = wrong(schedule).unwrap_or_default();
            assert!(text.contains(reason), "{schedule}: {text}");
        }
    }
}
