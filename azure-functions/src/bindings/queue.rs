//! Messages of storage queues.

use crate::{
    BindingError,
    binding::{
        BindingData, BindingSpec, FromBinding, FromPayload, Input, IntoBatch, IntoBinding, IntoPayload, IntoTrigger,
        ModelBindingData, TriggerData, payload, table, trigger_metadata::Fields,
    },
    binding_json::parse_json,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Deserialize;

/// A message of a storage queue, which starts the function.
///
/// Arguments of its binding: `queue_name` (required); `connection`, the name of the setting with the connection string or the prefix
/// of identity settings (`AzureWebJobsStorage` if absent).
///
/// `T` is what the message contains: [`Bytes`], `String`, `Vec<u8>`, or [`Json<T>`](crate::http::Json). A message that is not of that
/// kind fails the invocation; the host gives it another try, and puts it into the queue `NAME-poison` in the end.
///
/// ```
/// use azure_functions::{bindings::{QueueMessage, QueueTrigger}, func, http::Json};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize)]
/// struct Order {
///     item: String,
/// }
///
/// #[derive(Debug, PartialEq, Serialize)]
/// struct Receipt {
///     item: String,
/// }
///
/// #[func]
/// #[binding(name = "$return", queue_name = "receipts")]
/// fn receive(#[binding(queue_name = "orders")] order: QueueTrigger<Json<Order>>) -> QueueMessage<Json<Receipt>> {
///     log::info!("attempt {} of message {}", order.dequeue_count, order.id);
///     QueueMessage(Json(Receipt { item: order.message.0.item }))
/// }
///
/// // A test calls the function.
/// let receipt = receive(QueueTrigger::new(Json(Order { item: "book".into() })));
/// assert_eq!(receipt.0.0, Receipt { item: "book".into() });
/// ```
///
/// The host is asked for bytes (`dataType: binary`): only so is the metadata that of the queue, whatever the message contains (the
/// members of a text that is a JSON object overwrite the metadata of the same names), and only so do messages arrive that are not
/// UTF-8. With `extensions.queues.messageEncoding` `base64`, the default of a host, a message that is not Base64 in the queue goes to
/// the poison queue at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueTrigger<T = Bytes> {
    /// The content.
    pub message: T,
    /// Id that the queue gave it.
    pub id: String,
    /// What deletes or updates the message through a client of one's own.
    pub pop_receipt: String,
    /// How many times it has been taken from the queue, this time included; 0 if the function was started by hand.
    pub dequeue_count: i64,
    /// When it was put into the queue.
    pub insertion_time: Option<DateTime<Utc>>,
    /// When the queue drops it.
    pub expiration_time: Option<DateTime<Utc>>,
    /// When it is visible in the queue again, unless the function succeeds.
    pub next_visible_time: Option<DateTime<Utc>>,
}

impl<T> QueueTrigger<T> {
    /// A message that was taken for the first time, for a test that calls a function.
    pub fn new(message: T) -> Self {
        Self {
            message,
            id: String::new(),
            pop_receipt: String::new(),
            dequeue_count: 1,
            insertion_time: None,
            expiration_time: None,
            next_visible_time: None,
        }
    }
}

const MEMBERS: &[&str] = &[
    "Id",
    "PopReceipt",
    "DequeueCount",
    "InsertionTime",
    "ExpirationTime",
    "NextVisibleTime",
];

impl<T: FromPayload> FromBinding for QueueTrigger<T> {
    const SPEC: BindingSpec = BindingSpec::of(&table::QUEUE_TRIGGER);

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        let data = match input.take_data() {
            BindingData::Model(model) => BindingData::Bytes(body(&model)?),
            data => data,
        };
        let mut fields = Fields::of(&mut input, MEMBERS);
        Ok(Self {
            message: T::from_payload(data)?,
            id: fields.take("Id").unwrap_or_default(),
            pop_receipt: fields.take("PopReceipt").unwrap_or_default(),
            dequeue_count: fields.take("DequeueCount").unwrap_or_default(),
            insertion_time: fields.take_time("InsertionTime"),
            expiration_time: fields.take_time("ExpirationTime"),
            next_visible_time: fields.take_time("NextVisibleTime"),
        })
    }
}

