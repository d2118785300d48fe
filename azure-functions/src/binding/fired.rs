//! What a test fires a function with: a trigger as a host sends it, made of the value that the function gets of it.

use super::IntoPayload;
use crate::BindingError;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::{Map, Value};

/// A trigger that a test host can fire a function with: `TestHost::fire("take").trigger(QueueTrigger::new(..))` of the crate
/// `azure-functions-sdk`.
///
/// The types of the triggers in [`bindings`](crate::bindings) have it, and so does a `Vec` of those that come in batches. What is not
/// set is left to the host. An HTTP function is fired with a `request(HttpRequest)` instead, and an activity with its input as `json(..)`.
#[diagnostic::on_unimplemented(
    message = "a function cannot be fired with `{Self}`",
    label = "not a trigger whose content can be written",
    note = "its content is `Bytes`, `Vec<u8>`, `String`, `&'static str`, or `Json<T>` for a type that serde can write"
)]
pub trait IntoTrigger {
    /// What a host sends.
    ///
    /// # Errors
    /// If the content cannot be written.
    fn into_trigger(self) -> Result<TriggerData, BindingError>;
}

/// A trigger as a host sends it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TriggerData {
    /// The content; for a batch, of each message.
    pub contents: Vec<Bytes>,
    /// Whether it is a batch.
    pub is_batch: bool,
    /// Trigger metadata.
    pub metadata: Map<String, Value>,
    /// Metadata that is the same for all messages of a batch.
    pub(crate) shared: Map<String, Value>,
}

impl TriggerData {
    /// One value with this content.
    ///
    /// # Errors
    /// If the content cannot be written.
    pub fn new(content: impl IntoPayload) -> Result<Self, BindingError> {
        Ok(Self {
            contents: vec![content.into_payload()?],
            ..Self::default()
        })
    }

    /// Adds a member to the metadata, unless it is null.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn with(mut self, name: &str, value: impl Serialize) -> Result<Self, BindingError> {
        insert(&mut self.metadata, name, value)?;
        Ok(self)
    }

    pub(crate) fn with_time(self, name: &str, time: Option<DateTime<Utc>>) -> Result<Self, BindingError> {
        self.with(
            name,
            time.map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, false)),
        )
    }

    /// Adds a text, unless it is empty.
    pub(crate) fn with_text(self, name: &str, text: &str) -> Result<Self, BindingError> {
        self.with(name, Some(text).filter(|text| !text.is_empty()))
    }

    /// Adds an object, unless it is empty.
    pub(crate) fn with_members(self, name: &str, members: &Map<String, Value>) -> Result<Self, BindingError> {
        self.with(name, Some(members).filter(|members| !members.is_empty()))
    }

    /// Adds what a batch has once for all its messages.
    pub(crate) fn with_shared(mut self, name: &str, value: impl Serialize) -> Result<Self, BindingError> {
        insert(&mut self.shared, name, value)?;
        Ok(self)
    }

    /// What is sent, with the metadata of both kinds.
    pub fn into_parts(mut self) -> (Vec<Bytes>, bool, Map<String, Value>) {
        self.metadata.append(&mut self.shared);
        (self.contents, self.is_batch, self.metadata)
    }
}

fn insert(metadata: &mut Map<String, Value>, name: &str, value: impl Serialize) -> Result<(), BindingError> {
    let value = serde_json::to_value(value).map_err(|error| {
        BindingError::with_source(
            format!("the trigger metadata `{name}` cannot be written as JSON: {error}"),
            error,
        )
    })?;
    if !value.is_null() {
        metadata.insert(name.to_owned(), value);
    }
    Ok(())
}

/// A batch: what each message says about itself is a list, in the order of the messages.
impl<T: IntoTrigger> IntoTrigger for Vec<T> {
    fn into_trigger(self) -> Result<TriggerData, BindingError> {
        let all: Vec<_> = self.into_iter().map(T::into_trigger).collect::<Result<_, _>>()?;
        let mut batch = TriggerData {
            is_batch: true,
            ..TriggerData::default()
        };
        let count = all.len();
        for (place, mut message) in all.into_iter().enumerate() {
            batch.contents.append(&mut message.contents);
            batch.shared.append(&mut message.shared);
            for (name, value) in message.metadata {
                let list = batch
                    .metadata
                    .entry(format!("{name}Array"))
                    .or_insert_with(|| Value::Array(vec![Value::Null; count]));
                list[place] = value;
            }
        }
        Ok(batch)
    }
}
