//! Calls of MCP tools and prompts, and clients that read resources. Source: recordings of the real host, `mcp.*`.

use super::{
    made_up::UNNAMED,
    payload::{self, One},
    variables,
};
use crate::services::{
    binding::Binding,
    data::{Data, TriggerValue},
    mcp_arguments, resource_uri,
};
use serde_json::{Map, Value, json};

/// Whether what the caller gives under this name is in the metadata of a resource already.
pub(super) fn has_read(trigger: &Binding, name: &str) -> bool {
    variables::has(trigger, "uri", name)
}

/// A payload that is all that the MCP extension says about a call, as the test host gives it.
fn described(payload: Option<&One>) -> Option<(Value, &str)> {
    let text = payload.and_then(One::text)?;
    let call: Value = serde_json::from_str(text).ok()?;
    let headers = call.pointer("/transport/properties/headers")?;
    headers.is_object().then_some((call, text))
}

/// A call of a tool or a prompt. The payload is the arguments.
pub(super) fn call(trigger: &Binding, payload: Option<&One>) -> Result<TriggerValue, String> {
    let expected = "a JSON object, the arguments";
    let (call, arguments) = match described(payload) {
        Some((call, text)) => (text.to_owned(), call["arguments"].to_string()),
        None => {
            let arguments = match payload {
                None => json!({}),
                Some(_) => payload::json(payload, expected)?,
            };
            let name = trigger.text("toolName").or_else(|| trigger.text("promptName"));
            let call = json!({"name": name, "arguments": arguments, "transport": {"name": UNNAMED}});
            (call.to_string(), arguments.to_string())
        }
    };
    let arguments: Option<mcp_arguments::Arguments> =
        serde_json::from_str(&arguments).map_err(|_| format!("the input is no {expected}"))?;
    let texts = Data::json(mcp_arguments::as_texts(&arguments.unwrap_or_default()));
    let kind = mcp_arguments::metadata_name(trigger).map(|kind| (kind.to_owned(), texts));
    Ok(TriggerValue {
        data: Some(Data::Text(call)),
        metadata: kind.into_iter().collect(),
    })
}

/// A client that reads a resource. The payload is the URI; without one, the caller gives the variables of the binding's URI.
pub(super) fn read(
    trigger: &Binding,
    payload: Option<&One>,
    given: &Map<String, Value>,
) -> Result<TriggerValue, String> {
    let template = trigger.text("uri").unwrap_or_default();
    let described = described(payload);
    let uri = match &described {
        Some((call, _)) => call["uri"].as_str(),
        None => payload.and_then(One::text),
    };
    let uri = match uri.filter(|uri| !uri.is_empty()) {
        Some(uri) => uri.to_owned(),
        None => resource_uri::filled(template, |variable| variables::text(given, variable)),
    };
    let Some(variables) = resource_uri::variables(template, &uri) else {
        return Err(format!(
            "the URI `{uri}` does not fit `{template}`, the `uri` of the binding '{}': the Functions host would not start the function",
            trigger.name
        ));
    };
    let mut call = match described {
        Some((call, _)) => call,
        None => json!({"transport": {"name": UNNAMED}}),
    };
    call["uri"] = uri.into();
    let variables = variables.into_iter();
    Ok(TriggerValue {
        data: Some(Data::Text(call.to_string())),
        metadata: variables
            .map(|(name, value)| (name.to_owned(), Data::Text(value)))
            .collect(),
    })
}
