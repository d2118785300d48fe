//! The rules for what a caller may name, checked before anything is sent: a name that breaks them would reach another
//! route of the HTTP API, or none.

use super::error::OrchestrationClientError;
use crate::{
    entity_id::EntityId,
    instance_id::{self, is_forbidden_in_id, is_nowhere},
};
use chrono::{DateTime, Datelike, SecondsFormat, Utc};

/// An id with which an instance may be looked up. Entities have one too.
pub(crate) fn check_instance_id(operation: &str, id: &str) -> Result<(), OrchestrationClientError> {
    check("instance id", operation, id)
}

/// An id with which an instance may be started.
pub(crate) fn check_new_instance_id(operation: &str, id: &str) -> Result<(), OrchestrationClientError> {
    instance_id::check_instance_id(id).map_err(|rule| {
        // `{:?}` makes control characters visible.
        OrchestrationClientError::input(operation, format!("the instance id {id:?} is not allowed: {rule}"))
    })
}

/// The name of an orchestration.
pub(crate) fn check_function(operation: &str, name: &str) -> Result<(), OrchestrationClientError> {
    check("name of the orchestration", operation, name)
}

/// The key of an entity, whose name and characters are known to be right.
pub(crate) fn check_entity_key(operation: &str, entity: &EntityId) -> Result<(), OrchestrationClientError> {
    let key = entity.key();
    if !key.is_empty() && is_nowhere(key) {
        return Err(OrchestrationClientError::input(
            operation,
            format!("the key {key:?} cannot be sent; it must not be `.`, `..`, or nothing but blanks"),
        ));
    }
    Ok(())
}

/// The name of an external event. `?` and `#` are fine once encoded; a slash is decoded before routes are matched.
pub(crate) fn check_event_name(operation: &str, name: &str) -> Result<(), OrchestrationClientError> {
    if is_nowhere(name) || name.contains(['/', '\\']) {
        return Err(OrchestrationClientError::input(
            operation,
            format!("the event name `{name}` cannot be sent; it must not be blank, `.` or `..` nor have `/` or `\\`"),
        ));
    }
    Ok(())
}

fn check(what: &str, operation: &str, name: &str) -> Result<(), OrchestrationClientError> {
    if is_nowhere(name) || name.contains(is_forbidden_in_id) {
        // `{:?}` makes control characters visible.
        return Err(OrchestrationClientError::input(
            operation,
            format!(
                "the {what} {name:?} is not allowed; it must not be blank, `.` or `..` nor have `/`, `\\`, `?`, `#` or \
                 control characters"
            ),
        ));
    }
    Ok(())
}

/// A time as the host reads it: RFC 3339 in UTC. Years that .NET does not have become the nearest that it has, for an
/// unreadable time would be ignored, and with it the filter.
pub(crate) fn wire_time(time: DateTime<Utc>) -> String {
    match time.year() {
        ..1 => "0001-01-01T00:00:00Z".to_owned(),
        1..=9999 => time.to_rfc3339_opts(SecondsFormat::Micros, true),
        _ => "9999-12-31T23:59:59.999999Z".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_id_with_a_character_of_the_route_is_refused_with_the_rule() {
        for id in ["", " ", ".", "..", "a/b", "a\\b", "a?b", "a#b", "a\nb", "a\u{7f}"] {
            let error = check_instance_id("x", id).unwrap_err().to_string();
            assert!(error.contains("must not be blank"), "{error}");
        }
        for id in ["a+b", "a b", "@counter@a", "ä", "50%", &"x".repeat(300)] {
            check_instance_id("x", id).unwrap();
        }
    }

    #[test]
    fn a_new_instance_id_that_breaks_the_rule_is_refused_with_it() {
        check_new_instance_id("x", &"\u{e4}".repeat(256)).unwrap();
        for (id, rule) in [
            (
                "x".repeat(257).as_str(),
                "it has 257 characters, and may have up to 256",
            ),
            ("@counter@a", "which marks entities"),
            ("a\nb", "\"a\\nb\" is not allowed: it must not have"),
            ("..", "it must not be blank"),
        ] {
            let error = check_new_instance_id("x", id).unwrap_err().to_string();
            assert!(error.contains(rule), "{error}");
        }
    }

    #[test]
    fn an_event_name_may_have_anything_but_a_slash() {
        check_event_name("x", "is it done? #1").unwrap();
        assert!(check_event_name("x", "a/b").is_err());
        assert!(check_event_name("x", "").is_err());
    }

    #[test]
    fn times_are_utc_and_within_the_years_of_the_host() {
        let time = DateTime::parse_from_rfc3339("2031-05-06T09:08:09.5+02:00")
            .unwrap()
            .to_utc();
        assert_eq!(wire_time(time), "2031-05-06T07:08:09.500000Z");
        assert_eq!(wire_time(DateTime::<Utc>::MIN_UTC), "0001-01-01T00:00:00Z");
        assert_eq!(wire_time(DateTime::<Utc>::MAX_UTC), "9999-12-31T23:59:59.999999Z");
    }
}
