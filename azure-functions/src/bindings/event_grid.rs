//! Events of Event Grid, in both of its schemas.

use crate::{
    BindingError,
    binding::{
        BindingData, BindingSpec, FromBatch, FromBinding, Input, IntoBatch, IntoBinding, IntoTrigger, TriggerData,
        batch, dotnet_time, table,
    },
    http::Json,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// An event in the schema of Event Grid: a trigger, or an output.
///
/// As a trigger it takes no arguments: which events arrive is said by the event subscription. `Vec<EventGridEvent<T>>` takes all
/// events of a delivery at once. For events in the schema of CloudEvents take a [`CloudEvent`].
///
/// As an output, the arguments are `topic_endpoint_uri` and `topic_key_setting`, which name settings, or `connection`, the prefix of the
/// settings for an identity. `Vec<EventGridEvent<T>>` is several events. Leave `topic` empty: the topic fills it in.
///
/// `T` is the data: any type that serde can read, or write.
///
/// ```
/// use azure_functions::{bindings::EventGridEvent, func};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Stored {
///     url: String,
/// }
///
/// #[func]
/// fn stored(event: EventGridEvent<Stored>) {
///     log::info!("{} {}", event.subject, event.data.url);
/// }
///
/// // A test calls the function.
/// stored(EventGridEvent::new("1", "Blob.Stored", "images/cat.png", Stored { url: "https://…".into() }));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct EventGridEvent<T = Value> {
    /// Id, unique for the event.
    pub id: String,
    /// Resource that it comes from.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    pub topic: String,
    /// What it is about, in the words of the publisher.
    #[serde(default, deserialize_with = "text")]
    pub subject: String,
    /// Its kind, such as `Microsoft.Storage.BlobCreated`.
    pub event_type: String,
    /// When it happened; a publisher may leave it out, which is the beginning of 1970 here.
    #[serde(default, deserialize_with = "dotnet_time::or_epoch")]
    pub event_time: DateTime<Utc>,
    /// The data.
    pub data: T,
    /// Version of the data's schema.
    #[serde(default, deserialize_with = "text")]
    pub data_version: String,
    /// Version of the event's schema.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    pub metadata_version: String,
}

impl<T> EventGridEvent<T> {
    /// An event that happens now.
    pub fn new(id: impl Into<String>, event_type: impl Into<String>, subject: impl Into<String>, data: T) -> Self {
        Self {
            id: id.into(),
            topic: String::new(),
            subject: subject.into(),
            event_type: event_type.into(),
            event_time: Utc::now(),
            data,
            data_version: "1.0".to_owned(),
            metadata_version: String::new(),
        }
    }
}

/// An event in the schema of CloudEvents 1.0: a trigger, or an output, with the arguments of [`EventGridEvent`].
///
/// ```
/// use azure_functions::{bindings::{CloudEvent, HttpRequest, HttpResponse}, func, http::Json};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Order {
///     id: String,
/// }
///
/// #[func]
/// #[binding(name = "output1", topic_endpoint_uri = "TOPIC", topic_key_setting = "TOPIC_KEY")]
/// fn order(_request: HttpRequest, order: Json<Order>) -> (HttpResponse, CloudEvent<Order>) {
///     let id = order.0.id.clone();
///     ("accepted".into(), CloudEvent::new(id, "/orders", "Order.Accepted", order.0))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CloudEvent<T = Value> {
    /// Version of the schema: `1.0`.
    pub specversion: String,
    /// Id, unique for the source.
    pub id: String,
    /// What it comes from: a URI reference.
    pub source: String,
    /// Its kind.
    #[serde(rename = "type")]
    pub event_type: String,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it happened.
    #[serde(
        default,
        deserialize_with = "dotnet_time::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub time: Option<DateTime<Utc>>,
    /// Media type of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datacontenttype: Option<String>,
    /// Schema of the data: a URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataschema: Option<String>,
    /// The data; none if it is bytes.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub data: Option<T>,
    /// Bytes in Base64, in the place of data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_base64: Option<String>,
    /// Extension attributes.
    #[serde(flatten)]
    pub extensions: Map<String, Value>,
}

/// A text that may be `null`.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Option::<String>::deserialize(deserializer).map(Option::unwrap_or_default)
}

fn none<T>() -> Option<T> {
    None
}

