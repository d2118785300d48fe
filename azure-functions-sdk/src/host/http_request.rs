//! An HTTP request as the worker gets it: `RpcHttp` and trigger metadata, shaped by the worker's capabilities.

use super::{
    capabilities::Capabilities,
    function::Function,
    invocation::{Prepared, TriggerInput, typed},
    rpc::messages::{Data, NullableString, RpcHttp, TypedData, nullable_string},
};
use crate::durable::work::Begun;
use azure_functions_durable::TraceContext;
use bytes::Bytes;
use http::{
    HeaderMap, Method,
    header::{CONTENT_TYPE, HeaderName, TRANSFER_ENCODING},
};
use serde_json::value::RawValue;
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, hash_map::Entry},
};
use tokio_util::sync::CancellationToken;

/// One request for an HTTP function.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpInvocation {
    /// Verb.
    pub method: Method,
    /// Absolute URL with its query.
    pub url: String,
    /// Headers as received.
    pub headers: HeaderMap,
    /// Route parameters that have a value.
    pub params: Vec<(String, String)>,
    /// Body; may be empty.
    pub body: Bytes,
    /// Whether the caller is on this machine, and is told why a function failed.
    pub tells_failures: bool,
    /// Cancelled when the caller has gone, it seems.
    pub(crate) hung_up: CancellationToken,
}

impl HttpInvocation {
    /// A request with all its parts. `url` is absolute: scheme, host, path and query.
    #[must_use]
    pub fn new(
        method: Method,
        url: impl Into<String>,
        headers: HeaderMap,
        params: Vec<(String, String)>,
        body: Bytes,
    ) -> Self {
        Self {
            method,
            url: url.into(),
            headers,
            params,
            body,
            tells_failures: false,
            hung_up: CancellationToken::new(),
        }
    }

    /// Whether the body came without its length being known.
    pub(crate) fn is_chunked(&self) -> bool {
        let mut codings = self.headers.get_all(TRANSFER_ENCODING).iter();
        codings.any(|coding| {
            String::from_utf8_lossy(coding.as_bytes())
                .to_ascii_lowercase()
                .contains("chunked")
        })
    }

    /// The decoded query, several values of a key joined by commas. Keys have no case: the first spelling counts.
    fn query(&self) -> Vec<(String, String)> {
        let Some((_, query)) = self.url.split_once('?') else {
            return Vec::new();
        };
        let query = query.split('#').next().unwrap_or_default();
        joined(url::form_urlencoded::parse(query.as_bytes()))
    }

    /// The headers, several values of a name joined by commas.
    fn headers(&self) -> Vec<(String, String)> {
        // Names are in lower case already, and each comes once.
        let joined = |name: &HeaderName| {
            let mut values = self
                .headers
                .get_all(name)
                .iter()
                .map(|value| String::from_utf8_lossy(value.as_bytes()));
            let mut text = values.next().unwrap_or_default().into_owned();
            for value in values {
                text.push(',');
                text.push_str(&value);
            }
            text
        };
        let names = self.headers.keys();
        names.map(|name| (name.as_str().to_owned(), joined(name))).collect()
    }

