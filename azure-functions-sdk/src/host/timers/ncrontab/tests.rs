//! Occurrences computed by hand, and properties that hold for every expression.

use super::*;
use crate::host::timers::expression::Expression;
use proptest::prelude::*;

fn cron(text: &str) -> Ncrontab {
    match Expression::parse(text) {
        Ok(Expression::Cron(cron)) => cron,
        other => panic!("{text}: {other:?}"),
    }
}

fn at(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").unwrap()
}

#[test]
fn occurrences_are_those_of_ncrontab() {
    // January 1st 2026 is a Thursday.
    for (text, after, expected) in [
        ("0 */5 * * * *", "2026-01-01 00:00:00", "2026-01-01 00:05:00"),
        ("0 */5 * * * *", "2026-01-01 00:04:59.999", "2026-01-01 00:05:00"),
        ("0 */5 * * * *", "2025-12-31 23:57:00", "2026-01-01 00:00:00"),
        ("*/5 * * * *", "2026-01-01 00:01:30", "2026-01-01 00:05:00"),
        ("* * * * * *", "2026-02-28 23:59:59", "2026-03-01 00:00:00"),
        ("0 30 9 * * 1-5", "2026-01-02 09:30:00", "2026-01-05 09:30:00"),
        ("0 30 9 * * Mon-Fri", "2026-01-02 09:29:59", "2026-01-02 09:30:00"),
        ("0 0 12 1 */3 *", "2026-01-01 12:00:00", "2026-04-01 12:00:00"),
        ("0 0 0 29 2 *", "2026-01-01 00:00:00", "2028-02-29 00:00:00"),
        // Of the February 29ths after 2085 (a Sunday, Friday, Wednesday; none in 2100; Friday, Wednesday) 2112's is a Monday.
        ("0 0 0 29 2 1", "2085-01-01 00:00:00", "2112-02-29 00:00:00"),
        ("0 0 0 31 * *", "2026-01-31 00:00:00", "2026-03-31 00:00:00"),
        // Day and weekday must both match: the next Friday 13th.
        ("0 0 0 13 * 5", "2026-01-01 00:00:00", "2026-02-13 00:00:00"),
        ("5/10 * * * * *", "2026-01-01 00:00:05", "2026-01-01 00:00:15"),
        ("5/10 * * * * *", "2026-01-01 00:00:55", "2026-01-01 00:01:05"),
        ("5/1 * * * * *", "2026-01-01 00:00:05", "2026-01-01 00:01:05"),
        ("0 0-10/4,55 * * * *", "2026-01-01 00:08:00", "2026-01-01 00:55:00"),
        ("0 0 0 1 Jan,december *", "2026-01-01 00:00:00", "2026-12-01 00:00:00"),
        ("0 0 22/5 * * *", "2026-01-01 00:00:00", "2026-01-01 22:00:00"),
        ("59 59 23 31 12 *", "2026-12-31 23:59:58", "2026-12-31 23:59:59"),
        ("59 59 23 31 12 *", "2026-12-31 23:59:59", "2027-12-31 23:59:59"),
    ] {
        assert_eq!(
            cron(text).next_after(at(after)),
            Some(at(expected)),
            "{text} after {after}"
        );
    }
}

fn item(low: u32, high: u32) -> impl Strategy<Value = String> {
    let value = low..=high;
    prop_oneof![
        Just("*".to_owned()),
        value.clone().prop_map(|v| v.to_string()),
        (1_u32..20).prop_map(|step| format!("*/{step}")),
        (value.clone(), value.clone()).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        (value.clone(), 1_u32..20).prop_map(|(v, step)| format!("{v}/{step}")),
        (value.clone(), value).prop_map(|(a, b)| format!("{a},{b}")),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    (
        item(0, 59),
        item(0, 59),
        item(0, 23),
        item(1, 31),
        item(1, 12),
        item(0, 6),
    )
        .prop_map(|(s, m, h, d, mo, w)| format!("{s} {m} {h} {d} {mo} {w}"))
}

/// The field as the reference words it, value by value: independent of the parser's bits.
fn allows(field: &str, value: u32, low: u32, high: u32) -> bool {
    field.split(',').any(|item| {
        let (range, step) = item
            .split_once('/')
            .map_or((item, None), |(range, step)| (range, step.parse::<u32>().ok()));
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            Some((a, b)) => {
                let (a, b) = (a.parse::<u32>().unwrap(), b.parse::<u32>().unwrap());
                (a.min(b), a.max(b))
            }
            None => {
                let value = range.parse().unwrap();
                (value, if step.unwrap_or(1) == 1 { value } else { high })
            }
        };
        (first..=last).contains(&value) && (value - first).is_multiple_of(step.unwrap_or(1))
    })
}

fn matches(text: &str, time: NaiveDateTime) -> bool {
    let f: Vec<&str> = text.split(' ').collect();
    allows(f[0], time.second(), 0, 59)
        && allows(f[1], time.minute(), 0, 59)
        && allows(f[2], time.hour(), 0, 23)
        && allows(f[3], time.day(), 1, 31)
        && allows(f[4], time.month(), 1, 12)
        && allows(f[5], time.weekday().num_days_from_sunday(), 0, 6)
}

proptest! {
    #[test]
    fn the_next_occurrence_is_the_first_that_matches(text in expression(), seconds in 0_i64..4_000_000_000) {
        let after = chrono::DateTime::from_timestamp(seconds, 0).unwrap().naive_utc();
        if let Ok(Expression::Cron(cron)) = Expression::parse(&text) {
            let next = cron.next_after(after).unwrap();
            prop_assert!(next > after && matches(&text, next), "{} after {} gave {}", text, after, next);
            let mut between = after;
            for _ in 0..4000 {
                between += chrono::TimeDelta::seconds(1);
                if between >= next {
                    break;
                }
                prop_assert!(!matches(&text, between), "{} after {} missed {}", text, after, between);
            }
            // Whole days before the occurrence hold none either, whatever their time.
            let date_only = format!("* * * {}", text.split(' ').skip(3).collect::<Vec<_>>().join(" "));
            let mut day = after.date() + Days::new(1);
            for _ in 0..400 {
                if day >= next.date() {
                    break;
                }
                prop_assert!(!matches(&date_only, day.and_time(NaiveTime::MIN)), "{} missed {}", text, day);
                day = day + Days::new(1);
            }
        }
    }

    #[test]
    fn no_text_panics(text in "[-*/,0-9a-z]{0,6}( [-*/,0-9A-Z]{0,5}){4,6}") {
        if let Ok(Expression::Cron(cron)) = Expression::parse(&text) {
            let _ = cron.next_after(at("2026-01-01 00:00:00"));
        }
    }
}