impl<T> CloudEvent<T> {
    /// An event that happens now.
    pub fn new(id: impl Into<String>, source: impl Into<String>, event_type: impl Into<String>, data: T) -> Self {
        Self {
            specversion: "1.0".to_owned(),
            id: id.into(),
            source: source.into(),
            event_type: event_type.into(),
            subject: None,
            time: Some(Utc::now()),
            datacontenttype: None,
            dataschema: None,
            data: Some(data),
            data_base64: None,
            extensions: Map::new(),
        }
    }

    /// The data that is bytes.
    ///
    /// # Errors
    /// If `data_base64` is not Base64.
    pub fn bytes(&self) -> Result<Option<Bytes>, BindingError> {
        let Some(text) = &self.data_base64 else { return Ok(None) };
        match STANDARD.decode(text) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) => Err(BindingError::with_source(
                format!("the data of the event `{}` is not Base64: {error}", self.id),
                error,
            )),
        }
    }
}

/// Reads an event, or says which type it would be.
fn read<E: DeserializeOwned>(data: &BindingData, other: (&str, &str)) -> Result<E, BindingError> {
    data.parse().map_err(|error| {
        let (member, name) = other;
        let value = data.parse::<Value>();
        match value.is_ok_and(|value| value.get(member).is_some()) {
            true => BindingError::with_source(
                format!("the event is of the other schema: take a `{name}` ({error})"),
                error,
            ),
            false => error,
        }
    })
}

macro_rules! event {
    ($name:ident, $other:expr) => {
        impl<T: DeserializeOwned> FromBinding for $name<T> {
            const SPEC: BindingSpec = BindingSpec::of(&table::EVENT_GRID_TRIGGER);

            fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
                read(&input.take_data(), $other)
            }
        }

        impl<T: DeserializeOwned> FromBatch for $name<T> {
            fn from_batch(mut input: Input<'_>) -> Result<Vec<Self>, BindingError> {
                let items = batch::items(input.take_data())?;
                items.iter().map(|item| read(item, $other)).collect()
            }
        }

        impl<T: Serialize> IntoBinding for $name<T> {
            const SPEC: BindingSpec = BindingSpec::of(&table::EVENT_GRID);

            fn into_binding(self) -> Result<BindingData, BindingError> {
                BindingData::json(&self)
            }
        }

        impl<T: Serialize> IntoTrigger for $name<T> {
            fn into_trigger(self) -> Result<TriggerData, BindingError> {
                TriggerData::new(Json(self))
            }
        }

        impl<T: Serialize> IntoBatch for $name<T> {
            fn into_batch(values: Vec<Self>) -> Result<BindingData, BindingError> {
                BindingData::json(&values)
            }
        }
    };
}

