//! Cookies of responses.

use crate::rpc::{
    NullableBool, NullableDouble, NullableString, NullableTimestamp, RpcHttpCookie, nullable_bool, nullable_double,
    nullable_string, nullable_timestamp, rpc_http_cookie,
};
use ::http::HeaderName;
use chrono::{DateTime, Datelike, Utc};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use std::{ops::RangeInclusive, time::Duration};

/// A cookie to set.
///
/// ```
/// use azure_functions::http::{Cookie, HttpResponse, SameSite};
///
/// let response = HttpResponse::build()
///     .cookie(Cookie::new("theme", "dark").path("/").http_only(true).same_site(SameSite::Lax))
///     .body("done");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Cookie {
    name: String,
    value: String,
    domain: Option<String>,
    path: Option<String>,
    expires: Option<DateTime<Utc>>,
    max_age: Option<Duration>,
    secure: Option<bool>,
    http_only: Option<bool>,
    same_site: Option<SameSite>,
}

/// Whether requests from other sites carry the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Yes. Browsers want such a cookie to be [`secure`](Cookie::secure).
    None,
    /// Only when a link is followed.
    Lax,
    /// No.
    Strict,
}

impl Cookie {
    /// A cookie of this name with this value. The name must be a token, as that of a header; the host percent-encodes the
    /// value, and [`HttpRequest::cookie`](super::HttpRequest::cookie) undoes that.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            domain: None,
            path: None,
            expires: None,
            max_age: None,
            secure: None,
            http_only: None,
            same_site: None,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its value.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Hosts that get it.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Paths that get it; all if not given.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// When it ends.
    pub fn expires(mut self, at: DateTime<Utc>) -> Self {
        self.expires = Some(at);
        self
    }

    /// How long it lives.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Whether it is sent over HTTPS only.
    pub fn secure(mut self, secure: bool) -> Self {
        self.secure = Some(secure);
        self
    }

    /// Whether it is hidden from scripts.
    pub fn http_only(mut self, http_only: bool) -> Self {
        self.http_only = Some(http_only);
        self
    }

    /// Whether requests from other sites carry it.
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = Some(same_site);
        self
    }

    /// The header that sets it. A value that a header cannot carry is percent-encoded.
    pub(super) fn to_header(&self) -> String {
        let mut text = format!("{}={}", self.name, utf8_percent_encode(&self.value, NOT_IN_VALUES));
        let mut add = |attribute: &str, value: Option<String>| {
            text.push_str("; ");
            text.push_str(attribute);
            if let Some(value) = value {
                text.push('=');
                text.push_str(&value);
            }
        };
        if let Some(domain) = &self.domain {
            add("Domain", Some(domain.clone()));
        }
        if let Some(path) = &self.path {
            add("Path", Some(path.clone()));
        }
        if let Some(at) = self.expires {
            add("Expires", Some(at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()));
        }
        if let Some(age) = self.max_age {
            add("Max-Age", Some(age.as_secs().to_string()));
        }
        if self.secure == Some(true) {
            add("Secure", None);
        }
        if self.http_only == Some(true) {
            add("HttpOnly", None);
        }
        let same_site = self.same_site.map(|same_site| match same_site {
            SameSite::None => "None",
            SameSite::Lax => "Lax",
            SameSite::Strict => "Strict",
        });
        if let Some(same_site) = same_site {
            add("SameSite", Some(same_site.to_owned()));
        }
        text
    }

    /// Whether a host can write it as a header; the error says what is wrong with the cookie.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        // Both are tokens (RFC 9110, section 5.6.2).
        if HeaderName::from_bytes(self.name.as_bytes()).is_err() {
            return Err("its name is no token (letters, digits, and some of the other characters of ASCII)");
        }
        let is_plain = |text: &Option<String>| {
            let mut bytes = text.iter().flat_map(|text| text.bytes());
            bytes.all(|byte| matches!(byte, b' '..=b'~') && byte != b';')
        };
        if !is_plain(&self.domain) {
            return Err("its domain has characters other than visible ASCII, or a semicolon");
        }
        if !is_plain(&self.path) {
            return Err("its path has characters other than visible ASCII, or a semicolon");
        }
        Ok(())
    }
}

/// What .NET can hold of an age, in seconds, and a little less.
const LONGEST_AGE: f64 = 9e11;

/// What a cookie's value cannot have (RFC 6265, section 4.1.1).
const NOT_IN_VALUES: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b',').add(b';').add(b'\\');

/// The years that a timestamp on the wire, and .NET, can have.
const YEARS: RangeInclusive<i32> = 1..=9999;

impl From<RpcHttpCookie> for Cookie {
    fn from(cookie: RpcHttpCookie) -> Self {
        let same_site = cookie.same_site();
        let text = |text: Option<NullableString>| {
            let nullable_string::String::Value(text) = text?.string?;
            Some(text)
        };
        let flag = |flag: Option<NullableBool>| {
            let nullable_bool::Bool::Value(flag) = flag?.bool?;
            Some(flag)
        };
        Self {
            name: cookie.name,
            value: cookie.value,
            domain: text(cookie.domain),
            path: text(cookie.path),
            expires: cookie.expires.and_then(|at| {
                let nullable_timestamp::Timestamp::Value(at) = at.timestamp?;
                DateTime::from_timestamp(at.seconds, at.nanos.try_into().ok()?)
            }),
            max_age: cookie.max_age.and_then(|age| {
                let nullable_double::Double::Value(seconds) = age.double?;
                Duration::try_from_secs_f64(seconds).ok()
            }),
            secure: flag(cookie.secure),
            http_only: flag(cookie.http_only),
            same_site: match same_site {
                rpc_http_cookie::SameSite::None => None,
                rpc_http_cookie::SameSite::ExplicitNone => Some(SameSite::None),
                rpc_http_cookie::SameSite::Lax => Some(SameSite::Lax),
                rpc_http_cookie::SameSite::Strict => Some(SameSite::Strict),
            },
        }
    }
}

impl From<Cookie> for RpcHttpCookie {
    fn from(cookie: Cookie) -> Self {
        let text = |text| NullableString {
            string: Some(nullable_string::String::Value(text)),
        };
        let flag = |flag| NullableBool {
            bool: Some(nullable_bool::Bool::Value(flag)),
        };
        Self {
            name: cookie.name,
            value: cookie.value,
            domain: cookie.domain.map(text),
            path: cookie.path.map(text),
            expires: cookie
                .expires
                .filter(|at| YEARS.contains(&at.year()))
                .map(|at| NullableTimestamp {
                    timestamp: Some(nullable_timestamp::Timestamp::Value(prost_types::Timestamp {
                        seconds: at.timestamp(),
                        // Below 2e9 even in a leap second.
                        nanos: at
                            .timestamp_subsec_nanos()
                            .min(999_999_999)
                            .try_into()
                            .unwrap_or_default(),
                    })),
                }),
            secure: cookie.secure.map(flag),
            http_only: cookie.http_only.map(flag),
            same_site: match cookie.same_site {
                None => rpc_http_cookie::SameSite::None,
                Some(SameSite::None) => rpc_http_cookie::SameSite::ExplicitNone,
                Some(SameSite::Lax) => rpc_http_cookie::SameSite::Lax,
                Some(SameSite::Strict) => rpc_http_cookie::SameSite::Strict,
            }
            .into(),
            max_age: cookie.max_age.map(|age| NullableDouble {
                double: Some(nullable_double::Double::Value(age.as_secs_f64().min(LONGEST_AGE))),
            }),
        }
    }
}
