//! Messages of JSON-RPC 2.0.

use crate::services::mcp_arguments::Arguments;
use serde_json::{Map, Value, json, value::RawValue};
use std::{collections::BTreeMap, fmt};

pub(super) const PARSE_ERROR: i64 = -32700;
pub(super) const INVALID_REQUEST: i64 = -32600;
pub(super) const METHOD_NOT_FOUND: i64 = -32601;
pub(super) const INVALID_PARAMS: i64 = -32602;
pub(super) const INTERNAL_ERROR: i64 = -32603;

/// Why a request has no result.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RpcError {
    code: i64,
    /// For the client.
    message: String,
    /// For the console.
    reason: Reason,
}

#[derive(Clone, Debug, PartialEq)]
enum Reason {
    /// The message has nothing that the client sent.
    Message,
    Other(&'static str),
    /// The console knows already.
    Told,
}

impl RpcError {
    /// An error whose message has nothing that the client sent.
    pub(super) fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            reason: Reason::Message,
        }
    }

    /// With another text for the console.
    pub(super) fn told_as(self, reason: &'static str) -> Self {
        Self {
            reason: Reason::Other(reason),
            ..self
        }
    }

    /// An error that needs no line on the console.
    pub(super) fn told(self) -> Self {
        Self {
            reason: Reason::Told,
            ..self
        }
    }

    /// What the console is told, without anything that the client sent.
    pub(super) fn reason(&self) -> Option<&str> {
        match self.reason {
            Reason::Message => Some(&self.message),
            Reason::Other(reason) => Some(reason),
            Reason::Told => None,
        }
    }
}

/// What a client sends.
#[derive(Debug, PartialEq)]
pub(super) enum Incoming {
    /// Wants an answer.
    Request { id: Id, method: String, params: Params },
    /// A notification, or the answer to a request of the server, which asks for nothing.
    Other,
}

/// The id of a request, as its JSON text: it goes back as it came, with all digits of a number.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Id(Box<str>);

impl Id {
    /// Of a request whose id is not known.
    pub(super) fn null() -> Self {
        Self("null".into())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a request gives to its method.
#[derive(Clone, Debug)]
pub(super) struct Params {
    members: Value,
    /// The JSON text of the `arguments`, if there are some.
    arguments: Option<Box<RawValue>>,
}

impl PartialEq for Params {
    fn eq(&self, other: &Self) -> bool {
        self.members == other.members
    }
}

impl Params {
    #[cfg(test)]
    pub(super) fn new(members: &Value) -> Self {
        let text = members.to_string();
        Self::read(members.clone(), &text)
    }

    /// `text` is that of the members.
    fn read(members: Value, text: &str) -> Self {
        let mut texts: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).unwrap_or_default();
        let arguments = texts.remove("arguments").filter(|json| json.get() != "null");
        Self { members, arguments }
    }

    /// A member that is text; empty if it is something else.
    pub(super) fn text(&self, name: &str) -> &str {
        self.members[name].as_str().unwrap_or_default()
    }

    /// The names among these that have no value in the arguments, with commas between.
    pub(super) fn missing(&self, required: &[String]) -> String {
        let arguments = &self.members["arguments"];
        let missing = required
            .iter()
            .filter(|name| arguments.get(name.as_str()).is_none_or(Value::is_null));
        missing.map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// The JSON text of the arguments, as it was sent.
    pub(super) fn arguments_text(&self) -> &str {
        self.arguments.as_ref().map_or("{}", |json| json.get())
    }

    /// The arguments: none, if there are none.
    ///
    /// # Errors
    /// They are no object.
    pub(super) fn arguments(&self) -> Result<Arguments, RpcError> {
        serde_json::from_str(self.arguments_text())
            .map_err(|_| RpcError::new(INVALID_PARAMS, "Invalid params: `arguments` must be an object"))
    }
}

/// Reads a message; the error comes with the id of the request, or null.
pub(super) fn read(body: &[u8]) -> Result<Incoming, (Id, RpcError)> {
    let message: Value = serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let text = format!("Parse error: the body is not JSON (line {line}, column {column})");
        (Id::null(), RpcError::new(PARSE_ERROR, text))
    })?;
    let invalid = |id: Id, why: &str| Err((id, RpcError::new(INVALID_REQUEST, format!("Invalid Request: {why}"))));
    let Value::Object(mut message) = message else {
        return invalid(Id::null(), "a message is a JSON object, and there is one in a body");
    };
    // As they were sent.
    let texts: BTreeMap<String, &RawValue> = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| texts.get(name).map_or("null", |text| text.get());
    let id = message.remove("id");
    let is_id = id.as_ref().is_some_and(|id| id.is_string() || id.is_number());
    let shown = if is_id { Id(text("id").into()) } else { Id::null() };
    if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return invalid(shown, "`jsonrpc` must be \"2.0\"");
    }
    let method = match message.remove("method") {
        Some(Value::String(method)) => method,
        None if message.contains_key("result") || message.contains_key("error") => return Ok(Incoming::Other),
        _ => return invalid(shown, "`method` must be a string"),
    };
    let params = match message.remove("params") {
        None | Some(Value::Null) => Params::read(Value::Object(Map::new()), "{}"),
        Some(params @ Value::Object(_)) => Params::read(params, text("params")),
        Some(_) => return invalid(shown, "`params` must be an object"),
    };
    match id {
        None => Ok(Incoming::Other),
        Some(_) if is_id => Ok(Incoming::Request {
            id: shown,
            method,
            params,
        }),
        Some(_) => invalid(Id::null(), "`id` must be a string or a number"),
    }
}

/// The answer to a request.
pub(super) fn response(id: &Id, result: Result<Value, RpcError>) -> String {
    let (member, value) = match result {
        Ok(result) => ("result", result),
        Err(error) => ("error", json!({"code": error.code, "message": error.message})),
    };
    format!(r#"{{"jsonrpc":"2.0","id":{id},"{member}":{value}}}"#)
}
