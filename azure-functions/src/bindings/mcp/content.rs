//! What tools and prompts say: blocks of content.

use super::resource_contents::McpResourceContents;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};

/// One block of what a tool or a prompt says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum McpContent {
    /// Text.
    Text(String),
    /// An image.
    Image {
        /// The image's bytes.
        data: Bytes,
        /// Its media type, such as `image/png`.
        mime_type: String,
    },
    /// Sound.
    Audio {
        /// The sound's bytes.
        data: Bytes,
        /// Its media type, such as `audio/wav`.
        mime_type: String,
    },
    /// A resource with what it contains.
    Resource {
        /// The resource's URI.
        uri: String,
        /// What it contains.
        contents: McpResourceContents,
    },
    /// A resource that the client can read.
    ResourceLink {
        /// The resource's URI.
        uri: String,
        /// The resource's name.
        name: String,
    },
}

impl McpContent {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// An image of this media type.
    pub fn image(data: impl Into<Bytes>, mime_type: impl Into<String>) -> Self {
        Self::Image {
            data: data.into(),
            mime_type: mime_type.into(),
        }
    }

    /// Sound of this media type.
    pub fn audio(data: impl Into<Bytes>, mime_type: impl Into<String>) -> Self {
        Self::Audio {
            data: data.into(),
            mime_type: mime_type.into(),
        }
    }

    /// A resource with what it contains.
    pub fn resource(uri: impl Into<String>, contents: impl Into<McpResourceContents>) -> Self {
        Self::Resource {
            uri: uri.into(),
            contents: contents.into(),
        }
    }

    /// A resource that the client can read.
    pub fn resource_link(uri: impl Into<String>, name: impl Into<String>) -> Self {
        Self::ResourceLink {
            uri: uri.into(),
            name: name.into(),
        }
    }

    /// As the protocol has it.
    pub(super) fn json(&self) -> Value {
        match self {
            Self::Text(text) => json!({"type": "text", "text": text}),
            Self::Image { data, mime_type } => {
                json!({"type": "image", "data": STANDARD.encode(data), "mimeType": mime_type})
            }
            Self::Audio { data, mime_type } => {
                json!({"type": "audio", "data": STANDARD.encode(data), "mimeType": mime_type})
            }
            Self::Resource { uri, contents } => json!({"type": "resource", "resource": contents.json(uri)}),
            Self::ResourceLink { uri, name } => json!({"type": "resource_link", "uri": uri, "name": name}),
        }
    }
}

impl From<String> for McpContent {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for McpContent {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
