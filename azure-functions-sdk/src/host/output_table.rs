//! What a function wrote to its output bindings. The services behind them are not there, so the host shows it instead.

use super::{
    function::Function,
    invocation::{Failure, InvokeError},
    rpc::messages::{Data, InvocationResponse, TypedData, parameter_binding::RpcData},
};
use crate::services::written::{self, Content, Outputs, Unwritable, Written};
use serde_json::{Value, json};

/// More rows are counted only.
const ROWS: usize = 20;

/// Longer data is cut where it is shown to people.
const SHOWN: usize = 120;

impl From<Unwritable> for InvokeError {
    fn from(error: Unwritable) -> Self {
        Self::Failed(Failure {
            message: error.to_string(),
            stack: String::new(),
        })
    }
}

/// Reads the outputs of a response.
///
/// # Errors
/// The real host fails the invocation.
pub(crate) fn read(function: &Function, response: &InvocationResponse) -> Result<Outputs, Unwritable> {
    let answered = response.output_data.iter().map(|output| {
        let data = match &output.rpc_data {
            Some(RpcData::Data(TypedData { data })) => data.as_ref(),
            _ => None,
        };
        (output.name.as_str(), data)
    });
    let returned = response.return_value.as_ref().and_then(|value| value.data.as_ref());
    written::read(&function.bindings, answered, returned, |data: &Data| data.into())
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
                shown(&written.content) + &beside(written),
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
            let mut one = json!({"name": written.name, "type": written.kind, "to": written.destination, member: data});
            if let Some(key) = &written.key {
                one["key"] = json!(key);
            }
            if !written.headers.is_empty() {
                let header = |(name, value): &(String, String)| json!({ "name": name, "value": value });
                one["headers"] = written.headers.iter().map(header).collect();
            }
            one
        };
        Value::Array(self.written.iter().map(one).collect())
    }
}

/// Text that does nothing to a terminal.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

fn shown(content: &Content) -> String {
    let text = match content {
        Content::Text(text) => Some(text.as_str()),
        Content::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
    };
    match (text, content) {
        (Some(text), _) => shortened(text),
        (None, Content::Bytes(bytes)) => format!("{} bytes that are not text", bytes.len()),
        (None, Content::Text(_)) => String::new(),
    }
}

/// The key and the headers of a Kafka record, after its value.
fn beside(written: &Written) -> String {
    let key = written.key.iter().map(|key| format!("key: {key}"));
    let headers = written.headers.iter().map(|(name, value)| format!("{name}: {value}"));
    let all: Vec<_> = key.chain(headers).collect();
    match all.is_empty() {
        true => String::new(),
        false => format!("  ({})", shortened(&all.join("; "))),
    }
}

/// One line of text, cut if it is long.
fn shortened(text: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn outputs(values: impl IntoIterator<Item = (&'static str, &'static str, Content)>) -> Outputs {
        let written = values.into_iter().map(|(kind, destination, content)| Written {
            name: if kind == "queue" { "message" } else { "file" }.to_owned(),
            kind: kind.to_owned(),
            destination: destination.to_owned(),
            content,
            key: None,
            headers: Vec::new(),
        });
        Outputs {
            written: written.collect(),
            unknown: Vec::new(),
        }
    }

    #[test]
    fn a_table_shows_a_line_for_each_value_and_cuts_long_ones() {
        let text = |text: &str| Content::Text(text.to_owned());
        let three = outputs([
            ("queue", "orders", text("{\n  \"id\": 1\n}")),
            ("queue", "orders", text("two")),
            ("blob", "out/{id}", Content::Bytes(Bytes::from_static(b"\xff"))),
        ]);
        assert_eq!(
            three.table().unwrap(),
            "  OUTPUT   TYPE   TO        DATA\n\
             \x20 message  queue  orders    { \"id\": 1 }\n\
             \x20 message  queue  orders    two\n\
             \x20 file     blob   out/{id}  1 bytes that are not text"
        );
        assert_eq!(
            three.json()[2],
            json!({"name":"file","type":"blob","to":"out/{id}","base64":"/w=="})
        );
        let many = outputs((0..50).map(|_| ("queue", "orders", text("1"))));
        let table = many.table().unwrap();
        assert_eq!(
            (table.lines().count(), table.lines().last()),
            (22, Some("  … and 30 more"))
        );
        assert_eq!(shown(&text("a\u{1b}[2J b")), "a\u{fffd}[2J b");
        assert_eq!(
            shown(&Content::Text("ü".repeat(500))),
            format!("{}… (1000 bytes)", "ü".repeat(SHOWN))
        );
    }

    #[test]
    fn a_kafka_record_is_shown_with_its_key_and_headers() {
        let mut record = outputs([("kafka", "orders", Content::Text("hello".to_owned()))]);
        record.written[0].key = Some("k".to_owned());
        record.written[0].headers = vec![("from".to_owned(), "shop".to_owned())];
        let table = record.table().unwrap();
        assert!(table.ends_with("kafka  orders  hello  (key: k; from: shop)"), "{table}");
        assert_eq!(
            record.json()[0],
            json!({"name":"file","type":"kafka","to":"orders","data":"hello","key":"k","headers":[{"name":"from","value":"shop"}]})
        );
    }
}
