//! Responses that the host itself gives.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

/// In the extensions of a response that the host gives: why, for the console.
#[derive(Clone, Debug)]
pub(in crate::host) struct Why(pub(in crate::host) String);

/// A response without a body, whose reason only the console tells.
pub(super) fn refused(status: StatusCode, why: impl Into<String>) -> Response<Bytes> {
    let mut response = empty(status);
    response.extensions_mut().insert(Why(why.into()));
    response
}

pub(super) fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

pub(super) fn sentence(status: StatusCode, text: impl Into<String>) -> Response<Bytes> {
    let text = text.into();
    let mut response = typed(status, "text/plain; charset=utf-8", format!("{text}\n"));
    response.extensions_mut().insert(Why(text));
    response
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
    let mut response = typed(
        StatusCode::SERVICE_UNAVAILABLE,
        "text/plain; charset=utf-8",
        "Function host is not running.".to_owned(),
    );
    let why = "no worker is ready; what is said of its process above tells why";
    response.extensions_mut().insert(Why(why.to_owned()));
    response
}
