//! Messages of Service Bus queues and topics.

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
use serde_json::{Map, Value};

/// A message of a Service Bus queue or of a topic's subscription, which starts the function.
///
/// Arguments of its binding: `queue_name`, or `topic_name` and `subscription_name` (required); `connection`, the name of the setting
/// with the connection string or the prefix of identity settings; `is_sessions_enabled`, for a queue or subscription with sessions;
/// `auto_complete_messages` (`true` if absent: the host completes the message when the function has succeeded, and abandons it if not).
///
/// `Vec<ServiceBusTrigger<T>>` takes several messages at once. `T` is the content: [`Bytes`], `String`, `Vec<u8>`, or
/// [`Json<T>`](crate::http::Json).
///
/// ```
/// use azure_functions::{bindings::ServiceBusTrigger, func};
///
/// #[func]
/// fn pack(
///     #[binding(topic_name = "orders", subscription_name = "packing", connection = "ServiceBus")]
///     order: ServiceBusTrigger<String>,
/// ) {
///     log::info!("{} (delivery {})", order.message, order.delivery_count);
/// }
///
/// // A test calls the function.
/// pack(ServiceBusTrigger::new("a book".to_owned()));
/// ```
///
/// What the properties mean is in the documentation of Service Bus. Source: the metadata that the extension 5.x sends.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ServiceBusTrigger<T = Bytes> {
    /// The content.
    pub message: T,
    /// Id that the sender gave it.
    pub message_id: Option<String>,
    /// How many times it has been delivered, this time included.
    pub delivery_count: i64,
    /// Number that Service Bus gave it.
    pub sequence_number: Option<i64>,
    /// What completes or abandons the message through a client of one's own.
    pub lock_token: Option<String>,
    /// Media type of the content.
    pub content_type: Option<String>,
    /// What it is about; also known as label.
    pub subject: Option<String>,
    /// For the correlation with another message.
    pub correlation_id: Option<String>,
    /// Session that it belongs to.
    pub session_id: Option<String>,
    /// Where an answer goes.
    pub reply_to: Option<String>,
    /// Session that an answer belongs to.
    pub reply_to_session_id: Option<String>,
    /// Where it is sent.
    pub to: Option<String>,
    /// What decides about the partition.
    pub partition_key: Option<String>,
    /// Queue or subscription that it was in when it became a dead letter.
    pub dead_letter_source: Option<String>,
    /// When it was put into the queue or topic.
    pub enqueued_time: Option<DateTime<Utc>>,
    /// When it expires.
    pub expires_at: Option<DateTime<Utc>>,
    /// The sender's own properties.
    pub application_properties: Map<String, Value>,
}

impl<T> ServiceBusTrigger<T> {
    /// A message that is delivered for the first time, for a test that calls a function.
    pub fn new(message: T) -> Self {
        Self {
            delivery_count: 1,
            ..Self::from_fields(message, Fields::default())
        }
    }
}

impl<T> FromFields<T> for ServiceBusTrigger<T> {
    const OWN: &[&str] = &[
        "MessageId",
        "DeliveryCount",
        "SequenceNumber",
        "LockToken",
        "ContentType",
        "Subject",
        "Label",
        "CorrelationId",
        "SessionId",
        "ReplyTo",
        "ReplyToSessionId",
        "To",
        "PartitionKey",
        "DeadLetterSource",
        "EnqueuedTimeUtc",
        "EnqueuedTime",
        "ExpiresAtUtc",
        "ExpiresAt",
        "ApplicationProperties",
        "UserProperties",
    ];

