//! Between HTTP and a function that runs in this process: what a host makes of a request, and of the function's outputs.

use super::{Call, Function, Outputs};
use crate::{
    http::{HttpRequest, HttpResponse},
    rpc::{Data, TypedData},
};
use ::http::StatusCode;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

impl Call {
    /// What the host sends for a request, to a worker with our capabilities. Nothing if the function has no HTTP trigger.
    pub fn http(function: &Function, request: &HttpRequest) -> Option<Self> {
        let trigger = binding(function, "httpTrigger")?;
        let headers: BTreeMap<_, _> = request
            .headers()
            .keys()
            .filter_map(|name| Some((name.as_str(), request.header(name.as_str())?)))
            .collect();
        let query: BTreeMap<_, _> = request.query_params().iter().collect();
        let mut metadata = HashMap::from([
            ("Query".to_owned(), json(&query)),
            ("Headers".to_owned(), json(&headers)),
        ]);
        // Members of a JSON body are binding data too, unless they are null or arrays.
        let is_json = request
            .header("content-type")
            .is_some_and(|kind| kind.to_ascii_lowercase().contains("json"));
        let members: Option<Map<String, Value>> = request.json().ok().filter(|_| is_json);
        for (name, value) in members.into_iter().flatten() {
            match value {
                Value::Null | Value::Array(_) => {}
                Value::String(text) => drop(metadata.insert(name, typed(Data::String(text)))),
                other => drop(metadata.insert(name, json(&other))),
            }
        }
        let values = request
            .query_params()
            .iter()
            .filter(|(name, _)| !name.eq_ignore_ascii_case("code"));
        for (name, value) in values.chain(request.route_params()) {
            metadata.insert(name.clone(), typed(Data::String(value.clone())));
        }
        Some(Self {
            inputs: vec![(trigger, typed(Data::Http(Box::new(request.to_rpc()))))],
            trigger_metadata: metadata,
        })
    }
}

/// What the caller of an HTTP function gets: the value of its output of type `http`, and 204 without one.
pub fn http_response(function: &Function, outputs: Outputs) -> HttpResponse {
    let value = match binding(function, "http") {
        Some(name) if name != "$return" => {
            let found = outputs.outputs.into_iter().find(|(output, _)| *output == name);
            found.map(|(_, value)| value)
        }
        _ => outputs.return_value,
    };
    match value.and_then(|value| value.data) {
        Some(Data::Http(http)) => HttpResponse::from_rpc(*http),
        Some(Data::String(text) | Data::Json(text)) => text.into(),
        Some(Data::Bytes(bytes) | Data::Stream(bytes)) => bytes.into(),
        Some(Data::Int(number)) => number.to_string().into(),
        Some(Data::Double(number)) => number.to_string().into(),
        _ => StatusCode::NO_CONTENT.into(),
    }
}

/// Name of the function's first binding of this type.
fn binding(function: &Function, kind: &str) -> Option<String> {
    let bindings = (function.bindings)();
    let found = bindings
        .iter()
        .find(|binding| binding.get("type").is_some_and(|t| t == kind))?;
    Some(found.get("name")?.as_str()?.to_owned())
}

fn typed(data: Data) -> TypedData {
    TypedData { data: Some(data) }
}

fn json(value: &impl serde::Serialize) -> TypedData {
    // Maps with text for keys, and JSON itself.
    typed(Data::Json(serde_json::to_string(value).unwrap_or_default()))
}
