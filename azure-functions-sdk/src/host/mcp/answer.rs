//! What clients get of what a function returned.

use crate::{dotnet_number, host::rpc::messages::Data, services::indent::indented};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// The result of a tool. `uses_schema`: the function says in which form it is.
///
/// # Errors
/// The extension cannot read it; the text says why.
pub(super) fn tool(returned: Option<&Data>, uses_schema: bool) -> Result<Value, String> {
    let Some(returned) = returned else {
        return Ok(json!({"content": []}));
    };
    if !uses_schema {
        return Ok(json!({"content": [{"type": "text", "text": text(returned)}]}));
    }
    let envelope = envelope(returned)?;
    let content = content(&envelope)?;
    let result = match kind(&envelope) {
        Some(kind) if kind.eq_ignore_ascii_case("call_tool_result") => content,
        Some(kind) => {
            let blocks = match kind.eq_ignore_ascii_case("multi_content_result") {
                true => content,
                false => json!([content]),
            };
            if blocks.as_array().is_some_and(Vec::is_empty) {
                return Err("no content items were produced: the list of the multi_content_result is empty".to_owned());
            }
            let mut result = json!({"content": blocks});
            if let Some(structured) = member(&envelope, "structuredContent").and_then(Value::as_str) {
                result["structuredContent"] = json_of(structured, "structuredContent")?;
            }
            result
        }
        None => return Err("the answer of the tool has no `type`".to_owned()),
    };
    let Some(blocks) = result.get("content").and_then(Value::as_array) else {
        return Err("the answer of the tool has no list of content".to_owned());
    };
    match blocks.iter().find_map(wrong_block) {
        Some(wrong) => Err(format!("the answer of the tool has {wrong}")),
        None => Ok(result),
    }
}

/// What clients could not read of a block of content.
fn wrong_block(block: &Value) -> Option<String> {
    let Some(kind) = block["type"].as_str() else {
        return Some("a block of content without a `type`".to_owned());
    };
    let texts: &[&str] = match kind {
        "text" => &["text"],
        "image" | "audio" => &["data", "mimeType"],
        "resource_link" => &["uri", "name"],
        _ => &[],
    };
    if kind == "resource" && !block["resource"].is_object() {
        return Some("a block of the type `resource` without a `resource`".to_owned());
    }
    let missing = texts.iter().find(|member| !block[**member].is_string())?;
    Some(format!("a block of the type `{kind}` whose `{missing}` is no text"))
}

/// The contents of a resource.
pub(super) fn resource(returned: Option<&Data>, uri: &str, mime_type: Option<&str>) -> Result<Value, String> {
    let mut contents = match returned {
        None => return Ok(json!({"contents": []})),
        Some(Data::String(text)) => match serde_json::from_str::<Value>(text) {
            // JSON that has a `content` of another kind is a text like any other.
            Ok(envelope) => match content(&envelope) {
                Ok(contents @ Value::Object(_)) => contents,
                _ => json!({"text": text}),
            },
            Err(_) => json!({"text": text}),
        },
        Some(Data::Bytes(bytes)) => json!({"blob": STANDARD.encode(bytes)}),
        Some(_) => return Err("the contents of a resource are text or bytes".to_owned()),
    };
    if !contents["text"].is_string() && !contents["blob"].is_string() {
        return Err("the contents of the resource have neither `text` nor `blob`".to_owned());
    }
    let lacks = |value: &Value| value.as_str().unwrap_or_default().is_empty();
    if lacks(&contents["uri"]) {
        contents["uri"] = uri.into();
    }
    if let Some(mime_type) = mime_type.filter(|_| lacks(&contents["mimeType"])) {
        contents["mimeType"] = mime_type.into();
    }
    let members = contents.as_object_mut();
    members
        .into_iter()
        .for_each(|members| members.retain(|_, value| !value.is_null()));
    Ok(json!({"contents": [contents]}))
}

/// A prompt.
pub(super) fn prompt(returned: Option<&Data>, uses_schema: bool) -> Result<Value, String> {
    let Some(returned) = returned else {
        return Ok(json!({"messages": []}));
    };
    if !uses_schema {
        let content = json!({"type": "text", "text": text(returned)});
        return Ok(json!({"messages": [{"role": "user", "content": content}]}));
    }
    let envelope = envelope(returned)?;
    let content = content(&envelope)?;
    let result = match kind(&envelope) {
        Some(kind) if kind.eq_ignore_ascii_case("get_prompt_result") => content,
        Some(kind) if kind.eq_ignore_ascii_case("prompt_messages") => json!({"messages": content}),
        _ => return Err("the `type` of the prompt is neither get_prompt_result nor prompt_messages".to_owned()),
    };
    let Some(messages) = result.get("messages").and_then(Value::as_array) else {
        return Err("the prompt has no list of messages".to_owned());
    };
    match messages.iter().find_map(|message| wrong_block(&message["content"])) {
        Some(wrong) => Err(format!("a message of the prompt is {wrong}")),
        None => Ok(result),
    }
}

/// What .NET makes a text of it.
fn text(returned: &Data) -> String {
    match returned {
        Data::String(text) => text.clone(),
        Data::Json(json) => match serde_json::from_str(json) {
            Ok(Value::String(text)) => text,
            _ => indented(json),
        },
        Data::Int(number) => number.to_string(),
        Data::Double(number) => dotnet_number::double(*number),
        Data::Bytes(_) => "System.Byte[]".to_owned(),
        _ => String::new(),
    }
}

fn envelope(returned: &Data) -> Result<Value, String> {
    match returned {
        Data::String(text) => json_of(text, "the answer"),
        _ => {
            Err("the answer is JSON and no string; with useResultSchema it must be a string that holds JSON".to_owned())
        }
    }
}

fn kind(envelope: &Value) -> Option<&str> {
    member(envelope, "type")?.as_str()
}

/// The JSON in the `content` of an envelope.
fn content(envelope: &Value) -> Result<Value, String> {
    let text = member(envelope, "content").and_then(Value::as_str);
    json_of(text.ok_or("the answer has no `content` that is a string")?, "`content`")
}

fn json_of(text: &str, what: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("{what} is not JSON: {error}"))
}

/// A member, in any case.
fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let mut members = value.as_object()?.iter();
    members
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}
