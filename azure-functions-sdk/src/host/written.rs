//! What a function wrote to its output bindings. The services behind them are not there, so the host shows it instead.

use super::{
    function::{Binding, Direction, Function},
    indent::indented,
    invocation::{Failure, InvokeError},
    rpc::messages::{Data, InvocationResponse, ParameterBinding, TypedData, parameter_binding::RpcData},
};
use bytes::Bytes;
use serde_json::{Value, json, value::RawValue};

/// More rows are counted only.
const ROWS: usize = 20;

/// Longer data is cut where it is shown to people.
const SHOWN: usize = 120;

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

impl From<Unwritable> for InvokeError {
    fn from(error: Unwritable) -> Self {
        Self::Failed(Failure {
            message: error.to_string(),
            stack: String::new(),
        })
    }
}

/// What a successful invocation wrote, and the names of outputs that no binding has, which the real host ignores.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outputs {
    pub(crate) written: Vec<Written>,
    pub(crate) unknown: Vec<String>,
}

/// Reads the outputs of a response. An HTTP response is none of them: the caller gets it.
///
/// # Errors
/// The real host fails the invocation.
pub(crate) fn read(function: &Function, response: &InvocationResponse) -> Result<Outputs, Unwritable> {
    let mut outputs = Outputs::default();
    let mut seen: Vec<&str> = Vec::new();
    for output in &response.output_data {
        if seen.contains(&output.name.as_str()) {
            return Err(Unwritable::Twice(output.name.clone()));
        }
        seen.push(&output.name);
        // The host takes what is returned from another field.
        let binding = output_binding(function, &output.name).filter(|_| output.name != "$return");
        match binding {
            Some(binding) if binding.is("http") => {}
            Some(binding) => write(binding, data(output), &mut outputs.written)?,
            None => outputs.unknown.push(output.name.clone()),
        }
    }
    let returned = response.return_value.as_ref().and_then(|value| value.data.as_ref());
    if let Some(binding) = output_binding(function, "$return").filter(|binding| !binding.is("http")) {
        write(binding, returned, &mut outputs.written)?;
    }
    Ok(outputs)
}

fn output_binding<'a>(function: &'a Function, name: &str) -> Option<&'a Binding> {
    let mut outputs = function
        .bindings
        .iter()
        .filter(|binding| binding.direction != Direction::In);
    outputs.find(|binding| binding.name == name)
}

fn data(output: &ParameterBinding) -> Option<&Data> {
    match &output.rpc_data {
        Some(RpcData::Data(TypedData { data })) => data.as_ref(),
        _ => None,
    }
}

fn write(binding: &Binding, data: Option<&Data>, written: &mut Vec<Written>) -> Result<(), Unwritable> {
    let Some(data) = data else { return Ok(()) };
    let destination = destination(binding);
    written.extend(arriving(binding, data)?.into_iter().map(|content| Written {
        name: binding.name.clone(),
        kind: binding.kind.clone(),
        destination: destination.clone(),
        content,
    }));
    Ok(())
}

