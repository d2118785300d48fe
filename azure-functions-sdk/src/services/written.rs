//! What arrives where the outputs of a function go.

use super::{
    binding::{Binding, Direction},
    data::Data,
    indent::indented,
    kafka_record::KafkaRecord,
};
use crate::dotnet_number;
use bytes::Bytes;
use serde_json::{Number, Value, value::RawValue};

/// Members of a binding that say where its data goes.
const DESTINATIONS: [&str; 12] = [
    "queueName",
    "path",
    "topicName",
    "eventHubName",
    "tableName",
    "containerName",
    "commandText",
    "topicEndpointUri",
    "hubName",
    "hub",
    "topic",
    "to",
];

/// What arrives at a service.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Written {
    /// Name of the binding.
    pub(crate) name: String,
    /// Its type.
    pub(crate) kind: String,
    /// Where it goes, as the binding says it, or empty.
    pub(crate) destination: String,
    pub(crate) content: Content,
    /// The key of a Kafka record.
    pub(crate) key: Option<String>,
    /// The headers of a Kafka record.
    pub(crate) headers: Vec<(String, String)>,
}

/// The data as it arrives.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Text(String),
    Bytes(Bytes),
}

/// What the real host cannot write. It fails the invocation then, and writes none of its outputs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Unwritable {
    #[error(
        "the output `{name}` is a `{data}`, which the Functions host cannot write; answer text, bytes, or JSON (an array is several values)"
    )]
    Kind { name: String, data: &'static str },
    #[error("the output `{name}` is said to be JSON and is not: {error}")]
    NoJson { name: String, error: String },
    #[error("the output `{0}` is there twice; the Functions host refuses that")]
    Twice(String),
}

/// What a successful invocation wrote, and the names of outputs that no binding has, which the real host ignores.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outputs {
    pub(crate) written: Vec<Written>,
    pub(crate) unknown: Vec<String>,
}

/// Reads the outputs of an invocation: what it answered under their names, and what it returned. `data` says what a value of the
/// protocol is. An HTTP response is none of them: the caller gets it.
///
/// # Errors
/// The real host fails the invocation.
pub(crate) fn read<'a, T: 'a>(
    bindings: &[Binding],
    answered: impl IntoIterator<Item = (&'a str, Option<&'a T>)>,
    returned: Option<&'a T>,
    data: impl Fn(&T) -> Data,
) -> Result<Outputs, Unwritable> {
    let mut outputs = Outputs::default();
    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in answered {
        if seen.contains(&name) {
            return Err(Unwritable::Twice(name.to_owned()));
        }
        seen.push(name);
        // The host takes what is returned from another field.
        let binding = output_binding(bindings, name).filter(|_| name != "$return");
        match binding {
            Some(binding) if binding.is("http") => {}
            Some(binding) => write(binding, value.map(&data), &mut outputs.written)?,
            None => outputs.unknown.push(name.to_owned()),
        }
    }
    if let Some(binding) = output_binding(bindings, "$return").filter(|binding| !binding.is("http")) {
        write(binding, returned.map(&data), &mut outputs.written)?;
    }
    Ok(outputs)
}

fn output_binding<'a>(bindings: &'a [Binding], name: &str) -> Option<&'a Binding> {
    let mut outputs = bindings.iter().filter(|binding| binding.direction != Direction::In);
    outputs.find(|binding| binding.name == name)
}

fn write(binding: &Binding, data: Option<Data>, written: &mut Vec<Written>) -> Result<(), Unwritable> {
    let Some(data) = data else { return Ok(()) };
    let destination = destination(binding);
    written.extend(arriving(binding, data)?.into_iter().map(|content| {
        let (content, key, headers) = match content {
            Content::Text(text) if binding.is("kafka") => {
                let KafkaRecord { value, key, headers } = KafkaRecord::read(text);
                (Content::Text(value), key, headers)
            }
            content => (content, None, Vec::new()),
        };
        Written {
            name: binding.name.clone(),
            kind: binding.kind.clone(),
            destination: destination.clone(),
            content,
            key,
            headers,
        }
    }));
    Ok(())
}

