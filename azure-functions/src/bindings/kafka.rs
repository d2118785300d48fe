//! Records of Kafka topics.

use crate::{
    BindingError,
    binding::{
        BindingData, BindingSpec, FromBatch, FromBinding, FromPayload, Input, IntoBatch, IntoBinding, IntoPayload,
        IntoTrigger, TriggerData, table,
        trigger_metadata::{self, Fields, FromFields},
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::json;

/// A record of a Kafka topic, which starts the function.
///
/// Arguments of its binding: `broker_list` and `topic` (required), `consumer_group`; how the brokers are reached (`protocol`,
/// `authentication_mode`, `username`, `password`, certificates) is in the [table of all bindings](crate::guide::bindings). `broker_list`,
/// `username`, `password` and the like name app settings, or hold `%SETTING%`.
///
/// `Vec<KafkaTrigger<T>>` takes several records at once. `T` is the value: [`Bytes`], `String`, `Vec<u8>`, or
/// [`Json<T>`](crate::http::Json). Values in Avro arrive as their bytes: the function decodes them.
///
/// ```
/// use azure_functions::{bindings::KafkaTrigger, func};
///
/// #[func]
/// fn pack(
///     #[binding(broker_list = "KafkaBrokers", topic = "orders", consumer_group = "packing")]
///     orders: Vec<KafkaTrigger<String>>,
/// ) {
///     for order in orders {
///         log::info!("{:?}: {} (offset {:?})", order.key, order.value, order.offset);
///     }
/// }
///
/// // A test calls the function.
/// pack(vec![KafkaTrigger::new("a book".to_owned())]);
/// ```
///
/// Source: `KafkaTriggerAttribute` and `KafkaTriggerBindingStrategy` of the extension 3.x and 4.x.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KafkaTrigger<T = Bytes> {
    /// The content.
    pub value: T,
    /// What decides about the partition, as text.
    pub key: Option<String>,
    /// The topic.
    pub topic: Option<String>,
    /// The partition.
    pub partition: Option<i32>,
    /// Place of the record in its partition.
    pub offset: Option<i64>,
    /// When it was made, or taken by the broker.
    pub timestamp: Option<DateTime<Utc>>,
    /// What the sender added, in its order; a key may come more than once.
    pub headers: Vec<KafkaHeader>,
}

/// A header of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct KafkaHeader {
    /// Its name.
    pub key: String,
    /// Its value.
    #[serde(default, deserialize_with = "base64")]
    pub value: Bytes,
}

fn base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    STANDARD.decode(text).map(Bytes::from).map_err(D::Error::custom)
}

impl<T> KafkaTrigger<T> {
    /// A record, for a test that calls a function.
    pub fn new(value: T) -> Self {
        Self::from_fields(value, Fields::default())
    }

    /// The value of the last header of this name.
    pub fn header(&self, name: &str) -> Option<&Bytes> {
        let mut headers = self.headers.iter().rev();
        Some(&headers.find(|header| header.key == name)?.value)
    }
}

impl<T> FromFields<T> for KafkaTrigger<T> {
    const OWN: &[&str] = &["Key", "Topic", "Partition", "Offset", "Timestamp", "Headers"];

    fn from_fields(value: T, mut fields: Fields) -> Self {
        Self {
            value,
            key: fields.take_text("Key"),
            topic: fields.take("Topic"),
            partition: fields.take("Partition"),
            offset: fields.take("Offset"),
            timestamp: fields.take_time("Timestamp"),
            headers: fields.take_items("Headers"),
        }
    }
}

impl<T: FromPayload> FromBinding for KafkaTrigger<T> {
    const SPEC: BindingSpec = BindingSpec::of(&table::KAFKA_TRIGGER);

    fn from_binding(input: Input<'_>) -> Result<Self, BindingError> {
        trigger_metadata::one(input)
    }
}

impl<T: FromPayload> FromBatch for KafkaTrigger<T> {
    fn from_batch(input: Input<'_>) -> Result<Vec<Self>, BindingError> {
        trigger_metadata::several(input)
    }
}

impl<T: IntoPayload> IntoTrigger for KafkaTrigger<T> {
    fn into_trigger(self) -> Result<TriggerData, BindingError> {
        let headers = self.headers.iter();
        let headers: Vec<_> = headers
            .map(|header| json!({"Key": header.key, "Value": STANDARD.encode(&header.value)}))
            .collect();
        TriggerData::new(self.value)?
            .with("Key", self.key)?
            .with("Topic", self.topic)?
            .with("Partition", self.partition)?
            .with("Offset", self.offset)?
            .with_time("Timestamp", self.timestamp)?
            .with("Headers", headers)
    }
}

