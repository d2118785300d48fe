//! What a function gets of a request.

use crate::host::{
    function::Function,
    invocation::{TriggerInput, typed},
    rpc::messages::Data,
};
use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value, json};

use super::resource_uri;

/// The header with the id of a client's session.
pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// The names of the arguments that must be there and are not, with commas between.
pub(super) fn missing(required: &[String], params: &Value) -> String {
    let arguments = &params["arguments"];
    let missing = required
        .iter()
        .filter(|name| arguments.get(name.as_str()).is_none_or(Value::is_null));
    missing.map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// The trigger's value is a text that describes the call; its members are metadata, too.
pub(super) fn trigger_input(function: &Function, params: &Value, headers: &HeaderMap) -> TriggerInput {
    let mut context = Map::new();
    let mut input = TriggerInput::none();
    let text = |name: &str| params[name].as_str().unwrap_or_default();
    let trigger = function.trigger();
    if function.is_triggered_by("mcpResourceTrigger") {
        context.insert("uri".to_owned(), text("uri").into());
        input = input.with_metadata("mcpresourceuri", text("uri"));
    } else {
        context.insert("name".to_owned(), text("name").into());
        let arguments = params
            .get("arguments")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let kind = if function.is_triggered_by("mcpToolTrigger") {
            "mcptoolargs"
        } else {
            "mcppromptargs"
        };
        let texts: Map<String, Value> = arguments
            .iter()
            .map(|(name, value)| (name.clone(), as_text(value).into()))
            .collect();
        input
            .metadata
            .insert(kind.to_owned(), typed(Data::Json(Value::Object(texts).to_string())));
        input.inputs = properties(function, &arguments);
        context.insert("arguments".to_owned(), arguments.into());
    }
    let mut transport = json!({"name": "http-streamable", "properties": {"headers": all(headers)}});
    if let Some(session) = headers.get(SESSION).and_then(|id| id.to_str().ok()) {
        context.insert("sessionid".to_owned(), session.into());
        transport["sessionId"] = session.into();
        input = input.with_metadata("mcpsessionid", session);
    }
    context.insert("transport".to_owned(), transport);
    for (name, value) in &context {
        let data = match value {
            Value::String(text) => Data::String(text.clone()),
            value => Data::Json(value.to_string()),
        };
        input.metadata.insert(name.clone(), typed(data));
    }
    let template = trigger.and_then(|trigger| trigger.text("uri")).unwrap_or_default();
    for (name, value) in resource_uri::variables(template, text("uri")).into_iter().flatten() {
        input = input.with_metadata(name, value);
    }
    let context = Value::Object(context).to_string();
    if let Some(trigger) = trigger {
        input = input.with_metadata(&trigger.name, &context);
    }
    input.data = Some(Data::String(context));
    input
}

/// What inputs of the type `mcpToolProperty` and `mcpPromptArgument` hold: text, whatever the argument is.
fn properties(function: &Function, arguments: &Map<String, Value>) -> Vec<(String, Data)> {
    let inputs = function.bindings.iter().filter_map(|binding| {
        let name = if binding.is("mcpToolProperty") {
            binding.text("propertyName")?
        } else if binding.is("mcpPromptArgument") {
            binding.text("argumentName")?
        } else {
            return None;
        };
        let text = arguments.get(name).map(as_text).unwrap_or_default();
        Some((binding.name.clone(), Data::String(text)))
    });
    inputs.collect()
}

/// A value as .NET spells it.
fn as_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
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