/// The contents that arrive: nothing, one value, or several. Recorded for queues and blobs (`recorded/outputs.json`); the others
/// take JSON as it is, an array as several values. The Kafka extension reads a record of each text: [`write`] does that.
fn arriving(binding: &Binding, data: Data) -> Result<Vec<Content>, Unwritable> {
    let is_blob = binding.is("blob");
    let refused = |data| {
        Err(Unwritable::Kind {
            name: binding.name.clone(),
            data,
        })
    };
    Ok(match data {
        // Only queues look for JSON in plain text.
        Data::Text(text) if binding.is("queue") => match serde_json::from_str(&text) {
            Ok(json @ (Value::Object(_) | Value::Array(_))) => values(binding, &json, &text),
            _ => vec![Content::Text(text)],
        },
        Data::Text(text) => vec![Content::Text(text)],
        Data::Json(text) if text.is_empty() => Vec::new(),
        Data::Json(text) => match serde_json::from_str::<Value>(&text) {
            Ok(json) => values(binding, &json, &text),
            Err(error) => {
                return Err(Unwritable::NoJson {
                    name: binding.name.clone(),
                    error: error.to_string(),
                });
            }
        },
        Data::Bytes(bytes) => vec![Content::Bytes(bytes)],
        Data::Integer(number) if is_blob => vec![raw_integer(number)],
        Data::Integer(number) => vec![Content::Text(number.to_string())],
        Data::Double(number) if is_blob => vec![raw_double(number)],
        Data::Double(number) => vec![Content::Text(dotnet_number::double(number))],
        Data::Texts(_) | Data::ByteStrings(_) => return refused("collection"),
        Data::Reference { .. } => return refused("reference"),
        // Of a stream the real host writes an empty value.
        Data::Other(kind) => return refused(kind),
    })
}

/// What becomes of JSON; `text` is what it was read from.
fn values(binding: &Binding, json: &Value, text: &str) -> Vec<Content> {
    if let Value::Array(items) = json
        && !binding.is("blob")
    {
        let texts: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
        return items
            .iter()
            .zip(texts)
            .filter_map(|(item, text)| value(binding, item, text.get()))
            .collect();
    }
    value(binding, json, text).into_iter().collect()
}

fn value(binding: &Binding, json: &Value, text: &str) -> Option<Content> {
    let is_blob = binding.is("blob");
    Some(match json {
        Value::Null => return None,
        Value::String(inner) => Content::Text(inner.clone()),
        Value::Bool(truth) if is_blob => Content::Bytes(Bytes::from(vec![u8::from(*truth)])),
        Value::Bool(true) => Content::Text("True".to_owned()),
        Value::Bool(false) => Content::Text("False".to_owned()),
        Value::Number(number) => match integer(number, text) {
            Some(number) if is_blob => raw_integer(number),
            Some(number) => Content::Text(number.to_string()),
            None if is_blob => raw_double(number.as_f64().unwrap_or_default()),
            None => Content::Text(dotnet_number::text(text.trim())),
        },
        Value::Object(_) | Value::Array(_) if binding.is("queue") => Content::Text(indented(&plain_numbers(text))),
        Value::Object(_) | Value::Array(_) => Content::Text(plain_numbers(&compact(text))),
    })
}

/// The integer, which `-0` is to .NET, too.
fn integer(number: &Number, text: &str) -> Option<i64> {
    number.as_i64().or_else(|| (text.trim() == "-0").then_some(0))
}

/// The bytes of .NET's `int`, or of its `long` where that is needed.
fn raw_integer(number: i64) -> Content {
    Content::Bytes(match i32::try_from(number) {
        Ok(number) => Bytes::copy_from_slice(&number.to_le_bytes()),
        Err(_) => Bytes::copy_from_slice(&number.to_le_bytes()),
    })
}