/// A record for a Kafka topic: an output.
///
/// Arguments of its binding: `broker_list` and `topic` (required), and those by which [`KafkaTrigger`] reaches the brokers. The value must be
/// UTF-8: the extension sends text. `Vec<KafkaMessage<T>>` is several records.
///
/// ```
/// use azure_functions::{bindings::{HttpRequest, KafkaMessage}, func, http::Json};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Order {
///     id: String,
/// }
///
/// #[func]
/// #[binding(name = "output1", broker_list = "KafkaBrokers", topic = "orders")]
/// fn order(_request: HttpRequest, order: Json<Order>) -> ((), KafkaMessage<Json<Order>>) {
///     let id = order.0.id.clone();
///     ((), KafkaMessage::new(order).key(id).header("from", "shop"))
/// }
/// ```
///
/// If the whole value of a record with a key or headers is a date and time, the extension reads it as one, and writes it anew in the form of
/// .NET.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KafkaMessage<T = String> {
    /// The content.
    pub value: T,
    /// What decides about the partition.
    pub key: Option<String>,
    /// What is added, in this order.
    pub headers: Vec<(String, String)>,
}

impl<T> KafkaMessage<T> {
    /// A record without key and headers.
    pub fn new(value: T) -> Self {
        Self {
            value,
            key: None,
            headers: Vec::new(),
        }
    }

    /// What decides about the partition.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// The JSON object that describes a record with a key or headers. The extension reads a text that is an object with all of these members
/// (the key may be missing) as a record, and any other text as the value of one. It uses the key, the value and the headers.
///
/// Source: `KafkaProducerAsyncCollector` and `KafkaMessageBuilder` of the extension. The local host reads records in the same way.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<'a> {
    offset: i64,
    partition: i32,
    topic: &'a str,
    timestamp: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    value: &'a str,
    headers: Vec<EnvelopeHeader<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct EnvelopeHeader<'a> {
    key: &'a str,
    value: &'a str,
}

impl<T: IntoPayload> KafkaMessage<T> {
    /// The text that the extension makes the record of.
    fn into_text(self) -> Result<String, BindingError> {
        let value = self.value.into_payload()?;
        let value = std::str::from_utf8(&value).map_err(|error| {
            BindingError::with_source(
                "the value is not UTF-8, and a host takes text only for Kafka: encode it, in Base64 for example",
                error,
            )
        })?;
        // A host takes a JSON array apart, and writes an object anew.
        let is_plain = !value.trim_start().starts_with(['[', '{']);
        if is_plain && self.key.is_none() && self.headers.is_empty() {
            return Ok(value.to_owned());
        }
        let headers = self.headers.iter();
        let envelope = Envelope {
            offset: 0,
            partition: 0,
            topic: "",
            timestamp: "1970-01-01T00:00:00Z",
            key: self.key.as_deref(),
            value,
            headers: headers.map(|(key, value)| EnvelopeHeader { key, value }).collect(),
        };
        serde_json::to_string(&envelope).map_err(|error| BindingError::with_source(error.to_string(), error))
    }
}

impl<T: IntoPayload> IntoBinding for KafkaMessage<T> {
    const SPEC: BindingSpec = BindingSpec::of(&table::KAFKA);

    fn into_binding(self) -> Result<BindingData, BindingError> {
        self.into_text().map(BindingData::String)
    }
}

