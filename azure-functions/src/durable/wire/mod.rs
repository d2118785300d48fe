//! The two wires on which hosts hand orchestrations and entities over, each between its bytes and what runs them.
//!
//! Which one it is shows in what arrives: a JSON object, or a Durable Task message as base64.

pub(crate) mod entity_batch;
pub(crate) mod json;
pub(crate) mod protobuf;
mod trigger;

use crate::durable_wire::Wire;

/// Whether a trigger's text is a message of the protobuf wire, by its beginning: the JSON wire has a brace there, which base64 has not.
pub(crate) fn is_protobuf(text: &str) -> bool {
    let beginning = &text.as_bytes()[..text.len().min(64)];
    !beginning.is_empty()
        && beginning
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
}

/// The wire that a trigger's text came on.
pub(crate) fn wire_of(text: &str) -> Wire {
    match is_protobuf(text) {
        true => Wire::Protobuf,
        false => Wire::Json,
    }
}

/// The instance that a message of the protobuf wire is about; `None` on the JSON wire.
pub(crate) fn instance_of_request(trigger: &Trigger) -> Option<String> {
    match trigger {
        Trigger::Text(text) => is_protobuf(text).then(|| protobuf::request::instance_id(text)),
        Trigger::Message(message) => Some(protobuf::request::first_text(message).to_owned()),
    }
}

pub(crate) use protobuf::{
    activity_failure,
    answer::failed as failed_response,
    encode as encode_message,
    failure::{of_function as details_of_function, of_text as details_of_text},
    request::seeming_session,
};
pub(crate) use trigger::Trigger;
