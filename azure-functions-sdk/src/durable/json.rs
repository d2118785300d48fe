//! What JSON the hub takes in: text that can be read later, with what the host writes around it.
//!
//! Rows hold values as text, and answers show that text as it stands. So a value that no reader takes would make a whole list
//! of instances unreadable. Every way in checks with the rules of the reader, `serde_json::Value`: no numbers beyond those of
//! `f64`, no lone surrogates, and so many levels.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// Levels of arrays and objects that `serde_json` reads.
const READ: usize = 127;
/// Levels that the host's answers put around a value: the result of an event in the history of an instance.
const AROUND: usize = 3;
/// The most levels of arrays and objects that a value may have.
pub(crate) const MAX_LEVELS: usize = READ - AROUND;

/// A member of this name, if it comes first, makes `serde_json` read another value than the one that stands there. It is refused
/// wherever it comes: a `Value` sorts its members, so it would come first where a worker writes the value again.
const RAW_VALUE: &str = "$serde_json::private::RawValue";

/// What the worker's envelope begins with.
const ENVELOPE: &str = r#"{"$azure-functions-rs":"#;

/// Why a text is not taken; the message says where.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JsonError {
    #[error(transparent)]
    Unreadable(#[from] serde_json::Error),
    #[error("more than {MAX_LEVELS} levels of arrays and objects at line {line} column {column}")]
    Deep { line: usize, column: usize },
}

/// Checks that a text is a value that can be read back.
pub(crate) fn check(text: &str) -> Result<(), JsonError> {
    check_levels(text)?;
    serde_json::from_str::<Readable>(text)?;
    Ok(())
}

/// Checks a text that need not be JSON, as on the protobuf wire: what is none is a text, but JSON must be such as can be read back.
pub(crate) fn check_if_json(text: &str) -> Result<(), JsonError> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(_) => check(text),
        Err(_) => Ok(()),
    }
}

/// Checks the input of the next execution. The worker may hand events on beside it, in an envelope that it takes apart value
/// by value (`azure-functions`, `durable/json/answer.rs`): then each of them is checked, as it was when it came in, and the
/// levels of the envelope do not count.
pub(crate) fn check_next_input(text: &str) -> Result<(), JsonError> {
    let Some(envelope) = Envelope::read(text) else {
        return check(text);
    };
    let events = envelope.kept.events.iter().filter_map(|event| event.input);
    events.chain(envelope.input).try_for_each(|value| check(value.get()))
}

/// An input with events that are handed on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    #[serde(borrow, rename = "$azure-functions-rs")]
    kept: Kept<'a>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept<'a> {
    #[serde(borrow)]
    events: Vec<KeptEvent<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptEvent<'a> {
    #[serde(rename = "name")]
    _name: String,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    /// `None` for any other value.
    fn read(text: &'a str) -> Option<Self> {
        text.starts_with(ENVELOPE)
            .then(|| serde_json::from_str(text).ok())
            .flatten()
    }
}

fn check_levels(text: &str) -> Result<(), JsonError> {
    let (mut levels, mut in_string, mut escaped) = (0_usize, false, false);
    for (index, byte) in text.bytes().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => levels += 1,
            b']' | b'}' => levels = levels.saturating_sub(1),
            _ => {}
        }
        if levels > MAX_LEVELS {
            let before = &text[..index];
            let start = before.rfind('\n').map_or(0, |newline| newline + 1);
            return Err(JsonError::Deep {
                line: before.matches('\n').count() + 1,
                column: index - start + 1,
            });
        }
    }
    Ok(())
}

/// Any value, read as `Value` reads it, and not kept.
struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadableVisitor)
    }
}

struct ReadableVisitor;

impl<'de> Visitor<'de> for ReadableVisitor {
    type Value = Readable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_str<E>(self, _: &str) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_unit<E>(self) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Readable, A::Error> {
        while list.next_element::<Readable>()?.is_some() {}
        Ok(Readable)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Readable, A::Error> {
        while let Some(Name { is_raw_value }) = map.next_key()? {
            if is_raw_value {
                return Err(A::Error::custom(format_args!(
                    "an object must not have a member `{RAW_VALUE}`"
                )));
            }
            map.next_value::<Readable>()?;
        }
        Ok(Readable)
    }
}

/// The name of a member.
struct Name {
    is_raw_value: bool,
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }

            fn visit_str<E>(self, name: &str) -> Result<Name, E> {
                Ok(Name {
                    is_raw_value: name == RAW_VALUE,
                })
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_no_reader_takes_is_refused_with_its_place() {
        for (text, place) in [
            (r#""\ud83d""#, "line 1 column 8"),
            (r#"{"a": ["\udc00"]}"#, "line 1 column 14"),
            (r#"{"\ud83dx": 1}"#, "line 1 column"),
            ("[1,\n 1e400]", "line 2 column 6"),
            ("-1e309", "line 1 column 6"),
            ("", "line 1 column 0"),
            ("{\"a\":1,}", "line 1 column 8"),
            ("1 2", "line 1 column 3"),
            ("NaN", "line 1 column 1"),
            (r#"{"$serde_json::private::RawValue":"{"}"#, "line 1 column"),
            (r#"{"a":1,"\u0024serde_json::private::RawValue":1}"#, "line 1 column"),
        ] {
            let error = check(text).unwrap_err().to_string();
            assert!(error.contains(place), "{text}: {error}");
        }
    }

    #[test]
    fn so_many_levels_are_taken_as_can_be_read_with_what_the_host_writes_around_them() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        check(&nested(MAX_LEVELS)).unwrap();
        let around = format!(r#"{{"historyEvents":[{{"Result":{}}}]}}"#, nested(MAX_LEVELS));
        serde_json::from_str::<Value>(&around).unwrap();
        for levels in [MAX_LEVELS + 1, 128, 100_000] {
            let error = check(&nested(levels)).unwrap_err().to_string();
            assert_eq!(error, "more than 124 levels of arrays and objects at line 1 column 125");
        }
        let text = format!("{{\n\"[[[\\\"[\": {}}}", nested(MAX_LEVELS));
        assert!(
            check(&text).unwrap_err().to_string().contains("line 2 column 134"),
            "{text}"
        );
        assert!(check(&format!("[{}]", vec![nested(100); 3].join(","))).is_ok());
    }

    #[test]
    fn a_text_that_is_no_json_is_taken_and_json_that_cannot_be_read_back_is_not() {
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        for (text, taken) in [
            ("hello", true),
            ("{\"a\":", true),
            ("[1]", true),
            ("1e400", false),
            (r#""\ud83d""#, false),
            (&deep, false),
        ] {
            assert_eq!(check_if_json(text).is_ok(), taken, "{text}");
        }
    }
}
