//! The request of an HTTP trigger.

use super::{ClaimsIdentity, body, form};
use crate::{
    BindingError,
    binding_json::parse_json,
    once::first_time,
    rpc::{Data, NullableString, RpcHttp, TypedData, nullable_string},
};
use ::http::{HeaderMap, HeaderName, HeaderValue, Method};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use std::{
    borrow::Cow,
    collections::HashMap,
    fmt,
    str::FromStr,
    sync::{Arc, OnceLock},
};
use url::form_urlencoded;

/// The request of an HTTP trigger.
///
/// Arguments of its binding: `auth_level` (`"anonymous"`, `"function"`, `"admin"`; `function` if absent), `methods`
/// (all if absent) and `route` (the function's name if absent).
///
/// ```
/// use azure_functions::{bindings::{HttpRequest, HttpResponse}, func};
///
/// #[func]
/// async fn greet(
///     #[binding(auth_level = "anonymous", methods = ["get", "post"], route = "greet/{name?}")] request: HttpRequest,
/// ) -> HttpResponse {
///     let name = request.route_params().get("name").map_or("stranger", String::as_str);
///     format!("Hello {name}!").into()
/// }
/// ```
///
/// Cloning is cheap: clones share the request.
#[derive(Clone)]
pub struct HttpRequest {
    shared: Arc<Shared>,
}

struct Shared {
    method: Method,
    url: String,
    body: Bytes,
    headers: HashMap<String, String>,
    nullable_headers: HashMap<String, NullableString>,
    header_map: OnceLock<HeaderMap>,
    route_params: HashMap<String, String>,
    query_params: HashMap<String, String>,
    identities: Vec<ClaimsIdentity>,
}

impl HttpRequest {
    /// What a host that filled the nullable maps, or the plain ones, or both, has sent.
    pub(crate) fn from_rpc(http: RpcHttp) -> Self {
        // The host used the raw body for bytes before it could send bytes in `body`.
        let body = match (http.body, http.raw_body) {
            (Some(body), raw) => match (bytes(*body), raw) {
                (Some(body), _) => body,
                (None, raw) => raw.and_then(|raw| bytes(*raw)).unwrap_or_default(),
            },
            (None, raw) => raw.and_then(|raw| bytes(*raw)).unwrap_or_default(),
        };
        Self {
            shared: Arc::new(Shared {
                method: Method::from_bytes(http.method.as_bytes()).unwrap_or_default(),
                url: http.url,
                body,
                headers: http.headers,
                nullable_headers: http.nullable_headers,
                header_map: OnceLock::new(),
                route_params: merged(http.params, http.nullable_params),
                query_params: merged(http.query, http.nullable_query),
                identities: http.identities.iter().map(Into::into).collect(),
            }),
        }
    }

