//! Between the requests and responses of functions and those of the crate `http`.

use super::{HttpRequest, HttpResponse};
use crate::BindingError;
use ::http::{HeaderValue, Request, Response, Uri, header, uri::PathAndQuery};
use bytes::Bytes;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What stands in a URL for something else.
const URL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The request as one of the crate `http`, with the whole URL, all headers, and the body.
///
/// # Errors
/// If its URL is none that the crate can hold: a function that returns the error answers 400.
impl TryFrom<HttpRequest> for Request<Bytes> {
    type Error = BindingError;

    fn try_from(request: HttpRequest) -> Result<Self, BindingError> {
        let url = utf8_percent_encode(request.url(), URL).to_string();
        let uri: Uri =
            url.split('#').next().unwrap_or_default().parse().map_err(|error| {
                BindingError::bad_request(format!("the URL of the request cannot be read: {error}"))
            })?;
        let mut standard = Self::new(request.body().clone());
        *standard.method_mut() = request.method().clone();
        *standard.uri_mut() = uri;
        *standard.headers_mut() = request.headers().clone();
        Ok(standard)
    }
}

/// A request from one of the crate `http`, as a test builds it. Headers with several values keep them.
impl From<Request<Bytes>> for HttpRequest {
    fn from(request: Request<Bytes>) -> Self {
        let (parts, body) = request.into_parts();
        let url = match parts.uri.authority() {
            Some(_) => parts.uri.to_string(),
            None => parts.uri.path_and_query().map_or("/", PathAndQuery::as_str).to_owned(),
        };
        Self::build()
            .method(parts.method)
            .url(url)
            .with_headers(parts.headers, body)
    }
}

/// The response as one of the crate `http`; its cookies are `set-cookie` headers.
///
/// # Errors
/// If it cannot be sent: a cookie that no header can carry, or what was found wrong when it was built.
impl TryFrom<HttpResponse> for Response<Bytes> {
    type Error = BindingError;

    fn try_from(response: HttpResponse) -> Result<Self, BindingError> {
        if let Some(problem) = response.problem {
            return Err(BindingError::new(format!("the response {problem}")));
        }
        let mut standard = Self::new(response.body);
        *standard.status_mut() = response.status;
        *standard.headers_mut() = response.headers;
        for cookie in &response.cookies {
            let refused =
                |reason| BindingError::new(format!("the cookie {:?} cannot be sent: {reason}", cookie.name()));
            cookie.check().map_err(refused)?;
            let value = HeaderValue::from_str(&cookie.to_header())
                .map_err(|_| refused("it has a sign that is not visible ASCII"))?;
            standard.headers_mut().append(header::SET_COOKIE, value);
        }
        Ok(standard)
    }
}

/// A response from one of the crate `http`, with all its headers.
impl<B: Into<Bytes>> From<Response<B>> for HttpResponse {
    fn from(response: Response<B>) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            body: body.into(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Cookie, SameSite};
    use super::*;
    use chrono::DateTime;
    use std::time::Duration;

    #[test]
    fn a_request_keeps_repeated_headers_on_its_way_there_and_back() {
        let sent = Request::post("https://example.org/api/x?a=1&a=2")
            .header("accept", "text/html")
            .header("accept", "image/png")
            .header("x-bytes", HeaderValue::from_bytes(b"\xfc").unwrap())
            .body(Bytes::from_static(b"body"))
            .unwrap();
        let (headers, uri) = (sent.headers().clone(), sent.uri().clone());
        let request = HttpRequest::from(sent);
        assert_eq!(request.url(), "https://example.org/api/x?a=1&a=2");
        assert_eq!(request.query_params()["a"], "1,2");
        assert_eq!(request.headers().get_all("accept").iter().count(), 2);
        let back = Request::try_from(request).unwrap();
        assert_eq!(
            (back.method().as_str(), back.uri(), back.headers()),
            ("POST", &uri, &headers)
        );
        assert_eq!(back.body(), "body");
    }

    #[test]
    fn over_the_wire_repeated_headers_are_joined_as_by_hosts() {
        let sent = Request::get("/api/x")
            .header("accept", "a")
            .header("accept", "b")
            .body(Bytes::new())
            .unwrap();
        let arrived = HttpRequest::from_rpc(HttpRequest::from(sent).to_rpc());
        assert_eq!(
            (arrived.url(), arrived.header("accept")),
            ("http://localhost/api/x", Some("a,b"))
        );
    }

    #[test]
    fn cookies_of_several_headers_are_joined_as_in_one() {
        let sent = Request::get("/api/x")
            .header("cookie", "a=1,2")
            .header("cookie", "b=3")
            .body(Bytes::new())
            .unwrap();
        let arrived = HttpRequest::from_rpc(HttpRequest::from(sent).to_rpc());
        assert_eq!(arrived.header("cookie"), Some("a=1,2; b=3"));
        assert_eq!(
            (arrived.cookie("a").as_deref(), arrived.cookie("b").as_deref()),
            (Some("1,2"), Some("3"))
        );
    }

    #[test]
    fn a_response_that_cannot_be_sent_is_an_error_and_no_other_response() {
        let cookie = HttpResponse::build().cookie(Cookie::new("a b", "1")).finish();
        let error = Response::<Bytes>::try_from(cookie).unwrap_err().to_string();
        assert!(error.contains("the cookie \"a b\" cannot be sent"), "{error}");
        let status = HttpResponse::build().status(7).finish();
        let error = Response::<Bytes>::try_from(status).unwrap_err().to_string();
        assert!(
            error.contains("set a status that is not between 100 and 999"),
            "{error}"
        );
    }

    #[test]
    fn a_url_with_signs_that_no_uri_can_hold_is_encoded() {
        let request = HttpRequest::build().url("/api/größe?q={a b}#there").finish();
        let request = Request::try_from(request).unwrap();
        assert_eq!(request.uri(), "http://localhost/api/gr%C3%B6%C3%9Fe?q=%7Ba%20b%7D");
    }

    #[test]
    fn a_response_keeps_status_headers_and_cookies_both_ways() {
        let at = DateTime::from_timestamp_secs(0).unwrap();
        let response = HttpResponse::build()
            .status(201)
            .header("x-a", "1")
            .header("x-a", "2")
            .cookie(Cookie::new("plain", "v;w"))
            .cookie(
                Cookie::new("full", "1")
                    .domain("d")
                    .path("/")
                    .expires(at)
                    .max_age(Duration::from_secs(9))
                    .secure(true)
                    .http_only(true)
                    .same_site(SameSite::None),
            )
            .body("text");
        let standard = Response::<Bytes>::try_from(response).unwrap();
        let cookies: Vec<_> = standard.headers().get_all("set-cookie").iter().collect();
        let full = "full=1; Domain=d; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=9; Secure; HttpOnly; SameSite=None";
        assert_eq!(cookies, ["plain=v%3Bw", full]);
        let headers = standard.headers().clone();
        let back = HttpResponse::from(standard);
        assert_eq!((back.status().as_u16(), back.headers()), (201, &headers));
        assert_eq!(back.body(), "text");
    }
}
