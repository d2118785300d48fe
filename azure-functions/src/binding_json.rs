//! JSON read into a type of the app's.

use crate::{BindingError, json_text};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// What is said of JSON that cannot be read.
pub(crate) fn unreadable(error: serde_json::Error) -> BindingError {
    BindingError::with_source(format!("the JSON cannot be read: {error}"), error)
}

/// Parses JSON; the error names the path to the offending part.
pub(crate) fn parse_json<T: DeserializeOwned>(text: &[u8]) -> Result<T, BindingError> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        let message = match error.classify() {
            Category::Syntax => format!("not JSON: {error}"),
            Category::Eof if text.trim_ascii().is_empty() => "empty, where JSON is expected".to_owned(),
            Category::Eof => format!("JSON that is cut off: {error}"),
            _ if path == "." => error.to_string(),
            _ => format!("{path}: {error}"),
        };
        BindingError::with_source(message, error)
    })?;
    if let Some(error) = std::str::from_utf8(text).ok().and_then(json_text::misread) {
        return Err(BindingError::with_source(error.to_string(), error));
    }
    deserializer
        .end()
        .map_err(|error| BindingError::with_source(format!("not JSON: {error}"), error))?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_json_is_said_to_be_none() {
        let message = |text: &str| parse_json::<Vec<u8>>(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(message("not one"), "not JSON: expected ident at line 1 column 2");
        assert_eq!(message("hello"), "not JSON: expected value at line 1 column 1");
        assert_eq!(message(" \n"), "empty, where JSON is expected");
        assert_eq!(
            message("[1, "),
            "JSON that is cut off: EOF while parsing a value at line 1 column 4"
        );
        assert!(message("[1, \"a\"]").starts_with("[1]: invalid type: string \"a\", expected u8"));
        assert!(message("{}").starts_with("invalid type: map, expected a sequence"));
        assert!(message("[1] 2").starts_with("not JSON: trailing characters"));
    }
}
