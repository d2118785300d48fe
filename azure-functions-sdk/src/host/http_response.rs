//! What the caller of an HTTP function sees of the worker's answer.

use super::{
    function::{Direction, Function},
    http_cookie,
    http_delivery::{self, Undeliverable, Warning},
    rpc::messages::{Data, InvocationResponse, RpcHttp, TypedData, parameter_binding::RpcData},
};
use crate::services::indent::indented;
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, SET_COOKIE},
};
use serde_json::{Map, Value};

const PLAIN_TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";

/// What is known of the request that a response answers.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    /// For content negotiation.
    pub(crate) headers: &'a HeaderMap,
}

/// A response for the caller, and what the real host would do otherwise with what the worker answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response<Bytes>,
    pub(crate) warnings: Vec<Warning>,
}

impl From<Response<Bytes>> for Answer {
    fn from(response: Response<Bytes>) -> Self {
        Self {
            response,
            warnings: Vec::new(),
        }
    }
}

/// The response that a successful invocation stands for.
///
/// # Errors
/// If the worker's response is one that the real host cannot send either.
pub(crate) fn from_invocation(
    function: &Function,
    response: InvocationResponse,
    asked: Asked<'_>,
) -> Result<Answer, Undeliverable> {
    let mut outputs = function
        .bindings
        .iter()
        .filter(|binding| binding.direction != Direction::In);
    let Some(output) = outputs.find(|binding| binding.is("http")) else {
        return Ok(match response.return_value.and_then(|value| value.data) {
            None => empty(StatusCode::NO_CONTENT).into(),
            Some(data) => plain_object(StatusCode::OK, data, asked.headers).into(),
        });
    };
    let value = if output.name == "$return" {
        response.return_value.and_then(|value| value.data)
    } else {
        named_output(&output.name, response, function)
    };
    match value {
        None => Ok(empty(StatusCode::NO_CONTENT).into()),
        Some(Data::Http(http)) => from_rpc(*http, asked),
        Some(other) => from_value(other, asked),
    }
}

fn named_output(name: &str, response: InvocationResponse, function: &Function) -> Option<Data> {
    let found = response.output_data.into_iter().find(|output| output.name == name);
    if let Some(found) = found {
        return match found.rpc_data {
            Some(RpcData::Data(value)) => value.data,
            _ => None,
        };
    }
    // Without a `$return` binding, an object returned is a set of outputs by name.
    if function.bindings.iter().any(|binding| binding.name == "$return") {
        return None;
    }
    let Some(Data::Json(json)) = response.return_value?.data else {
        return None;
    };
    let mut members: Map<String, Value> = serde_json::from_str(&json).ok()?;
    match members.remove(name)? {
        Value::Null => None,
        Value::String(text) => Some(Data::String(text)),
        other => Some(Data::Json(other.to_string())),
    }
}

fn empty(status: StatusCode) -> Response<Bytes> {
    with_body(status, None, Bytes::new())
}

fn with_body(status: StatusCode, content_type: Option<&str>, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    if let Some(value) = content_type.and_then(|text| HeaderValue::from_str(text).ok()) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    response
}

fn from_rpc(http: RpcHttp, asked: Asked<'_>) -> Result<Answer, Undeliverable> {
    let Some(body) = http.body else {
        // What the reference does when the body message is missing; a dump shows people what happened.
        let dump = serde_json::json!({"statusCode": http.status_code, "headers": http.headers});
        return Ok(with_body(StatusCode::OK, Some(JSON), dump.to_string()).into());
    };
    let mut warnings = Vec::new();
    let status = http_delivery::status(&http.status_code, &mut warnings)?;
    let content_type = http
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let content_type = content_type.map(|(_, value)| value.as_str());
    let mut response = if http.enable_content_negotiation {
        negotiated(status, body.data, asked.headers)
    } else {
        raw(status, body.data, content_type)
    };
    http_delivery::add_headers(&mut response, &http.headers, asked.method, &mut warnings)?;
    for cookie in &http.cookies {
        let value = http_cookie::header(cookie).ok_or_else(|| Undeliverable::Cookie(cookie.name.clone()))?;
        response.headers_mut().append(SET_COOKIE, value);
    }
    http_delivery::drop_body(&mut response, &mut warnings);
    Ok(Answer { response, warnings })
}

/// Without content negotiation: bytes as they are, everything else as UTF-8 text.
fn raw(status: StatusCode, body: Option<Data>, content_type: Option<&str>) -> Response<Bytes> {
    if let Some(Data::Bytes(bytes)) = body {
        return with_body(status, content_type.filter(|text| !text.is_empty()), bytes);
    }
    let text = body.map(text_of).unwrap_or_default();
    let content_type = match content_type.filter(|text| !text.is_empty()) {
        None => PLAIN_TEXT.to_owned(),
        Some(given) if given.to_ascii_lowercase().contains("charset=") => given.to_owned(),
        Some(given) => format!("{given}; charset=utf-8"),
    };
    with_body(status, Some(&content_type), text)
}

