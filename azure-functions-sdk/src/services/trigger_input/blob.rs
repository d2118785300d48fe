//! Blobs. Source: recordings of the real host, `blob.*`.

use super::{
    made_up::{UNNAMED, time},
    payload::One,
    variables,
};
use crate::services::{
    binding::Binding,
    blob_pattern,
    data::{Data, TriggerValue},
    reference,
};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The metadata that holds the path of a blob, `container/name`.
const NAME: &str = "BlobTrigger";

/// The metadata that holds what the storage service says about a blob.
const PROPERTIES: &str = "Properties";

/// Whether what the caller gives under this name is in the trigger's metadata already.
pub(super) fn has_read(trigger: &Binding, name: &str, value: &Value) -> bool {
    name == NAME || name == PROPERTIES && value.is_object() || variables::has(trigger, "path", name)
}

/// The payload is the content. The blob's name is what the caller gives as `BlobTrigger`, or comes of the binding's path and of
/// what the caller gives for its variables.
pub(super) fn blob(
    trigger: &Binding,
    payload: Option<One>,
    given: &Map<String, Value>,
    now: DateTime<Utc>,
) -> Result<TriggerValue, String> {
    let content = payload.map(One::into_bytes).unwrap_or_default();
    let pattern = trigger.text("path").unwrap_or_default();
    let path = match given.get(NAME) {
        Some(Value::String(path)) => path.clone(),
        Some(other) => {
            return Err(format!(
                "`{NAME}` is the path of a blob, `container/name`, and not {other}"
            ));
        }
        None => blob_pattern::filled(pattern, |variable| variables::text(given, variable)),
    };
    let path = match path.contains('/') {
        true => path,
        false => format!("{path}/{UNNAMED}"),
    };
    // Without the setting's value, the path has to do.
    let known = blob_pattern::with_settings_of(pattern, &path);
    let variables = match known.as_deref().map(|pattern| blob_pattern::captured(pattern, &path)) {
        Some(Some(variables)) => variables,
        None => Vec::new(),
        // Then the pattern is no filter: the function is started, without variables.
        Some(None) if trigger.says("source", "EventGrid") => Vec::new(),
        Some(None) => {
            return Err(format!(
                "the blob `{path}` does not match the path `{pattern}` of the binding '{}': the Functions host would not start the function",
                trigger.name
            ));
        }
    };
    let mut properties = json!({
        "LastModified": time(now),
        "ContentLength": content.len(),
        "ContentType": "application/octet-stream",
    });
    if let (Value::Object(properties), Some(Value::Object(given))) = (&mut properties, given.get(PROPERTIES)) {
        properties.extend(given.clone());
    }
    let variables = variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Data::Text(value)));
    let data = match reference::is_deferred(trigger) {
        true => reference::blob(trigger, &path),
        false => Data::Bytes(content),
    };
    let mut metadata: HashMap<_, _> = variables.collect();
    metadata.extend([
        (
            "Uri".to_owned(),
            Data::json(format!(
                "\"http://127.0.0.1:10000/devstoreaccount1/{}\"",
                encoded(&path)
            )),
        ),
        (NAME.to_owned(), Data::Text(path)),
        ("Metadata".to_owned(), Data::json("{}")),
        (PROPERTIES.to_owned(), Data::json(properties.to_string())),
    ]);
    Ok(TriggerValue {
        data: Some(data),
        metadata,
    })
}

fn encoded(path: &str) -> String {
    let encode = |part| percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC).to_string();
    path.split('/').map(encode).collect::<Vec<_>>().join("/")
}