impl<T: IntoPayload> IntoTrigger for QueueTrigger<T> {
    fn into_trigger(self) -> Result<TriggerData, BindingError> {
        TriggerData::new(self.message)?
            .with_text("Id", &self.id)?
            .with_text("PopReceipt", &self.pop_receipt)?
            .with("DequeueCount", self.dequeue_count)?
            .with_time("InsertionTime", self.insertion_time)?
            .with_time("ExpirationTime", self.expiration_time)?
            .with_time("NextVisibleTime", self.next_visible_time)
    }
}

/// The content of a message that a binding with `supportsDeferredBinding` gives.
fn body(model: &ModelBindingData) -> Result<Bytes, BindingError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Content {
        // Base64 of the content; `MessageText` has lost what is not UTF-8.
        body: String,
    }
    let content: Content = parse_json(&model.content)?;
    let body = STANDARD
        .decode(content.body)
        .map_err(|error| BindingError::with_source(format!("the body of the message is not Base64: {error}"), error))?;
    Ok(body.into())
}

/// A message for a storage queue: an output.
///
/// Arguments of its binding: `queue_name` (required), which may hold `{names}` of the trigger's metadata; `connection`, the name of a
/// setting (`AzureWebJobsStorage` if absent). The host makes the queue if there is none.
///
/// The message arrives byte for byte. `Vec<QueueMessage<T>>` is several messages, in no order, which must be UTF-8; an empty one
/// is none, as is `None` of `Option<QueueMessage<T>>`.
///
/// ```
/// use azure_functions::{bindings::{HttpRequest, HttpResponse, QueueMessage}, func};
///
/// #[func]
/// #[binding(name = "output1", queue_name = "letters")]
/// fn send(request: HttpRequest) -> (HttpResponse, Vec<QueueMessage<String>>) {
///     let names = request.query_all("name").into_iter();
///     ("sent".into(), names.map(|name| QueueMessage(format!("Dear {name}!"))).collect())
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueMessage<T = Bytes>(pub T);

impl<T: IntoPayload> IntoBinding for QueueMessage<T> {
    const SPEC: BindingSpec = BindingSpec::of(&table::QUEUE);

    fn into_binding(self) -> Result<BindingData, BindingError> {
        self.0.into_payload().map(BindingData::Bytes)
    }
}

impl<T: IntoPayload> IntoBatch for QueueMessage<T> {
    fn into_batch(values: Vec<Self>) -> Result<BindingData, BindingError> {
        let contents = values.into_iter().map(|message| message.0.into_payload());
        payload::texts(contents.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::shown::shows;
    use crate::{binding::recorded::Recorded, http::Json};
    use serde_json::{Value, json};

    const RECORDED: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/recorded/triggers/queue.jsonl"
    ));

    fn message(name: &str) -> QueueTrigger<Bytes> {
        Recorded::named(RECORDED, name).take().unwrap()
    }

    #[test]
    fn every_recorded_queue_message_is_read_with_its_metadata() {
        let object = r#"{"a": 1, "b": [1, 2.0], "when": "2026-01-02T03:04:05Z", "Id": "mine", "nested": {"c": true}, "n": null, "f": 1.50, "t": true}"#;
        let messages = Recorded::all(RECORDED);
        assert_eq!(messages.len(), 24);
        for recorded in messages {
            let wanted: &[u8] = match recorded.name.rsplit('.').next().unwrap() {
                "text" => "hello wörld ☃".as_bytes(),
                "json-object" => object.as_bytes(),
                "json-array" => br#"[1, "two", null]"#,
                "json-string" => br#""quoted""#,
                "number" => b"42",
                "null" => b"null",
                "true" => b"true",
                "empty" => b"",
                "binary" => &[0xff, 0xfe, 0, 0x80],
                "base64-of-base64" => b"aW5uZXIgdGV4dA==",
                "dequeue-5" => b"bad",
                other => panic!("{other}: what should arrive?"),
            };
            let read: QueueTrigger = recorded.take().unwrap();
            assert_eq!(read.message, wanted, "{}", recorded.name);
            assert!(
                read.dequeue_count >= 1 && !read.pop_receipt.is_empty(),
                "{}",
                recorded.name
            );
            let lease = read.next_visible_time.unwrap() - read.insertion_time.unwrap();
            assert!((600..=601).contains(&lease.num_seconds()), "{}", recorded.name);
            assert_eq!(
                (read.expiration_time.unwrap() - read.insertion_time.unwrap()).num_days(),
                7
            );
        }
        assert_eq!(message("queue.failing.dequeue-5").dequeue_count, 5);
    }