fn raw_double(number: f64) -> Content {
    Content::Bytes(Bytes::copy_from_slice(&number.to_le_bytes()))
}

/// JSON without the white space between its tokens, the order of members kept.
fn compact(json: &str) -> String {
    let squeeze = |run: &str, into: &mut String| into.extend(run.split_ascii_whitespace());
    outside_texts(json, squeeze)
}

/// JSON whose numbers are written as .NET's serializer writes them.
fn plain_numbers(json: &str) -> String {
    outside_texts(json, |run, into| {
        let is_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E');
        let mut rest = run;
        while let Some(start) = rest.find(|c: char| c.is_ascii_digit() || c == '-') {
            let (before, number) = rest.split_at(start);
            let (number, after) = number.split_at(number.find(|c| !is_number(c)).unwrap_or(number.len()));
            into.push_str(before);
            into.push_str(&dotnet_number::rewritten(number));
            rest = after;
        }
        into.push_str(rest);
    })
}

/// Puts the parts of `json` that are not in quotes through `change`.
fn outside_texts(json: &str, change: impl Fn(&str, &mut String)) -> String {
    let mut changed = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(quote) = rest.find('"') {
        change(&rest[..quote], &mut changed);
        let text = &rest[quote..];
        let mut escaped = false;
        let end = text[1..].find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let (text, after) = text.split_at(end.map_or(text.len(), |end| end + 2));
        changed.push_str(text);
        rest = after;
    }
    change(rest, &mut changed);
    changed
}

