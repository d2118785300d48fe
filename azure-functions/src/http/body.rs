//! Bodies as text, of requests and of responses.

use std::str::{self, Utf8Error};

/// A body without the byte order mark that some programs, many on Windows, put before text in UTF-8.
pub(crate) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// A body as text, without its byte order mark.
pub(super) fn text(body: &[u8]) -> Result<&str, Utf8Error> {
    str::from_utf8(without_mark(body))
}