    fn content_type(&self) -> &str {
        self.headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// In order of first appearance. The caller decides how many pairs there are, so no pair costs a look at all others.
fn joined<'a>(pairs: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Vec<(String, String)> {
    let mut joined: Vec<(String, String)> = Vec::new();
    let mut places = HashMap::new();
    for (key, value) in pairs {
        match places.entry(key.to_lowercase()) {
            Entry::Vacant(place) => {
                place.insert(joined.len());
                joined.push((key.into_owned(), value.into_owned()));
            }
            Entry::Occupied(place) => {
                let (_, values) = &mut joined[*place.get()];
                values.push(',');
                values.push_str(&value);
            }
        }
    }
    joined
}

/// What the worker is sent for `request`.
pub(crate) fn call(function: &Function, request: &HttpInvocation, capabilities: Capabilities) -> Prepared {
    let query = request.query();
    let headers = request.headers();
    let mut metadata = HashMap::with_capacity(2 + query.len() + request.params.len());
    metadata.insert("Query".to_owned(), json_object(&query));
    metadata.insert("Headers".to_owned(), json_object(&headers));
    add_json_members(request, &mut metadata);
    for (key, value) in query
        .iter()
        .filter(|(key, _)| !key.eq_ignore_ascii_case("code"))
        .chain(&request.params)
    {
        metadata.insert(key.clone(), typed(Data::String(value.clone())));
    }
    let http = to_rpc(request, query, headers, capabilities);
    if !capabilities.trigger_metadata_removed {
        let copy = typed(Data::Http(Box::new(http.clone())));
        if let Some(trigger) = function.trigger() {
            metadata.insert(trigger.name.clone(), copy.clone());
        }
        metadata.insert("$request".to_owned(), copy);
    }
    let mut trigger = TriggerInput::data(Data::Http(Box::new(http)));
    trigger.metadata = metadata;
    Prepared {
        trigger,
        trace_context: TraceContext::from_headers(&request.headers).as_ref().map(Into::into),
        hung_up: Some(request.hung_up.clone()),
        begun: Begun::default(),
    }
}

fn json_object(pairs: &[(String, String)]) -> TypedData {
    let object: BTreeMap<_, _> = pairs.iter().map(|(key, value)| (key, value)).collect();
    typed(Data::Json(
        serde_json::to_string(&object).unwrap_or_else(|_| "{}".to_owned()),
    ))
}

/// Top-level members of a JSON object in the body are binding data too; null and arrays are not.
fn add_json_members(request: &HttpInvocation, metadata: &mut HashMap<String, TypedData>) {
    if request.body.is_empty() || !is_json(request.content_type()) {
        return;
    }
    let text = request.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&request.body);
    let Ok(members) = serde_json::from_slice::<BTreeMap<String, &RawValue>>(text) else {
        return;
    };
    for (name, value) in members {
        let text = value.get();
        let data = match text.as_bytes().first() {
            Some(b'[' | b'n') | None => continue,
            Some(b'"') => serde_json::from_str(text).map_or_else(|_| Data::Json(text.to_owned()), Data::String),
            Some(_) => Data::Json(text.to_owned()),
        };
        metadata.insert(name, typed(data));
    }
}

fn to_rpc(
    request: &HttpInvocation,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    capabilities: Capabilities,
) -> RpcHttp {
    let mut http = RpcHttp {
        method: request.method.as_str().to_owned(),
        url: request.url.clone(),
        ..Default::default()
    };
    if capabilities.nullable_maps {
        http.nullable_query = nullable(query);
        http.nullable_headers = nullable(headers);
        http.nullable_params = nullable(request.params.iter().cloned());
    } else {
        let keep_header = |(_, value): &(String, String)| !capabilities.ignore_empty_headers || !value.is_empty();
        http.query = query.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        http.headers = headers.into_iter().filter(keep_header).collect();
        http.params = request.params.iter().cloned().collect();
    }
    if !request.body.is_empty() {
        let (body, raw_body) = bodies(&request.body, request.content_type(), capabilities);
        http.body = Some(Box::new(typed(body)));
        http.raw_body = raw_body.map(|raw| Box::new(typed(raw)));
    }
    http
}

fn nullable(pairs: impl IntoIterator<Item = (String, String)>) -> HashMap<String, NullableString> {
    let value = |text| NullableString {
        string: Some(nullable_string::String::Value(text)),
    };
    pairs.into_iter().map(|(key, text)| (key, value(text))).collect()
}

/// `body` and `rawBody` for a body that is not empty.
fn bodies(body: &Bytes, content_type: &str, capabilities: Capabilities) -> (Data, Option<Data>) {
    let text = || String::from_utf8_lossy(body).into_owned();
    let binary = is_binary(content_type);
    match (capabilities.body_only, capabilities.raw_body_bytes) {
        (true, true) => (Data::Bytes(body.clone()), None),
        (true, false) if binary => (Data::Bytes(body.clone()), None),
        (true, false) => (Data::String(text()), None),
        (false, raw_bytes) => {
            let parsed = if binary {
                Data::Bytes(body.clone())
            } else if is_json(content_type) {
                valid_json(body).map_or_else(|| Data::String(text()), Data::Json)
            } else {
                Data::String(text())
            };
            let raw = if raw_bytes {
                Data::Bytes(body.clone())
            } else {
                Data::String(text())
            };
            (parsed, Some(raw))
        }
    }
}

fn valid_json(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<&RawValue>(body)
        .ok()
        .map(|json| json.get().to_owned())
}

/// The media type without its parameters.
fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

fn is_json(content_type: &str) -> bool {
    let media_type = media_type(content_type).to_ascii_lowercase();
    media_type == "application/json" || media_type == "text/json" || media_type.ends_with("+json")
}

