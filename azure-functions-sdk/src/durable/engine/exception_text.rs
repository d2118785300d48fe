//! What the Functions host does to the message of a worker's exception before the durable extension reads it: it blanks what
//! looks like a secret. Source: `Sanitizer` of Azure/azure-functions-host.

use std::borrow::Cow;

/// What a secret begins with, in lower case.
const TOKENS: [&str; 15] = [
    "token=",
    "defaultendpointsprotocol=http",
    "accountkey=",
    "data source=",
    "server=",
    "password=",
    "pwd=",
    "&amp;sig=",
    "&sig=",
    "?sig=",
    "sharedaccesskey=",
    "&amp;code=",
    "&code=",
    "?code=",
    "key=",
];

/// Begins with a token, and is none.
const EXCEPTION: &str = "publickeytoken=";

/// Stands in place of a secret.
const HIDDEN: &str = "[Hidden Credential]";

/// The text without what looks like a secret: from one of the tokens to the next `<`, `"` or `'`, or to the end.
pub(super) fn blanked(text: &str) -> Cow<'_, str> {
    if !text.contains('=') {
        return Cow::Borrowed(text);
    }
    // Of the same length.
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    let mut at = 0;
    while let Some(rest) = lower.get(at..) {
        if rest.is_empty() {
            break;
        }
        if rest.starts_with(EXCEPTION) {
            at += EXCEPTION.len();
        } else if TOKENS.iter().any(|token| rest.starts_with(token)) {
            out.push_str(&text[copied..at]);
            out.push_str(HIDDEN);
            at = rest.find(['<', '"', '\'']).map_or(lower.len(), |end| at + end);
            copied = at;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    if out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_blanked_up_to_the_next_quote_or_tag() {
        for (text, expected) in [
            ("plain", "plain"),
            ("a Key=b c", "a [Hidden Credential]"),
            ("a?code=b\"c&SIG=d<e", "a[Hidden Credential]\"c[Hidden Credential]<e"),
            ("PublicKeyToken=1", "PublicKeyToken=1"),
            ("ü key=", "ü [Hidden Credential]"),
            ("key=a", "[Hidden Credential]"),
        ] {
            assert_eq!(blanked(text), expected);
        }
    }
}
