//! What the head of a request may not ask for: other codings, expectations, and targets than a server of HTTP/1.1 has to know.

use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::host) enum HeadError {
    /// RFC 9112, section 6.1.
    #[error("the request has a transfer coding other than chunked, which this host does not know")]
    Coding,
    /// RFC 9112, section 6.1.
    #[error("the body of the request is chunked more than once")]
    ChunkedTwice,
    /// RFC 9110, section 10.1.1.
    #[error("the request has an expectation other than 100-continue, which this host does not meet")]
    Expectation,
    /// RFC 9112, section 3.2.2.
    #[error("the request is for a URL of another scheme than http and https")]
    Scheme,
    /// RFC 9110, section 4.2.4.
    #[error("the request is for a URL with a user name in it")]
    UserName,
}

impl HeadError {
    pub(in crate::host) fn status(self) -> StatusCode {
        match self {
            Self::Coding => StatusCode::NOT_IMPLEMENTED,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::ChunkedTwice | Self::Scheme | Self::UserName => StatusCode::BAD_REQUEST,
        }
    }
}

/// Looks at the request target, `Transfer-Encoding`, and `Expect`.
pub(in crate::host) fn check(parts: &Parts) -> Result<(), HeadError> {
    if parts
        .uri
        .scheme_str()
        .is_some_and(|scheme| scheme != "http" && scheme != "https")
    {
        return Err(HeadError::Scheme);
    }
    if parts
        .uri
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
    {
        return Err(HeadError::UserName);
    }
    let mut codings = 0;
    for coding in members(&parts.headers, header::TRANSFER_ENCODING) {
        if !coding.eq_ignore_ascii_case(b"chunked") {
            return Err(HeadError::Coding);
        }
        codings += 1;
    }
    if codings > 1 {
        return Err(HeadError::ChunkedTwice);
    }
    let mut expectations = members(&parts.headers, header::EXPECT);
    match expectations.all(|expectation| expectation.eq_ignore_ascii_case(b"100-continue")) {
        true => Ok(()),
        false => Err(HeadError::Expectation),
    }
}

/// The members of a list, which may stand in several lines; empty ones do not count (RFC 9110, section 5.6.1).
fn members(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
    let members = lines.flat_map(|line| line.split(|byte| *byte == b','));
    members.map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn checked(target: &str, lines: &[(&str, &str)]) -> Result<(), HeadError> {
        let mut request = Request::builder().uri(target);
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        check(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn chunked_is_the_only_transfer_coding() {
        let coded = |lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|value| ("transfer-encoding", *value)).collect();
            checked("/", &lines)
        };
        assert_eq!(coded(&[]), Ok(()));
        assert_eq!(coded(&["Chunked"]), Ok(()));
        assert_eq!(coded(&[", chunked ,"]), Ok(()));
        for lines in [&["gzip, chunked"][..], &["gzip", "chunked"], &["chunked;q=1"]] {
            assert_eq!(coded(lines), Err(HeadError::Coding), "{lines:?}");
        }
        assert_eq!(coded(&["chunked, chunked"]), Err(HeadError::ChunkedTwice));
    }

    #[test]
    fn to_go_on_is_the_only_expectation() {
        assert_eq!(checked("/", &[("expect", "100-Continue")]), Ok(()));
        assert_eq!(checked("/", &[("expect", "200-ok")]), Err(HeadError::Expectation));
        let both = [("expect", "100-continue"), ("expect", "more")];
        assert_eq!(checked("/", &both), Err(HeadError::Expectation));
    }

    #[test]
    fn an_absolute_target_is_an_http_url_without_a_user() {
        assert_eq!(checked("http://localhost/x", &[]), Ok(()));
        assert_eq!(checked("https://localhost/x", &[]), Ok(()));
        assert_eq!(checked("ftp://localhost/x", &[]), Err(HeadError::Scheme));
        assert_eq!(checked("http://user@localhost/x", &[]), Err(HeadError::UserName));
        assert_eq!(checked("http://user:word@localhost/x", &[]), Err(HeadError::UserName));
    }
}