/// A value as text: JSON objects and arrays indented, a JSON string without its quotes.
fn text_of(data: Data) -> String {
    match data {
        Data::String(text) => text,
        Data::Json(json) => match json.trim_start().as_bytes().first() {
            Some(b'{' | b'[') => indented(&json),
            Some(b'"') => serde_json::from_str(&json).unwrap_or(json),
            _ => json,
        },
        Data::Bytes(bytes) | Data::Stream(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Data::Int(number) => number.to_string(),
        Data::Double(number) => number.to_string(),
        _ => String::new(),
    }
}

/// With content negotiation: texts are text unless the caller prefers JSON, everything else is JSON.
fn negotiated(status: StatusCode, body: Option<Data>, request_headers: &HeaderMap) -> Response<Bytes> {
    match body {
        None => empty(status),
        Some(Data::Bytes(bytes)) => with_body(status, Some("application/octet-stream"), bytes),
        Some(data) => plain_object(status, data, request_headers),
    }
}

fn plain_object(status: StatusCode, data: Data, request_headers: &HeaderMap) -> Response<Bytes> {
    match data {
        Data::String(text) if prefers_json(request_headers) => {
            with_body(status, Some(JSON), Value::from(text).to_string())
        }
        Data::String(text) => with_body(status, Some(PLAIN_TEXT), text),
        Data::Json(json) => with_body(status, Some(JSON), json),
        Data::Bytes(bytes) => with_body(status, Some("application/octet-stream"), bytes),
        other => with_body(status, Some(JSON), text_of(other)),
    }
}

fn prefers_json(request_headers: &HeaderMap) -> bool {
    let accept = request_headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let place = |media_type: &str| accept.to_ascii_lowercase().find(media_type);
    match (place("application/json"), place("text/plain")) {
        (Some(json), Some(text)) => json < text,
        (json, _) => json.is_some(),
    }
}

/// A value that is not an `RpcHttp`: an object with a `body` is a response object, anything else is the body of a 200.
fn from_value(data: Data, asked: Asked<'_>) -> Result<Answer, Undeliverable> {
    let json = match &data {
        Data::String(text) | Data::Json(text) => serde_json::from_str::<Value>(text).ok(),
        _ => None,
    };
    let Some(Value::Object(members)) = json else {
        return Ok(raw(StatusCode::OK, Some(data), None).into());
    };
    let member = |names: &[&str]| {
        let found = members
            .iter()
            .find(|(key, _)| names.iter().any(|name| key.eq_ignore_ascii_case(name)));
        found.map(|(_, value)| value)
    };
    let Some(body) = member(&["body"]) else {
        return Ok(raw(StatusCode::OK, Some(data), None).into());
    };
    let as_text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let headers = member(&["headers"]).and_then(Value::as_object);
    let body = match body {
        Value::Null => None,
        Value::String(text) => Some(Data::String(text.clone())),
        other => Some(Data::Json(other.to_string())),
    };
    let http = RpcHttp {
        status_code: member(&["status", "statusCode"]).map(as_text).unwrap_or_default(),
        headers: headers
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), as_text(value)))
            .collect(),
        body: Some(Box::new(TypedData { data: body })),
        enable_content_negotiation: member(&["enableContentNegotiation"])
            .is_some_and(|value| *value == Value::Bool(true)),
        ..Default::default()
    };
    from_rpc(http, asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{function::Binding, rpc::messages::ParameterBinding};

    fn function(outputs: &[(&str, &str)]) -> Function {
        let binding = |(kind, name): &(&str, &str)| Binding {
            name: (*name).to_owned(),
            kind: (*kind).to_owned(),
            direction: Direction::Out,
            attributes: Map::new(),
            as_written: std::collections::BTreeMap::new(),
        };
        Function::new("f".to_owned(), "1".to_owned(), outputs.iter().map(binding).collect())
    }

    fn returned(data: Option<Data>) -> InvocationResponse {
        InvocationResponse {
            return_value: data.map(|data| TypedData { data: Some(data) }),
            ..Default::default()
        }
    }

    fn rpc(status: &str, headers: &[(&str, &str)], body: Option<Data>) -> RpcHttp {
        RpcHttp {
            status_code: status.to_owned(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: Some(Box::new(TypedData { data: body })),
            ..Default::default()
        }
    }

    fn answered(function: &Function, response: InvocationResponse) -> Response<Bytes> {
        let asked = Asked {
            method: &Method::GET,
            headers: &HeaderMap::new(),
        };
        from_invocation(function, response, asked).unwrap().response
    }

    /// Status, content type and body of what `data` becomes as `$return` of an `http` binding.
    fn shown(data: Option<Data>) -> (u16, String, String) {
        look(&answered(&function(&[("http", "$return")]), returned(data)))
    }

    fn look(response: &Response<Bytes>) -> (u16, String, String) {
        let content_type = response
            .headers()
            .get(CONTENT_TYPE)
            .map(|value| value.to_str().unwrap());
        let body = String::from_utf8(response.body().to_vec()).unwrap();
        (
            response.status().as_u16(),
            content_type.unwrap_or_default().to_owned(),
            body,
        )
    }

    fn http(http: RpcHttp) -> Option<Data> {
        Some(Data::Http(Box::new(http)))
    }

    fn text(text: &str) -> Option<Data> {
        Some(Data::String(text.to_owned()))
    }

    fn seen(status: u16, content_type: &str, body: &str) -> (u16, String, String) {
        (status, content_type.to_owned(), body.to_owned())
    }

    #[test]
    fn bodies_are_rendered_by_their_kind() {
        let bytes = Some(Data::Bytes(Bytes::from_static(b"raw")));
        assert_eq!(shown(http(rpc("200", &[], bytes.clone()))), seen(200, "", "raw"));
        assert_eq!(
            shown(http(rpc("404", &[("Content-Type", "image/png")], bytes))),
            seen(404, "image/png", "raw")
        );
        assert_eq!(shown(http(rpc("", &[], text("hi")))), seen(200, PLAIN_TEXT, "hi"));
        assert_eq!(
            shown(http(rpc("oops", &[("content-type", "text/html")], text("<p>")))),
            seen(200, "text/html; charset=utf-8", "<p>")
        );
        let json = Some(Data::Json("{\"b\":1,\"a\":2}".to_owned()));
        assert_eq!(
            shown(http(rpc("202", &[("content-type", "application/json")], json))),
            seen(202, "application/json; charset=utf-8", "{\n  \"b\": 1,\n  \"a\": 2\n}")
        );
        assert_eq!(shown(http(rpc("200", &[], None))), seen(200, PLAIN_TEXT, ""));
    }

    #[test]
    fn a_response_without_a_body_message_is_dumped_as_a_200() {
        let dumped = RpcHttp {
            status_code: "404".to_owned(),
            ..Default::default()
        };
        assert_eq!(
            shown(http(dumped)),
            seen(200, JSON, "{\"headers\":{},\"statusCode\":\"404\"}")
        );
    }

    #[test]
    fn nothing_is_a_204_and_without_an_http_output_a_value_is_an_object() {
        assert_eq!(shown(None), seen(204, "", ""));
        let show = |data| look(&answered(&function(&[]), returned(data)));
        assert_eq!(show(None), seen(204, "", ""));
        assert_eq!(show(text("hi")), seen(200, PLAIN_TEXT, "hi"));
        assert_eq!(show(Some(Data::Json("[1]".to_owned()))), seen(200, JSON, "[1]"));
    }

    #[test]
    fn a_named_output_wins_over_members_of_the_returned_object() {
        let function = function(&[("http", "res")]);
        let mut response = returned(Some(Data::Json(
            "{\"res\":{\"body\":\"from member\",\"status\":418}}".to_owned(),
        )));
        let look_at = |response: &InvocationResponse| look(&answered(&function, response.clone()));
        assert_eq!(look_at(&response), seen(418, PLAIN_TEXT, "from member"));
        response.output_data.push(ParameterBinding {
            name: "res".to_owned(),
            rpc_data: Some(RpcData::Data(TypedData {
                data: text("from output"),
            })),
        });
        assert_eq!(look_at(&response), seen(200, PLAIN_TEXT, "from output"));
    }

    #[test]
    fn response_objects_may_be_plain_json() {
        let object = r#"{"Body":{"b":1,"a":[]},"statusCode":"201","headers":{"x-n":5}}"#;
        let response = answered(&function(&[("http", "$return")]), returned(text(object)));
        assert_eq!(response.headers()["x-n"], "5");
        assert_eq!(look(&response).0, 201);
        assert_eq!(shown(text("{\"no\":1}")), seen(200, PLAIN_TEXT, "{\"no\":1}"));
    }

    #[test]
    fn content_negotiation_looks_at_accept() {
        let mut answer = rpc("200", &[], text("hi"));
        answer.enable_content_negotiation = true;
        let accept =
            |media_types: &'static str| HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(media_types))]);
        let show = |headers: HeaderMap| {
            let asked = Asked {
                method: &Method::GET,
                headers: &headers,
            };
            look(&from_rpc(answer.clone(), asked).unwrap().response)
        };
        assert_eq!(show(accept("application/json")), seen(200, JSON, "\"hi\""));
        assert_eq!(
            show(accept("text/plain, application/json")),
            seen(200, PLAIN_TEXT, "hi")
        );
        assert_eq!(show(HeaderMap::new()), seen(200, PLAIN_TEXT, "hi"));
    }
}