/// What arrives: nothing, one value, or several. Recorded for queues and blobs (`tests/recorded/outputs.json`); the others
/// take JSON as it is, an array as several values.
fn arriving(binding: &Binding, data: &Data) -> Result<Vec<Content>, Unwritable> {
    let is_blob = binding.is("blob");
    let refused = |data| {
        Err(Unwritable::Kind {
            name: binding.name.clone(),
            data,
        })
    };
    Ok(match data {
        // Only queues look for JSON in plain text.
        Data::String(text) if binding.is("queue") => match serde_json::from_str(text) {
            Ok(json @ (Value::Object(_) | Value::Array(_))) => values(binding, &json, text),
            _ => vec![Content::Text(text.clone())],
        },
        Data::String(text) => vec![Content::Text(text.clone())],
        Data::Json(text) if text.is_empty() => Vec::new(),
        Data::Json(text) => match serde_json::from_str::<Value>(text) {
            Ok(json) => values(binding, &json, text),
            Err(error) => {
                return Err(Unwritable::NoJson {
                    name: binding.name.clone(),
                    error: error.to_string(),
                });
            }
        },
        Data::Bytes(bytes) => vec![Content::Bytes(bytes.clone())],
        Data::Int(number) if is_blob => vec![raw_integer(*number)],
        Data::Int(number) => vec![Content::Text(number.to_string())],
        Data::Double(number) if is_blob => vec![raw_double(*number)],
        Data::Double(number) => vec![Content::Text(number.to_string())],
        // The real host writes an empty value.
        Data::Stream(_) => return refused("stream"),
        Data::Http(_) => return refused("HTTP response"),
        _ => return refused("collection"),
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
        Value::Number(number) => match number.as_i64() {
            Some(number) if is_blob => raw_integer(number),
            Some(number) => Content::Text(number.to_string()),
            None if is_blob => raw_double(number.as_f64().unwrap_or_default()),
            None => Content::Text(plain_numbers(text)),
        },
        Value::Object(_) | Value::Array(_) if binding.is("queue") => Content::Text(indented(&plain_numbers(text))),
        Value::Object(_) | Value::Array(_) => Content::Text(plain_numbers(&compact(text))),
    })
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

/// JSON whose fractions are written as .NET's serializer writes them: `1.50` as `1.5`.
fn plain_numbers(json: &str) -> String {
    outside_texts(json, |run, into| {
        let is_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E');
        let mut rest = run;
        while let Some(start) = rest.find(|c: char| c.is_ascii_digit() || c == '-') {
            let (before, number) = rest.split_at(start);
            let (number, after) = number.split_at(number.find(|c| !is_number(c)).unwrap_or(number.len()));
            into.push_str(before);
            match number.parse::<f64>() {
                Ok(value) if number.contains(['.', 'e', 'E']) => {
                    let text = value.to_string();
                    into.push_str(&text);
                    if !text.contains('.') {
                        into.push_str(".0");
                    }
                }
                _ => into.push_str(number),
            }
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

impl Outputs {
    /// A table for people, one line for each value.
    pub(crate) fn table(&self) -> Option<String> {
        if self.written.is_empty() {
            return None;
        }
        let header = ["OUTPUT", "TYPE", "TO", "DATA"].map(str::to_owned);
        let shown = self.written.iter().take(ROWS).map(|written| {
            let Written {
                name,
                kind,
                destination,
                ..
            } = written;
            [
                printable(name),
                printable(kind),
                printable(destination),
                written.content.shown(),
            ]
        });
        let rows: Vec<[String; 4]> = std::iter::once(header).chain(shown).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths = [width(0), width(1), width(2)];
        let lines = rows.iter().map(|[name, kind, to, data]| {
            let [first, second, third] = widths;
            format!("  {name:first$}  {kind:second$}  {to:third$}  {data}")
        });
        let mut lines: Vec<String> = lines.collect();
        if let Some(more) = self.written.len().checked_sub(ROWS).filter(|more| *more > 0) {
            lines.push(format!("  … and {more} more"));
        }
        Some(lines.join("\n"))
    }

    /// What a program gets: an object for each value, with `data` as text, or `base64` where it is no text.
    pub(crate) fn json(&self) -> Value {
        use base64::Engine as _;
        let one = |written: &Written| {
            let (member, data) = match &written.content {
                Content::Text(text) => ("data", text.clone()),
                Content::Bytes(bytes) => match std::str::from_utf8(bytes) {
                    Ok(text) => ("data", text.to_owned()),
                    Err(_) => ("base64", base64::engine::general_purpose::STANDARD.encode(bytes)),
                },
            };
            json!({"name": written.name, "type": written.kind, "to": written.destination, member: data})
        };
        Value::Array(self.written.iter().map(one).collect())
    }
}

/// Text that does nothing to a terminal.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

impl Content {
    fn shown(&self) -> String {
        let text = match self {
            Self::Text(text) => Some(text.as_str()),
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        };
        match (text, self) {
            (Some(text), _) => {
                let mut letters = text
                    .split_whitespace()
                    .flat_map(|word| std::iter::once(' ').chain(word.chars()))
                    .skip(1);
                let line: String = letters.by_ref().take(SHOWN).collect();
                let line = printable(&line);
                match letters.next() {
                    Some(_) => format!("{line}… ({} bytes)", text.len()),
                    None => line,
                }
            }
            (None, Self::Bytes(bytes)) => format!("{} bytes that are not text", bytes.len()),
            (None, Self::Text(_)) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{
        metadata::{AppSettings, read as read_metadata},
        rpc::messages::{CollectionString, ModelBindingData},
        tests::described::{HTTP, metadata},
    };
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use std::collections::BTreeMap;

    /// What the real host made of each answer, and what lay in queue and blob afterwards.
    const RECORDED: &str = include_str!("tests/recorded/outputs.json");

    fn function(bindings: &Value) -> Function {
        let bindings: Vec<_> = bindings.as_array().unwrap().iter().map(Value::to_string).collect();
        let mut texts: Vec<&str> = bindings.iter().map(String::as_str).collect();
        texts.push(HTTP);
        let function = read_metadata(vec![metadata("f", &texts)], &AppSettings::default()).remove(0);
        assert_eq!(function.error, None);
        function
    }

    fn data_of(recorded: &Value) -> Option<Data> {
        let (kind, value) = recorded.as_object().unwrap().iter().next()?;
        let text = || value.as_str().unwrap().to_owned();
        let bytes = || Bytes::from(STANDARD.decode(text()).unwrap());
        Some(match kind.as_str() {
            "string" => Data::String(text()),
            "json" => Data::Json(text()),
            "bytes" => Data::Bytes(bytes()),
            "stream" => Data::Stream(bytes()),
            "int" => Data::Int(text().parse().unwrap()),
            "double" => Data::Double(value.as_f64().unwrap()),
            "http" => Data::Http(Box::default()),
            "modelBindingData" => Data::ModelBindingData(ModelBindingData::default()),
            _ => Data::CollectionString(CollectionString::default()),
        })
    }

    fn response(recorded: &Value) -> InvocationResponse {
        let output = |output: &Value| ParameterBinding {
            name: output["name"].as_str().unwrap().to_owned(),
            rpc_data: Some(RpcData::Data(TypedData {
                data: data_of(&output["data"]),
            })),
        };
        InvocationResponse {
            output_data: recorded["outputData"]
                .as_array()
                .map(|outputs| outputs.iter().map(output).collect())
                .unwrap_or_default(),
            return_value: recorded
                .get("returnValue")
                .map(|value| TypedData { data: data_of(value) }),
            ..Default::default()
        }
    }

    #[test]
    fn what_is_shown_is_what_the_real_host_wrote() {
        let recorded: Value = serde_json::from_str(RECORDED).unwrap();
        let mut played = 0;
        for (name, app) in recorded.as_object().unwrap() {
            let function = function(&app["bindings"]);
            for (case, recorded) in app["cases"].as_object().unwrap() {
                // The host writes nothing of a failed invocation, and we read nothing of it.
                if case == "failure-with-outputs" {
                    continue;
                }
                played += 1;
                let outputs = read(&function, &response(&recorded["response"]));
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
        let outputs = read(&function(&bindings), &response(&answer)).unwrap();
        assert_eq!(
            (outputs.written.len(), outputs.unknown),
            (0, vec!["ONE".to_owned(), "req".to_owned()])
        );
    }

    #[test]
    fn a_table_shows_a_line_for_each_value_and_cuts_long_ones() {
        let bindings = json!([
            {"name":"message","type":"queue","direction":"out","queueName":"orders"},
            {"name":"file","type":"blob","direction":"out","path":"out/{id}"},
        ]);
        let answer = json!({"outputData":[
            {"name":"message","data":{"json":"[{\"id\":1},\"two\"]"}},
            {"name":"file","data":{"bytes":"/w=="}},
        ]});
        let outputs = read(&function(&bindings), &response(&answer)).unwrap();
        assert_eq!(
            outputs.table().unwrap(),
            "  OUTPUT   TYPE   TO        DATA\n\
             \x20 message  queue  orders    { \"id\": 1 }\n\
             \x20 message  queue  orders    two\n\
             \x20 file     blob   out/{id}  1 bytes that are not text"
        );
        let many = json!({"outputData":[{"name":"message","data":{"json":json!(vec![1; 50]).to_string()}}]});
        let table = read(&function(&bindings), &response(&many)).unwrap().table().unwrap();
        assert_eq!(
            (table.lines().count(), table.lines().last()),
            (22, Some("  … and 30 more"))
        );
        assert_eq!(Content::Text("a\u{1b}[2J b".to_owned()).shown(), "a\u{fffd}[2J b");
        let long = Content::Text("ü".repeat(500));
        assert_eq!(long.shown(), format!("{}… (1000 bytes)", "ü".repeat(SHOWN)));
        assert_eq!(
            outputs.json()[2],
            json!({"name":"file","type":"blob","to":"out/{id}","base64":"/w=="})
        );
    }
}
