//! JSON that travels as text: what is read of it, and what is refused.
//!
//! One reader for all values: a text is the value that `serde_json` reads, or, if it is no JSON at all, that text. JSON that
//! `serde_json` refuses (more than [`LEVELS`] levels, numbers beyond `f64`, a lone surrogate) or reads as another value (an object
//! with a member [`RAW_VALUE`]) is an error that says so, with line and column, and never silently a text. What could not be
//! read back is refused where it is written.

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Error, Value};
use std::fmt;

/// How many lists and objects may stand in each other: the recursion limit of `serde_json`.
pub(crate) const LEVELS: usize = 127;
/// A member of this name, if it comes first, makes `serde_json` read another value than the one that stands there. It is refused
/// wherever it comes: a [`Value`] sorts its members, so it would come first where the value is written again.
const RAW_VALUE: &str = "$serde_json::private::RawValue";
/// A number with fewer digits and no exponent is one that a `f64` can hold.
const SAFE_DIGITS: usize = 300;

/// The value of a text, or the text itself if it is no JSON.
pub(crate) fn value_or_text(text: &str) -> serde_json::Result<Value> {
    match serde_json::from_str(text) {
        Ok(value) => match misread(text) {
            Some(error) => Err(error),
            None => Ok(value),
        },
        Err(error) if is_json(text) => Err(misread(text).unwrap_or(error)),
        Err(_) => Ok(Value::String(text.to_owned())),
    }
}

/// Whether a text is JSON by its grammar, however deep and large. Takes no stack.
pub(crate) fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Why a text that is JSON cannot be read. Fast for what is plainly readable.
pub(crate) fn refused(text: &str) -> Option<Error> {
    if may_be_refused(text.as_bytes()) || may_be_misread(text) {
        first_error(text)
    } else {
        None
    }
}

/// Why a text that is JSON is not to be read, because `serde_json` takes it for another value. Faster than [`refused`], for texts
/// that `serde_json` reads anyhow.
pub(crate) fn misread(text: &str) -> Option<Error> {
    if may_be_misread(text) { first_error(text) } else { None }
}

fn first_error(text: &str) -> Option<Error> {
    let error = serde_json::from_str::<Readable>(text).err()?;
    is_json(text).then_some(error)
}

/// JSON text of a value that can be read back.
pub(crate) fn write<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<String> {
    let text = serde_json::to_string(value)?;
    match refused(&text) {
        Some(error) => Err(error),
        None => Ok(text),
    }
}

/// Whether a value has more levels than can be read back.
pub(crate) fn is_too_deep(value: &Value) -> bool {
    fn deeper(value: &Value, left: usize) -> bool {
        match value {
            Value::Array(items) => left == 0 || items.iter().any(|item| deeper(item, left - 1)),
            Value::Object(members) => left == 0 || members.values().any(|item| deeper(item, left - 1)),
            _ => false,
        }
    }
    deeper(value, LEVELS)
}

/// Whether a value, not deeper than can be read back, would be read back as another one.
pub(crate) fn has_raw_value(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_raw_value),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name == RAW_VALUE || has_raw_value(value)),
        _ => false,
    }
}

/// Drops a value of any depth; its own `drop` would take stack for each level.
pub(crate) fn dismantle(value: Value) {
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        match value {
            Value::Array(items) => left.extend(items),
            Value::Object(members) => left.extend(members.into_iter().map(|(_, value)| value)),
            _ => {}
        }
    }
}

