//! What an error says, and what it was caused by.

use std::error::Error;

/// The text of an error, with those of the errors behind it.
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        add_cause(&mut text, &error.to_string());
        cause = error.source();
    }
    text
}

/// Adds the text of a cause, unless it is told already: many errors end with the text of their cause.
pub(crate) fn add_cause(text: &mut String, cause: &str) {
    if !text.contains(cause) {
        text.push_str(": ");
        text.push_str(cause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Caused(&'static str, #[source] Option<Box<Self>>);

    #[test]
    fn causes_are_told_once() {
        let root = Caused("no route", None);
        let told = Caused("connect: no route", Some(root.into()));
        let outermost = Caused("payment failed", Some(told.into()));
        assert_eq!(with_causes(&outermost), "payment failed: connect: no route");
    }
}