    fn from_fields(message: T, mut fields: Fields) -> Self {
        Self {
            message,
            message_id: fields.take("MessageId"),
            delivery_count: fields.take("DeliveryCount").unwrap_or_default(),
            sequence_number: fields.take("SequenceNumber"),
            lock_token: fields.take("LockToken"),
            content_type: fields.take("ContentType"),
            subject: fields.take("Subject").or_else(|| fields.take("Label")),
            correlation_id: fields.take("CorrelationId"),
            session_id: fields.take("SessionId"),
            reply_to: fields.take("ReplyTo"),
            reply_to_session_id: fields.take("ReplyToSessionId"),
            to: fields.take("To"),
            partition_key: fields.take("PartitionKey"),
            dead_letter_source: fields.take("DeadLetterSource"),
            enqueued_time: fields
                .take_time("EnqueuedTimeUtc")
                .or_else(|| fields.take_time("EnqueuedTime")),
            expires_at: fields
                .take_time("ExpiresAtUtc")
                .or_else(|| fields.take_time("ExpiresAt")),
            application_properties: fields
                .take("ApplicationProperties")
                .or_else(|| fields.take("UserProperties"))
                .unwrap_or_default(),
        }
    }
}

impl<T: FromPayload> FromBinding for ServiceBusTrigger<T> {
    const SPEC: BindingSpec = BindingSpec::of(&table::SERVICE_BUS_TRIGGER);

    fn from_binding(input: Input<'_>) -> Result<Self, BindingError> {
        trigger_metadata::one(input)
    }
}

impl<T: FromPayload> FromBatch for ServiceBusTrigger<T> {
    fn from_batch(input: Input<'_>) -> Result<Vec<Self>, BindingError> {
        trigger_metadata::several(input)
    }
}

impl<T: IntoPayload> IntoTrigger for ServiceBusTrigger<T> {
    fn into_trigger(self) -> Result<TriggerData, BindingError> {
        TriggerData::new(self.message)?
            .with("MessageId", self.message_id)?
            .with("DeliveryCount", self.delivery_count)?
            .with("SequenceNumber", self.sequence_number)?
            .with("LockToken", self.lock_token)?
            .with("ContentType", self.content_type)?
            .with("Subject", self.subject)?
            .with("CorrelationId", self.correlation_id)?
            .with("SessionId", self.session_id)?
            .with("ReplyTo", self.reply_to)?
            .with("ReplyToSessionId", self.reply_to_session_id)?
            .with("To", self.to)?
            .with("PartitionKey", self.partition_key)?
            .with("DeadLetterSource", self.dead_letter_source)?
            .with_time("EnqueuedTimeUtc", self.enqueued_time)?
            .with_time("ExpiresAtUtc", self.expires_at)?
            .with_members("ApplicationProperties", &self.application_properties)
    }
}

/// A message for a Service Bus queue or topic: an output.
///
/// Arguments of its binding: `queue_name` or `topic_name` (required); `connection`, as for [`ServiceBusTrigger`]. The content arrives
/// byte for byte. `Vec<ServiceBusMessage<T>>` is several messages, which must be UTF-8.
///
/// ```
/// use azure_functions::{bindings::{ServiceBusMessage, TimerInfo}, func};
///
/// #[func]
/// #[binding(name = "$return", topic_name = "news", connection = "ServiceBus")]
/// fn wake(#[binding(schedule = "0 0 7 * * *")] _timer: TimerInfo) -> ServiceBusMessage<&'static str> {
///     ServiceBusMessage("good morning")
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceBusMessage<T = Bytes>(pub T);

impl<T: IntoPayload> IntoBinding for ServiceBusMessage<T> {
    const SPEC: BindingSpec = BindingSpec::of(&table::SERVICE_BUS);

    fn into_binding(self) -> Result<BindingData, BindingError> {
        self.0.into_payload().map(BindingData::Bytes)
    }
}

