//! Cookies of a worker's response, as ASP.NET writes them.

use super::rpc::messages::{
    NullableBool, NullableString, NullableTimestamp, RpcHttpCookie, nullable_bool, nullable_double, nullable_string,
    nullable_timestamp, rpc_http_cookie::SameSite,
};
use chrono::DateTime;
use http::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The header that sets a cookie; `None` for one that the real host cannot write either.
pub(super) fn header(cookie: &RpcHttpCookie) -> Option<HeaderValue> {
    // The names of cookies and of headers are tokens, both.
    HeaderName::from_bytes(cookie.name.as_bytes()).ok()?;
    let value = HeaderValue::try_from(set_cookie(cookie)).ok()?;
    value.to_str().is_ok().then_some(value)
}

fn set_cookie(cookie: &RpcHttpCookie) -> String {
    let text = |value: &Option<NullableString>| match value {
        Some(NullableString {
            string: Some(nullable_string::String::Value(text)),
        }) => Some(text.clone()),
        _ => None,
    };
    let flag = |value: &Option<NullableBool>| matches!(value, Some(nullable) if nullable.bool == Some(nullable_bool::Bool::Value(true)));
    let mut header = format!("{}={}", cookie.name, utf8_percent_encode(&cookie.value, ESCAPED));
    if let Some(expires) = expires(cookie.expires) {
        header += &format!("; expires={expires}");
    }
    if let Some(nullable_double::Double::Value(seconds)) = cookie.max_age.and_then(|age| age.double) {
        header += &format!("; max-age={}", seconds.trunc());
    }
    if let Some(domain) = text(&cookie.domain) {
        header += &format!("; domain={domain}");
    }
    header += &format!("; path={}", text(&cookie.path).unwrap_or_else(|| "/".to_owned()));
    if flag(&cookie.secure) {
        header += "; secure";
    }
    match SameSite::try_from(cookie.same_site) {
        Ok(SameSite::Lax) => header += "; samesite=lax",
        Ok(SameSite::Strict) => header += "; samesite=strict",
        Ok(SameSite::ExplicitNone) => header += "; samesite=none",
        _ => {}
    }
    if flag(&cookie.http_only) {
        header += "; httponly";
    }
    header
}

fn expires(expires: Option<NullableTimestamp>) -> Option<String> {
    let nullable_timestamp::Timestamp::Value(time) = expires?.timestamp?;
    let time = DateTime::from_timestamp(time.seconds, 0)?;
    Some(time.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::rpc::messages::NullableDouble;

    #[test]
    fn cookies_become_headers() {
        let string = |text: &str| {
            Some(NullableString {
                string: Some(nullable_string::String::Value(text.to_owned())),
            })
        };
        let flag = Some(NullableBool {
            bool: Some(nullable_bool::Bool::Value(true)),
        });
        let full = RpcHttpCookie {
            name: "id".to_owned(),
            value: "a b;c".to_owned(),
            domain: string("example.com"),
            path: string("/x"),
            expires: Some(NullableTimestamp {
                timestamp: Some(nullable_timestamp::Timestamp::Value(prost_types::Timestamp {
                    seconds: 1_900_000_000,
                    nanos: 0,
                })),
            }),
            secure: flag,
            http_only: flag,
            same_site: SameSite::ExplicitNone.into(),
            max_age: Some(NullableDouble {
                double: Some(nullable_double::Double::Value(60.0)),
            }),
        };
        assert_eq!(
            set_cookie(&full),
            "id=a%20b%3Bc; expires=Sun, 17 Mar 2030 17:46:40 GMT; max-age=60; domain=example.com; path=/x; secure; samesite=none; httponly"
        );
        let bare = RpcHttpCookie {
            name: "a".to_owned(),
            value: "b".to_owned(),
            ..Default::default()
        };
        assert_eq!(set_cookie(&bare), "a=b; path=/");
        assert_eq!(header(&bare).unwrap(), "a=b; path=/");
        for (name, path) in [("a b", "/"), ("", "/"), ("a", "/\u{fc}")] {
            let bad = RpcHttpCookie {
                name: name.to_owned(),
                path: string(path),
                ..Default::default()
            };
            assert_eq!(header(&bad), None, "{name} {path}");
        }
    }
}
