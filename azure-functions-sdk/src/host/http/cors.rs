//! Cross-origin requests from browsers: which origins may call, and the answers to their preflights.

use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
    },
};

/// Which origins may call the functions from a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// `None` stands for `*`.
    origins: Option<Vec<String>>,
    credentials: bool,
}

/// The CORS options cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CorsError {
    /// Browsers refuse the combination, for good reason.
    #[error("CORS credentials cannot be combined with the origin '*': list the origins that may send credentials")]
    CredentialsForAll,
    /// What manages all instances is not for every page that the user visits.
    #[error("the management API cannot be opened to every origin: list the origins that may manage this host")]
    ManagementForAll,
    /// Not an origin.
    #[error("'{0}' is not a CORS origin: write scheme, host and port only, such as http://localhost:3000")]
    NotAnOrigin(String),
}

impl Cors {
    /// Reads `--cors` or `Host.CORS`: origins separated by commas, or `*`. No origins: no CORS.
    ///
    /// # Errors
    /// Something is not an origin, or credentials are allowed for all.
    pub fn parse(origins: &str, credentials: bool) -> Result<Option<Self>, CorsError> {
        let mut listed = Vec::new();
        for origin in origins.split(',').map(str::trim).filter(|origin| !origin.is_empty()) {
            if origin == "*" {
                if credentials {
                    return Err(CorsError::CredentialsForAll);
                }
                return Ok(Some(Self {
                    origins: None,
                    credentials,
                }));
            }
            let origin = origin.strip_suffix('/').unwrap_or(origin);
            let valid = origin.split_once("://").is_some_and(|(scheme, host)| {
                let clean = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
                clean(scheme) && clean(host) && !host.contains(['/', '?', '#', '@'])
            });
            if !valid {
                return Err(CorsError::NotAnOrigin(origin.to_owned()));
            }
            listed.push(origin.to_ascii_lowercase());
        }
        Ok((!listed.is_empty()).then_some(Self {
            origins: Some(listed),
            credentials,
        }))
    }

    /// Reads `--management-cors`: origins separated by commas. No origins: no CORS.
    ///
    /// # Errors
    /// Something is not an origin, or is `*`.
    pub fn parse_management(origins: &str) -> Result<Option<Self>, CorsError> {
        match Self::parse(origins, false)? {
            Some(Self { origins: None, .. }) => Err(CorsError::ManagementForAll),
            other => Ok(other),
        }
    }

    /// The answer to a preflight; `None` if the request is none. Functions never see preflights.
    pub(super) fn preflight<B: Default>(&self, method: &Method, headers: &HeaderMap) -> Option<Response<B>> {
        if method != Method::OPTIONS || !headers.contains_key(ORIGIN) {
            return None;
        }
        let wanted = headers.get(ACCESS_CONTROL_REQUEST_METHOD)?;
        let mut response = Response::new(B::default());
        *response.status_mut() = StatusCode::NO_CONTENT;
        if self.allows(headers.get(ORIGIN)) {
            let answer = response.headers_mut();
            answer.insert(ACCESS_CONTROL_ALLOW_METHODS, wanted.clone());
            if let Some(names) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
                answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
            }
        }
        self.mark(headers.get(ORIGIN), response.headers_mut());
        Some(response)
    }

    /// Adds to any response what lets an allowed origin read it; replaces what the function itself said about that.
    pub(super) fn mark(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if self.origins.is_some() {
            // The answer depends on the origin, also if this request has another one, or none.
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
        let Some(origin) = origin.filter(|origin| self.allows(Some(origin))) else {
            return;
        };
        let allowed = if self.origins.is_some() {
            origin.clone()
        } else {
            HeaderValue::from_static("*")
        };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }

    pub(super) fn allows(&self, origin: Option<&HeaderValue>) -> bool {
        let Some(origin) = origin.and_then(|origin| origin.to_str().ok()) else {
            return false;
        };
        match &self.origins {
            None => true,
            Some(listed) => listed.iter().any(|known| known.eq_ignore_ascii_case(origin)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(n, v)| (n.parse().unwrap(), HeaderValue::from_static(v)))
            .collect()
    }

    fn marked(cors: &Cors, origin: &'static str) -> Vec<(String, String)> {
        let mut answer = HeaderMap::new();
        cors.mark(Some(&HeaderValue::from_static(origin)), &mut answer);
        answer
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect()
    }

    #[test]
    fn listed_origins_are_echoed_and_others_are_not() {
        let cors = Cors::parse("http://localhost:3000, https://app.example/", true)
            .unwrap()
            .unwrap();
        assert_eq!(
            marked(&cors, "https://APP.example"),
            [
                ("vary".to_owned(), "Origin".to_owned()),
                (
                    "access-control-allow-origin".to_owned(),
                    "https://APP.example".to_owned()
                ),
                ("access-control-allow-credentials".to_owned(), "true".to_owned()),
            ]
        );
        assert_eq!(
            marked(&cors, "https://evil.example"),
            [("vary".to_owned(), "Origin".to_owned())]
        );
        let all = Cors::parse("*", false).unwrap().unwrap();
        assert_eq!(
            marked(&all, "https://x"),
            [("access-control-allow-origin".to_owned(), "*".to_owned())]
        );
    }

    #[test]
    fn preflights_are_answered_for_allowed_origins() {
        let cors = Cors::parse("http://a", false).unwrap().unwrap();
        let asked = [
            ("origin", "http://a"),
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", "x-a"),
        ];
        let answer = cors.preflight::<()>(&Method::OPTIONS, &headers(&asked)).unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert_eq!(answer.headers()["access-control-allow-methods"], "PUT");
        assert_eq!(answer.headers()["access-control-allow-headers"], "x-a");
        assert_eq!(answer.headers()["access-control-allow-origin"], "http://a");

        let foreign = [("origin", "http://b"), ("access-control-request-method", "PUT")];
        let answer = cors.preflight::<()>(&Method::OPTIONS, &headers(&foreign)).unwrap();
        assert!(!answer.headers().contains_key("access-control-allow-methods"));
        assert!(cors.preflight::<()>(&Method::GET, &headers(&asked)).is_none());
        assert!(
            cors.preflight::<()>(&Method::OPTIONS, &headers(&[("origin", "http://a")]))
                .is_none()
        );
    }

    #[test]
    fn options_that_cannot_work_are_refused() {
        assert_eq!(Cors::parse("*", true), Err(CorsError::CredentialsForAll));
        assert_eq!(
            Cors::parse("localhost:3000", false),
            Err(CorsError::NotAnOrigin("localhost:3000".to_owned()))
        );
        assert_eq!(
            Cors::parse("http://a/path", false),
            Err(CorsError::NotAnOrigin("http://a/path".to_owned()))
        );
        assert_eq!(Cors::parse(" ,", false), Ok(None));
        assert_eq!(Cors::parse_management("http://a,*"), Err(CorsError::ManagementForAll));
        assert_eq!(Cors::parse_management("http://a"), Cors::parse("http://a", false));
    }
}
