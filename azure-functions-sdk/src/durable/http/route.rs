//! Which operation a path means.

use http::Method;

/// An operation of the durable HTTP API; the parts are decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Start {
        function: &'a str,
        instance: Option<&'a str>,
    },
    Status(&'a str),
    List,
    Purge(&'a str),
    PurgeMany,
    RaiseEvent {
        instance: &'a str,
        event: &'a str,
    },
    Terminate(&'a str),
    Suspend(&'a str),
    Resume(&'a str),
    Rewind(&'a str),
    Restart(&'a str),
    ReadEntity {
        name: &'a str,
        key: &'a str,
    },
    ListEntities(Option<&'a str>),
    SignalEntity {
        name: &'a str,
        key: &'a str,
    },
    DeleteEntity {
        name: &'a str,
        key: &'a str,
    },
    MakePrimary,
}

/// Decodes a path as the newest extension does: form encoding, so a `+` in an id must be sent as `%2B`.
/// `None` if it is not UTF-8: all such ids would be the same one.
pub(super) fn decode(path: &str) -> Option<String> {
    let spaced = path.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// Finds the route of a decoded path; `None` is a 404.
pub(super) fn route<'a>(method: &Method, path: &'a str) -> Option<Route<'a>> {
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let is = |segment: &str, literal: &str| segment.eq_ignore_ascii_case(literal);
    let (&first, rest) = segments.split_first()?;
    if rest.iter().any(|segment| segment.is_empty()) {
        return None;
    }
    if is(first, "orchestrators") {
        return match (method, rest) {
            (&Method::POST, [function]) => Some(Route::Start {
                function,
                instance: None,
            }),
            (&Method::POST, [function, instance]) => Some(Route::Start {
                function,
                instance: Some(instance),
            }),
            _ => None,
        };
    }
    if is(first, "entities") {
        return match (method, rest) {
            (&Method::GET, []) => Some(Route::ListEntities(None)),
            (&Method::GET, [name]) => Some(Route::ListEntities(Some(name))),
            (&Method::GET, [name, key]) => Some(Route::ReadEntity { name, key }),
            // The key may be missing: then it is empty.
            (&Method::POST, [name]) => Some(Route::SignalEntity { name, key: "" }),
            (&Method::POST, [name, key]) => Some(Route::SignalEntity { name, key }),
            (&Method::DELETE, [name]) => Some(Route::DeleteEntity { name, key: "" }),
            (&Method::DELETE, [name, key]) => Some(Route::DeleteEntity { name, key }),
            _ => None,
        };
    }
    if is(first, "makeprimary") {
        return rest.is_empty().then_some(Route::MakePrimary);
    }
    if !is(first, "instances") {
        return None;
    }
    match (method, rest) {
        (&Method::GET, []) => Some(Route::List),
        (&Method::DELETE, []) => Some(Route::PurgeMany),
        (&Method::GET, [instance]) => Some(Route::Status(instance)),
        (&Method::DELETE, [instance]) => Some(Route::Purge(instance)),
        (&Method::POST, [instance, operation]) => {
            let make: fn(&'a str) -> Route<'a> = match operation.to_ascii_lowercase().as_str() {
                "terminate" => Route::Terminate,
                "suspend" => Route::Suspend,
                "resume" => Route::Resume,
                "rewind" => Route::Rewind,
                "restart" => Route::Restart,
                _ => return None,
            };
            Some(make(instance))
        }
        (&Method::POST, [instance, operation, event]) if is(operation, "raiseEvent") => {
            Some(Route::RaiseEvent { instance, event })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_match_in_any_case_and_outer_slashes_do_not_matter() {
        assert_eq!(route(&Method::GET, "/Instances/"), Some(Route::List));
        assert_eq!(route(&Method::GET, "instances"), Some(Route::List));
        assert_eq!(
            route(&Method::POST, "/INSTANCES/a/RAISEEVENT/Go"),
            Some(Route::RaiseEvent {
                instance: "a",
                event: "Go"
            })
        );
        assert_eq!(
            route(&Method::POST, "/orchestrators/f/i"),
            Some(Route::Start {
                function: "f",
                instance: Some("i")
            })
        );
        assert_eq!(
            route(&Method::POST, "/orchestrators/f/"),
            Some(Route::Start {
                function: "f",
                instance: None
            })
        );
    }

    #[test]
    fn wrong_verbs_and_unknown_paths_have_no_route() {
        for (method, path) in [
            (Method::GET, "/orchestrators/f"),
            (Method::PUT, "/instances/a"),
            (Method::POST, "/instances/a/explode"),
            (Method::POST, "/instances/a//b"),
            (Method::GET, "/"),
            (Method::GET, "/elsewhere"),
            (Method::POST, "/orchestrators"),
            (Method::POST, "/entities"),
        ] {
            assert_eq!(route(&method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn paths_are_form_decoded() {
        assert_eq!(decode("/instances/a+b%2Bc").unwrap(), "/instances/a b+c");
        assert_eq!(route(&Method::GET, &decode("/instances/a%2Fb").unwrap()), None);
        for bytes in ["/instances/%ff", "/instances/%ED%A0%80"] {
            assert_eq!(decode(bytes), None);
        }
    }
}
