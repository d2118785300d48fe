//! Request paths without `.` and `..`, as the real host's server hands them to routing.

use std::borrow::Cow;

use http::{Uri, uri::PathAndQuery};

/// Takes the dot segments out of a path that is still percent-encoded (RFC 3986, section 5.2.4). As in the real host's server,
/// `%2e` is a dot, and `%2F` is no slash.
pub(super) fn normalized(path: &str) -> Cow<'_, str> {
    if !path.split('/').any(|segment| is_dot(segment) || is_double_dot(segment)) {
        return Cow::Borrowed(path);
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        let dots = is_dot(segment) || is_double_dot(segment);
        if is_double_dot(segment) {
            kept.pop();
        }
        if !dots {
            kept.push(segment);
        } else if segments.peek().is_none() {
            // What such a path names is a folder.
            kept.push("");
        }
    }
    Cow::Owned(format!("/{}", kept.join("/")))
}

/// The same for a whole request target.
pub(super) fn normalize(uri: &mut Uri) {
    let Cow::Owned(path) = normalized(uri.path()) else {
        return;
    };
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    // Parts of a valid path are one; the rest of the target is not looked at behind the door.
    if let Ok(target) = PathAndQuery::try_from(target) {
        *uri = Uri::from(target);
    }
}

fn is_dot(segment: &str) -> bool {
    segment == "." || segment.eq_ignore_ascii_case("%2e")
}

fn is_double_dot(segment: &str) -> bool {
    // Nothing longer, so that long segments cost nothing.
    segment.len() <= 6 && {
        let lower = segment.to_ascii_lowercase();
        matches!(lower.as_str(), ".." | ".%2e" | "%2e." | "%2e%2e")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_segments_go_in_every_spelling() {
        for (path, expected) in [
            ("/", "/"),
            ("/api/x", "/api/x"),
            ("/api/x/", "/api/x/"),
            ("/api/x/../y", "/api/y"),
            ("/api/x/%2e%2E/y", "/api/y"),
            ("/api/x/.%2e/y", "/api/y"),
            ("/api/./x/%2e/y", "/api/x/y"),
            ("/api/x/..", "/api/"),
            ("/api/x/.", "/api/x/"),
            ("/../../x", "/x"),
            ("/..", "/"),
            ("/api/a..b/...", "/api/a..b/..."),
            ("/api/..%2Fx", "/api/..%2Fx"),
            ("/api//../x", "/api/x"),
        ] {
            assert_eq!(normalized(path), expected, "{path}");
        }
    }

    #[test]
    fn the_query_stays_as_it_is() {
        let mut uri: Uri = "/api/x/../y?file=../z".parse().unwrap();
        normalize(&mut uri);
        assert_eq!(uri.to_string(), "/api/y?file=../z");
    }
}
