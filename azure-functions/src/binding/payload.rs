//! What messages, events and blobs carry: bytes, text, or JSON.

use super::BindingData;
use crate::{BindingError, binding_json::parse_json, http::Json};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

/// The content of a message, an event, or a blob, as a function takes it: [`Bytes`], `Vec<u8>`, `String`, or [`Json<T>`](Json).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the content of a message, an event, or a blob",
    label = "not a content that can be read",
    note = "a content is `Bytes`, `Vec<u8>`, `String`, or `Json<T>` for a type that serde can read"
)]
pub trait FromPayload: Sized {
    /// Reads the content.
    ///
    /// # Errors
    /// If it is not text, or not JSON of the type. The invocation fails with the error.
    fn from_payload(data: BindingData) -> Result<Self, BindingError>;
}

/// The content of a message, an event, or a blob, as a function returns it: [`Bytes`], `Vec<u8>`, `String`, `&'static str`, or
/// [`Json<T>`](Json). It arrives byte for byte.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the content of a message, an event, or a blob",
    label = "not a content that can be written",
    note = "a content is `Bytes`, `Vec<u8>`, `String`, `&'static str`, or `Json<T>` for a type that serde can write"
)]
pub trait IntoPayload {
    /// Writes the content.
    ///
    /// # Errors
    /// If the value cannot be written as JSON.
    fn into_payload(self) -> Result<Bytes, BindingError>;
}

/// The data as the host sends it.
impl FromPayload for BindingData {
    fn from_payload(data: BindingData) -> Result<Self, BindingError> {
        Ok(data)
    }
}

impl FromPayload for Bytes {
    fn from_payload(data: BindingData) -> Result<Self, BindingError> {
        match data {
            BindingData::None => Ok(Self::new()),
            BindingData::Bytes(bytes) => Ok(bytes),
            BindingData::String(text) | BindingData::Json(text) => Ok(text.into()),
            other => match other.as_text() {
                Some(text) => Ok(text.into_owned().into()),
                None => Err(BindingError::new(format!("{} has no bytes", other.kind()))),
            },
        }
    }
}

impl FromPayload for Vec<u8> {
    fn from_payload(data: BindingData) -> Result<Self, BindingError> {
        Bytes::from_payload(data).map(Into::into)
    }
}

impl FromPayload for String {
    fn from_payload(data: BindingData) -> Result<Self, BindingError> {
        let bytes = Vec::from_payload(data)?;
        Self::from_utf8(bytes).map_err(|error| {
            BindingError::with_source(
                format!("the content is not UTF-8: {}; take `Bytes` instead", error.utf8_error()),
                error,
            )
        })
    }
}

impl<T: DeserializeOwned> FromPayload for Json<T> {
    fn from_payload(data: BindingData) -> Result<Self, BindingError> {
        let read = match &data {
            BindingData::Bytes(bytes) => parse_json(bytes),
            data => data.parse(),
        };
        read.map(Self)
    }
}

impl IntoPayload for Bytes {
    fn into_payload(self) -> Result<Bytes, BindingError> {
        Ok(self)
    }
}

impl IntoPayload for Vec<u8> {
    fn into_payload(self) -> Result<Bytes, BindingError> {
        Ok(self.into())
    }
}

impl IntoPayload for String {
    fn into_payload(self) -> Result<Bytes, BindingError> {
        Ok(self.into())
    }
}

impl IntoPayload for &'static str {
    fn into_payload(self) -> Result<Bytes, BindingError> {
        Ok(Bytes::from_static(self.as_bytes()))
    }
}

impl<T: Serialize> IntoPayload for Json<T> {
    fn into_payload(self) -> Result<Bytes, BindingError> {
        Bytes::from_payload(BindingData::json(&self.0)?)
    }
}

/// Several contents as one JSON array of texts: what an output takes for several messages.
pub(crate) fn texts(contents: Vec<Bytes>) -> Result<BindingData, BindingError> {
    let mut contents = contents;
    if contents.len() == 1
        && let Some(only) = contents.pop()
    {
        return Ok(BindingData::Bytes(only));
    }
    let texts = contents
        .iter()
        .enumerate()
        .map(|(index, content)| {
            std::str::from_utf8(content).map_err(|error| {
                BindingError::with_source(
                    format!(
                        "message {index} of {} is not UTF-8, and hosts take several messages as text only: return one message, or \
                         encode them, in Base64 for example",
                        contents.len()
                    ),
                    error,
                )
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    BindingData::json(&texts)
}
