//! What a resource contains: the answer of a function that a client reads it with.

use crate::{
    BindingError,
    binding::{BindingData, BindingSpec, IntoBinding, table},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Map, Value, json};

/// What a resource contains: text or bytes. A function with an [`McpResourceTrigger`](super::McpResourceTrigger) returns it.
///
/// It arrives as it is. Its media type is the trigger's `mime_type`, or that of [`mime_type`](Self::mime_type).
///
/// ```
/// use azure_functions::bindings::McpResourceContents;
///
/// let text = McpResourceContents::from("# Hello");
/// let image = McpResourceContents::from(vec![0x89, b'P', b'N', b'G']).mime_type("image/png");
/// assert_ne!(text, image);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpResourceContents {
    data: Data,
    mime_type: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Data {
    Text(String),
    Bytes(Bytes),
}

impl McpResourceContents {
    /// With this media type in place of the trigger's.
    #[must_use]
    pub fn mime_type(self, mime_type: impl Into<String>) -> Self {
        Self {
            mime_type: Some(mime_type.into()),
            ..self
        }
    }

    /// The text, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            Data::Bytes(_) => None,
        }
    }

    /// The bytes of either.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.data {
            Data::Text(text) => text.as_bytes(),
            Data::Bytes(bytes) => bytes,
        }
    }

    /// As the protocol has it.
    pub(super) fn json(&self, uri: &str) -> Value {
        let mut json = json!({"uri": uri});
        if let Some(mime_type) = &self.mime_type {
            json["mimeType"] = mime_type.as_str().into();
        }
        match &self.data {
            Data::Text(text) => json["text"] = text.as_str().into(),
            Data::Bytes(bytes) => json["blob"] = STANDARD.encode(bytes).into(),
        }
        json
    }
}

impl From<String> for McpResourceContents {
    fn from(text: String) -> Self {
        Self {
            data: Data::Text(text),
            mime_type: None,
        }
    }
}

impl From<&str> for McpResourceContents {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<Bytes> for McpResourceContents {
    fn from(bytes: Bytes) -> Self {
        Self {
            data: Data::Bytes(bytes),
            mime_type: None,
        }
    }
}

impl From<Vec<u8>> for McpResourceContents {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl IntoBinding for McpResourceContents {
    const SPEC: BindingSpec = BindingSpec::answer(&table::MCP_RESOURCE_TRIGGER);

    fn into_binding(self) -> Result<BindingData, BindingError> {
        let plain = match (&self.mime_type, &self.data) {
            (None, Data::Bytes(_)) => true,
            (None, Data::Text(text)) => !is_envelope(text),
            (Some(_), _) => false,
        };
        Ok(match self.data {
            Data::Text(text) if plain => BindingData::String(text),
            Data::Bytes(bytes) if plain => BindingData::Bytes(bytes),
            // The extension fills in the URI.
            _ => BindingData::String(json!({"content": self.json("").to_string()}).to_string()),
        })
    }
}

/// Whether the extension would take a text apart that is meant as it is.
fn is_envelope(text: &str) -> bool {
    serde_json::from_str::<Map<String, Value>>(text)
        .is_ok_and(|members| members.keys().any(|name| name.eq_ignore_ascii_case("content")))
}
