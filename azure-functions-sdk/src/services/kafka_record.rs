//! The record that the Kafka extension makes of the text of an output.

use super::indent::indented;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

/// A record of a Kafka topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KafkaRecord {
    pub(crate) value: String,
    pub(crate) key: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
}

/// A JSON object with all members but the key describes a record. Without one of them, or with one of another type, it is a value.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described<'a> {
    #[serde(rename = "Offset")]
    _offset: Value,
    #[serde(rename = "Partition")]
    _partition: i32,
    #[serde(rename = "Topic")]
    _topic: Value,
    #[serde(rename = "Timestamp")]
    _timestamp: String,
    #[serde(default)]
    key: Value,
    #[serde(borrow)]
    value: &'a RawValue,
    headers: Vec<Header>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Header {
    key: String,
    value: String,
}

impl KafkaRecord {
    /// Reads the text. Source: `KafkaProducerAsyncCollector` of the extension.
    pub(crate) fn read(text: String) -> Self {
        let Ok(described) = serde_json::from_str::<Described<'_>>(&text) else {
            return Self {
                value: text,
                ..Self::default()
            };
        };
        Self {
            value: match serde_json::from_str(described.value.get()) {
                Ok(Value::String(text)) => text,
                Ok(Value::Null) => String::new(),
                _ => indented(described.value.get()),
            },
            key: match described.key {
                Value::Null => None,
                Value::String(text) => Some(text),
                other => Some(other.to_string()),
            },
            headers: described
                .headers
                .into_iter()
                .map(|header| (header.key, header.value))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_lacks_a_member_of_a_record_is_the_value() {
        let all =
            r#"{"Offset":0,"Partition":0,"Topic":"","Timestamp":"1970-01-01T00:00:00Z","Value":"v","Headers":[]}"#;
        assert_eq!(
            KafkaRecord::read(all.to_owned()),
            KafkaRecord {
                value: "v".to_owned(),
                ..KafkaRecord::default()
            }
        );
        for member in ["Offset", "Partition", "Topic", "Timestamp", "Value", "Headers"] {
            let text = all.replace(member, "Other");
            assert_eq!(KafkaRecord::read(text.clone()).value, text);
        }
    }
}
