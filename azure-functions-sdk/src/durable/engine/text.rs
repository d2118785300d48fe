//! How values become text on their way through .NET.

use crate::dotnet_number;
use serde_json::value::RawValue;

/// The JSON without blanks between its tokens.
pub(super) fn compact(json: &RawValue) -> String {
    let text = json.get();
    let mut out = String::with_capacity(text.len());
    let mut in_string = false;
    let mut escaped = false;
    let mut copied = 0;
    for (index, byte) in text.bytes().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
        } else if byte == b'"' {
            in_string = true;
        } else if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            out.push_str(&text[copied..index]);
            copied = index + 1;
        }
    }
    out.push_str(&text[copied..]);
    out
}

/// What the activity trigger delivers for the input of an action: objects and arrays as JSON, scalars as .NET prints
/// them, nothing for null.
pub(super) fn activity_input(json: &RawValue) -> Option<String> {
    let text = json.get();
    Some(match text.as_bytes().first()? {
        b'n' => return None,
        b't' => "True".to_owned(),
        b'f' => "False".to_owned(),
        b'"' => serde_json::from_str(text).unwrap_or_else(|_| text.to_owned()),
        b'{' | b'[' => compact(json),
        _ => dotnet_number::text(text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activity_inputs_are_what_the_extension_delivers() {
        for (input, expected) in [
            (r#"{"x": 1, "y": "a \" b"}"#, Some(r#"{"x":1,"y":"a \" b"}"#)),
            (r#"[1, 2]"#, Some("[1,2]")),
            (r#""{\"x\": 1}""#, Some(r#"{"x": 1}"#)),
            (r#""hi""#, Some("hi")),
            (r#""\"hi\"""#, Some("\"hi\"")),
            ("5", Some("5")),
            ("1.5", Some("1.5")),
            ("5.0", Some("5")),
            ("true", Some("True")),
            ("1e21", Some("1E+21")),
            ("1.25e-7", Some("1.25E-07")),
            ("1e400", Some("Infinity")),
            ("0.00001", Some("1E-05")),
            ("123456789012345678901234567890", Some("123456789012345678901234567890")),
            ("null", None),
            (r#""null""#, Some("null")),
        ] {
            let raw: &RawValue = serde_json::from_str(input).unwrap();
            assert_eq!(activity_input(raw).as_deref(), expected, "{input}");
        }
    }
}