impl<T: IntoPayload> IntoBatch for ServiceBusMessage<T> {
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
        http::Json,
        rpc::{CollectionBytes, Data},
    };
    use serde_json::json;

    // By hand, from the extension's source: no Service Bus was there to be recorded.
    fn json(text: &str) -> Data {
        Data::Json(text.to_owned())
    }

    #[test]
    fn a_service_bus_message_is_read_with_its_properties() {
        let message: ServiceBusTrigger<Json<Value>> = Recorded::by_hand(
            "order",
            Data::Bytes(br#"{"MessageId": "mine"}"#[..].into()),
            &[
                ("MessageId", Data::String("17".to_owned())),
                ("DeliveryCount", json("3")),
                ("SequenceNumber", json("9007199254740993")),
                ("Subject", Data::String("orders".to_owned())),
                ("SessionId", Data::String("s1".to_owned())),
                ("EnqueuedTimeUtc", json(r#""2026-01-02T03:04:05.123Z""#)),
                ("EnqueuedTime", json(r#""2026-01-02T03:04:05.123+00:00""#)),
                ("ExpiresAtUtc", json(r#""9999-12-31T23:59:59.9999999Z""#)),
                ("ApplicationProperties", json(r#"{"tenant": 4}"#)),
            ],
        )
        .take()
        .unwrap();
        assert_eq!(message.message.0, json!({"MessageId": "mine"}));
        assert_eq!(message.message_id.as_deref(), Some("17"));
        assert_eq!(
            (message.delivery_count, message.sequence_number),
            (3, Some(9_007_199_254_740_993))
        );
        assert_eq!(
            (message.subject.as_deref(), message.session_id.as_deref()),
            (Some("orders"), Some("s1"))
        );
        assert_eq!(
            message.enqueued_time.unwrap().to_rfc3339(),
            "2026-01-02T03:04:05.123+00:00"
        );
        assert!(message.expires_at.is_some());
        assert_eq!(message.application_properties["tenant"], 4);
        assert_eq!(message.reply_to, None);
    }

    #[test]
    fn a_batch_of_service_bus_messages_has_the_properties_of_each() {
        let bytes = vec![Bytes::from_static(b"one"), Bytes::from_static(&[0xff])];
        let messages: Vec<ServiceBusTrigger> = Recorded::by_hand(
            "orders",
            Data::CollectionBytes(CollectionBytes { bytes }),
            &[
                ("MessageIdArray", json(r#"["a","b"]"#)),
                ("DeliveryCountArray", json("[1,2]")),
                ("ApplicationPropertiesArray", json(r#"[{"n":1},{}]"#)),
                ("SessionIdArray", json(r#"[null,"s"]"#)),
            ],
        )
        .take()
        .unwrap();
        assert_eq!(messages.len(), 2);
        assert_eq!((&*messages[1].message, messages[1].delivery_count), (&[0xff][..], 2));
        assert_eq!(messages[0].message_id.as_deref(), Some("a"));
        assert_eq!(messages[0].application_properties["n"], 1);
        assert_eq!(
            (messages[0].session_id.as_deref(), messages[1].session_id.as_deref()),
            (None, Some("s"))
        );
        // A text that came as JSON is the same.
        let texts: Vec<ServiceBusTrigger<String>> = Recorded::by_hand("orders", json(r#"["x",{"y":1}]"#), &[])
            .take()
            .unwrap();
        assert_eq!(
            (texts[0].message.as_str(), texts[1].message.as_str()),
            ("x", r#"{"y":1}"#)
        );
    }

    #[test]
    fn service_bus_messages_are_sent_as_bytes_and_several_as_texts() {
        let sent = ServiceBusMessage(r#"{"a":  1}"#).into_binding().unwrap();
        assert!(matches!(sent, BindingData::Bytes(bytes) if bytes == r#"{"a":  1}"#));
        let sent = vec![ServiceBusMessage("a"), ServiceBusMessage("b")]
            .into_binding()
            .unwrap();
        assert!(matches!(sent, BindingData::Json(json) if json == r#"["a","b"]"#));
    }

    shows!(SERVICE_BUS_TRIGGER, Decoding: a_service_bus_message_is_read_with_its_properties, a_batch_of_service_bus_messages_has_the_properties_of_each);
    shows!(SERVICE_BUS, Encoding: service_bus_messages_are_sent_as_bytes_and_several_as_texts);
}
