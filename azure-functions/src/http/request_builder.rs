//! Requests for tests.

use super::{ClaimsIdentity, HttpRequest, IntoBody};
use crate::{
    BindingError,
    rpc::{Data, RpcHttp, TypedData},
};
use ::http::{HeaderMap, HeaderName, HeaderValue, Method};
use bytes::Bytes;
use serde::Serialize;
use std::collections::{HashMap, hash_map::Entry};
use url::form_urlencoded;

/// Puts a [request](HttpRequest) together, so that a test can call an HTTP function itself.
///
/// ```
/// use azure_functions::prelude::*;
/// use serde_json::json;
///
/// #[func]
/// fn order(
///     #[binding(methods = "post", route = "orders/{id}")] request: HttpRequest,
///     id: Route<u32>,
///     pieces: Json<u32>,
/// ) -> HttpResponse {
///     json!({ "id": *id, "pieces": *pieces, "express": request.query_params().contains_key("express") }).into()
/// }
///
/// let request = HttpRequest::build().method("POST").url("/api/orders/7?express=").body("3");
/// let response = order(request, Route(7), Json(3));
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.header("content-type"), Some("application/json"));
/// let body: serde_json::Value = response.body_as_json()?;
/// assert_eq!(body, json!({ "id": 7, "pieces": 3, "express": true }));
/// # Ok::<(), azure_functions::BindingError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request is made by `body`, `json` or `finish`"]
pub struct RequestBuilder {
    method: Method,
    url: String,
    headers: HashMap<String, String>,
    route_params: HashMap<String, String>,
    identities: Vec<ClaimsIdentity>,
}

impl HttpRequest {
    /// Begins a request, for a test that calls an HTTP function itself.
    pub fn build() -> RequestBuilder {
        RequestBuilder::new()
    }
}

impl RequestBuilder {
    pub(super) fn new() -> Self {
        Self {
            method: Method::GET,
            url: ORIGIN.to_owned() + "/",
            headers: HashMap::new(),
            route_params: HashMap::new(),
            identities: Vec::new(),
        }
    }

    /// The method; GET if not given.
    ///
    /// # Panics
    /// If the text is not an HTTP method.
    #[track_caller]
    pub fn method<M: TryInto<Method>>(mut self, method: M) -> Self {
        let Ok(method) = method.try_into() else {
            panic!("the method of the request is not one that HTTP can carry");
        };
        self.method = method;
        self
    }

    /// The URL with its query. One that begins with a slash is on `http://localhost`, as is one that is not given.
    pub fn url(mut self, url: impl AsRef<str>) -> Self {
        let url = url.as_ref();
        self.url = match url.starts_with('/') {
            true => ORIGIN.to_owned() + url,
            false => url.to_owned(),
        };
        self
    }

    /// Adds a value to the query of the URL, and encodes it where necessary.
    pub fn query(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        let mut pair = form_urlencoded::Serializer::new(String::new());
        pair.append_pair(name.as_ref(), value.as_ref());
        self.url.push_str(&pair.finish());
        self
    }

    /// Adds a header. Values of a header that is there already are kept, and arrive joined by commas.
    ///
    /// # Panics
    /// If the name or the value is not valid in a header.
    #[track_caller]
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let (name, value) = (name.as_ref(), value.as_ref());
        let Ok(known) = HeaderName::from_bytes(name.as_bytes()) else {
            panic!("`{name}` cannot be the name of a header");
        };
        // The value is not shown: it may be a key.
        assert!(
            HeaderValue::from_str(value).is_ok(),
            "the value of the header `{name}` is illegal"
        );
        join(&mut self.headers, known.as_str(), value, separator(known.as_str()));
        self
    }

    /// A parameter of the route, named as in the function's `route`. Parameters are not read from the URL.
    pub fn route_param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.route_params.insert(name.into(), value.into());
        self
    }

    /// Adds an identity of the caller, as the platform would after authentication.
    pub fn identity(mut self, identity: ClaimsIdentity) -> Self {
        self.identities.push(identity);
        self
    }

    /// Ends with a body, whose content type is set unless a header has given one.
    pub fn body(self, body: impl IntoBody) -> HttpRequest {
        let (body, content_type) = body.into_body();
        self.with_body(body, Some(content_type))
    }

    /// Ends with a value that is written as JSON.
    ///
    /// # Errors
    /// If the value cannot be written as JSON, say a map whose keys are not text.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<HttpRequest, BindingError> {
        let body = serde_json::to_vec(value).map_err(|error| {
            BindingError::with_source(format!("the value cannot be written as JSON: {error}"), error)
        })?;
        Ok(self.with_body(body.into(), Some("application/json")))
    }

    /// Ends without a body.
    pub fn finish(self) -> HttpRequest {
        self.with_body(Bytes::new(), None)
    }

    /// Ends with these headers and this body, neither of which is changed.
    pub(super) fn with_headers(mut self, headers: HeaderMap, body: Bytes) -> HttpRequest {
        for (name, value) in &headers {
            // Hosts send text.
            if let Ok(value) = std::str::from_utf8(value.as_bytes()) {
                join(&mut self.headers, name.as_str(), value, separator(name.as_str()));
            }
        }
        self.with_body(body, None).with_header_map(headers)
    }

    fn with_body(mut self, body: Bytes, content_type: Option<&str>) -> HttpRequest {
        let mut http = RpcHttp {
            method: self.method.as_str().to_owned(),
            params: self.route_params,
            identities: self.identities.iter().map(Into::into).collect(),
            ..RpcHttp::default()
        };
        if !body.is_empty() {
            if let Some(content_type) = content_type {
                let header = self.headers.entry("content-type".to_owned());
                header.or_insert_with(|| content_type.to_owned());
            }
            http.body = Some(Box::new(TypedData {
                data: Some(Data::Bytes(body)),
            }));
        }
        let query = self.url.split('#').next().and_then(|url| url.split_once('?'));
        // The first spelling counts.
        let mut spellings = HashMap::new();
        for (name, value) in form_urlencoded::parse(query.map_or("", |(_, query)| query).as_bytes()) {
            let spelling = spellings
                .entry(name.to_lowercase())
                .or_insert_with(|| name.into_owned());
            join(&mut http.query, spelling, &value, ",");
        }
        http.headers = self.headers;
        http.url = self.url;
        HttpRequest::from_rpc(http)
    }
}