    /// With these headers in place of those that a host has joined.
    pub(super) fn with_header_map(mut self, headers: HeaderMap) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.header_map = OnceLock::from(headers);
        }
        self
    }

    /// As a host sends it to a worker with our capabilities.
    pub(crate) fn to_rpc(&self) -> RpcHttp {
        let shared = &*self.shared;
        let mut headers = nullable(&shared.headers);
        headers.extend(shared.nullable_headers.clone());
        RpcHttp {
            method: shared.method.as_str().to_owned(),
            url: shared.url.clone(),
            nullable_headers: headers,
            nullable_params: nullable(&shared.route_params),
            nullable_query: nullable(&shared.query_params),
            identities: shared.identities.iter().map(Into::into).collect(),
            body: (!shared.body.is_empty()).then(|| {
                Box::new(TypedData {
                    data: Some(Data::Bytes(shared.body.clone())),
                })
            }),
            ..RpcHttp::default()
        }
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.shared.method
    }

    /// The whole URL, query included, as the host saw it.
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// The headers. Several values of one header arrive joined by commas. Values are UTF-8.
    ///
    /// A value that is not a valid header value is left out.
    pub fn headers(&self) -> &HeaderMap {
        self.shared.header_map.get_or_init(|| {
            let plain = self.shared.headers.iter().map(|(name, value)| (name, value.as_str()));
            let nullable = self
                .shared
                .nullable_headers
                .iter()
                .map(|(name, value)| (name, text(value).unwrap_or_default()));
            plain
                .chain(nullable)
                .filter_map(|(name, value)| {
                    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
                    Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
                })
                .collect()
        })
    }

    /// The value of a header, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        // They were text when they came.
        std::str::from_utf8(self.headers().get(name)?.as_bytes()).ok()
    }

    /// The values of the route's parameters. An optional one that the URL leaves out is missing.
    pub fn route_params(&self) -> &HashMap<String, String> {
        &self.shared.route_params
    }

    /// A parameter of the route, in any case, parsed.
    ///
    /// # Errors
    /// If the route has no such parameter, or the URL leaves it out, or its value cannot be parsed: a function that returns the error
    /// answers 400.
    pub fn route_param<T>(&self, name: &str) -> Result<T, BindingError>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let value = lookup(&self.shared.route_params, name)
            .ok_or_else(|| BindingError::bad_request(format!("the URL has no value for a route parameter `{name}`")))?;
        value
            .parse()
            .map_err(|error| BindingError::bad_request(format!("route parameter `{name}`: {error}: `{value}`")))
    }

    /// The values of the query, decoded. Several values of one key arrive joined by commas: [`query_all`](Self::query_all) has
    /// them one by one. Hosts treat keys that differ only in case as the same key.
    pub fn query_params(&self) -> &HashMap<String, String> {
        &self.shared.query_params
    }

    /// All values that the query has for a key, in any case, decoded and in their order.
    ///
    /// ```
    /// use azure_functions::http::HttpRequest;
    ///
    /// let request = HttpRequest::build().url("/api/search?tag=a,b&Tag=c").finish();
    /// assert_eq!(request.query_all("tag"), ["a,b", "c"]);
    /// assert_eq!(request.query_params()["tag"], "a,b,c");
    /// ```
    pub fn query_all(&self, name: &str) -> Vec<String> {
        let url = self.shared.url.split('#').next().unwrap_or_default();
        let Some((_, query)) = url.split_once('?') else {
            // A host that sends the query apart from the URL.
            let joined = self.shared.query_params.iter().find(|(key, _)| is_same_key(key, name));
            return joined.map(|(_, value)| value.clone()).into_iter().collect();
        };
        form_urlencoded::parse(query.as_bytes())
            .filter(|(key, _)| is_same_key(key, name))
            .map(|(_, value)| value.into_owned())
            .collect()
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.shared.body
    }

    /// The body as text, without a byte order mark.
    ///
    /// # Errors
    /// If it is not UTF-8: a function that returns the error answers 400.
    pub fn body_as_str(&self) -> Result<&str, BindingError> {
        body::text(&self.shared.body)
            .map_err(|error| BindingError::bad_request(format!("the body is not UTF-8: {error}")))
    }

    /// The body, parsed as JSON. An empty body is `null`, for types that can be that, such as an `Option`. A byte order mark is
    /// ignored.
    ///
    /// # Errors
    /// If it is not JSON, or not of this type: the message says where. A function that returns the error answers 400.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, BindingError> {
        let body = body::without_mark(&self.shared.body);
        if body.is_empty() {
            return parse_json(b"null").map_err(|_| BindingError::bad_request("the body is empty"));
        }
        parse_json(body).map_err(|error| BindingError::bad_request(format!("the body is not as expected: {error}")))
    }

    /// The form in the body: see [`Form`](super::Form), which reads it as a parameter.
    ///
    /// # Errors
    /// If the body is not a form of this type, or its content type is that of another kind of body. A function that returns the
    /// error answers 400.
    pub fn form<T: DeserializeOwned>(&self) -> Result<T, BindingError> {
        form::read(self.header("content-type"), &self.shared.body)
    }

    /// The value of a cookie, without the percent-encoding that hosts give the cookies of responses. Of two with the same name,
    /// the first.
    pub fn cookie(&self, name: &str) -> Option<Cow<'_, str>> {
        // The host never fills the message's own list for requests. Commas are part of a value.
        let value = self
            .header("cookie")?
            .split(';')
            .filter_map(|pair| pair.split_once('='))
            .find_map(|(key, value)| (key.trim() == name).then(|| value.trim()))?;
        let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        let value = quoted.unwrap_or(value);
        // What is not UTF-8 was not encoded by a host.
        Some(percent_decode_str(value).decode_utf8().unwrap_or(Cow::Borrowed(value)))
    }

    /// The identities of the caller, if the platform authenticated it.
    pub fn identities(&self) -> &[ClaimsIdentity] {
        &self.shared.identities
    }

    /// Warns, once for each function, of a body that the host did not send: it sends none of a request that does not say how
    /// long its body is.
    pub(crate) fn warn_of_lost_body(&self, function: &'static str) {
        let is_chunked = self
            .sent("transfer-encoding")
            .is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked"));
        if is_chunked
            && self.shared.body.is_empty()
            && self.sent("content-length").is_none()
            && first_time(function, "the body of a chunked request")
        {
            log::warn!(
                "function `{function}`: a request came with `transfer-encoding: chunked` and without a body: the Functions host \
                 does not pass such bodies on, so callers must send a `content-length` (said once)"
            );
        }
    }

    /// A header by its name in lower case, without making the map of all.
    fn sent(&self, name: &str) -> Option<&str> {
        let plain = self.shared.headers.get(name).map(String::as_str);
        plain.or_else(|| text(self.shared.nullable_headers.get(name)?))
    }
}

