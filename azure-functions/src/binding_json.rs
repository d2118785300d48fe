//! JSON read into a type of the app's.

use crate::{BindingError, json_text};
use serde::de::DeserializeOwned;

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
        let message = if path == "." || error.is_syntax() || error.is_eof() {
            error.to_string()
        } else {
            format!("{path}: {error}")
        };
        BindingError::with_source(message, error)
    })?;
    if let Some(error) = std::str::from_utf8(text).ok().and_then(json_text::misread) {
        return Err(BindingError::with_source(error.to_string(), error));
    }
    deserializer
        .end()
        .map_err(|error| BindingError::with_source(error.to_string(), error))?;
    Ok(value)
}