fn destination(binding: &Binding) -> String {
    let named = |member: &&str| binding.text(member).map(str::to_owned);
    DESTINATIONS.iter().find_map(named).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde_json::json;
    use std::collections::BTreeMap;

    /// What the real host made of each answer, and what lay in queue and blob afterwards.
    const RECORDED: &str = include_str!("recorded/outputs.json");

    fn data_of(recorded: &Value) -> Option<Data> {
        let (kind, value) = recorded.as_object().unwrap().iter().next()?;
        let text = || value.as_str().unwrap().to_owned();
        Some(match kind.as_str() {
            "string" => Data::Text(text()),
            "json" => Data::Json(text()),
            "bytes" => Data::Bytes(STANDARD.decode(text()).unwrap().into()),
            "int" => Data::Integer(text().parse().unwrap()),
            "double" => Data::Double(value.as_f64().unwrap()),
            "stream" => Data::Other("stream"),
            "http" => Data::Other("HTTP response"),
            _ => Data::Other("collection"),
        })
    }

    fn read_answer(bindings: &Value, response: &Value) -> Result<Outputs, Unwritable> {
        let bindings = bindings.as_array().unwrap().iter();
        let bindings: Vec<_> = bindings
            .map(|binding| Binding::read(binding.as_object().unwrap().clone()))
            .collect();
        let answered = response["outputData"].as_array().into_iter().flatten();
        let answered: Vec<_> = answered
            .map(|output| (output["name"].as_str().unwrap(), data_of(&output["data"])))
            .collect();
        let returned = response.get("returnValue").and_then(data_of);
        let answered = answered.iter().map(|(name, data)| (*name, data.as_ref()));
        read(&bindings, answered, returned.as_ref(), Data::clone)
    }

    #[test]
    fn what_is_shown_is_what_the_real_host_wrote() {
        let recorded: Value = serde_json::from_str(RECORDED).unwrap();
        let mut played = 0;
        for (name, app) in recorded.as_object().unwrap() {
            for (case, recorded) in app["cases"].as_object().unwrap() {
                // The host writes nothing of a failed invocation, and we read nothing of it.
                if case == "failure-with-outputs" {
                    continue;
                }
                played += 1;
                let outputs = read_answer(&app["bindings"], &recorded["response"]);
                let arrives = &recorded["arrives"];
                if arrives.get("error").is_some() || case == "stream" {
                    assert!(outputs.is_err(), "{name} {case}: {outputs:?}");
                    continue;
                }
                let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
                let outputs = outputs.unwrap();
                for written in &outputs.written {
                    let place = if written.destination == "third" {
                        "third"
                    } else {
                        written.kind.as_str()
                    };
                    let bytes = match &written.content {
                        Content::Text(text) => STANDARD.encode(text),
                        Content::Bytes(bytes) => STANDARD.encode(bytes),
                    };
                    found.entry(place).or_default().push(bytes);
                }
                assert_eq!(serde_json::to_value(&found).unwrap(), *arrives, "{name} {case}");
            }
        }
        assert_eq!(played, 163);
    }

    #[test]
    fn names_that_no_output_has_are_told_apart() {
        let bindings = json!([{"name":"one","type":"queue","direction":"out","queueName":"q-1"}]);
        let answer = json!({"outputData":[{"name":"ONE","data":{"string":"x"}},{"name":"req","data":{"string":"y"}}]});
        let outputs = read_answer(&bindings, &answer).unwrap();
        assert_eq!(
            (outputs.written.len(), outputs.unknown),
            (0, vec!["ONE".to_owned(), "req".to_owned()])
        );
    }

    #[test]
    fn numbers_arrive_as_dotnet_spells_them() {
        let bindings = json!([{"name":"one","type":"queue","direction":"out","queueName":"q-1"}]);
        let arrives = |data: Value| {
            let answer = json!({"outputData":[{"name":"one","data":data}]});
            let written = read_answer(&bindings, &answer).unwrap().written;
            let texts = written.into_iter().map(|written| match written.content {
                Content::Text(text) => text.replace([' ', '\n'], ""),
                Content::Bytes(bytes) => format!("{bytes:?}"),
            });
            texts.collect::<Vec<_>>().join("|")
        };
        assert_eq!(
            arrives(json!({"json": r#"{"a":1e16,"b":-0,"c":0.00001,"d":1.50}"#})),
            r#"{"a":1E+16,"b":0,"c":1E-05,"d":1.5}"#
        );
        assert_eq!(arrives(json!({"json": "[1e16, -0, 2.50]"})), "1E+16|0|2.5");
        assert_eq!(arrives(json!({"double": 1e16})), "1E+16");
    }

    #[test]
    fn a_kafka_record_arrives_as_its_value_with_key_and_headers() {
        let bindings = json!([{"name":"one","type":"kafka","direction":"out","brokerList":"B","topic":"orders"}]);
        let record = |value: &str, rest: Value| {
            let mut record = json!({"Offset":0,"Partition":0,"Topic":"","Timestamp":"1970-01-01T00:00:00Z","Value":value,"Headers":[]});
            record
                .as_object_mut()
                .unwrap()
                .extend(rest.as_object().unwrap().clone());
            record.to_string()
        };
        let all = record(
            "{\"a\":1}",
            json!({"Key":"k","Headers":[{"Key":"from","Value":"shop"}]}),
        );
        let read = |data: Value| {
            let answer = json!({"outputData":[{"name":"one","data":data}]});
            let written = read_answer(&bindings, &answer).unwrap().written.into_iter();
            written
                .map(|written| match written.content {
                    Content::Text(text) => (text, written.key, written.headers, written.destination),
                    Content::Bytes(bytes) => panic!("{bytes:?}"),
                })
                .collect::<Vec<_>>()
        };
        let headers = vec![("from".to_owned(), "shop".to_owned())];
        let whole = (
            "{\"a\":1}".to_owned(),
            Some("k".to_owned()),
            headers,
            "orders".to_owned(),
        );
        let plain = |text: &str| (text.to_owned(), None, Vec::new(), "orders".to_owned());
        assert_eq!(read(json!({ "string": all })), std::slice::from_ref(&whole));
        assert_eq!(read(json!({ "string": "plain" })), [plain("plain")]);
        let several = json!([all, record("x", json!({})), "plain"]).to_string();
        assert_eq!(read(json!({ "json": several })), [whole, plain("x"), plain("plain")]);
    }
}