fn is_binary(content_type: &str) -> bool {
    let media_type = media_type(content_type).to_ascii_lowercase();
    media_type == "application/octet-stream" || media_type.starts_with("multipart/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::function::{Binding, Direction};
    use http::HeaderValue;
    use std::time::{Duration, Instant};

    const NODE: Capabilities = Capabilities {
        body_only: true,
        raw_body_bytes: true,
        trigger_metadata_removed: true,
        ignore_empty_headers: true,
        nullable_maps: true,
        terminate: true,
        cancel: false,
        load_collection: false,
    };

    fn function() -> Function {
        let binding = Binding {
            name: "req".to_owned(),
            kind: "httpTrigger".to_owned(),
            direction: Direction::In,
            attributes: serde_json::Map::new(),
            as_written: BTreeMap::new(),
        };
        Function::new("f".to_owned(), "1".to_owned(), vec![binding])
    }

    fn request(content_type: &'static str, body: &'static str) -> HttpInvocation {
        let mut headers = HeaderMap::new();
        headers.append("accept", HeaderValue::from_static("text/html"));
        headers.append("accept", HeaderValue::from_static("*/*"));
        headers.append("x-empty", HeaderValue::from_static(""));
        headers.append(
            "traceparent",
            HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        );
        headers.append(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let url = "http://localhost:7071/api/orders/7?tag=a%20b&tag=c&none=&code=secret";
        let params = vec![("id".to_owned(), "7".to_owned())];
        HttpInvocation::new(Method::POST, url, headers, params, Bytes::from_static(body.as_bytes()))
    }

    fn called(request: &HttpInvocation, capabilities: Capabilities) -> (RpcHttp, HashMap<String, TypedData>) {
        let prepared = call(&function(), request, capabilities);
        assert_eq!(
            prepared.trace_context.unwrap().trace_parent,
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        );
        let Some(Data::Http(http)) = prepared.trigger.data else {
            panic!("no request")
        };
        (*http, prepared.trigger.metadata)
    }

    fn plain(map: &HashMap<String, String>) -> Vec<String> {
        let mut pairs: Vec<_> = map.iter().map(|(key, value)| format!("{key}={value}")).collect();
        pairs.sort();
        pairs
    }

    fn nulls(map: &HashMap<String, NullableString>) -> Vec<String> {
        let text = |value: &NullableString| match &value.string {
            Some(nullable_string::String::Value(text)) => text.clone(),
            None => "null".to_owned(),
        };
        plain(&map.iter().map(|(key, value)| (key.clone(), text(value))).collect())
    }

    fn body(data: Option<Box<TypedData>>) -> Option<Data> {
        data.and_then(|value| value.data)
    }

    #[test]
    fn a_worker_without_capabilities_gets_plain_maps_and_the_request_in_its_metadata() {
        let (http, metadata) = called(
            &request("application/json; charset=utf-8", "{\"who\":\"Ada\"}"),
            Capabilities::default(),
        );
        assert_eq!((http.method.as_str(), http.status_code.as_str()), ("POST", ""));
        assert_eq!(plain(&http.query), ["code=secret", "tag=a b,c"]);
        assert_eq!(
            plain(&http.headers),
            [
                "accept=text/html,*/*",
                "content-type=application/json; charset=utf-8",
                "traceparent=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                "x-empty="
            ]
        );
        assert_eq!(plain(&http.params), ["id=7"]);
        assert!(http.nullable_headers.is_empty() && http.nullable_query.is_empty() && http.nullable_params.is_empty());
        assert_eq!(metadata["req"].data, metadata["$request"].data);
        assert_eq!(metadata["req"].data, Some(Data::Http(Box::new(http))));
    }

    #[test]
    fn nullable_maps_keep_empty_values_and_leave_the_plain_ones_empty() {
        let (http, metadata) = called(&request("text/plain", ""), NODE);
        assert_eq!(nulls(&http.nullable_query), ["code=secret", "none=", "tag=a b,c"]);
        assert!(nulls(&http.nullable_headers).contains(&"x-empty=".to_owned()));
        assert_eq!(nulls(&http.nullable_params), ["id=7"]);
        assert!(http.headers.is_empty() && http.query.is_empty() && http.params.is_empty());
        assert!(!metadata.contains_key("req") && !metadata.contains_key("$request"));
    }

    #[test]
    fn empty_headers_go_only_where_the_worker_says_so() {
        let capabilities = Capabilities {
            ignore_empty_headers: true,
            ..Capabilities::default()
        };
        let (http, _) = called(&request("text/plain", ""), capabilities);
        assert!(!http.headers.contains_key("x-empty"));
    }

    #[test]
    fn metadata_has_query_headers_parameters_and_members_of_the_body_but_never_the_code() {
        let json = "{\"who\":\"Ada\",\"n\": 1,\"list\":[1],\"none\":null,\"in\":{\"a\":true}}";
        let (_, metadata) = called(&request("application/json", json), NODE);
        let mut names: Vec<_> = metadata.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["Headers", "Query", "id", "in", "n", "none", "tag", "who"]);
        assert_eq!(metadata["who"].data, Some(Data::String("Ada".to_owned())));
        assert_eq!(metadata["n"].data, Some(Data::Json("1".to_owned())));
        assert_eq!(metadata["in"].data, Some(Data::Json("{\"a\":true}".to_owned())));
        // Of the query: the body's is null, which does not count.
        assert_eq!(metadata["none"].data, Some(Data::String(String::new())));
        let Some(Data::Json(query)) = &metadata["Query"].data else {
            panic!("{:?}", metadata["Query"])
        };
        assert_eq!(query, "{\"code\":\"secret\",\"none\":\"\",\"tag\":\"a b,c\"}");
    }

    #[test]
    fn query_keys_that_differ_in_case_join_under_the_first() {
        let mut request = request("text/plain", "");
        request.url = "http://h/x?Tag=a&tag=b&TAG=c&other=1".to_owned();
        let (http, metadata) = called(&request, NODE);
        assert_eq!(nulls(&http.nullable_query), ["Tag=a,b,c", "other=1"]);
        assert_eq!(metadata["Tag"].data, Some(Data::String("a,b,c".to_owned())));
    }

    #[test]
    fn a_query_of_16_000_keys_does_not_keep_its_thread() {
        let query: Vec<String> = (0..16_000).map(|key| format!("{key:x}")).collect();
        let mut request = request("text/plain", "");
        request.url = format!("http://h/x?{}", query.join("&"));
        let begun = Instant::now();
        assert_eq!(request.query().len(), 16_000);
        // It takes some hundredths of a second. A comparison of every key with every other takes several times the limit.
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }

    #[test]
    fn members_of_a_body_are_read_behind_a_byte_order_mark() {
        let (_, metadata) = called(&request("application/json", "\u{feff}{\"who\":\"Ada\"}"), NODE);
        assert_eq!(metadata["who"].data, Some(Data::String("Ada".to_owned())));
    }

    #[test]
    fn bodies_follow_the_capabilities_and_the_content_type() {
        let bytes = |text: &'static str| Some(Data::Bytes(Bytes::from_static(text.as_bytes())));
        let string = |text: &str| Some(Data::String(text.to_owned()));
        let json = |text: &str| Some(Data::Json(text.to_owned()));
        let cases = [
            // body only, raw bytes, content type, body, expected body, expected raw body
            (true, true, "application/json", "{\"a\":1}", bytes("{\"a\":1}"), None),
            (true, false, "application/octet-stream", "x", bytes("x"), None),
            (true, false, "multipart/form-data; boundary=1", "x", bytes("x"), None),
            (true, false, "application/json", "{\"a\":1}", string("{\"a\":1}"), None),
            (
                false,
                false,
                "application/json",
                "{\"a\":1}",
                json("{\"a\":1}"),
                string("{\"a\":1}"),
            ),
            (
                false,
                false,
                "application/json",
                "{oops",
                string("{oops"),
                string("{oops"),
            ),
            (false, false, "application/octet-stream", "x", bytes("x"), string("x")),
            (false, false, "text/plain", "x", string("x"), string("x")),
            (false, true, "text/plain", "x", string("x"), bytes("x")),
            (false, true, "text/plain", "", None, None),
        ];
        for (body_only, raw_body_bytes, content_type, text, expected, expected_raw) in cases {
            let capabilities = Capabilities {
                body_only,
                raw_body_bytes,
                ..Capabilities::default()
            };
            let (http, _) = called(&request(content_type, text), capabilities);
            assert_eq!(
                body(http.body),
                expected,
                "{body_only} {raw_body_bytes} {content_type} {text}"
            );
            assert_eq!(
                body(http.raw_body),
                expected_raw,
                "{body_only} {raw_body_bytes} {content_type} {text}"
            );
        }
    }
}
