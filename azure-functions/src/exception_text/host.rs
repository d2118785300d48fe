//! A model of what the host and the durable extension do to the message of an exception, read from their sources.

use azure_functions_durable::protobuf::TaskFailureDetails;
use prost_types::value::Kind;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// How the extension looks for a label.
#[derive(Clone, Copy, Debug)]
pub(super) enum Search {
    /// Character by character.
    Ordinal,
    /// As .NET does with ICU: what is not visible is passed over, and `\r\n` is one sign.
    Cultural,
}

pub(super) const SEARCHES: [Search; 2] = [Search::Ordinal, Search::Cultural];

/// `Sanitizer.CredentialTokens`.
pub(super) const TOKENS: [&str; 15] = [
    "Token=",
    "DefaultEndpointsProtocol=http",
    "AccountKey=",
    "Data Source=",
    "Server=",
    "Password=",
    "pwd=",
    "&amp;sig=",
    "&sig=",
    "?sig=",
    "SharedAccessKey=",
    "&amp;code=",
    "&code=",
    "?code=",
    "key=",
];

const REPLACEMENT: &str = "[Hidden Credential]";

/// `Sanitizer.Sanitize`.
pub(super) fn blanked(text: &str) -> String {
    if !text.contains(['=', ':']) {
        return text.to_owned();
    }
    let mut shown = text.to_owned();
    let mut searched = text.replace("PublicKeyToken=", "###############").to_ascii_lowercase();
    for token in TOKENS {
        let token = token.to_ascii_lowercase();
        let mut from = 0;
        while let Some(at) = searched[from..].find(&token) {
            let start = from + at;
            let end = shown[start..]
                .find(['<', '"', '\''])
                .map_or(shown.len(), |end| start + end);
            shown.replace_range(start..end, REPLACEMENT);
            searched.replace_range(start..end, REPLACEMENT);
            from = start;
        }
    }
    if text.contains(':') {
        without_logins(&shown)
    } else {
        shown
    }
}

/// `PROTOCOL://USER:PASSWORD@ADDRESS:PORT`, the regular expression of `Sanitizer`.
fn without_logins(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let mut before = None;
    while let Some(c) = rest.chars().next() {
        let at_a_word = !before.is_some_and(is_word);
        match at_a_word.then(|| login(rest)).flatten() {
            Some(length) => {
                out.push_str(REPLACEMENT);
                before = rest[..length].chars().next_back();
                rest = &rest[length..];
            }
            None => {
                out.push(c);
                before = Some(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    out
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of a login at the beginning of the text.
fn login(text: &str) -> Option<usize> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    if rest.len() == text.len() {
        return None;
    }
    let rest = rest.strip_prefix("://")?;
    let rest = after(rest, ':', &[':', '/'])?;
    let rest = after(rest, '@', &['@', '/'])?;
    let rest = after(rest, ':', &[':', '/'])?;
    let end = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let port = end.len() < rest.len() && !end.starts_with(is_word);
    port.then(|| text.len() - end.len())
}

/// What follows `sign` after at least one character that is none of `excluded`, and no white space.
fn after<'a>(text: &'a str, sign: char, excluded: &[char]) -> Option<&'a str> {
    let end = text.find(|c: char| excluded.contains(&c) || c.is_whitespace())?;
    text[end..].strip_prefix(sign).filter(|_| end > 0)
}

/// What the host throws for an answer with this exception.
pub(super) fn thrown(message: &str, stack: &str) -> String {
    format!("Result: Failure\nException: {}\nStack: {stack}", blanked(message))
}

/// `OutOfProcExceptionHelpers.TryGetFullOutOfProcMessage`. Panics where it would.
pub(super) fn full_message(thrown: &str, search: Search) -> &str {
    const EXCEPTION: &str = "\nException:";
    let start = search.find(thrown, EXCEPTION).expect("the host writes it").1;
    let end = search
        .find(thrown, "\nStack:")
        .expect("the end of the message is found")
        .0;
    &thrown[start..end]
}

const DATA: &str = "\n\n$OutOfProcData$:";

/// What stands behind the label, for an orchestration.
pub(super) fn state_json(thrown: &str, search: Search) -> Option<&str> {
    let message = full_message(thrown, search);
    Some(&message[search.find(message, DATA)?.1..])
}

/// What stands before the label, for an activity.
pub(super) fn friendly(thrown: &str, search: Search) -> &str {
    let message = full_message(thrown, search);
    search
        .find(message, DATA)
        .map_or(message, |(start, _)| &message[..start])
}

/// `TaskFailureDetails` as proto3 JSON.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Structured {
    error_type: String,
    error_message: String,
    stack_trace: Option<String>,
    inner_failure: Option<Box<Self>>,
    is_non_retriable: bool,
    properties: Map<String, Value>,
}

/// On the protobuf wire: the details that are the first line of an activity's message.
pub(super) fn structured(message: &str) -> Option<TaskFailureDetails> {
    let line = message.trim_start_matches(' ').split('\n').next()?;
    serde_json::from_str(line).ok().map(details)
}

fn details(read: Structured) -> TaskFailureDetails {
    let properties = read.properties.into_iter().map(|(name, value)| {
        let kind = match value {
            Value::String(text) => Kind::StringValue(text),
            other => panic!("{other} is not used"),
        };
        (name, prost_types::Value { kind: Some(kind) })
    });
    TaskFailureDetails {
        error_type: read.error_type,
        error_message: read.error_message,
        stack_trace: read.stack_trace,
        inner_failure: read.inner_failure.map(|inner| Box::new(details(*inner))),
        is_non_retriable: read.is_non_retriable,
        properties: properties.collect::<HashMap<_, _>>(),
    }
}

impl Search {
    /// Where it begins, and where it ends.
    fn find(self, text: &str, label: &str) -> Option<(usize, usize)> {
        match self {
            Self::Ordinal => text.find(label).map(|start| (start, start + label.len())),
            Self::Cultural => {
                let signs = signs(text);
                let label: Vec<&str> = signs_of_label(label);
                let at = signs
                    .windows(label.len())
                    .position(|window| window.iter().map(|(_, sign)| *sign).eq(label.iter().copied()))?;
                let (last, sign) = signs[at + label.len() - 1];
                Some((signs[at].0, last + sign.len()))
            }
        }
    }
}

fn signs_of_label(label: &str) -> Vec<&str> {
    signs(label).into_iter().map(|(_, sign)| sign).collect()
}

fn signs(text: &str) -> Vec<(usize, &str)> {
    let mut signs = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let length = if text[at..].starts_with("\r\n") {
            2
        } else {
            c.len_utf8()
        };
        let invisible =
            matches!(c, '\0'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{feff}');
        if !invisible {
            signs.push((at, &text[at..at + length]));
        }
        at += length;
    }
    signs
}

#[test]
fn secrets_are_blanked_up_to_the_next_quote_or_tag() {
    for (text, expected) in [
        ("plain", "plain"),
        ("a Key=b c", "a [Hidden Credential]"),
        ("a?code=b\"c&SIG=d<e", "a[Hidden Credential]\"c[Hidden Credential]<e"),
        ("PublicKeyToken=1", "PublicKeyToken=1"),
        ("see amqp://u:p@h:5671/x", "see [Hidden Credential]/x"),
        ("amqp://u:p@h:5671x", "amqp://u:p@h:5671x"),
    ] {
        assert_eq!(blanked(text), expected);
    }
}