impl<T: IntoPayload> IntoBatch for KafkaMessage<T> {
    fn into_batch(values: Vec<Self>) -> Result<BindingData, BindingError> {
        let texts = values.into_iter().map(Self::into_text).collect::<Result<Vec<_>, _>>()?;
        BindingData::json(&texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::shown::shows;
    use crate::{
        binding::recorded::Recorded,
        http::Json,
        rpc::{CollectionBytes, Data},
    };

    #[test]
    fn a_record_that_a_test_fires_is_the_one_that_the_function_gets() {
        let mut record = KafkaTrigger::new("x".to_owned());
        record.key = Some("k".to_owned());
        record.partition = Some(1);
        record.headers = vec![KafkaHeader {
            key: "a".to_owned(),
            value: Bytes::from_static(&[0xff]),
        }];
        let (contents, _, metadata) = record.clone().into_trigger().unwrap().into_parts();
        let metadata: Vec<_> = metadata
            .iter()
            .map(|(name, value)| (name.as_str(), json(&value.to_string())))
            .collect();
        let fired = Recorded::by_hand("record", Data::Bytes(contents[0].clone()), &metadata);
        assert_eq!(fired.take::<KafkaTrigger<String>>().unwrap(), record);
    }

    // By hand, from the extension's source: no Kafka was there to be recorded.
    fn json(text: &str) -> Data {
        Data::Json(text.to_owned())
    }

    #[test]
    fn a_record_of_kafka_is_read_with_its_key_and_headers() {
        let record: KafkaTrigger<Json<serde_json::Value>> = Recorded::by_hand(
            "record",
            Data::Bytes(br#"{"Key":"mine"}"#[..].into()),
            &[
                ("Key", Data::String("42".to_owned())),
                ("Topic", Data::String("orders".to_owned())),
                ("Partition", json("3")),
                ("Offset", json("7")),
                ("Timestamp", json(r#""2026-01-02T03:04:05.006Z""#)),
                (
                    "Headers",
                    json(r#"[{"Key":"a","Value":"/wA="},{"Key":"a","Value":"eA=="},{"Key":"odd","Value":3},{"Key":"b","Value":null}]"#),
                ),
            ],
        )
        .take()
        .unwrap();
        assert_eq!(record.value.0["Key"], "mine");
        assert_eq!(
            (record.key.as_deref(), record.topic.as_deref()),
            (Some("42"), Some("orders"))
        );
        assert_eq!((record.partition, record.offset), (Some(3), Some(7)));
        assert_eq!(record.timestamp.unwrap().timestamp_subsec_millis(), 6);
        assert_eq!((&*record.headers[0].value, record.headers.len()), (&[0xff, 0][..], 3));
        assert_eq!(record.header("a").unwrap(), "x");
        assert_eq!(record.header("c"), None);
    }

    #[test]
    fn a_batch_of_records_has_the_properties_of_each() {
        let bytes = vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")];
        let records: Vec<KafkaTrigger<String>> = Recorded::by_hand(
            "records",
            Data::CollectionBytes(CollectionBytes { bytes }),
            &[
                ("KeyArray", json(r#"["k",null]"#)),
                ("OffsetArray", json("[7,8]")),
                ("TopicArray", json(r#"["orders","orders"]"#)),
                ("HeadersArray", json(r#"[[],[{"Key":"a","Value":"eA=="}]]"#)),
            ],
        )
        .take()
        .unwrap();
        let read: Vec<_> = records
            .iter()
            .map(|record| {
                (
                    &*record.value,
                    record.key.as_deref(),
                    record.offset.unwrap(),
                    record.headers.len(),
                )
            })
            .collect();
        assert_eq!(read, [("one", Some("k"), 7, 0), ("two", None, 8, 1)]);
    }

    #[test]
    fn a_record_for_kafka_is_text_or_what_the_extension_takes_for_a_record() {
        let sent = |message: KafkaMessage<&'static str>| match message.into_binding().unwrap() {
            BindingData::String(text) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(sent(KafkaMessage::new("hello")), "hello");
        let all = r#"{"Offset":0,"Partition":0,"Topic":"","Timestamp":"1970-01-01T00:00:00Z","Key":"k","Value":"hello","Headers":[{"Key":"a","Value":"x"}]}"#;
        assert_eq!(sent(KafkaMessage::new("hello").key("k").header("a", "x")), all);
        // As texts, the host would take the one apart and indent the other.
        for (text, value) in [
            ("[1, 2]", r#""Value":"[1, 2]""#),
            (r#" {"a":1}"#, r#""Value":" {\"a\":1}""#),
        ] {
            let sent = sent(KafkaMessage::new(text));
            assert!(sent.contains(value) && !sent.contains("\"Key\""), "{sent}");
        }
    }

    #[test]
    fn several_records_for_kafka_are_one_json_array_of_texts() {
        let several = vec![
            KafkaMessage::new(Json(json!({"a": 1}))),
            KafkaMessage::new(Json(json!("b"))),
        ];
        let BindingData::Json(text) = several.into_binding().unwrap() else {
            panic!("no JSON")
        };
        let texts: Vec<String> = serde_json::from_str(&text).unwrap();
        assert!(texts[0].contains(r#""Value":"{\"a\":1}""#), "{text}");
        assert_eq!(texts[1], "\"b\"");
    }

    #[test]
    fn a_value_for_kafka_that_is_no_text_is_an_error() {
        let error = KafkaMessage::new(vec![0xff_u8]).into_binding().unwrap_err().to_string();
        assert!(error.contains("not UTF-8"), "{error}");
    }

    shows!(KAFKA_TRIGGER, Decoding: a_record_of_kafka_is_read_with_its_key_and_headers, a_batch_of_records_has_the_properties_of_each);
    shows!(KAFKA, Encoding: a_record_for_kafka_is_text_or_what_the_extension_takes_for_a_record, several_records_for_kafka_are_one_json_array_of_texts);
}
