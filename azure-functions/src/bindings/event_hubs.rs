//! Events of Event Hubs.

use crate::{
    BindingError,
    binding::{
        BindingData, BindingSpec, FromBatch, FromBinding, FromPayload, Input, IntoBatch, IntoBinding, IntoPayload,
        IntoTrigger, TriggerData, payload, table,
        trigger_metadata::{self, Fields, FromFields},
    },
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};

/// An event of an event hub, which starts the function.
///
/// Arguments of its binding: `event_hub_name` (required); `connection`, the name of the setting with the connection string or the prefix
/// of identity settings; `consumer_group` (`$Default` if absent).
///
/// `Vec<EventHubTrigger<T>>` takes several events of one partition at once, which is how Event Hubs is meant to be read: with one event
/// a call, each costs an invocation. `T` is the content: [`Bytes`], `String`, `Vec<u8>`, or [`Json<T>`](crate::http::Json).
///
/// ```
/// use azure_functions::{bindings::EventHubTrigger, func, http::Json};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Reading {
///     celsius: f64,
/// }
///
/// #[func]
/// fn measure(
///     #[binding(event_hub_name = "readings", connection = "EventHubs")] readings: Vec<EventHubTrigger<Json<Reading>>>,
/// ) {
///     let warm = readings.iter().filter(|reading| reading.event.0.celsius > 20.0).count();
///     log::info!("{warm} of {} are warm", readings.len());
/// }
///
/// // A test calls the function.
/// measure(vec![EventHubTrigger::new(Json(Reading { celsius: 21.5 }))]);
/// ```
///
/// The host moves on in the partition also after a failure: what must not be lost needs a [retry policy](macro@crate::func) or a place of
/// its own. Source: the metadata that the extension 5.x and 6.x sends.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct EventHubTrigger<T = Bytes> {
    /// The content.
    pub event: T,
    /// What decides about the partition, if the sender gave it.
    pub partition_key: Option<String>,
    /// Number of the event in its partition.
    pub sequence_number: Option<i64>,
    /// Place of the event in its partition.
    pub offset: Option<String>,
    /// When Event Hubs took it.
    pub enqueued_time: Option<DateTime<Utc>>,
    /// The sender's own properties.
    pub properties: Map<String, Value>,
    /// Properties that Event Hubs, or IoT Hub, gave it.
    pub system_properties: Map<String, Value>,
    /// The partition; the same for all events of a batch.
    pub partition: Option<Partition>,
}

/// A partition of an event hub, as a consumer group reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Partition {
    /// Id of the partition.
    pub partition_id: String,
    /// Name of the event hub.
    pub event_hub_name: String,
    /// The consumer group.
    pub consumer_group: String,
    /// Name of the host of the namespace.
    pub fully_qualified_namespace: String,
}

impl<T> EventHubTrigger<T> {
    /// An event, for a test that calls a function.
    pub fn new(event: T) -> Self {
        Self::from_fields(event, Fields::default())
    }
}

const PARTITION: &[&str] = &[
    "PartitionId",
    "EventHubName",
    "ConsumerGroup",
    "FullyQualifiedNamespace",
];

impl Partition {
    /// None without an id.
    fn from_fields(mut fields: Fields) -> Option<Self> {
        Some(Self {
            partition_id: fields.take_text("PartitionId")?,
            event_hub_name: fields.take("EventHubName").unwrap_or_default(),
            consumer_group: fields.take("ConsumerGroup").unwrap_or_default(),
            fully_qualified_namespace: fields.take("FullyQualifiedNamespace").unwrap_or_default(),
        })
    }
}

impl<T> FromFields<T> for EventHubTrigger<T> {
    const OWN: &[&str] = &[
        "PartitionKey",
        "SequenceNumber",
        "Offset",
        "OffsetString",
        "EnqueuedTimeUtc",
        "Properties",
        "SystemProperties",
    ];
    const SHARED: &[&str] = &["PartitionContext"];

    fn from_fields(event: T, mut fields: Fields) -> Self {
        Self {
            event,
            partition_key: fields.take("PartitionKey"),
            sequence_number: fields.take("SequenceNumber"),
            offset: fields.take("Offset").or_else(|| fields.take("OffsetString")),
            enqueued_time: fields.take_time("EnqueuedTimeUtc"),
            properties: fields.take("Properties").unwrap_or_default(),
            system_properties: fields.take("SystemProperties").unwrap_or_default(),
            partition: Partition::from_fields(fields.take_members("PartitionContext", PARTITION)),
        }
    }
}

impl<T: FromPayload> FromBinding for EventHubTrigger<T> {
    const SPEC: BindingSpec = BindingSpec::of(&table::EVENT_HUB_TRIGGER);

    fn from_binding(input: Input<'_>) -> Result<Self, BindingError> {
        trigger_metadata::one(input)
    }
}

impl<T: FromPayload> FromBatch for EventHubTrigger<T> {
    fn from_batch(input: Input<'_>) -> Result<Vec<Self>, BindingError> {
        trigger_metadata::several(input)
    }
}

impl<T: IntoPayload> IntoTrigger for EventHubTrigger<T> {
    fn into_trigger(self) -> Result<TriggerData, BindingError> {
        TriggerData::new(self.event)?
            .with("PartitionKey", self.partition_key)?
            .with("SequenceNumber", self.sequence_number)?
            .with("Offset", self.offset)?
            .with_time("EnqueuedTimeUtc", self.enqueued_time)?
            .with_members("Properties", &self.properties)?
            .with_members("SystemProperties", &self.system_properties)?
            .with_shared("PartitionContext", self.partition)
    }
}

