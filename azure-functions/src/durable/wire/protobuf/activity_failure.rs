//! The failure of an activity as the text of an exception: one line with the proto3 JSON of `TaskFailureDetails`, of which the extension
//! makes the details again.
//!
//! Before that, the host blanks what looks like a secret, up to the next quote: what stood behind it would be lost, and with it the JSON.
//! So the signs without which nothing looks like a secret are written as escape sequences.

use super::failure;
use crate::{FunctionError, durable::own_error, exception_text::push_json};
use azure_functions_durable::protobuf::TaskFailureDetails;
use prost_types::value::Kind;
use serde::{Serialize, ser::SerializeMap};
use std::collections::{BTreeMap, HashMap};

/// No secret is without one of the first two; the others end a line for some readers.
const ESCAPED: [char; 5] = ['=', '@', '\u{85}', '\u{2028}', '\u{2029}'];

/// The text for an activity that returned an error. `place` says where its function stands.
pub(crate) fn of_function(error: &FunctionError, place: &str) -> String {
    line(failure::of_function(error), place)
}

/// The text for an error of which only this is known: a test has made it.
pub(crate) fn of_own_error(message: &str, error_type: &str, own: Option<&str>) -> String {
    let mut details = failure::of_text(error_type, message);
    if let Some(json) = own {
        own_error::put(&mut details.properties, json);
    }
    line(details, "a test")
}

/// The text for an activity that panicked.
pub(crate) fn of_panic(text: &str, place: &str) -> String {
    line(failure::of_text("panic", text), place)
}

fn line(mut details: TaskFailureDetails, place: &str) -> String {
    details.stack_trace = Some(place.to_owned());
    // Texts and maps of texts: that can be written.
    let json = serde_json::to_string(&Details::of(&details)).unwrap_or_default();
    let mut line = String::with_capacity(json.len() + 64);
    push_json(&mut line, &json, &ESCAPED);
    line
}

/// The members in their order in the message; what has its default is left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    error_type: &'a str,
    error_message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack_trace: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inner_failure: Option<Box<Self>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_non_retriable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<Properties<'a>>,
}

impl<'a> Details<'a> {
    fn of(details: &'a TaskFailureDetails) -> Self {
        Self {
            error_type: &details.error_type,
            error_message: &details.error_message,
            stack_trace: details.stack_trace.as_deref(),
            inner_failure: details.inner_failure.as_deref().map(|inner| Box::new(Self::of(inner))),
            is_non_retriable: details.is_non_retriable,
            properties: Some(&details.properties)
                .filter(|properties| !properties.is_empty())
                .map(Properties),
        }
    }
}

struct Properties<'a>(&'a HashMap<String, prost_types::Value>);

impl Serialize for Properties<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sorted: BTreeMap<_, _> = self.0.iter().collect();
        let mut map = serializer.serialize_map(Some(sorted.len()))?;
        for (name, value) in sorted {
            map.serialize_entry(name, &Property(value))?;
        }
        map.end()
    }
}

struct Property<'a>(&'a prost_types::Value);

impl Serialize for Property<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.kind {
            None | Some(Kind::NullValue(_)) => serializer.serialize_unit(),
            Some(Kind::NumberValue(number)) => serializer.serialize_f64(*number),
            Some(Kind::StringValue(text)) => serializer.serialize_str(text),
            Some(Kind::BoolValue(flag)) => serializer.serialize_bool(*flag),
            Some(Kind::StructValue(members)) => {
                serializer.collect_map(members.fields.iter().map(|(n, v)| (n, Property(v))))
            }
            Some(Kind::ListValue(list)) => serializer.collect_seq(list.values.iter().map(Property)),
        }
    }
}
