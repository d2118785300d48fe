//! Response shapes that all routes share.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// A response without a body.
pub(super) fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// A response with a JSON body.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response<Bytes> {
    match serde_json::to_vec(body) {
        Ok(body) => raw_json(status, body),
        Err(_) => empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// A response whose body is JSON text already.
pub(super) fn raw_json(status: StatusCode, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// The error object of the durable HTTP API.
///
/// Clients of other languages read `ExceptionMessage` where the newest host leaves it out, so both are written.
pub(super) fn error(status: StatusCode, message: &str, exception: Option<&str>) -> Response<Bytes> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Body<'a> {
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        exception_message: Option<&'a str>,
    }
    json(
        status,
        &Body {
            message,
            exception_message: exception,
        },
    )
}

/// A wrong argument, in the host's words and ours.
pub(super) fn bad_argument(exception: &str) -> Response<Bytes> {
    error(
        StatusCode::BAD_REQUEST,
        "One or more of the arguments submitted is incorrect",
        Some(exception),
    )
}

/// Adds `Location` and `Retry-After`; a location that no header can carry is left out.
pub(super) fn poll_at(mut response: Response<Bytes>, location: &str, retry_after: u32) -> Response<Bytes> {
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
    response
}
