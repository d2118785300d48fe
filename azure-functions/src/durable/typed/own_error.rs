//! How an activity's own error travels.
//!
//! On the protobuf wire a failure has properties, and the error is one of them. On the JSON wire, hosts keep of a failed activity the
//! message only. So an error that serde can write rides at the end of its message, as
//! `the message\n\n<rust-error>{JSON}</rust-error>`: people and other languages still read the message first, and here it is
//! taken off again before anybody sees it. The tag ends whatever secret the host blanks in the message, and none of the signs that
//! mean something to the host is in the JSON: see [`exception_text`](crate::exception_text).

use crate::exception_text::{HIDDEN, push_json};
use prost_types::value::Kind;
use serde_json::{Map, Value};
use std::collections::HashMap;

const GAP: &str = "\n\n";
const BEGIN: &str = "<rust-error>";
const END: &str = "</rust-error>";

/// The longest JSON that is sent along: beyond it, the message alone has to do.
const LIMIT: usize = 16 * 1024;

/// Puts an error's JSON behind its message.
pub(crate) fn append(message: &mut String, json: &str) {
    if json.len() > LIMIT {
        return;
    }
    message.push_str(GAP);
    message.push_str(BEGIN);
    push_json(message, json, &['=', '@', '<', '$']);
    message.push_str(END);
}

/// Name of the property that has an error's JSON, as text: numbers are exact in it.
const PROPERTY: &str = "rustError";

/// Puts an error's JSON into the properties of a failure, where the wire has some.
pub(crate) fn put(properties: &mut HashMap<String, prost_types::Value>, json: &str) {
    if json.len() <= LIMIT {
        let kind = Some(Kind::StringValue(json.to_owned()));
        properties.insert(PROPERTY.to_owned(), prost_types::Value { kind });
    }
}

/// Takes an error's JSON out of the properties of a failure.
pub(crate) fn take_property(properties: &mut Map<String, Value>) -> Option<String> {
    let json = properties.get(PROPERTY)?.as_str()?;
    serde_json::from_str::<serde::de::IgnoredAny>(json).ok()?;
    match properties.remove(PROPERTY) {
        Some(Value::String(json)) => Some(json),
        _ => None,
    }
}

/// Takes an error's JSON off a text that has the message somewhere in it.
pub(crate) fn take(text: &mut String) -> Option<String> {
    let tag = text.rfind(BEGIN)?;
    let before = &text[..tag];
    let begin = match before.strip_suffix(GAP) {
        Some(message) => message.len(),
        // The gap was blanked together with a secret at the end of the message.
        None if before.ends_with(HIDDEN) => tag,
        None => return None,
    };
    let json = tag + BEGIN.len();
    let end = json + text[json..].find(END)?;
    let found = text[json..end].to_owned();
    serde_json::from_str::<serde::de::IgnoredAny>(&found).ok()?;
    text.replace_range(begin..end + END.len(), "");
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sent(error: &Value) -> String {
        let mut message = "the card was declined".to_owned();
        append(&mut message, &error.to_string());
        message
    }

    #[test]
    fn an_error_survives_whatever_a_host_writes_around_its_message() {
        let error = json!({"Declined": {"why": "<b>key=a</b> $OutOfProcData$: u:p@h\nStack: of cards", "code": 51}});
        let message = sent(&error);
        for (before, after) in [
            ("", ""),
            ("Activity function 'charge' failed:  ", ""),
            (
                "Activity function 'charge' failed: Result: Failure\nException: ",
                "\nStack:    at somewhere",
            ),
            ("Message: One or more errors occurred. (", "), StackTrace: none"),
        ] {
            let mut text = format!("{before}{message}{after}");
            let json = take(&mut text).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), error);
            assert_eq!(text, format!("{before}the card was declined{after}"));
        }
    }

    #[test]
    fn nothing_in_the_json_is_a_sign_for_the_host() {
        let message = sent(&json!({"a": "key=1 u@h </rust-error> $OutOfProcData$: \nStack: x"}));
        let (text, json) = message.split_once(BEGIN).unwrap();
        assert_eq!(text, "the card was declined\n\n");
        assert!(!json.contains(['=', '@', '$', '\n']), "{json}");
        assert_eq!(json.matches('<').count(), 1);
    }

    /// The host blanks from the sign up to a quote or `<`.
    #[test]
    fn a_secret_in_the_message_takes_no_error_with_it() {
        let mut message = "cannot connect with AccountKey=abc".to_owned();
        append(&mut message, "{\"code\":1}");
        let start = message.find("AccountKey").unwrap();
        let end = start + message[start..].find(['<', '"', '\'']).unwrap();
        message.replace_range(start..end, "[Hidden Credential]");
        assert_eq!(take(&mut message).as_deref(), Some("{\"code\":1}"));
        assert_eq!(message, "cannot connect with [Hidden Credential]");
    }

    #[test]
    fn plain_and_mangled_texts_stay_as_they_are() {
        for text in [
            "the card was declined",
            "",
            "oh\n\n<rust-error>{\"a\":1",
            "oh\n\n<rust-error>{\"a\":</rust-error>",
            "oh <rust-error>1</rust-error>",
        ] {
            let mut taken = text.to_owned();
            assert_eq!(take(&mut taken), None, "{text}");
            assert_eq!(taken, text);
        }
    }

    #[test]
    fn a_huge_error_leaves_its_message_alone() {
        let mut message = "oh".to_owned();
        append(&mut message, &Value::from("x".repeat(LIMIT)).to_string());
        assert_eq!(message, "oh");
    }
}