impl fmt::Debug for HttpRequest {
    /// Leaves out headers, query and body, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.shared.method)
            .field("url", &self.shared.url.split('?').next().unwrap_or_default())
            .field("body", &format_args!("{} bytes", self.shared.body.len()))
            .finish_non_exhaustive()
    }
}

/// The bytes of a body, if there are any; with `None`, another field may have them.
fn bytes(data: TypedData) -> Option<Bytes> {
    match data.data? {
        Data::String(text) | Data::Json(text) => Some(text.into()),
        Data::Bytes(bytes) | Data::Stream(bytes) => Some(bytes),
        Data::Int(number) => Some(number.to_string().into()),
        Data::Double(number) => Some(number.to_string().into()),
        _ => None,
    }
}

/// Keys of a query have no case.
fn is_same_key(a: &str, b: &str) -> bool {
    a == b || a.to_lowercase() == b.to_lowercase()
}

fn text(value: &NullableString) -> Option<&str> {
    value
        .string
        .as_ref()
        .map(|nullable_string::String::Value(text)| text.as_str())
}

fn nullable(values: &HashMap<String, String>) -> HashMap<String, NullableString> {
    let value = |text: &String| NullableString {
        string: Some(nullable_string::String::Value(text.clone())),
    };
    values.iter().map(|(name, text)| (name.clone(), value(text))).collect()
}

/// The plain map drops empty values, the nullable one has all.
fn merged(mut plain: HashMap<String, String>, nullable: HashMap<String, NullableString>) -> HashMap<String, String> {
    for (name, value) in nullable {
        let Some(nullable_string::String::Value(value)) = value.string else {
            continue;
        };
        plain.insert(name, value);
    }
    plain
}

