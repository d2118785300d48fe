//! What a function gets that is fired by hand, through the admin API: what its trigger would have brought, had there been
//! a service to listen to. Source: recordings of the real host (a queue's message, a manual trigger) and of each extension.

use super::{
    binding::Binding,
    blob_pattern,
    data::{Data, GivenTrigger, Payload, TriggerValue},
    mcp_arguments, reference, resource_uri,
};
use crate::dotnet_number;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json, value::RawValue};
use std::collections::HashMap;

/// The metadata that holds the path of a blob, `container/name`.
const BLOB_NAME: &str = "BlobTrigger";

/// The metadata that holds what the storage service says about a blob.
const BLOB_PROPERTIES: &str = "Properties";

/// A variable of a blob's path, or the id of a message, that the caller gives no value.
const UNNAMED: &str = "by-hand";

/// .NET's latest time.
const NEVER: &str = "9999-12-31T23:59:59.9999999+00:00";

/// The trigger's value and metadata.
///
/// # Errors
/// The payload is none that the trigger can bring; the text says why.
pub(crate) fn trigger_input(
    trigger: &Binding,
    given: GivenTrigger,
    now: DateTime<Utc>,
) -> Result<TriggerValue, String> {
    let GivenTrigger { payload, metadata } = given;
    let mut input = match trigger.kind.to_ascii_lowercase().as_str() {
        "queuetrigger" => queue_message(trigger, one(payload)?, now)?,
        "blobtrigger" => blob(trigger, one(payload)?, &metadata, now)?,
        "eventgridtrigger" => event_grid(trigger, one(as_list(payload)?)?.as_ref())?,
        "servicebustrigger" => messages(trigger, payload, &service_bus_members(now))?,
        "eventhubtrigger" => messages(trigger, payload, &event_hub_members(now))?,
        "kafkatrigger" => messages(trigger, payload, &kafka_members(trigger, now))?,
        "cosmosdbtrigger" | "sqltrigger" | "mysqltrigger" => changes(one(payload)?.as_ref())?,
        "warmuptrigger" => TriggerValue::only(Data::Json("{}".to_owned())),
        "activitytrigger" => match one(payload)? {
            Some(payload) => TriggerValue::only(payload.into()),
            None => TriggerValue::default(),
        },
        "mcptooltrigger" | "mcpprompttrigger" => mcp_call(trigger, one(payload)?.as_ref())?,
        "mcpresourcetrigger" => mcp_read(trigger, one(payload)?.as_ref(), &metadata)?,
        _ => other(trigger, one(payload)?),
    };
    // What the caller gives wins: it plays a service that we do not have.
    let is_blob = trigger.is("blobTrigger");
    let is_resource = trigger.is("mcpResourceTrigger");
    for (name, value) in metadata {
        // The name of a blob, its properties, the variables of its path, and those of a URI have been read.
        let is_variable = |member| {
            trigger
                .text(member)
                .is_some_and(|text| text.contains(&format!("{{{name}}}")))
        };
        let is_of_blob = name == BLOB_NAME || name == BLOB_PROPERTIES && value.is_object() || is_variable("path");
        let is_read = is_blob && is_of_blob || is_resource && is_variable("uri");
        if !is_read {
            input.metadata.insert(name, Data::metadata(value));
        }
    }
    Ok(input)
}

/// A payload that is one value.
#[derive(Debug)]
enum One {
    Text(String),
    Bytes(Bytes),
}