/// The URL of a request that is given none.
const ORIGIN: &str = "http://localhost";

/// What hosts put between several values of a header. A comma may stand in a cookie, so cookies are separated as in one header (RFC
/// 9113, section 8.2.3).
fn separator(header: &str) -> &'static str {
    match header {
        "cookie" => "; ",
        _ => ",",
    }
}

/// As hosts do with several values of one name.
fn join(values: &mut HashMap<String, String>, name: &str, value: &str, separator: &str) {
    match values.entry(name.to_owned()) {
        Entry::Vacant(place) => drop(place.insert(value.to_owned())),
        Entry::Occupied(mut place) => {
            let joined = place.get_mut();
            joined.push_str(separator);
            joined.push_str(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::{Duration, Instant};

    #[test]
    fn a_request_has_what_was_put_into_it() {
        let caller = ClaimsIdentity {
            authentication_type: Some("aad".to_owned()),
            ..ClaimsIdentity::default()
        };
        let request = HttpRequest::build()
            .method(Method::PUT)
            .url("/api/orders/7?a=1&A=2")
            .query("b c", "ü&")
            .header("Accept", "text/html")
            .header("accept", "image/png")
            .route_param("orderId", "7")
            .identity(caller.clone())
            .body(json!({ "n": 1 }));
        assert_eq!(request.method(), Method::PUT);
        assert_eq!(request.url(), "http://localhost/api/orders/7?a=1&A=2&b+c=%C3%BC%26");
        assert_eq!(request.query_params()["a"], "1,2");
        assert_eq!(request.query_params()["b c"], "ü&");
        assert_eq!(request.header("ACCEPT"), Some("text/html,image/png"));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.route_param::<u8>("order_id").unwrap(), 7);
        assert_eq!(request.json::<serde_json::Value>().unwrap(), json!({ "n": 1 }));
        assert_eq!(request.identities(), [caller]);
    }

    #[test]
    fn a_query_of_16_000_keys_does_not_keep_its_thread() {
        let query: Vec<String> = (0..16_000).map(|key| format!("{key:x}")).collect();
        let request = HttpRequest::build().url(format!("/?{}", query.join("&")));
        let begun = Instant::now();
        assert_eq!(request.finish().query_params().len(), 16_000);
        // It takes some hundredths of a second. A comparison of every key with every other takes several times the limit.
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }

    #[test]
    fn what_is_not_given_is_a_get_without_anything() {
        let request = HttpRequest::build().finish();
        assert_eq!((request.method(), request.url()), (&Method::GET, "http://localhost/"));
        assert!(request.headers().is_empty() && request.query_params().is_empty() && request.body().is_empty());
    }

    #[test]
    fn a_request_is_the_same_after_its_way_over_the_wire() {
        let request = HttpRequest::build()
            .method("POST")
            .url("https://example.org/x?empty=")
            .header("x-empty", "")
            .header("content-type", "text/html")
            .route_param("id", "a")
            .identity(ClaimsIdentity::default())
            .body("<p>");
        let arrived = HttpRequest::from_rpc(request.to_rpc());
        assert_eq!(arrived.method(), request.method());
        assert_eq!(arrived.url(), request.url());
        assert_eq!(arrived.headers(), request.headers());
        assert_eq!(arrived.query_params(), request.query_params());
        assert_eq!(arrived.route_params(), request.route_params());
        assert_eq!(arrived.identities(), request.identities());
        assert_eq!(arrived.body(), "<p>");
    }

    #[test]
    #[should_panic(expected = "the value of the header `x-key` is illegal")]
    fn an_illegal_header_is_a_mistake_of_the_test() {
        let _ = HttpRequest::build().header("x-key", "a\nb");
    }
}
