//! What a function gets of a request.

use crate::{
    host::{
        function::Function,
        invocation::{TriggerInput, typed},
        rpc::messages::Data,
    },
    services::{
        mcp_arguments::{self, Arguments},
        resource_uri,
    },
};
use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value, json};

use super::message::{Params, RpcError};

/// The header with the id of a client's session.
pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// The id of a client's session; an empty one is none.
pub(super) fn session(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get(SESSION)?.to_str().unwrap_or_default();
    Some(id).filter(|id| !id.is_empty())
}

/// The trigger's value is a text that describes the call; its members are metadata, too.
///
/// # Errors
/// The arguments are no object.
pub(super) fn trigger_input(
    function: &Function,
    params: &Params,
    headers: &HeaderMap,
) -> Result<TriggerInput, RpcError> {
    // Members, and the JSON text of each.
    let mut context: Vec<(&str, String)> = Vec::new();
    let mut input = TriggerInput::none();
    let trigger = function.trigger();
    let json_of = |text: &str| Value::from(text).to_string();
    match trigger.and_then(mcp_arguments::metadata_name) {
        None => {
            context.push(("uri", json_of(params.text("uri"))));
            input = input.with_metadata("mcpresourceuri", params.text("uri"));
        }
        Some(kind) => {
            let arguments: Arguments = params.arguments()?;
            context.push(("name", json_of(params.text("name"))));
            context.push(("arguments", params.arguments_text().to_owned()));
            let texts = Data::Json(mcp_arguments::as_texts(&arguments));
            input.metadata.insert(kind.to_owned(), typed(texts));
        }
    }
    let mut transport = json!({"name": "http-streamable", "properties": {"headers": all(headers)}});
    if let Some(session) = session(headers) {
        context.push(("sessionid", json_of(session)));
        transport["sessionId"] = session.into();
        input = input.with_metadata("mcpsessionid", session);
    }
    context.push(("transport", transport.to_string()));
    for (name, json) in &context {
        let data = match serde_json::from_str(json) {
            Ok(Value::String(text)) => Data::String(text),
            _ => Data::Json(json.clone()),
        };
        input.metadata.insert((*name).to_owned(), typed(data));
    }
    let members: Vec<_> = context
        .iter()
        .map(|(name, json)| format!("\"{name}\":{json}"))
        .collect();
    let context = format!("{{{}}}", members.join(","));
    let template = trigger.and_then(|trigger| trigger.text("uri")).unwrap_or_default();
    if let Some(trigger) = trigger {
        input = input.with_metadata(&trigger.name, &context);
    }
    // What the author of the function has named wins, whatever the trigger and the members of the context are called.
    for (name, value) in resource_uri::variables(template, params.text("uri"))
        .into_iter()
        .flatten()
    {
        input.metadata.retain(|known, _| !known.eq_ignore_ascii_case(name));
        input = input.with_metadata(name, value);
    }
    input.data = Some(Data::String(context));
    Ok(input)
}

/// All headers, those of one name with commas between.
fn all(headers: &HeaderMap) -> Map<String, Value> {
    let text = |name| {
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        values.join(",")
    };
    headers
        .keys()
        .map(|name| (name.to_string(), text(name).into()))
        .collect()
}
