//! The answer to an HTTP request.

use super::{Cookie, body};
use crate::{
    BindingError,
    binding_json::parse_json,
    rpc::{Data, RpcHttp},
};
use ::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use azure_functions_durable::CheckStatusResponse;
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// The answer to an HTTP request.
///
/// ```
/// use azure_functions::http::HttpResponse;
/// use serde_json::json;
///
/// let text: HttpResponse = "Hello!".into();
/// let value: HttpResponse = json!({ "id": 7 }).into();
/// let failed: HttpResponse = (404, "no such order").into();
/// let empty: HttpResponse = (204, ()).into();
/// let built = HttpResponse::build().status(201).header("location", "/orders/7").body(json!({ "id": 7 }));
/// ```
///
/// A function that returns `Result<HttpResponse, E>` may answer with an error, too: see [`HttpError`](super::HttpError).
///
/// Hosts do not pass everything in a response on to the caller: the [guide](crate::guide::http#what-of-a-response-reaches-the-caller)
/// has the rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HttpResponse {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) cookies: Vec<Cookie>,
    pub(super) body: Bytes,
    /// Why it cannot be sent, if that was found when it was built.
    pub(super) problem: Option<String>,
}

impl HttpResponse {
    /// Starts to build a response.
    pub fn build() -> ResponseBuilder {
        ResponseBuilder::default()
    }

    /// Status 200 with a value that is written as JSON.
    ///
    /// # Errors
    /// If the value cannot be written as JSON, say a map whose keys are not text.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, BindingError> {
        Self::build().json(value)
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The headers, to change.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The value of a header, if it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.headers.get(name)?.as_bytes()).ok()
    }

    /// The cookies that it sets.
    pub fn cookies(&self) -> &[Cookie] {
        &self.cookies
    }

    /// The body as text, without a byte order mark.
    ///
    /// # Errors
    /// If it is not UTF-8.
    pub fn body_as_str(&self) -> Result<&str, BindingError> {
        body::text(&self.body)
            .map_err(|error| BindingError::with_source(format!("the body is not UTF-8: {error}"), error))
    }

    /// The body, parsed as JSON.
    ///
    /// ```
    /// use azure_functions::http::HttpResponse;
    /// use serde_json::{Value, json};
    ///
    /// let response: HttpResponse = json!({ "id": 7 }).into();
    /// assert_eq!(response.body_as_json::<Value>()?["id"], 7);
    /// # Ok::<(), azure_functions::BindingError>(())
    /// ```
    ///
    /// # Errors
    /// If it is not JSON, or not of this type: the message says where.
    pub fn body_as_json<T: DeserializeOwned>(&self) -> Result<T, BindingError> {
        parse_json(body::without_mark(&self.body))
            .map_err(|error| BindingError::with_source(format!("the body is not as expected: {error}"), error))
    }

    /// What the host reads from what was sent to it; what it cannot read, it leaves out.
    pub(crate) fn from_rpc(http: RpcHttp) -> Self {
        let headers = http.headers.iter().filter_map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
        });
        Self {
            status: http.status_code.parse().unwrap_or_default(),
            headers: headers.collect(),
            cookies: http.cookies.into_iter().map(Into::into).collect(),
            body: match http.body.and_then(|body| body.data) {
                Some(Data::Bytes(bytes) | Data::Stream(bytes)) => bytes,
                Some(Data::String(text) | Data::Json(text)) => text.into(),
                _ => Bytes::new(),
            },
            problem: None,
        }
    }
}

/// Builds a [response](HttpResponse).
#[derive(Clone, Debug, Default)]
pub struct ResponseBuilder {
    response: HttpResponse,
}

impl ResponseBuilder {
    /// The status; 200 if not given.
    ///
    /// A number that is not a status makes the response a 500 that says so, and the invocation that returns it fails.
    pub fn status<S: TryInto<StatusCode>>(mut self, status: S) -> Self {
        match status.try_into() {
            Ok(status) => self.response.status = status,
            Err(_) => self.problem("set a status that is not between 100 and 999"),
        }
        self
    }

