//! Query strings as the durable HTTP API reads them: names in any case, repeated names joined with commas.
//!
//! A flag or a number of seconds that does not parse counts as not given, as with the extension. What selects instances
//! or entities must be understood: a filter that is dropped means all of them, and a purge forgets them.

use std::{
    collections::{HashMap, hash_map::Entry},
    time::Duration,
};

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

use crate::durable::{engine::runtime_status::RuntimeStatus, hub::request_error::RequestError};

/// A parsed query string.
#[derive(Debug, Default)]
pub(super) struct Query {
    /// By lower-cased name.
    values: HashMap<String, String>,
}

impl Query {
    pub(super) fn parse(query: &str) -> Self {
        let mut values = HashMap::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match values.entry(name.to_lowercase()) {
                Entry::Vacant(place) => {
                    place.insert(value.into_owned());
                }
                Entry::Occupied(mut place) => {
                    let joined: &mut String = place.get_mut();
                    joined.push(',');
                    joined.push_str(&value);
                }
            }
        }
        Self { values }
    }

    /// The value of a parameter; the name is given in lower case.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The first value that is not blank.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.text(name)?
            .split(',')
            .map(str::trim)
            .find(|value| !value.is_empty())
    }

    /// `true` or `false` in any case, blanks around allowed.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        let value = self.text(name)?.trim();
        if value.eq_ignore_ascii_case("true") {
            Some(true)
        } else if value.eq_ignore_ascii_case("false") {
            Some(false)
        } else {
            None
        }
    }

    /// A count; 0 is one.
    pub(super) fn count(&self, name: &'static str) -> Result<Option<u64>, RequestError> {
        self.understood(name, "a whole number, 0 or more", |text| text.parse().ok())
    }

    /// Seconds with a fraction.
    pub(super) fn seconds(&self, name: &str) -> Option<Duration> {
        let seconds: f64 = self.text(name)?.trim().parse().ok()?;
        if seconds.is_nan() || seconds < 0.0 {
            return None;
        }
        // What is longer than any wait is as good as the longest.
        Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }

    pub(super) fn time(&self, name: &'static str) -> Result<Option<DateTime<Utc>>, RequestError> {
        self.understood(name, "a date and time such as 2031-05-06T07:08:09Z", time)
    }

    /// Names in any case, or numbers.
    pub(super) fn statuses(&self, name: &'static str) -> Result<Option<Vec<RuntimeStatus>>, RequestError> {
        self.understood(name, STATUSES, |text| {
            let named = |part: &str| {
                let number = || part.parse().ok().and_then(RuntimeStatus::from_number);
                RuntimeStatus::from_name(part).or_else(number)
            };
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            let statuses = parts.map(named).collect::<Option<Vec<_>>>()?;
            (!statuses.is_empty()).then_some(statuses)
        })
    }

    /// A value that must be what it is taken for; `None` only where the name is missing. An empty value is not understood
    /// either: it may be a variable of a script that was never set.
    fn understood<T>(
        &self,
        name: &'static str,
        what: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, RequestError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match read(text.trim()) {
            Some(value) => Ok(Some(value)),
            None => Err(RequestError::InvalidQuery(format!(
                "The value '{text}' of '{}' is not understood: give {what}.",
                spelled(name)
            ))),
        }
    }
}

const STATUSES: &str = "one or more of Running, Completed, ContinuedAsNew, Failed, Canceled, Terminated, Pending, \
                        Suspended, with commas between them";

/// A parameter as it is documented, from its lower-case name.
fn spelled(name: &'static str) -> &'static str {
    const NAMES: [&str; 6] = [
        "createdTimeFrom",
        "createdTimeTo",
        "lastOperationTimeFrom",
        "lastOperationTimeTo",
        "runtimeStatus",
        "top",
    ];
    NAMES
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))
        .unwrap_or(name)
}

