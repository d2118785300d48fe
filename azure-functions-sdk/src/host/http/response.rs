//! Responses that the host itself gives.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

pub(super) fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

pub(super) fn sentence(status: StatusCode, text: impl Into<String>) -> Response<Bytes> {
    typed(status, "text/plain; charset=utf-8", text.into() + "\n")
}

pub(super) fn html(page: String) -> Response<Bytes> {
    typed(StatusCode::OK, "text/html; charset=utf-8", page)
}

pub(super) fn json(status: StatusCode, value: &serde_json::Value) -> Response<Bytes> {
    typed(status, "application/json; charset=utf-8", value.to_string())
}

fn typed(status: StatusCode, content_type: &'static str, body: String) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

pub(super) fn not_running() -> Response<Bytes> {
    typed(
        StatusCode::SERVICE_UNAVAILABLE,
        "text/plain; charset=utf-8",
        "Function host is not running.".to_owned(),
    )
}