    /// Adds a header. Values of a header that is there already are kept, and sent joined by commas; those of `set-cookie`
    /// are sent as [cookies](Self::cookie).
    ///
    /// An invalid header makes the response a 500 that says so, and the invocation that returns it fails.
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let (name, value) = (name.as_ref(), value.as_ref());
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            (Ok(name), Ok(value)) => {
                if name == header::CONTENT_TYPE {
                    self.response.headers.insert(name, value);
                } else {
                    self.response.headers.append(name, value);
                }
            }
            (Err(_), _) => self.problem(&format!("set a header with the illegal name {name:?}")),
            (_, Err(_)) => self.problem(&format!("set the header {name} to an illegal value")),
        }
        self
    }

    /// Sets a cookie.
    pub fn cookie(mut self, cookie: Cookie) -> Self {
        self.response.cookies.push(cookie);
        self
    }

    /// Ends with a body, whose content type is set unless a header has given one.
    pub fn body(mut self, body: impl IntoBody) -> HttpResponse {
        let (body, content_type) = body.into_body();
        if !body.is_empty() {
            self.response
                .headers
                .entry(header::CONTENT_TYPE)
                .or_insert(HeaderValue::from_static(content_type));
        }
        self.response.body = body;
        self.finish()
    }

    /// Ends with a value that is written as JSON.
    ///
    /// # Errors
    /// If the value cannot be written as JSON, say a map whose keys are not text.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Result<HttpResponse, BindingError> {
        let body = serde_json::to_vec(value).map_err(|error| {
            BindingError::with_source(format!("the value cannot be written as JSON: {error}"), error)
        })?;
        self.response
            .headers
            .entry(header::CONTENT_TYPE)
            .or_insert(HeaderValue::from_static(JSON));
        self.response.body = body.into();
        Ok(self.finish())
    }

    /// Ends without a body.
    pub fn finish(self) -> HttpResponse {
        match &self.response.problem {
            None => self.response,
            Some(problem) => HttpResponse {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                problem: self.response.problem.clone(),
                ..format!("the function {problem}").into()
            },
        }
    }

    /// The first problem counts.
    fn problem(&mut self, text: &str) {
        self.response.problem.get_or_insert_with(|| text.to_owned());
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";

/// A type that can be the body of a response.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the body of a response",
    note = "bodies are text, bytes, `serde_json::Value` and `()`; for a type of yours use `Json(value)` or `HttpResponse::json(&value)`"
)]
pub trait IntoBody {
    /// The bytes and their content type.
    fn into_body(self) -> (Bytes, &'static str);
}

macro_rules! body {
    ($($body:ty, $content_type:expr, |$value:ident| $bytes:expr;)+) => {$(
        impl IntoBody for $body {
            fn into_body(self) -> (Bytes, &'static str) {
                let $value = self;
                ($bytes, $content_type)
            }
        }

        impl From<$body> for HttpResponse {
            fn from(body: $body) -> Self {
                Self::build().body(body)
            }
        }
    )+};
}

body! {
    &str, TEXT, |text| Bytes::copy_from_slice(text.as_bytes());
    String, TEXT, |text| text.into();
    std::borrow::Cow<'_, str>, TEXT, |text| text.into_owned().into();
    Value, JSON, |value| value.to_string().into();
    &Value, JSON, |value| value.to_string().into();
    Bytes, BYTES, |bytes| bytes;
    Vec<u8>, BYTES, |bytes| bytes.into();
    &[u8], BYTES, |bytes| Bytes::copy_from_slice(bytes);
    (), TEXT, |_nothing| Bytes::new();
}

impl From<StatusCode> for HttpResponse {
    fn from(status: StatusCode) -> Self {
        Self::build().status(status).finish()
    }
}

impl<S: TryInto<StatusCode>, B: IntoBody> From<(S, B)> for HttpResponse {
    fn from((status, body): (S, B)) -> Self {
        Self::build().status(status).body(body)
    }
}

/// The answer that tells a caller where to ask for an orchestration's status.
impl From<CheckStatusResponse> for HttpResponse {
    fn from(answer: CheckStatusResponse) -> Self {
        let response = answer
            .headers
            .iter()
            .fold(Self::build().status(answer.status), |response, (name, value)| {
                response.header(name, value)
            });
        response.body(&answer.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bodies_bring_their_content_type() {
        for (response, content_type, bytes) in [
            (HttpResponse::from("a"), TEXT, "a"),
            (String::from("a").into(), TEXT, "a"),
            (json!({"a": 1}).into(), JSON, r#"{"a":1}"#),
            (vec![b'a'].into(), BYTES, "a"),
            (HttpResponse::json(&[1]).unwrap(), JSON, "[1]"),
            (
                HttpResponse::build().header("Content-Type", "text/html").body("a"),
                "text/html",
                "a",
            ),
        ] {
            assert_eq!(response.status(), 200);
            assert_eq!(response.header("content-type"), Some(content_type));
            assert_eq!(response.body(), bytes.as_bytes());
        }
    }

    #[test]
    fn what_cannot_be_sent_is_a_500_that_says_so() {
        let response = HttpResponse::build().status(7).body("fine");
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(
            response.body(),
            "the function set a status that is not between 100 and 999"
        );
        let response = HttpResponse::build().header("x\n", "a").body("fine");
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let response = HttpResponse::build().header("x", "a\nb").finish();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
