//! Messages of JSON-RPC 2.0.

use serde_json::{Map, Value, json};

pub(super) const PARSE_ERROR: i64 = -32700;
pub(super) const INVALID_REQUEST: i64 = -32600;
pub(super) const METHOD_NOT_FOUND: i64 = -32601;
pub(super) const INVALID_PARAMS: i64 = -32602;
pub(super) const INTERNAL_ERROR: i64 = -32603;

/// Why a request has no result.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RpcError {
    code: i64,
    message: String,
}

impl RpcError {
    pub(super) fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// What a client sends.
#[derive(Debug, PartialEq)]
pub(super) enum Incoming {
    /// Wants an answer.
    Request { id: Value, method: String, params: Value },
    /// A notification, or the answer to a request of the server, which asks for nothing.
    Other,
}

/// Reads a message; the error comes with the id of the request, or null.
pub(super) fn read(body: &[u8]) -> Result<Incoming, (Value, RpcError)> {
    let message: Value = serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let text = format!("Parse error: the body is not JSON (line {line}, column {column})");
        (Value::Null, RpcError::new(PARSE_ERROR, text))
    })?;
    let invalid = |id: &Value, why: &str| {
        Err((
            id.clone(),
            RpcError::new(INVALID_REQUEST, format!("Invalid Request: {why}")),
        ))
    };
    let Value::Object(mut message) = message else {
        return invalid(&Value::Null, "a message is a JSON object, and there is one in a body");
    };
    let id = message.remove("id");
    let shown = id.clone().filter(is_id).unwrap_or_default();
    if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return invalid(&shown, "`jsonrpc` must be \"2.0\"");
    }
    let method = match message.remove("method") {
        Some(Value::String(method)) => method,
        None if message.contains_key("result") || message.contains_key("error") => return Ok(Incoming::Other),
        _ => return invalid(&shown, "`method` must be a string"),
    };
    let params = match message.remove("params") {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(params @ Value::Object(_)) => params,
        Some(_) => return invalid(&shown, "`params` must be an object"),
    };
    match id {
        None => Ok(Incoming::Other),
        Some(id) if is_id(&id) => Ok(Incoming::Request { id, method, params }),
        Some(_) => invalid(&Value::Null, "`id` must be a string or a number"),
    }
}

fn is_id(id: &Value) -> bool {
    id.is_string() || id.is_number()
}

/// The answer to a request.
pub(super) fn response(id: &Value, result: Result<Value, RpcError>) -> Value {
    match result {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(error) => json!({"jsonrpc": "2.0", "id": id, "error": {"code": error.code, "message": error.message}}),
    }
}