/// Route parameters keep the case of the template, functions name them as Rust does.
fn lookup<'a>(params: &'a HashMap<String, String>, name: &str) -> Option<&'a str> {
    if let Some(value) = params.get(name) {
        return Some(value);
    }
    let same = |a: &str, b: &str| {
        let letters = |text: &str| {
            text.chars()
                .filter(|c| *c != '_')
                .flat_map(char::to_lowercase)
                .collect::<String>()
        };
        letters(a) == letters(b)
    };
    params
        .iter()
        .find(|(key, _)| same(key, name))
        .map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::shown::shows;

    fn nullable(value: Option<&str>) -> NullableString {
        NullableString {
            string: value.map(|value| nullable_string::String::Value(value.to_owned())),
        }
    }

    fn typed(data: Data) -> Option<Box<TypedData>> {
        Some(Box::new(TypedData { data: Some(data) }))
    }

    #[test]
    fn plain_and_nullable_maps_are_read() {
        let http = RpcHttp {
            method: "GET".to_owned(),
            params: HashMap::from([("id".to_owned(), "1".to_owned())]),
            nullable_params: HashMap::from([
                ("orderId".to_owned(), nullable(Some("2"))),
                ("gone".to_owned(), nullable(None)),
            ]),
            query: HashMap::from([("a".to_owned(), "b".to_owned())]),
            nullable_query: HashMap::from([("empty".to_owned(), nullable(Some("")))]),
            headers: HashMap::from([("accept".to_owned(), "*/*".to_owned())]),
            nullable_headers: HashMap::from([("cookie".to_owned(), nullable(Some("a=1; theme=\"dark\"")))]),
            ..RpcHttp::default()
        };
        let request = HttpRequest::from_rpc(http);
        assert_eq!(request.method(), Method::GET);
        assert_eq!(request.route_param::<u8>("id").unwrap(), 1);
        assert_eq!(request.route_param::<u8>("order_id").unwrap(), 2);
        assert!(request.route_param::<u8>("gone").is_err());
        assert_eq!(request.query_params()["a"], "b");
        assert_eq!(request.query_params()["empty"], "");
        assert_eq!(request.header("Accept"), Some("*/*"));
        assert_eq!(request.cookie("theme").as_deref(), Some("dark"));
        assert_eq!(request.cookie("other"), None);
    }

    #[test]
    fn the_body_comes_in_every_shape() {
        let body = |body, raw_body| {
            let http = RpcHttp {
                body,
                raw_body,
                ..RpcHttp::default()
            };
            HttpRequest::from_rpc(http).body().clone()
        };
        assert_eq!(body(typed(Data::Bytes("x".into())), None), "x");
        assert_eq!(body(typed(Data::String("x".into())), None), "x");
        assert_eq!(
            body(typed(Data::Json("{}".into())), typed(Data::String("{ }".into()))),
            "{}"
        );
        assert_eq!(body(None, typed(Data::Bytes("x".into()))), "x");
        assert_eq!(body(Some(Box::default()), typed(Data::Bytes("x".into()))), "x");
        assert_eq!(body(None, None), "");
    }

    fn with_header(name: &str, value: &str) -> HttpRequest {
        HttpRequest::from_rpc(RpcHttp {
            nullable_headers: HashMap::from([(name.to_owned(), nullable(Some(value)))]),
            ..RpcHttp::default()
        })
    }

    #[test]
    fn a_cookie_keeps_its_commas_and_stands_beside_one_that_is_not_ascii() {
        let request = with_header("cookie", "city=Z\u{fc}rich; list=1,2,3; last=x");
        assert_eq!(request.cookie("city").as_deref(), Some("Z\u{fc}rich"));
        assert_eq!(request.cookie("list").as_deref(), Some("1,2,3"));
        assert_eq!(request.cookie("last").as_deref(), Some("x"));
    }

    #[test]
    fn a_cookie_that_a_host_encoded_comes_back_decoded() {
        // As hosts write `Cookie::new("who", "Z\u{fc}; \"a, b\"")`.
        let request = with_header("cookie", "a=%ff%; who=Z%C3%BC%3B%20%22a%2C%20b%22; empty=");
        assert_eq!(request.cookie("who").as_deref(), Some("Z\u{fc}; \"a, b\""));
        assert_eq!(request.cookie("a").as_deref(), Some("%ff%"));
        assert_eq!(request.cookie("empty").as_deref(), Some(""));
    }

    #[test]
    fn a_header_value_that_is_not_ascii_is_text() {
        let request = with_header("x-city", "Z\u{fc}rich");
        assert_eq!(request.header("X-City"), Some("Z\u{fc}rich"));
        assert_eq!(request.headers()["x-city"].as_bytes(), "Z\u{fc}rich".as_bytes());
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_text_or_of_json() {
        let request = HttpRequest::from_rpc(RpcHttp {
            body: typed(Data::Bytes("\u{feff}[1]".into())),
            ..RpcHttp::default()
        });
        assert_eq!(request.json::<Vec<u8>>().unwrap(), [1]);
        assert_eq!(request.body_as_str().unwrap(), "[1]");
        assert_eq!(request.body().len(), 6, "the bytes are those that came");
    }

    #[test]
    fn a_repeated_key_has_all_its_values_in_any_case() {
        let request = HttpRequest::from_rpc(RpcHttp {
            url: "http://h/x?a=1&A=2,3&b=4&%C3%84=5&\u{e4}=6&a#a=7".to_owned(),
            ..RpcHttp::default()
        });
        assert_eq!(request.query_all("a"), ["1", "2,3", ""]);
        assert_eq!(request.query_all("\u{c4}"), ["5", "6"]);
        assert!(request.query_all("c").is_empty());
        let request = HttpRequest::from_rpc(RpcHttp {
            nullable_query: HashMap::from([("A".to_owned(), nullable(Some("1,2")))]),
            ..RpcHttp::default()
        });
        assert_eq!(request.query_all("a"), ["1,2"], "only the host could tell more");
    }

    #[test]
    fn no_body_is_null_where_that_can_be() {
        let request = HttpRequest::from_rpc(RpcHttp::default());
        assert_eq!(request.json::<Option<u32>>().unwrap(), None);
        assert_eq!(request.json::<serde_json::Value>().unwrap(), serde_json::Value::Null);
        assert_eq!(request.json::<u32>().unwrap_err().to_string(), "the body is empty");
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let request = HttpRequest::from_rpc(RpcHttp {
            url: "http://h/x?code=secret".to_owned(),
            headers: HashMap::from([("x-functions-key".to_owned(), "secret".to_owned())]),
            ..RpcHttp::default()
        });
        assert!(!format!("{request:?}").contains("secret"));
    }

    shows!(HTTP_TRIGGER, Decoding: plain_and_nullable_maps_are_read, the_body_comes_in_every_shape);
}