/// Whether a text may have a member [`RAW_VALUE`]: its first letter, plain or escaped. Tells too many rather than too few.
fn may_be_misread(text: &str) -> bool {
    // Few texts have either sign, and looking for one byte takes next to nothing.
    let has = |sign: u8| text.as_bytes().contains(&sign);
    has(b'$') && text.contains("\"$") || has(b'\\') && text.contains(r#""\u0024"#)
}

/// Whether a text has anything that `serde_json` may refuse although it is JSON.
fn may_be_refused(text: &[u8]) -> bool {
    let (mut depth, mut digits, mut in_string) = (0_usize, 0_usize, false);
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        if in_string {
            match byte {
                b'"' => in_string = false,
                b'\\' => {
                    let surrogate = |byte: &u8| matches!(byte, b'd' | b'D');
                    if bytes.next() == Some(b'u') && bytes.clone().next().as_ref().is_some_and(surrogate) {
                        return true;
                    }
                }
                _ => {}
            }
            continue;
        }
        match byte {
            b'0'..=b'9' => digits += 1,
            b'e' | b'E' if digits > 0 => return true,
            _ => digits = 0,
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > LEVELS || digits > SAFE_DIGITS {
            return true;
        }
    }
    false
}

/// Reads what a [`Value`] reads, and keeps nothing.
struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Readable {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while let Some(Name { is_raw_value }) = map.next_key()? {
            if is_raw_value {
                return Err(de::Error::custom(format_args!(
                    "an object must not have a member `{RAW_VALUE}`"
                )));
            }
            map.next_value::<Self>()?;
        }
        Ok(self)
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
                f.write_str("the name of a member")
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
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// `[[[…1…]]]` of this many levels.
    pub(crate) fn nested(levels: usize) -> String {
        format!("{}1{}", "[".repeat(levels), "]".repeat(levels))
    }

    /// JSON that a `Value` refuses, with a word of what is said of it.
    pub(crate) fn unreadable() -> [(String, &'static str); 8] {
        [
            (nested(LEVELS + 1), "recursion limit exceeded at line 1 column 128"),
            (nested(100_000), "recursion limit exceeded at line 1 column 128"),
            (r#"{"a":1e400}"#.to_owned(), "number out of range"),
            (format!("[{}]", "9".repeat(400)), "number out of range"),
            (r#""\ud83d""#.to_owned(), "hex escape"),
            (
                r#"[{"$serde_json::private::RawValue":"1"}]"#.to_owned(),
                "an object must not have a member `$serde_json::private::RawValue` at line 1 column 34",
            ),
            (
                r#"{"a":1,"$serde_json::private::RawValue":1}"#.to_owned(),
                "must not have",
            ),
            (
                r#"{"\u0024serde_json\u003a:private::RawValue":"{}"}"#.to_owned(),
                "must not have",
            ),
        ]
    }

    #[test]
    fn json_that_cannot_be_read_is_told_apart_from_text() {
        for (text, reason) in unreadable() {
            let error = value_or_text(&text).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
            assert_eq!(refused(&text).unwrap().to_string(), error);
        }
        let name = r#"["$serde_json::private::RawValue"]"#;
        assert_eq!(value_or_text(name).unwrap().to_string(), name, "it may be a value");
        for text in ["hi", "", "[1", "1e400x", "{a:1}", r"\ud83d", &"[".repeat(100_000)] {
            assert_eq!(value_or_text(text).unwrap(), json!(text));
            assert!(refused(text).is_none());
        }
        let deepest = nested(LEVELS);
        assert_eq!(value_or_text(&deepest).unwrap().to_string(), deepest);
    }

    #[test]
    fn what_could_not_be_read_back_is_not_written() {
        let value: Value = serde_json::from_str(&nested(LEVELS)).unwrap();
        assert_eq!(write(&value).unwrap(), nested(LEVELS));
        let error = write(&json!([value])).unwrap_err().to_string();
        assert!(error.contains("recursion limit exceeded"), "{error}");
        assert!(!is_too_deep(&value) && is_too_deep(&json!([value])) && is_too_deep(&json!({"a": value})));
    }

    #[test]
    fn a_value_of_any_depth_is_measured_and_dropped() {
        let mut value = json!(1);
        for level in 0..100_000 {
            value = if level % 2 == 0 {
                Value::Array(vec![value])
            } else {
                Value::Object([("a".to_owned(), value)].into_iter().collect())
            };
        }
        assert!(is_too_deep(&value));
        dismantle(value);
    }

    /// What stands in a text, with [`RAW_VALUE`] under another name of the same length.
    fn literal(text: &str) -> serde_json::Result<Value> {
        serde_json::from_str(&text.replace("RawValue", "RawValux"))
    }

    fn has_raw_value(value: &Value) -> bool {
        match value {
            Value::Array(items) => items.iter().any(has_raw_value),
            Value::Object(members) => members
                .iter()
                .any(|(name, value)| *name == RAW_VALUE.replace("RawValue", "RawValux") || has_raw_value(value)),
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// The one oracle: what a `Value` accepts as it stands there is read, else it is refused if it is JSON, else it is text.
        #[test]
        fn a_text_is_read_exactly_if_a_value_accepts_it(parts in prop::collection::vec(prop::sample::select(&[
            "[", "]", "{", "}", ",", ":", "\"", "\"a\":", "\\", "\\u", "\\ud83d", "\\ude00", "\\\\", "1", "-", ".", "e", "E+", "400", "0",
            "true", "null", " ", "é", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
            "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
            "{\"$serde_json::private::RawValue\":", "{\"a\":1,\"\\u0024serde_json::private::RawValue\":", "\"1\"}", "1}", "\"$",
            "11111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111",
        ][..]), 0..10), whole in 0..4_u8) {
            let text = parts.concat();
            let text = match whole {
                0 => text,
                1 => format!("[{text}]"),
                2 => format!("\"{text}\""),
                // Closes what is open.
                _ => {
                    let open = text.matches('[').count().saturating_sub(text.matches(']').count());
                    format!("{text}1{}", "]".repeat(open))
                }
            };
            let refused = refused(&text).map(|error| error.to_string());
            match (value_or_text(&text), literal(&text)) {
                (Ok(value), Ok(literal)) => {
                    prop_assert!(!has_raw_value(&literal));
                    prop_assert_eq!(&value, &serde_json::from_str::<Value>(&text).unwrap());
                    prop_assert_eq!(refused, None);
                    prop_assert!(value_or_text(&write(&value).unwrap()).is_ok());
                }
                (Ok(value), Err(_)) => {
                    prop_assert!(!is_json(&text));
                    prop_assert_eq!(refused, None);
                    prop_assert_eq!(value, json!(text));
                }
                (Err(error), Ok(literal)) => {
                    prop_assert!(has_raw_value(&literal));
                    prop_assert!(error.to_string().contains("must not have a member"));
                    prop_assert_eq!(refused, Some(error.to_string()));
                }
                (Err(error), Err(expected)) => {
                    prop_assert!(is_json(&text));
                    let error = error.to_string();
                    // The first fault is told.
                    prop_assert!(error == expected.to_string() || text.contains("RawValue") && error.contains("must not have a member"));
                    prop_assert_eq!(refused, Some(error));
                }
            }
        }
    }
}