    #[test]
    fn a_message_that_is_a_json_object_overwrites_its_metadata_unless_bytes_are_asked_for() {
        // What would happen with text, and why the type asks for bytes.
        assert_eq!(message("queue.json-object").id, "mine");
        assert_eq!(
            message("queue.datatype-binary.json-object").id,
            "30c1b286-504f-4c58-9131-4e81679f1b83"
        );
        assert_eq!(QueueTrigger::<Bytes>::SPEC.fixed, [("dataType", "binary")]);
    }

    #[test]
    fn the_content_of_a_queue_message_is_of_the_type_that_the_function_takes() {
        let object = Recorded::named(RECORDED, "queue.datatype-binary.json-object");
        assert_eq!(
            object.take::<QueueTrigger<Json<Value>>>().unwrap().message.0["f"],
            json!(1.5)
        );
        let text = Recorded::named(RECORDED, "queue.datatype-binary.text");
        assert_eq!(text.take::<QueueTrigger<String>>().unwrap().message, "hello wörld ☃");
        let error = text.take::<QueueTrigger<Json<Value>>>().unwrap_err().to_string();
        assert!(error.contains("expected value"), "{error}");
        let binary = Recorded::named(RECORDED, "queue.deferred.binary");
        let error = binary.take::<QueueTrigger<String>>().unwrap_err().to_string();
        assert!(error.contains("not UTF-8") && error.contains("take `Bytes`"), "{error}");
    }

    #[test]
    fn one_queue_message_is_sent_as_bytes_so_that_the_host_leaves_it_as_it_is() {
        // As text, the host would indent the first and take the second apart.
        for text in [r#"{"a":  1}"#, r#"["a","b"]"#, "42", ""] {
            let sent = QueueMessage(text.to_owned()).into_binding().unwrap();
            assert!(matches!(sent, BindingData::Bytes(bytes) if bytes == text), "{text}");
        }
        let sent = QueueMessage(Json(json!({"f": 1.5}))).into_binding().unwrap();
        assert!(matches!(sent, BindingData::Bytes(bytes) if bytes == r#"{"f":1.5}"#));
        let only = vec![QueueMessage(vec![0xff_u8])].into_binding().unwrap();
        assert!(matches!(only, BindingData::Bytes(bytes) if *bytes == [0xff]));
    }

    #[test]
    fn several_queue_messages_are_one_json_array_of_texts() {
        // Lists of the protocol (`collection_string`, ...) are refused by the host.
        let sent = vec![QueueMessage("one"), QueueMessage("[2]"), QueueMessage("")];
        let BindingData::Json(json) = sent.into_binding().unwrap() else {
            panic!("no JSON")
        };
        assert_eq!(json, r#"["one","[2]",""]"#);
        let BindingData::Json(none) = Vec::<QueueMessage>::new().into_binding().unwrap() else {
            panic!("no JSON")
        };
        assert_eq!(none, "[]");
    }

    #[test]
    fn several_queue_messages_that_are_no_text_are_an_error() {
        let error = vec![QueueMessage(vec![b'a']), QueueMessage(vec![0xff])]
            .into_binding()
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("message 1 of 2 is not UTF-8"), "{error}");
    }

    shows!(QUEUE_TRIGGER, Decoding: every_recorded_queue_message_is_read_with_its_metadata, the_content_of_a_queue_message_is_of_the_type_that_the_function_takes);
    shows!(QUEUE, Encoding: one_queue_message_is_sent_as_bytes_so_that_the_host_leaves_it_as_it_is, several_queue_messages_are_one_json_array_of_texts);
}
