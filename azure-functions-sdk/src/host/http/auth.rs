//! Who may call what: the levels of HTTP functions, and the key that a request brings.

use std::borrow::Cow;

use http::request::Parts;

/// Authorisation levels, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthLevel {
    /// Everyone.
    Anonymous,
    /// A signed-in user; locally, the holder of any key.
    User,
    /// The holder of a key of the function or of the host.
    Function,
    /// The holder of a system key.
    System,
    /// The holder of the master key.
    Admin,
}

impl AuthLevel {
    /// Reads `authLevel` of a binding, in any case, by name or number.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.trim().to_ascii_lowercase().as_str() {
            "anonymous" | "0" => Self::Anonymous,
            "user" | "1" => Self::User,
            "function" | "2" => Self::Function,
            "system" | "3" => Self::System,
            "admin" | "4" => Self::Admin,
            _ => return None,
        })
    }
}

/// The key that a request brings: header `x-functions-key`, which wins, or query parameter `code`.
pub(super) fn key_of(parts: &Parts) -> Option<Cow<'_, str>> {
    if let Some(header) = parts.headers.get("x-functions-key") {
        return Some(String::from_utf8_lossy(header.as_bytes()));
    }
    let query = parts.uri.query()?;
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name.eq_ignore_ascii_case("code"))
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(uri: &str, header: Option<&str>) -> Parts {
        let mut builder = http::Request::get(uri);
        if let Some(header) = header {
            builder = builder.header("x-functions-key", header);
        }
        builder.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_header_wins_over_the_query() {
        assert_eq!(key_of(&parts("/a?x=1&Code=a%2Bb", None)).unwrap(), "a+b");
        assert_eq!(key_of(&parts("/a?code=query", Some("header"))).unwrap(), "header");
        assert_eq!(key_of(&parts("/a?decode=1", None)), None);
    }
}
