//! What clients are told of tools, resources and prompts.

use crate::{
    host::{
        function::{Binding, Function},
        mcp_rules::uses_worker_schema,
    },
    services::resource_uri,
};
use serde_json::{Map, Value, json};

pub(super) fn tool(function: &Function) -> Option<Value> {
    let trigger = function.trigger()?;
    let mut tool = Map::new();
    tool.insert("name".to_owned(), trigger.text("toolName")?.into());
    copy(trigger, "description", &mut tool);
    tool.insert("inputSchema".to_owned(), schema(trigger));
    if let Some(schema) = embedded(trigger, "outputSchema") {
        tool.insert("outputSchema".to_owned(), schema);
    }
    metadata(trigger, &mut tool);
    Some(tool.into())
}

/// A resource with one URI.
pub(super) fn resource(function: &Function) -> Option<Value> {
    let trigger = function.trigger()?;
    let uri = trigger.text("uri").filter(|uri| !resource_uri::is_template(uri))?;
    let mut resource = described(trigger, ("uri", uri), "resourceName");
    if let Some(size) = trigger.attribute("size").and_then(Value::as_i64) {
        resource.insert("size".to_owned(), size.into());
    }
    Some(resource.into())
}

/// A resource with variables in its URI.
pub(super) fn resource_template(function: &Function) -> Option<Value> {
    let trigger = function.trigger()?;
    let uri = trigger.text("uri").filter(|uri| resource_uri::is_template(uri))?;
    Some(described(trigger, ("uriTemplate", uri), "resourceName").into())
}

pub(super) fn prompt(function: &Function) -> Option<Value> {
    let trigger = function.trigger()?;
    let mut prompt = described(trigger, ("name", trigger.text("promptName")?), "promptName");
    for (member, name) in [("promptArguments", "arguments"), ("icons", "icons")] {
        if let Some(list) = embedded(trigger, member) {
            prompt.insert(name.to_owned(), list);
        }
    }
    Some(prompt.into())
}

fn described(trigger: &Binding, (member, value): (&str, &str), name: &str) -> Map<String, Value> {
    let mut members = Map::from_iter([(member.to_owned(), value.into())]);
    if let Some(name) = trigger.text(name) {
        members.insert("name".to_owned(), name.into());
    }
    for member in ["title", "description", "mimeType"] {
        copy(trigger, member, &mut members);
    }
    metadata(trigger, &mut members);
    members
}

fn copy(trigger: &Binding, member: &str, to: &mut Map<String, Value>) {
    if let Some(text) = trigger.text(member) {
        to.insert(member.to_owned(), text.into());
    }
}

fn metadata(trigger: &Binding, to: &mut Map<String, Value>) {
    let metadata = embedded(trigger, "metadata");
    if let Some(metadata) = metadata.filter(|value| value.as_object().is_some_and(|members| !members.is_empty())) {
        to.insert("_meta".to_owned(), metadata);
    }
}

/// JSON text in a member; what is none has been refused with the function.
fn embedded(trigger: &Binding, member: &str) -> Option<Value> {
    serde_json::from_str(trigger.text(member)?).ok()
}

/// The schema of a tool's arguments: that of the worker, or one of its `toolProperties`.
fn schema(trigger: &Binding) -> Value {
    if uses_worker_schema(&trigger.attributes)
        && let Some(schema) = embedded(trigger, "inputSchema")
    {
        return schema;
    }
    let mut properties = Map::new();
    let mut required = Vec::new();
    let listed = embedded(trigger, "toolProperties").unwrap_or_default();
    for property in listed.as_array().into_iter().flatten() {
        let member = |name: &str| {
            let mut members = property.as_object().into_iter().flatten();
            members
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value)
        };
        let Some(name) = member("propertyName").and_then(Value::as_str) else {
            continue;
        };
        let mut of = json!({"type": member("propertyType")});
        if let Some(values) = member("enumValues").filter(|values| values.as_array().is_some_and(|all| !all.is_empty()))
        {
            of["enum"] = values.clone();
        }
        if member("isArray") == Some(&Value::Bool(true)) {
            of = json!({"type": "array", "items": of});
        }
        of["description"] = member("description").cloned().unwrap_or_else(|| "".into());
        if member("isRequired") == Some(&Value::Bool(true)) {
            required.push(name.to_owned());
        }
        properties.insert(name.to_owned(), of);
    }
    json!({"type": "object", "properties": properties, "required": required})
}

/// The arguments that a tool must be given.
pub(super) fn required(function: &Function) -> Vec<String> {
    let schema = function.trigger().map(schema).unwrap_or_default();
    let names = schema["required"].as_array().into_iter().flatten();
    names.filter_map(|name| Some(name.as_str()?.to_owned())).collect()
}

/// The arguments that a prompt must be given.
pub(super) fn required_of_prompt(function: &Function) -> Vec<String> {
    let arguments = function
        .trigger()
        .and_then(|trigger| embedded(trigger, "promptArguments"));
    let arguments = arguments.unwrap_or_default();
    let required = arguments.as_array().into_iter().flatten();
    required
        .filter(|argument| argument["required"] == true)
        .filter_map(|argument| Some(argument["name"].as_str()?.to_owned()))
        .collect()
}