event!(EventGridEvent, ("specversion", "CloudEvent"));
event!(CloudEvent, ("eventType", "EventGridEvent"));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::shown::shows;
    use crate::{binding::recorded::Recorded, rpc::Data};
    use serde_json::json;

    const RECORDED: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/recorded/triggers/event_grid.jsonl"
    ));

    #[test]
    fn every_recorded_event_is_read_in_its_own_schema_and_no_other() {
        let all = Recorded::all(RECORDED);
        assert_eq!(all.len(), 15);
        for recorded in all {
            let name = recorded.name.as_str();
            let is_cloud = name.contains("cloudevent");
            let count = match name {
                _ if !name.contains(".many") => 1,
                _ if name.ends_with("batch") || name.ends_with("two-events") => 2,
                _ => 1,
            };
            // A batch of one is what a single event is, too.
            let cloud = recorded.take::<Vec<CloudEvent>>();
            let grid = recorded.take::<Vec<EventGridEvent>>();
            if is_cloud {
                assert_eq!(cloud.unwrap().len(), count, "{name}");
                let error = grid.unwrap_err().to_string();
                assert!(error.contains("take a `CloudEvent`"), "{name}: {error}");
            } else {
                assert_eq!(grid.unwrap().len(), count, "{name}");
                let error = cloud.unwrap_err().to_string();
                assert!(error.contains("take a `EventGridEvent`"), "{name}: {error}");
            }
        }
    }

    #[test]
    fn an_event_grid_event_has_all_its_members() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Fruit {
            fruit: String,
            when: DateTime<Utc>,
        }
        let event: EventGridEvent<Fruit> = Recorded::named(RECORDED, "eventgrid.one.event-1").take().unwrap();
        assert_eq!((event.id.as_str(), event.topic.as_str()), ("1", "/subscriptions/x"));
        assert_eq!(
            (event.subject.as_str(), event.event_type.as_str()),
            ("sub/ject", "My.Type")
        );
        assert_eq!(
            (event.data.fruit.as_str(), event.data_version.as_str()),
            ("äpple", "1.0")
        );
        assert_eq!(event.event_time, event.data.when);
        assert_eq!(event.event_time.timestamp_subsec_nanos(), 123_456_700);
        let text: EventGridEvent<String> = Recorded::named(RECORDED, "eventgrid.one.event-2-data-is-text")
            .take()
            .unwrap();
        assert_eq!(text.data, "just text");
    }

    #[test]
    fn a_cloud_event_keeps_its_extensions_and_its_bytes() {
        let event: CloudEvent = Recorded::named(RECORDED, "eventgrid.one.cloudevent").take().unwrap();
        assert_eq!((event.source.as_str(), event.subject.as_deref()), ("/src", Some("s")));
        assert_eq!(event.data, Some(json!({"a": 1})));
        assert_eq!(event.extensions["myext"], "ext");
        let bytes: CloudEvent = Recorded::named(RECORDED, "eventgrid.one.cloudevent-batch-2-base64")
            .take()
            .unwrap();
        assert_eq!(
            (bytes.data.as_ref(), bytes.bytes().unwrap().as_deref()),
            (None, Some(&[0xff, 0][..]))
        );
    }

    // By hand: the hosts pass on what publishers write, and those write dates without offset and members that are null.
    #[test]
    fn times_without_offset_and_null_members_are_read() {
        let data = Data::Json(
            r#"{"id":"1","topic":null,"subject":null,"eventType":"T","eventTime":"2026-01-02T03:04:05.5","data":null,"dataVersion":null,"metadataVersion":null}"#
                .to_owned(),
        );
        let event: EventGridEvent = Recorded::by_hand("event", data, &[]).take().unwrap();
        assert_eq!(event.event_time.to_rfc3339(), "2026-01-02T03:04:05.500+00:00");
        assert_eq!(
            (
                event.topic.as_str(),
                event.subject.as_str(),
                event.data_version.as_str()
            ),
            ("", "", "")
        );
        let cloud = |time: &str| {
            let data = Data::Json(format!(
                r#"{{"specversion":"1.0","id":"1","source":"/s","type":"T","subject":null,"time":{time},"data":null}}"#
            ));
            Recorded::by_hand("event", data, &[]).take::<CloudEvent>()
        };
        assert_eq!(
            cloud(r#""2026-01-02T03:04:05""#).unwrap().time.unwrap().timestamp(),
            1_767_323_045
        );
        assert_eq!(cloud("null").unwrap().time, None);
        assert_eq!(cloud(r#""0001-01-01T00:00:00""#).unwrap().time, None);
        let error = cloud(r#""soon""#).unwrap_err().to_string();
        assert!(error.starts_with("time: \"soon\" is not a date and time"), "{error}");
    }

    #[test]
    fn an_event_that_was_written_is_read_again() {
        let event = EventGridEvent::new("1", "T", "s", json!(null));
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<EventGridEvent>(&text).unwrap(), event);
        let event = CloudEvent::new("1", "/s", "T", json!({"a": 1}));
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<CloudEvent>(&text).unwrap(), event);
    }

    #[test]
    fn events_are_sent_as_json_with_the_members_that_tell_their_schema() {
        let mut event = EventGridEvent::new("7", "My.Type", "s", json!({"n": 1}));
        event.event_time = DateTime::UNIX_EPOCH;
        let BindingData::Json(json) = event.clone().into_binding().unwrap() else {
            panic!("no JSON")
        };
        let wanted = r#"{"id":"7","subject":"s","eventType":"My.Type","eventTime":"1970-01-01T00:00:00Z","data":{"n":1},"dataVersion":"1.0"}"#;
        assert_eq!(json, wanted);
        let BindingData::Json(json) = vec![event].into_binding().unwrap() else {
            panic!("no JSON")
        };
        assert_eq!(json, format!("[{wanted}]"));
        let mut cloud = CloudEvent::new("8", "/src", "My.Type", 1);
        cloud.time = None;
        let BindingData::Json(json) = cloud.into_binding().unwrap() else {
            panic!("no JSON")
        };
        assert_eq!(
            json,
            r#"{"specversion":"1.0","id":"8","source":"/src","type":"My.Type","data":1}"#
        );
    }

    shows!(EVENT_GRID_TRIGGER, Decoding: every_recorded_event_is_read_in_its_own_schema_and_no_other);
    shows!(EVENT_GRID, Encoding: events_are_sent_as_json_with_the_members_that_tell_their_schema);
}