impl One {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl From<One> for Data {
    fn from(payload: One) -> Self {
        match payload {
            One::Text(text) => Self::Text(text),
            One::Bytes(bytes) => Self::Bytes(bytes),
        }
    }
}

fn one(payload: Option<Payload>) -> Result<Option<One>, String> {
    match payload {
        None => Ok(None),
        Some(Payload::Text(text)) => Ok(Some(One::Text(text))),
        Some(Payload::Bytes(bytes)) => Ok(Some(One::Bytes(bytes))),
        Some(Payload::Batch(_)) => {
            Err("the function takes one value at a time, and not a batch of messages".to_owned())
        }
    }
}

/// A batch of JSON values as one JSON array.
fn as_list(payload: Option<Payload>) -> Result<Option<Payload>, String> {
    let Some(Payload::Batch(items)) = payload else {
        return Ok(payload);
    };
    let items: Result<Vec<_>, _> = items.iter().map(|item| std::str::from_utf8(item)).collect();
    match items {
        Ok(items) => Ok(Some(Payload::Text(format!("[{}]", items.join(","))))),
        Err(_) => Err("an element of the batch is not text".to_owned()),
    }
}

fn queue_message(trigger: &Binding, payload: Option<One>, now: DateTime<Utc>) -> Result<TriggerValue, String> {
    let payload = payload.unwrap_or_else(|| One::Text(String::new()));
    let mut metadata = HashMap::from([
        ("DequeueCount".to_owned(), json_data("0")),
        ("ExpirationTime".to_owned(), json_data(&format!("\"{NEVER}\""))),
        ("InsertionTime".to_owned(), json_data(&format!("\"{}\"", time(now)))),
        ("NextVisibleTime".to_owned(), json_data(&format!("\"{NEVER}\""))),
    ]);
    let text = payload.text().map(str::to_owned);
    if let Some(text) = &text {
        metadata.insert("QueueTrigger".to_owned(), Data::Text(text.clone()));
    }
    if is_binary(trigger) {
        return Ok(TriggerValue {
            data: Some(Data::Bytes(payload.into_bytes())),
            metadata,
        });
    }
    let Some(text) = text else {
        return Err(format!(
            "the message is not UTF-8: the Functions host gives such a message only to a function whose binding '{}' has the dataType \
             'binary'",
            trigger.name
        ));
    };
    metadata.extend(members(&text));
    metadata.insert(trigger.name.clone(), Data::Text(text.clone()));
    Ok(TriggerValue {
        data: Some(Data::Text(text)),
        metadata,
    })
}

/// The payload is the content. The blob's name is what the caller gives as `BlobTrigger`, or comes of the binding's path and of
/// what the caller gives for its variables.
fn blob(
    trigger: &Binding,
    payload: Option<One>,
    given: &Map<String, Value>,
    now: DateTime<Utc>,
) -> Result<TriggerValue, String> {
    let content = payload.map(One::into_bytes).unwrap_or_default();
    let pattern = trigger.text("path").unwrap_or_default();
    let path = match given.get(BLOB_NAME) {
        Some(Value::String(path)) => path.clone(),
        Some(other) => {
            return Err(format!(
                "`{BLOB_NAME}` is the path of a blob, `container/name`, and not {other}"
            ));
        }
        None => blob_pattern::filled(pattern, |variable| match given.get(variable) {
            None | Some(Value::Null) => UNNAMED.to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }),
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
    if let (Value::Object(properties), Some(Value::Object(given))) = (&mut properties, given.get(BLOB_PROPERTIES)) {
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
            json_data(&format!(
                "\"http://127.0.0.1:10000/devstoreaccount1/{}\"",
                encoded(&path)
            )),
        ),
        (BLOB_NAME.to_owned(), Data::Text(path)),
        ("Metadata".to_owned(), json_data("{}")),
        (BLOB_PROPERTIES.to_owned(), json_data(&properties.to_string())),
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

fn event_grid(trigger: &Binding, payload: Option<&One>) -> Result<TriggerValue, String> {
    let expected = "an event, or a list of events";
    let event = json_payload(payload, expected)?;
    // The members arrive as they were sent.
    let text = payload.and_then(One::text).unwrap_or_default();
    let data = |event: &Value| event.get("data").cloned().unwrap_or_default();
    let (input, data) = match (is_many(trigger), &event) {
        (true, Value::Array(events)) => (text.to_owned(), events.iter().map(data).collect()),
        (true, event) => (format!("[{text}]"), Value::Array(vec![data(event)])),
        (false, Value::Array(_)) => {
            return Err(
                "the function takes one event: send an object, or give the binding the cardinality 'many'".to_owned(),
            );
        }
        (false, event) => (text.to_owned(), data(event)),
    };
    Ok(TriggerValue {
        data: Some(Data::Json(input)),
        metadata: HashMap::from([("data".to_owned(), json_data(&data.to_string()))]),
    })
}

/// What an extension says about each message.
type Members = [(&'static str, Value)];

fn service_bus_members(now: DateTime<Utc>) -> [(&'static str, Value); 4] {
    [
        ("MessageId", json!(UNNAMED)),
        ("SequenceNumber", json!(1)),
        ("DeliveryCount", json!(1)),
        ("EnqueuedTimeUtc", json!(time(now))),
    ]
}

fn event_hub_members(now: DateTime<Utc>) -> [(&'static str, Value); 3] {
    [
        ("SequenceNumber", json!(1)),
        ("Offset", json!("0")),
        ("EnqueuedTimeUtc", json!(time(now))),
    ]
}

fn kafka_members(trigger: &Binding, now: DateTime<Utc>) -> [(&'static str, Value); 5] {
    [
        ("Topic", json!(trigger.text("topic").unwrap_or(UNNAMED))),
        ("Partition", json!(0)),
        ("Offset", json!(0)),
        ("Timestamp", json!(time(now))),
        ("Headers", json!([])),
    ]
}

/// A message, or a batch: a JSON array is one message an element.
fn messages(trigger: &Binding, payload: Option<Payload>, members: &Members) -> Result<TriggerValue, String> {
    let members = members.iter().cloned();
    if !is_many(trigger) {
        let payload = one(payload)?.unwrap_or_else(|| One::Text(String::new()));
        return Ok(TriggerValue {
            data: Some(match is_binary(trigger) {
                true => Data::Bytes(payload.into_bytes()),
                false => payload.into(),
            }),
            metadata: members
                .map(|(name, value)| (name.to_owned(), Data::metadata(value)))
                .collect(),
        });
    }
    let items = batch(payload)?;
    let metadata = members
        .map(|(name, value)| {
            let all = Value::Array(vec![value; items.len()]);
            (format!("{name}Array"), json_data(&all.to_string()))
        })
        .collect();
    let data = match is_binary(trigger) {
        true => Data::ByteStrings(items),
        false => Data::Texts(texts(items, trigger)?),
    };
    Ok(TriggerValue {
        data: Some(data),
        metadata,
    })
}

/// The messages of a batch.
fn batch(payload: Option<Payload>) -> Result<Vec<Bytes>, String> {
    let expected = "a JSON array, one element for each message";
    if let Some(Payload::Batch(items)) = payload {
        return Ok(items);
    }
    let payload = one(payload)?.unwrap_or_else(|| One::Text(String::new()));
    let Value::Array(items) = json_payload(Some(&payload), expected)? else {
        return Err(format!("the function takes a batch: send {expected}"));
    };
    let items = items.into_iter().map(|item| match item {
        Value::String(text) => text.into(),
        other => other.to_string().into(),
    });
    Ok(items.collect())
}

fn texts(items: Vec<Bytes>, trigger: &Binding) -> Result<Vec<String>, String> {
    let text = |item: Bytes| {
        String::from_utf8(item.into()).map_err(|_| {
            format!(
                "a message is not UTF-8: the Functions host gives such messages only to a function whose binding '{}' has the dataType \
                 'binary'",
                trigger.name
            )
        })
    };
    items.into_iter().map(text).collect()
}

/// A list of changed documents or rows.
fn changes(payload: Option<&One>) -> Result<TriggerValue, String> {
    match json_payload(payload, "a JSON array of what has changed")? {
        list @ Value::Array(_) => Ok(TriggerValue::only(Data::Json(list.to_string()))),
        one => Ok(TriggerValue::only(Data::Json(Value::Array(vec![one]).to_string()))),
    }
}

/// A payload that is all that the MCP extension says about a call, as the test host gives it.
fn described(payload: Option<&One>) -> Option<(Value, &str)> {
    let text = payload.and_then(One::text)?;
    let call: Value = serde_json::from_str(text).ok()?;
    let headers = call.pointer("/transport/properties/headers")?;
    headers.is_object().then_some((call, text))
}

/// A call of a tool or a prompt. The payload is the arguments.
fn mcp_call(trigger: &Binding, payload: Option<&One>) -> Result<TriggerValue, String> {
    let expected = "a JSON object, the arguments";
    let (call, arguments) = match described(payload) {
        Some((call, text)) => (text.to_owned(), call["arguments"].to_string()),
        None => {
            let arguments = match payload {
                None => json!({}),
                Some(_) => json_payload(payload, expected)?,
            };
            let name = trigger.text("toolName").or_else(|| trigger.text("promptName"));
            let call = json!({"name": name, "arguments": arguments, "transport": {"name": UNNAMED}});
            (call.to_string(), arguments.to_string())
        }
    };
    let arguments: Option<mcp_arguments::Arguments> =
        serde_json::from_str(&arguments).map_err(|_| format!("the input is no {expected}"))?;
    let texts = json_data(&mcp_arguments::as_texts(&arguments.unwrap_or_default()));
    let kind = mcp_arguments::metadata_name(trigger).map(|kind| (kind.to_owned(), texts));
    Ok(TriggerValue {
        data: Some(Data::Text(call)),
        metadata: kind.into_iter().collect(),
    })
}

/// A client that reads a resource. The payload is the URI; without one, the caller gives the variables of the binding's URI.
fn mcp_read(trigger: &Binding, payload: Option<&One>, given: &Map<String, Value>) -> Result<TriggerValue, String> {
    let template = trigger.text("uri").unwrap_or_default();
    let described = described(payload);
    let uri = match &described {
        Some((call, _)) => call["uri"].as_str(),
        None => payload.and_then(One::text),
    };
    let uri = match uri.filter(|uri| !uri.is_empty()) {
        Some(uri) => uri.to_owned(),
        None => resource_uri::filled(template, |variable| match given.get(variable) {
            None | Some(Value::Null) => UNNAMED.to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }),
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

/// As the host's own manual trigger: text, and the members of JSON as metadata.
fn other(trigger: &Binding, payload: Option<One>) -> TriggerValue {
    let Some(payload) = payload else {
        return TriggerValue::default();
    };
    let data = payload.into();
    let mut metadata = HashMap::new();
    if let Data::Text(text) = &data {
        metadata = members(text);
        metadata.insert(trigger.name.clone(), Data::Text(text.clone()));
    }
    TriggerValue {
        data: Some(data),
        metadata,
    }
}

/// The members of a JSON object, as the host makes metadata of them: scalars as text in .NET's spelling; lists and null are
/// left out. Dates are not spelt anew here.
fn members(text: &str) -> HashMap<String, Data> {
    let members: HashMap<String, &RawValue> = serde_json::from_str(text).unwrap_or_default();
    let data = |value: &RawValue| match serde_json::from_str(value.get()).ok()? {
        Value::String(text) => Some(Data::Text(text)),
        Value::Bool(true) => Some(Data::Text("True".to_owned())),
        Value::Bool(false) => Some(Data::Text("False".to_owned())),
        Value::Number(_) => Some(Data::Text(dotnet_number::text(value.get()))),
        object @ Value::Object(_) => Some(Data::Json(object.to_string())),
        Value::Null | Value::Array(_) => None,
    };
    let members = members.into_iter();
    members.filter_map(|(name, value)| Some((name, data(value)?))).collect()
}

fn json_payload(payload: Option<&One>, expected: &str) -> Result<Value, String> {
    let payload = payload.ok_or_else(|| format!("the trigger needs an input: {expected}"))?;
    let text = payload
        .text()
        .ok_or_else(|| format!("the input is not text; send {expected}"))?;
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("the input is not JSON (line {line}, column {column}); send {expected}")
    })
}

fn json_data(json: &str) -> Data {
    Data::Json(json.to_owned())
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, false)
}

fn is_binary(binding: &Binding) -> bool {
    binding.says("dataType", "binary")
}

fn is_many(binding: &Binding) -> bool {
    binding.says("cardinality", "many")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(binding: &str, payload: Option<Payload>, given: Value) -> Result<TriggerValue, String> {
        let trigger = Binding::read(serde_json::from_str(binding).unwrap());
        let Value::Object(metadata) = given else {
            panic!("{given}")
        };
        let now = "2026-11-29T19:50:47.625525Z".parse().unwrap();
        trigger_input(&trigger, GivenTrigger { payload, metadata }, now)
    }

    fn text(text: &str) -> Option<Payload> {
        Some(Payload::Text(text.to_owned()))
    }

    fn shown(input: &TriggerValue) -> Value {
        let value = |data: &Data| match data {
            Data::Text(text) => json!({ "string": text }),
            Data::Json(text) => json!({ "json": text }),
            Data::Bytes(bytes) => json!({ "bytes": String::from_utf8_lossy(bytes) }),
            Data::Texts(texts) => json!({ "strings": texts }),
            other => panic!("{other:?}"),
        };
        let metadata: Map<String, Value> = input
            .metadata
            .iter()
            .map(|(name, data)| (name.clone(), value(data)))
            .collect();
        json!({ "data": input.data.as_ref().map(value), "metadata": metadata })
    }

    const QUEUE: &str = r#"{"type":"queueTrigger","name":"msg","direction":"in","queueName":"q-1"}"#;

    /// Recorded: `retry.recovers.3`.
    #[test]
    fn a_message_by_hand_is_what_the_real_host_makes_of_it() {
        let found = input(QUEUE, text("by hand"), json!({})).unwrap();
        assert_eq!(
            shown(&found),
            json!({
                "data": {"string": "by hand"},
                "metadata": {
                    "QueueTrigger": {"string": "by hand"},
                    "DequeueCount": {"json": "0"},
                    "ExpirationTime": {"json": "\"9999-12-31T23:59:59.9999999+00:00\""},
                    "InsertionTime": {"json": "\"2026-11-29T19:50:47.625525+00:00\""},
                    "NextVisibleTime": {"json": "\"9999-12-31T23:59:59.9999999+00:00\""},
                    "msg": {"string": "by hand"},
                },
            })
        );
    }

    /// Recorded: `manual.1` to `manual.3`.
    #[test]
    fn members_of_json_are_metadata() {
        let manual = r#"{"type":"manualTrigger","name":"input","direction":"in"}"#;
        assert_eq!(
            shown(&input(manual, None, json!({})).unwrap()),
            json!({"data": null, "metadata": {}})
        );
        assert_eq!(
            shown(&input(manual, text(r#"{"a": 1}"#), json!({})).unwrap()),
            json!({
                "data": {"string": "{\"a\": 1}"},
                "metadata": {"a": {"string": "1"}, "input": {"string": "{\"a\": 1}"}},
            })
        );
    }

    #[test]
    fn numbers_in_members_are_spelt_as_dotnet_spells_them() {
        let message = r#"{"a": 1.50, "b": 1e16, "c": 2.0, "d": -0, "e": 123456789012345678901234567890, "f": 7}"#;
        let found = shown(&input(QUEUE, text(message), json!({})).unwrap());
        for (name, wanted) in [
            ("a", "1.5"),
            ("b", "1E+16"),
            ("c", "2"),
            ("d", "0"),
            ("e", "123456789012345678901234567890"),
            ("f", "7"),
        ] {
            assert_eq!(found["metadata"][name], json!({ "string": wanted }), "{name}");
        }
    }

    #[test]
    fn a_message_that_is_no_text_reaches_only_a_binary_trigger() {
        let bytes = || Some(Payload::Bytes(Bytes::from_static(b"\xff")));
        let error = input(QUEUE, bytes(), json!({})).unwrap_err();
        assert!(error.contains("not UTF-8") && error.contains("'msg'"), "{error}");
        let binary = r#"{"type":"queueTrigger","name":"msg","queueName":"q-1","dataType":"binary"}"#;
        let found = input(binary, bytes(), json!({})).unwrap();
        assert!(matches!(&found.data, Some(Data::Bytes(bytes)) if bytes[..] == [0xff]));
        assert!(!found.metadata.contains_key("QueueTrigger"));
        // Nor do its members become metadata.
        let found = input(binary, text(r#"{"DequeueCount":7}"#), json!({})).unwrap();
        assert_eq!(shown(&found)["metadata"]["DequeueCount"], json!({"json": "0"}));
    }

    #[test]
    fn a_blob_has_the_name_that_the_caller_gives_to_the_variables_of_its_path() {
        let blob = r#"{"type":"blobTrigger","name":"file","path":"samples/{dir}/{name}.txt"}"#;
        let found = shown(&input(blob, text("content"), json!({"name": "a b"})).unwrap());
        assert_eq!(found["data"], json!({"bytes": "content"}));
        let metadata = &found["metadata"];
        assert_eq!(metadata["BlobTrigger"], json!({"string": "samples/by-hand/a b.txt"}));
        assert_eq!(
            (&metadata["name"], &metadata["dir"]),
            (&json!({"string": "a b"}), &json!({"string": "by-hand"}))
        );
        let numbered = shown(&input(blob, None, json!({"name": 2024, "dir": "d"})).unwrap());
        assert_eq!(
            numbered["metadata"]["BlobTrigger"],
            json!({"string": "samples/d/2024.txt"})
        );
        assert_eq!(numbered["metadata"]["name"], json!({"string": "2024"}));
        let uri = metadata["Uri"]["json"].as_str().unwrap();
        assert!(uri.ends_with("/samples/by%2Dhand/a%20b%2Etxt\""), "{uri}");
    }

    #[test]
    fn variables_stand_for_what_the_host_would_read_of_the_path() {
        let blob = r#"{"type":"blobTrigger","name":"file","path":"in/{name}.{ext}"}"#;
        let found = shown(&input(blob, None, json!({"name": "a", "ext": "b.c"})).unwrap());
        let metadata = &found["metadata"];
        assert_eq!(metadata["BlobTrigger"], json!({"string": "in/a.b.c"}));
        assert_eq!(
            (&metadata["name"], &metadata["ext"]),
            (&json!({"string": "a.b"}), &json!({"string": "c"}))
        );
    }

    #[test]
    fn a_setting_without_a_value_in_a_blob_s_path_is_read_of_the_blob() {
        let blob = r#"{"type":"blobTrigger","name":"file","path":"%CONTAINER%/{name}.txt"}"#;
        let found = shown(&input(blob, None, json!({"BlobTrigger": "in/a/b.txt"})).unwrap());
        assert_eq!(found["metadata"]["name"], json!({"string": "a/b"}));
        let error = input(blob, None, json!({"BlobTrigger": "in/a.png"})).unwrap_err();
        assert!(
            error.contains("does not match the path `%CONTAINER%/{name}.txt`"),
            "{error}"
        );
        // Where the setting is behind a variable, the blob's name does not tell what it is.
        let blob = r#"{"type":"blobTrigger","name":"file","path":"in/{name}.%EXT%"}"#;
        let found = shown(&input(blob, None, json!({"BlobTrigger": "in/a.png"})).unwrap());
        assert_eq!(found["metadata"]["name"], Value::Null);
    }

    #[test]
    fn batches_take_a_list_and_single_ones_do_not() {
        let many = r#"{"type":"eventHubTrigger","name":"events","eventHubName":"h","cardinality":"many"}"#;
        let found = shown(&input(many, text(r#"["a",{"b":1}]"#), json!({})).unwrap());
        assert_eq!(found["data"], json!({"strings": ["a", "{\"b\":1}"]}));
        assert_eq!(found["metadata"]["SequenceNumberArray"], json!({"json": "[1,1]"}));
        assert!(
            input(many, text("plain"), json!({}))
                .unwrap_err()
                .contains("is not JSON (line 1, column 1)")
        );
        let grid = r#"{"type":"eventGridTrigger","name":"event"}"#;
        assert!(
            input(grid, text("[]"), json!({}))
                .unwrap_err()
                .contains("takes one event")
        );
        assert!(input(grid, None, json!({})).unwrap_err().contains("needs an input"));
        assert_eq!(
            shown(&input(grid, text(r#"{"id":"1", "data":{"x":2}}"#), json!({})).unwrap()),
            json!({"data": {"json": "{\"id\":\"1\", \"data\":{\"x\":2}}"}, "metadata": {"data": {"json": "{\"x\":2}"}}})
        );
    }

    #[test]
    fn each_kind_of_message_has_what_its_own_extension_says_about_one() {
        let names = |binding: &str| {
            let found = input(binding, text("x"), json!({})).unwrap();
            let mut names: Vec<_> = found.metadata.into_keys().collect();
            names.sort();
            names.join(" ")
        };
        let kafka = r#"{"type":"kafkaTrigger","name":"record","brokerList":"B","topic":"orders"}"#;
        assert_eq!(names(kafka), "Headers Offset Partition Timestamp Topic");
        let bus = r#"{"type":"serviceBusTrigger","name":"m","queueName":"q"}"#;
        assert_eq!(names(bus), "DeliveryCount EnqueuedTimeUtc MessageId SequenceNumber");
        let hub = r#"{"type":"eventHubTrigger","name":"e","eventHubName":"h"}"#;
        assert_eq!(names(hub), "EnqueuedTimeUtc Offset SequenceNumber");
        let record = shown(&input(kafka, text("x"), json!({"Key": "k"})).unwrap());
        let metadata = &record["metadata"];
        assert_eq!(
            (
                &metadata["Topic"],
                &metadata["Partition"],
                &metadata["Offset"],
                &metadata["Key"]
            ),
            (
                &json!({"string": "orders"}),
                &json!({"json": "0"}),
                &json!({"json": "0"}),
                &json!({"string": "k"})
            )
        );
        let many = kafka.replace('}', r#","cardinality":"many"}"#);
        let records = shown(&input(&many, text(r#"["a","b"]"#), json!({})).unwrap());
        assert_eq!(
            (&records["metadata"]["TopicArray"], &records["metadata"]["HeadersArray"]),
            (&json!({"json": r#"["orders","orders"]"#}), &json!({"json": "[[],[]]"}))
        );
    }

    #[test]
    fn properties_of_a_blob_that_the_caller_does_not_give_are_made_up() {
        let blob = r#"{"type":"blobTrigger","name":"file","path":"in/{name}"}"#;
        let found = shown(&input(blob, text("four"), json!({"Properties": {"ContentType": "text/plain"}})).unwrap());
        let properties = found["metadata"]["Properties"]["json"].as_str().unwrap();
        let properties: Value = serde_json::from_str(properties).unwrap();
        assert_eq!(
            properties,
            json!({"LastModified": "2026-11-29T19:50:47.625525+00:00", "ContentLength": 4, "ContentType": "text/plain"})
        );
    }

    #[test]
    fn metadata_of_the_caller_wins() {
        let found = shown(&input(QUEUE, text("x"), json!({"DequeueCount": 4, "Id": "7"})).unwrap());
        assert_eq!(found["metadata"]["DequeueCount"], json!({"json": "4"}));
        assert_eq!(found["metadata"]["Id"], json!({"string": "7"}));
    }

    #[test]
    fn a_blob_that_is_named_has_the_variables_of_its_path() {
        let blob = r#"{"type":"blobTrigger","name":"file","path":"samples/{dir}/{name}.txt"}"#;
        let found = shown(&input(blob, text("x"), json!({"BlobTrigger": "samples/a/b/c.txt"})).unwrap());
        let metadata = &found["metadata"];
        assert_eq!(metadata["BlobTrigger"], json!({"string": "samples/a/b/c.txt"}));
        assert_eq!(
            (&metadata["dir"], &metadata["name"]),
            (&json!({"string": "a/b"}), &json!({"string": "c"}))
        );
        let error = input(blob, text("x"), json!({"BlobTrigger": "samples/c.png"})).unwrap_err();
        assert!(
            error.contains("does not match the path `samples/{dir}/{name}.txt`"),
            "{error}"
        );
        // By Event Grid, the pattern is no filter.
        let by_event = r#"{"type":"blobTrigger","name":"file","path":"samples/{name}.txt","source":"EventGrid"}"#;
        let found = shown(&input(by_event, text("x"), json!({"BlobTrigger": "samples/no.bin"})).unwrap());
        assert_eq!(found["metadata"]["BlobTrigger"], json!({"string": "samples/no.bin"}));
        assert_eq!(found["metadata"]["name"], Value::Null);
    }

    #[test]
    fn a_resource_has_the_variables_of_its_uri_or_the_uri_of_its_variables() {
        let resource = r#"{"type":"mcpResourceTrigger","name":"r","uri":"shop://{customer}/orders/{order}"}"#;
        let uri = |found: &Value| {
            let call: Value = serde_json::from_str(found["data"]["string"].as_str().unwrap()).unwrap();
            call["uri"].as_str().unwrap().to_owned()
        };
        let found = shown(&input(resource, text("SHOP://7/orders/a-1"), json!({})).unwrap());
        assert_eq!(uri(&found), "SHOP://7/orders/a-1");
        assert_eq!(
            found["metadata"],
            json!({"customer": {"string": "7"}, "order": {"string": "a-1"}})
        );
        let found = shown(&input(resource, None, json!({"order": 9})).unwrap());
        assert_eq!(uri(&found), "shop://by-hand/orders/9");
        assert_eq!(
            found["metadata"],
            json!({"customer": {"string": "by-hand"}, "order": {"string": "9"}})
        );
        // As a test host gives it.
        let whole = r#"{"uri":"shop://7/orders/8","transport":{"name":"t","properties":{"headers":{"a":"b"}}}}"#;
        let found = shown(&input(resource, text(whole), json!({})).unwrap());
        assert_eq!(found["metadata"]["order"], json!({"string": "8"}));
        assert!(
            found["data"]["string"]
                .as_str()
                .unwrap()
                .contains(r#""headers":{"a":"b"}"#)
        );
        for wrong in [text("shop://7"), text(&whole.replace("orders", "bills"))] {
            let error = input(resource, wrong, json!({})).unwrap_err();
            assert!(
                error.contains("does not fit `shop://{customer}/orders/{order}`"),
                "{error}"
            );
        }
    }

    #[test]
    fn inputs_of_a_call_hold_its_arguments() {
        let tool = r#"{"type":"mcpToolTrigger","name":"c","toolName":"t"}"#;
        let prompt = r#"{"type":"mcpPromptTrigger","name":"c","promptName":"p"}"#;
        let whole = r#"{"name":"t","arguments":{"count":3},"transport":{"properties":{"headers":{}}}}"#;
        for (trigger, payload, wanted) in [
            (tool, text(r#"{"count":3,"yes":true}"#), "3"),
            (tool, text(whole), "3"),
            (tool, None, ""),
            (prompt, text(r#"{"count":"many"}"#), "many"),
        ] {
            let found = input(trigger, payload, json!({})).unwrap();
            let binding = match trigger == tool {
                true => json!({"type": "mcpToolProperty", "name": "n", "propertyName": "count"}),
                false => json!({"type": "mcpPromptArgument", "name": "n", "argumentName": "count"}),
            };
            let binding = Binding::read(binding.as_object().unwrap().clone());
            let metadata = |name: &str| match found.metadata.get(name)? {
                Data::Text(text) | Data::Json(text) => Some(text.clone()),
                _ => None,
            };
            let held = super::super::input::input(&binding, None, metadata).unwrap();
            assert_eq!(held, Some(Data::Text(wanted.to_owned())));
        }
        assert!(
            input(tool, text("[1]"), json!({}))
                .unwrap_err()
                .contains("a JSON object")
        );
    }

    /// Recorded: `blob.deferred`.
    #[test]
    fn a_function_that_opens_the_blob_itself_gets_a_reference() {
        let blob = r#"{"type":"blobTrigger","name":"file","path":"in/{name}","connection":"Blobs",
            "properties":{"supportsDeferredBinding":true}}"#;
        let found = input(blob, None, json!({"name": "a"})).unwrap();
        let Some(Data::Reference { json, .. }) = found.data else {
            panic!("{found:?}")
        };
        assert_eq!(
            serde_json::from_str::<Value>(&json).unwrap(),
            json!({"Connection": "Blobs", "ContainerName": "in", "BlobName": "a"})
        );
    }

    #[test]
    fn a_batch_of_messages_that_are_no_text_reaches_only_a_binary_trigger() {
        let batch = || {
            Some(Payload::Batch(vec![
                Bytes::from_static(b"\xff"),
                Bytes::from_static(b"a"),
            ]))
        };
        let binary =
            r#"{"type":"serviceBusTrigger","name":"m","queueName":"q","cardinality":"many","dataType":"binary"}"#;
        let found = input(binary, batch(), json!({})).unwrap();
        assert!(matches!(&found.data, Some(Data::ByteStrings(items)) if items.len() == 2));
        let text = r#"{"type":"serviceBusTrigger","name":"m","queueName":"q","cardinality":"many"}"#;
        assert!(input(text, batch(), json!({})).unwrap_err().contains("'binary'"));
        assert!(
            input(QUEUE, batch(), json!({}))
                .unwrap_err()
                .contains("one value at a time")
        );
    }
}
