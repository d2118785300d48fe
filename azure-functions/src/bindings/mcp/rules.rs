//! What an app's tools, resources and prompts must not be: a host on which one of them breaks a rule does not start at all.

use crate::binding::table::{ArgumentKind, MCP_PROMPT_TRIGGER, MCP_RESOURCE_TRIGGER, MCP_TOOL_TRIGGER, wrong_name};
use serde_json::{Map, Value};

/// What a trigger is known by, and what no other of the app may be known by: the kind, and the name.
pub(crate) fn identity(binding: &Map<String, Value>) -> Option<(&'static str, String)> {
    let text = |member: &str| binding.get(member).and_then(Value::as_str);
    let (kind, name) = match kind(binding)? {
        "mcpToolTrigger" => ("MCP tools", text("toolName")?.to_owned()),
        "mcpPromptTrigger" => ("MCP prompts", text("promptName")?.to_owned()),
        // Whatever its variables are called.
        _ => ("MCP resources", anonymous(text("uri")?)),
    };
    Some((kind, name.to_lowercase()))
}

/// What a trigger cannot be, `tool`, `resource` or `prompt`, and why, in half a sentence.
pub(crate) fn mistake(binding: &Map<String, Value>) -> Option<(&'static str, String)> {
    let what = match kind(binding)? {
        "mcpToolTrigger" => "tool",
        "mcpPromptTrigger" => "prompt",
        _ => "resource",
    };
    Some((what, reason(binding)?))
}

fn reason(binding: &Map<String, Value>) -> Option<String> {
    let json = |member: &str| -> Option<Result<Value, String>> {
        let text = binding.get(member)?.as_str()?;
        (!text.is_empty())
            .then(|| serde_json::from_str(text).map_err(|error| format!("`{member}` is not JSON: {error}")))
    };
    let uri = binding.get("uri").and_then(Value::as_str);
    if let Some(wrong) = uri.and_then(|uri| wrong_name(ArgumentKind::ResourceUri, uri)) {
        return Some(format!("`uri` is `{}`: {wrong}", uri.unwrap_or_default()));
    }
    if binding.get("useWorkerInputSchema") == Some(&Value::Bool(true)) && json("inputSchema").is_none() {
        return Some("it has `useWorkerInputSchema` and no `inputSchema`".to_owned());
    }
    for (member, what) in [("inputSchema", "takes"), ("outputSchema", "gives back")] {
        let wrong = match json(member) {
            None => None,
            Some(Err(error)) => return Some(error),
            Some(Ok(schema)) => wrong_schema(&schema),
        };
        if let Some(wrong) = wrong {
            return Some(format!(
                "what the tool {what} is no JSON object: {wrong}; use a struct with named fields, or a map"
            ));
        }
    }
    for (member, is_list) in [
        ("toolProperties", true),
        ("promptArguments", true),
        ("icons", true),
        ("metadata", false),
    ] {
        match json(member) {
            Some(Err(error)) => return Some(error),
            Some(Ok(Value::Array(items))) if is_list && items.iter().all(Value::is_object) => {
                let wrong = items.iter().find_map(|item| wrong_item(member, item));
                if wrong.is_some() {
                    return wrong;
                }
            }
            Some(Ok(Value::Object(_))) if !is_list => {}
            Some(Ok(_)) if is_list => return Some(format!("`{member}` is not a JSON array of objects")),
            Some(Ok(_)) => return Some(format!("`{member}` is not a JSON object")),
            None => {}
        }
    }
    None
}

/// What is wrong with an object in a list.
fn wrong_item(member: &str, item: &Value) -> Option<String> {
    let text = |wanted: &str| {
        let mut members = item.as_object().into_iter().flatten();
        let found = members.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.and_then(|(_, value)| value.as_str())
    };
    match member {
        "toolProperties" if text("propertyName").is_none() || text("propertyType").is_none() => {
            Some("each of the `toolProperties` has a propertyName and a propertyType".to_owned())
        }
        "promptArguments" if text("type").is_some_and(|kind| kind == "object" || kind == "array") => {
            let name = text("name").unwrap_or_default();
            Some(format!(
                "its argument `{name}` is a list or an object, and a prompt takes texts, numbers and flags"
            ))
        }
        _ => None,
    }
}

fn kind(binding: &Map<String, Value>) -> Option<&'static str> {
    let kind = binding.get("type")?.as_str()?;
    [MCP_TOOL_TRIGGER, MCP_RESOURCE_TRIGGER, MCP_PROMPT_TRIGGER]
        .map(|row| row.type_name)
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(kind))
}

fn wrong_schema(schema: &Value) -> Option<String> {
    match schema.get("type") {
        Some(Value::String(kind)) if kind == "object" => {}
        Some(kind) => return Some(format!("its schema has the type {kind}")),
        None => return Some("its schema has no type".to_owned()),
    }
    if schema
        .get("properties")
        .is_some_and(|properties| !properties.is_object())
    {
        return Some("the `properties` of its schema are no object".to_owned());
    }
    let required = schema.get("required");
    required
        .is_some_and(|required| !required.is_array())
        .then(|| "`required` of its schema is no list".to_owned())
}

/// A URI whose variables have no names.
fn anonymous(uri: &str) -> String {
    let mut parts = uri.split('{');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str("{}");
        text.push_str(part.split_once('}').map_or(part, |(_, after)| after));
    }
    text
}
