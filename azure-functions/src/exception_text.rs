//! What hosts do to the message of an exception, and how a text is written so that nothing of it is taken for what it is not.
//!
//! The host puts a message between two labels, `Result: Failure\nException: MESSAGE\nStack: STACK`, after it has blanked in it what
//! looks like a secret. The durable extension takes the message out again, up to the first `\nStack:`, and looks in it for
//! `\n\n$OutOfProcData$:`, behind which an orchestration's answer stands; of an activity's message it takes what is before it. So
//! neither label may stand in a text, and a secret in a text must not take along what stands behind the text.
//!
//! A secret begins with one of `Token=`, `DefaultEndpointsProtocol=http`, `AccountKey=`, `Data Source=`, `Server=`, `Password=`, `pwd=`,
//! `&amp;sig=`, `&sig=`, `?sig=`, `SharedAccessKey=`, `&amp;code=`, `&code=`, `?code=`, `key=`, ignoring case, and ends before the next `<`,
//! `"` or `'`, or with the message; `PROTOCOL://USER:PASSWORD@ADDRESS:PORT` is one, too. The code here relies on less: no secret
//! without `=` or `@`, and none goes beyond a `<`.
//!
//! Sources: `Sanitizer` and `RpcException` of Azure/azure-functions-host, `OutOfProcExceptionHelpers` of
//! Azure/azure-functions-durable-extension.

use std::{borrow::Cow, fmt::Write};

/// What separates the text for people from the answer for the extension.
const DATA_LABEL: &str = "\n\n$OutOfProcData$:";
/// Ends the text for people where it may have a secret that nothing else ends.
const TEXT_END: &str = "\n<answer>";
/// What the host writes in place of a secret.
pub(crate) const HIDDEN: &str = "[Hidden Credential]";
/// What begins a line that has a meaning for the extension.
const LINE_LABELS: [&str; 2] = ["Stack:", "$OutOfProcData$:"];

/// A text as the message of an exception: lines that would be taken for a label are indented, all else stays.
pub(crate) fn of_text(text: &str) -> Cow<'_, str> {
    // The extension looks for a label that begins with a line feed, which one behind `\r` is not for .NET.
    let text = text.trim_end_matches(['\r', '\n']);
    if !text.split('\n').skip(1).any(is_label) {
        return Cow::Borrowed(text);
    }
    let mut lines = text.split('\n');
    let mut out = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        out.push('\n');
        if is_label(line) {
            out.push(' ');
        }
        out.push_str(line);
    }
    Cow::Owned(out)
}

/// Whether the line begins with a label for a search that passes over what is not visible, as .NET's is that the extension uses.
fn is_label(line: &str) -> bool {
    // Some of what is left out is visible. A line is indented without need then.
    let mut visible = line
        .chars()
        .filter(|c| c.is_ascii() && !c.is_ascii_control())
        .peekable();
    let line: String = std::iter::from_fn(|| visible.next()).take(LONGEST_LABEL).collect();
    LINE_LABELS.iter().any(|label| line.starts_with(label))
}

const LONGEST_LABEL: usize = LINE_LABELS[1].len();

/// The message that has an orchestration's answer behind a text.
pub(crate) fn with_answer(text: &str, answer: &str) -> String {
    let text = of_text(text);
    let mut out = String::with_capacity(text.len() + DATA_LABEL.len() + answer.len() + 32);
    out.push_str(&text);
    if may_have_an_open_secret(&text) {
        out.push_str(TEXT_END);
    }
    out.push_str(DATA_LABEL);
    push_json(&mut out, answer, &['=', '@']);
    out
}

/// The text and the answer of such a message, as it was sent.
pub(crate) fn split_answer(message: &str) -> Option<(&str, &str)> {
    let (text, answer) = message.split_once(DATA_LABEL)?;
    Some((text.strip_suffix(TEXT_END).unwrap_or(text), answer))
}

/// Whether the host may blank what is put behind the text.
fn may_have_an_open_secret(text: &str) -> bool {
    text.rsplit(['<', '"', '\''])
        .next()
        .is_some_and(|end| end.contains('='))
}

/// Puts JSON into a message, with these signs written as escape sequences: they must be ones that only stand inside strings.
pub(crate) fn push_json(out: &mut String, json: &str, escaped: &[char]) {
    let mut rest = json;
    while let Some(at) = rest.find(escaped) {
        let (before, sign) = rest.split_at(at);
        out.push_str(before);
        let mut signs = sign.chars();
        if let Some(sign) = signs.next() {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{:04x}", u32::from(sign));
        }
        rest = signs.as_str();
    }
    out.push_str(rest);
}

#[cfg(test)]
mod host;
#[cfg(test)]
mod tests;
