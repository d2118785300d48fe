//! What tools answer.

use super::content::McpContent;
#[cfg(feature = "schemars")]
use super::schema;
use crate::{
    BindingError,
    binding::{BindingData, BindingSpec, IntoBinding, table},
    binding_json::parse_json,
};
use serde::Serialize;
use serde_json::{Value, json};

/// What a tool answers. A function with an [`McpToolTrigger`](super::McpToolTrigger) returns it.
///
/// ```
/// use azure_functions::bindings::{McpContent, McpToolResult};
///
/// let text = McpToolResult::from("42");
/// let both = McpToolResult::from(vec![
///     McpContent::text("the chart that you asked for"),
///     McpContent::image(vec![0x89, b'P', b'N', b'G'], "image/png"),
/// ]);
/// assert_eq!((text.content.len(), both.content.len()), (1, 2));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct McpToolResult {
    /// What is said to the model.
    pub content: Vec<McpContent>,
    /// The same as a JSON object, for programs.
    pub structured_content: Option<Value>,
    /// Whether the content says why the tool has failed.
    pub is_error: bool,
}

impl McpToolResult {
    /// Says that the tool has failed. So does the error of a `Result`.
    pub fn error(text: impl Into<String>) -> Self {
        Self {
            is_error: true,
            ..Self::from(text.into())
        }
    }

    /// A value as JSON text and, if it is an object, as structured content, too.
    ///
    /// # Errors
    /// If the value cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, BindingError> {
        let BindingData::Json(text) = BindingData::json(value)? else {
            return Ok(Self::default());
        };
        let value: Value = parse_json(text.as_bytes())?;
        Ok(Self {
            content: vec![text.into()],
            structured_content: value.is_object().then_some(value),
            is_error: false,
        })
    }

    /// As the extension takes it.
    pub(super) fn answer(&self) -> BindingData {
        let mut result = json!({
            "content": self.content.iter().map(McpContent::json).collect::<Vec<_>>(),
            "isError": self.is_error,
        });
        if let Some(value) = &self.structured_content {
            result["structuredContent"] = value.clone();
        }
        // Text: hosts refuse JSON here.
        BindingData::String(json!({"type": "call_tool_result", "content": result.to_string()}).to_string())
    }
}

impl From<Vec<McpContent>> for McpToolResult {
    fn from(content: Vec<McpContent>) -> Self {
        Self {
            content,
            ..Self::default()
        }
    }
}

impl From<McpContent> for McpToolResult {
    fn from(content: McpContent) -> Self {
        vec![content].into()
    }
}

impl From<String> for McpToolResult {
    fn from(text: String) -> Self {
        McpContent::Text(text).into()
    }
}

impl From<&str> for McpToolResult {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl IntoBinding for McpToolResult {
    const SPEC: BindingSpec = BindingSpec::answer(&table::MCP_TOOL_TRIGGER);

    fn into_binding(self) -> Result<BindingData, BindingError> {
        if self.structured_content.as_ref().is_some_and(|value| !value.is_object()) {
            return Err(BindingError::new(
                "the structured content of a tool's result is a JSON object",
            ));
        }
        Ok(self.answer())
    }
}

/// A value that a tool answers as JSON: structured content, whose schema clients get, and the same as text.
///
/// The type must be written as a JSON object: a struct, or a map.
#[cfg(feature = "schemars")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct McpJson<T>(pub T);

#[cfg(feature = "schemars")]
impl<T: Serialize + schemars::JsonSchema> IntoBinding for McpJson<T> {
    const SPEC: BindingSpec = BindingSpec::answer(&table::MCP_TOOL_TRIGGER)
        .members(|| vec![("outputSchema", Value::Object(schema::written::<T>()).to_string().into())]);

    fn into_binding(self) -> Result<BindingData, BindingError> {
        McpToolResult::json(&self.0)?.into_binding()
    }
}