/// Reads a date the way people and SDKs write them; without an offset it is UTC.
pub(super) fn time(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    if let Ok(time) = DateTime::parse_from_rfc2822(text) {
        return Some(time.to_utc());
    }
    // A `+` that nobody encoded has become a blank.
    if let Some((time, offset)) = text.rsplit_once(' ')
        && time.contains('T')
        && let Ok(time) = DateTime::parse_from_rfc3339(&format!("{time}+{offset}"))
    {
        return Some(time.to_utc());
    }
    for format in [
        "%Y-%m-%dT%H:%M:%S%.f%#z",
        "%Y-%m-%d %H:%M:%S%.f%#z",
        "%Y-%m-%d %H:%M:%S%.f %#z",
        "%Y-%m-%dT%H:%M%#z",
    ] {
        if let Ok(time) = DateTime::parse_from_str(text, format) {
            return Some(time.to_utc());
        }
    }
    let local = text.trim_end_matches(['Z', 'z']).trim_end();
    for format in [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%d %H:%M",
        "%m/%d/%Y %H:%M:%S%.f",
        "%m/%d/%Y %H:%M",
        "%m/%d/%Y %I:%M:%S %p",
    ] {
        if let Ok(time) = NaiveDateTime::parse_from_str(local, format) {
            return Some(time.and_utc());
        }
    }
    for format in ["%Y-%m-%d", "%m/%d/%Y", "%Y/%m/%d"] {
        if let Ok(date) = NaiveDate::parse_from_str(local, format) {
            return Some(date.and_time(chrono::NaiveTime::MIN).and_utc());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn names_are_case_insensitive_and_repeats_are_joined() {
        let query = Query::parse("ShowInput=FALSE%20&runtimeStatus=running&RUNTIMESTATUS=Completed,%207");
        assert_eq!(query.flag("showinput"), Some(false));
        assert_eq!(
            query.statuses("runtimestatus").unwrap(),
            Some(vec![
                RuntimeStatus::Running,
                RuntimeStatus::Completed,
                RuntimeStatus::Suspended
            ])
        );
    }

    #[test]
    fn a_query_of_40_000_names_does_not_keep_its_thread() {
        let names: Vec<String> = (0..40_000).map(|name| format!("{name:08x}")).collect();
        let text = names.join("&");
        let begun = Instant::now();
        assert_eq!(Query::parse(&text).values.len(), 40_000);
        // It takes some tenths of a second. A comparison of every name with every other takes several times the limit.
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }

    #[test]
    fn a_filter_that_is_not_understood_is_an_error_that_names_it() {
        let query = Query::parse("top=x&createdTimeFrom=soon&createdTimeTo=&runtimeStatus=Completed,nonsense");
        let refused = |text: RequestError| text.to_string();
        assert_eq!(
            query.count("top").map_err(refused),
            Err("The value 'x' of 'top' is not understood: give a whole number, 0 or more.".to_owned())
        );
        assert!(refused(query.time("createdtimefrom").unwrap_err()).contains("'soon' of 'createdTimeFrom'"));
        assert!(refused(query.time("createdtimeto").unwrap_err()).contains("'' of 'createdTimeTo'"));
        assert!(refused(query.statuses("runtimestatus").unwrap_err()).contains("'Completed,nonsense'"));
        for (value, understood) in [("-1", false), ("9", true), ("", false)] {
            let query = Query::parse(&format!("top={value}"));
            assert_eq!(query.count("top").is_ok(), understood, "{value}");
        }
        for value in [",", "", "8", "-1", "all", "Completed;Failed"] {
            let query = Query::parse(&format!("runtimestatus={value}"));
            assert!(query.statuses("runtimestatus").is_err(), "{value}");
        }
        assert_eq!(Query::default().statuses("runtimestatus").unwrap(), None);
    }

    #[test]
    fn flags_and_seconds_that_do_not_parse_count_as_not_given() {
        let query = Query::parse("a=1&e=NaN&f=-1&taskHub=,%20,Mine");
        assert_eq!(query.flag("a"), None);
        assert_eq!(query.seconds("e"), None);
        assert_eq!(query.seconds("f"), None);
        assert_eq!(query.first("taskhub"), Some("Mine"));
    }

    #[test]
    fn dates_are_read_leniently_and_as_utc() {
        let expected: DateTime<Utc> = "2031-05-06T07:08:09Z".parse().unwrap();
        for text in [
            "2031-05-06T07:08:09Z",
            "2031-05-06T07:08:09.0000000Z",
            "2031-05-06T07:08:09",
            "2031-05-06 07:08:09",
            "2031-05-06T09:08:09+02:00",
            "2031-05-06T09:08:09 02:00",
            " 05/06/2031 07:08:09 ",
            "Tue, 06 May 2031 07:08:09 GMT",
        ] {
            assert_eq!(time(text), Some(expected), "{text}");
        }
        assert_eq!(time("2031-05-06"), Some("2031-05-06T00:00:00Z".parse().unwrap()));
        assert_eq!(
            time("0001-01-01T00:00:00Z").unwrap().to_rfc3339(),
            "0001-01-01T00:00:00+00:00"
        );
        assert_eq!(time(""), None);
    }

    #[test]
    fn endless_wait_is_the_longest_duration() {
        assert_eq!(Query::parse("t=1.5").seconds("t"), Some(Duration::from_millis(1500)));
        assert_eq!(Query::parse("t=1e300").seconds("t"), Some(Duration::MAX));
    }
}
