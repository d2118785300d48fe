//! The text of a response, which becomes part of a history: decoded by its charset, as .NET reads the content for the
//! extension.

use encoding_rs::{Encoding, UTF_8};
use http::HeaderValue;

/// Decodes a body. A byte order mark says what the text is in, and is not part of it; without one the charset of the
/// `Content-Type` counts, and without that UTF-8. What cannot be decoded becomes U+FFFD.
///
/// # Errors
/// The charset is not known. A .NET client fails then, too.
pub(super) fn text(content_type: Option<&HeaderValue>, body: &[u8]) -> Result<String, String> {
    let encoding = match content_type.and_then(charset) {
        None => UTF_8,
        Some(label) => Encoding::for_label(label).ok_or_else(|| {
            format!(
                "its response is in the charset '{}', which is not known",
                label.escape_ascii()
            )
        })?,
    };
    let (text, _, _) = encoding.decode(body);
    Ok(text.into_owned())
}

/// The charset that a content type names.
fn charset(content_type: &HeaderValue) -> Option<&[u8]> {
    let parameters = content_type.as_bytes().split(|byte| *byte == b';').skip(1);
    parameters
        .filter_map(|parameter| {
            let equals = parameter.iter().position(|byte| *byte == b'=')?;
            let (name, value) = (parameter[..equals].trim_ascii(), parameter[equals + 1..].trim_ascii());
            let unquoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
            name.eq_ignore_ascii_case(b"charset").then(|| unquoted.unwrap_or(value))
        })
        .find(|charset| !charset.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content_type: &'static str, body: &[u8]) -> Result<String, String> {
        text(Some(&HeaderValue::from_static(content_type)), body)
    }

    #[test]
    fn a_response_is_read_by_its_charset() {
        assert_eq!(
            read("text/plain; charset=ISO-8859-1", b"Gr\xfc\xdfe").unwrap(),
            "Gr\u{fc}\u{df}e"
        );
        assert_eq!(
            read("text/plain;format=flowed; Charset=\"utf-8\"", "Gr\u{fc}".as_bytes()).unwrap(),
            "Gr\u{fc}"
        );
        assert_eq!(
            read("application/json; charset=utf-16", b"\"\0a\0\"\0").unwrap(),
            "\"a\""
        );
        assert_eq!(
            read("application/json; charset=utf-16be", b"\0\"\0a\0\"").unwrap(),
            "\"a\""
        );
        assert_eq!(read("text/html; charset=Shift_JIS", b"\x93\xfa").unwrap(), "\u{65e5}");
        assert_eq!(read("text/plain", "\u{fc}".as_bytes()).unwrap(), "\u{fc}");
        assert_eq!(text(None, b"\xff").unwrap(), "\u{fffd}");
    }

    #[test]
    fn a_byte_order_mark_is_not_part_of_the_text() {
        for content_type in [
            "application/json",
            "application/json; charset=utf-8",
            "text/plain; charset=latin1",
        ] {
            assert_eq!(read(content_type, b"\xef\xbb\xbf{}").unwrap(), "{}", "{content_type}");
            assert_eq!(read(content_type, b"\xff\xfe{\0}\0").unwrap(), "{}", "{content_type}");
            assert_eq!(read(content_type, b"\xfe\xff\0{\0}").unwrap(), "{}", "{content_type}");
        }
    }

    #[test]
    fn a_charset_that_is_not_known_is_an_error_that_names_it() {
        let error = read("text/plain; charset=klingon", b"x").unwrap_err();
        assert!(error.contains("'klingon'"), "{error}");
    }
}