/// An event for an event hub: an output.
///
/// Arguments of its binding: `event_hub_name` (required); `connection`, as for [`EventHubTrigger`]. The content arrives byte for byte.
/// `Vec<EventHubMessage<T>>` is several events, which must be UTF-8.
///
/// ```
/// use azure_functions::{bindings::{EventHubMessage, HttpRequest, HttpResponse}, func};
///
/// #[func]
/// #[binding(name = "output1", event_hub_name = "visits", connection = "EventHubs")]
/// fn visit(request: HttpRequest) -> (HttpResponse, EventHubMessage<String>) {
///     ("welcome".into(), EventHubMessage(request.url().to_string()))
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventHubMessage<T = Bytes>(pub T);

impl<T: IntoPayload> IntoBinding for EventHubMessage<T> {
    const SPEC: BindingSpec = BindingSpec::of(&table::EVENT_HUB);

    fn into_binding(self) -> Result<BindingData, BindingError> {
        self.0.into_payload().map(BindingData::Bytes)
    }
}

impl<T: IntoPayload> IntoBatch for EventHubMessage<T> {
    fn into_batch(values: Vec<Self>) -> Result<BindingData, BindingError> {
        let contents = values.into_iter().map(|message| message.0.into_payload());
        payload::texts(contents.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::shown::shows;
    use crate::{
        binding::recorded::Recorded,
        rpc::{CollectionBytes, Data},
    };

    // By hand, from the extension's source: no event hub was there to be recorded.
    fn json(text: &str) -> Data {
        Data::Json(text.to_owned())
    }

    const CONTEXT: &str =
        r#"{"PartitionId":"3","EventHubName":"readings","ConsumerGroup":"$Default","FullyQualifiedNamespace":"ns"}"#;

    #[test]
    fn an_event_of_an_event_hub_is_read_with_its_partition() {
        let event: EventHubTrigger<String> = Recorded::by_hand(
            "reading",
            Data::Bytes(b"21.5"[..].into()),
            &[
                ("PartitionContext", json(CONTEXT)),
                ("SequenceNumber", json("42")),
                ("Offset", Data::String("4294967296".to_owned())),
                ("EnqueuedTimeUtc", json(r#""2026-01-02T03:04:05""#)),
                ("Properties", json(r#"{"device":"d1"}"#)),
                ("SystemProperties", json(r#"{"x-opt-offset":"1"}"#)),
            ],
        )
        .take()
        .unwrap();
        assert_eq!((event.event.as_str(), event.sequence_number), ("21.5", Some(42)));
        assert_eq!(event.offset.as_deref(), Some("4294967296"));
        assert_eq!(event.partition.unwrap().partition_id, "3");
        assert_eq!(event.properties["device"], "d1");
        assert_eq!(event.enqueued_time.unwrap().to_rfc3339(), "2026-01-02T03:04:05+00:00");
        assert_eq!(event.partition_key, None);
    }

    #[test]
    fn an_odd_member_of_a_partition_hides_no_other() {
        let event: EventHubTrigger = Recorded::by_hand(
            "reading",
            Data::Bytes(Bytes::new()),
            &[(
                "PartitionContext",
                json(r#"{"PartitionId":3,"EventHubName":"readings","ConsumerGroup":null}"#),
            )],
        )
        .take()
        .unwrap();
        let partition = event.partition.unwrap();
        assert_eq!(
            (&*partition.partition_id, &*partition.event_hub_name),
            ("3", "readings")
        );
        assert_eq!(partition.consumer_group, "");
    }

    #[test]
    fn a_batch_of_events_has_one_partition_and_the_properties_of_each() {
        let bytes = vec![Bytes::from_static(b"1"), Bytes::from_static(b"2")];
        let events: Vec<EventHubTrigger> = Recorded::by_hand(
            "readings",
            Data::CollectionBytes(CollectionBytes { bytes }),
            &[
                ("PartitionContext", json(CONTEXT)),
                ("SequenceNumberArray", json("[7,8]")),
                ("PartitionKeyArray", json(r#"["a",null]"#)),
                (
                    "EnqueuedTimeUtcArray",
                    json(r#"["2026-01-02T03:04:05Z","2026-01-02T03:04:06Z"]"#),
                ),
            ],
        )
        .take()
        .unwrap();
        let numbers: Vec<_> = events.iter().map(|event| event.sequence_number.unwrap()).collect();
        assert_eq!(numbers, [7, 8]);
        assert_eq!(
            (events[0].partition_key.as_deref(), events[1].partition_key.as_deref()),
            (Some("a"), None)
        );
        assert!(
            events
                .iter()
                .all(|event| event.partition.as_ref().unwrap().event_hub_name == "readings")
        );
        assert_eq!(
            events[1].enqueued_time.unwrap().timestamp() - events[0].enqueued_time.unwrap().timestamp(),
            1
        );
    }

    #[test]
    fn events_for_an_event_hub_are_sent_as_bytes_and_several_as_texts() {
        let sent = EventHubMessage("[1]").into_binding().unwrap();
        assert!(matches!(sent, BindingData::Bytes(bytes) if bytes == "[1]"));
        let sent = vec![EventHubMessage("1"), EventHubMessage("2")].into_binding().unwrap();
        assert!(matches!(sent, BindingData::Json(json) if json == r#"["1","2"]"#));
    }

    shows!(EVENT_HUB_TRIGGER, Decoding: an_event_of_an_event_hub_is_read_with_its_partition, a_batch_of_events_has_one_partition_and_the_properties_of_each);
    shows!(EVENT_HUB, Encoding: events_for_an_event_hub_are_sent_as_bytes_and_several_as_texts);
}
