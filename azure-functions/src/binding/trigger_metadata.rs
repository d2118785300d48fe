//! What a host says about a trigger, read member by member.
//!
//! Extensions drop, add and rename members from one version to the next. So a member that is missing or of another type is none,
//! and never fails a function.

use super::{
    FromPayload, Input, batch, dotnet_time,
    metadata_value::{read, value},
};
use crate::BindingError;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::HashMap;

/// A message or event with what a host says about it.
pub(crate) trait FromFields<T>: Sized {
    /// The members that each message has; in a batch, each message of it, under the name with the ending `Array`.
    const OWN: &[&str];
    /// The members that all messages of a batch have together.
    const SHARED: &[&str] = &[];

    /// Puts content and members together.
    fn from_fields(content: T, fields: Fields) -> Self;
}

/// The message that starts the function.
pub(crate) fn one<T: FromPayload, M: FromFields<T>>(mut input: Input<'_>) -> Result<M, BindingError> {
    let content = T::from_payload(input.take_data())?;
    let mut fields = Fields::of(&mut input, M::OWN);
    fields.add(Fields::of(&mut input, M::SHARED));
    Ok(M::from_fields(content, fields))
}

/// The messages that start the function.
pub(crate) fn several<T: FromPayload, M: FromFields<T>>(mut input: Input<'_>) -> Result<Vec<M>, BindingError> {
    let items = batch::items(input.take_data())?;
    let shared = Fields::of(&mut input, M::SHARED);
    let fields = Fields::of_batch(&mut input, M::OWN, items.len());
    let messages = items.into_iter().zip(fields).map(|(item, mut fields)| {
        fields.add(shared.clone());
        Ok(M::from_fields(T::from_payload(item)?, fields))
    });
    messages.collect()
}

/// The members that belong to one message or event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(HashMap<&'static str, Value>);

impl Fields {
    /// The members of these names.
    pub(crate) fn of(input: &mut Input<'_>, names: &[&'static str]) -> Self {
        let members = names
            .iter()
            .filter_map(|name| Some((*name, value(input.take_metadata(name))?)));
        Self(members.collect())
    }

    /// Those of each message of a batch: members with the ending `Array` in their names, in the order of the messages.
    fn of_batch(input: &mut Input<'_>, names: &[&'static str], count: usize) -> Vec<Self> {
        let mut all: Vec<_> = (0..count).map(|_| Self::default()).collect();
        for name in names {
            let Some(Value::Array(values)) = value(input.take_metadata(&format!("{name}Array"))) else {
                continue;
            };
            for (fields, value) in all.iter_mut().zip(values) {
                fields.0.insert(name, value);
            }
        }
        all
    }

    fn add(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// A member as text: a number or an object as it is written.
    pub(crate) fn take_text(&mut self, name: &str) -> Option<String> {
        text(self.0.remove(name)?)
    }

    /// A member.
    pub(crate) fn take<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        read(self.0.remove(name)?)
    }

    /// Those of a member that is an object; none of them, if it is not there.
    pub(crate) fn take_members(&mut self, name: &str, names: &[&'static str]) -> Self {
        let Some(Value::Object(mut object)) = self.take(name) else {
            return Self::default();
        };
        let members = names.iter().filter_map(|name| Some((*name, object.remove(*name)?)));
        Self(members.collect())
    }

    /// The items of a member that is a list; one that is of another type is left out.
    pub(crate) fn take_items<T: DeserializeOwned>(&mut self, name: &str) -> Vec<T> {
        match self.take(name) {
            Some(Value::Array(items)) => items.into_iter().filter_map(read).collect(),
            _ => Vec::new(),
        }
    }

    /// A member that is an object of texts; what is no text in it is as it is written in JSON.
    pub(crate) fn take_texts(&mut self, name: &str) -> HashMap<String, String> {
        let Some(Value::Object(object)) = self.take(name) else {
            return HashMap::new();
        };
        let texts = object
            .into_iter()
            .filter_map(|(name, value)| Some((name, text(value)?)));
        texts.collect()
    }

    /// A member that is a date and time.
    pub(crate) fn take_time(&mut self, name: &str) -> Option<DateTime<Utc>> {
        dotnet_time::set(self.0.remove(name)?.as_str()?)
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}
