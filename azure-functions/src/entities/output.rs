//! What an entity function returns.

use serde::Serialize;
use serde_json::Value;

/// What an operation of an entity gives back to a caller that waits for it.
///
/// It is made from text, numbers, flags, `()`, JSON values, options and lists of them with `into()`, and from any type
/// that serde can write with [`new`](Self::new). A caller that only signalled gets nothing.
///
/// ```
/// use azure_functions::entities::EntityOutput;
/// use serde_json::json;
///
/// assert_eq!(EntityOutput::from(vec![1, 2]).into_value(), json!([1, 2]));
/// assert_eq!(EntityOutput::from(()).into_value(), json!(null));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EntityOutput(Value);

impl EntityOutput {
    /// The output of a type that serde can write.
    ///
    /// # Errors
    /// If the value cannot be written as JSON, say a map whose keys are not text.
    pub fn new<T: Serialize>(value: T) -> Result<Self, serde_json::Error> {
        serde_json::to_value(value).map(Self)
    }

    /// The output as JSON.
    pub fn into_value(self) -> Value {
        self.0
    }

    /// The output as JSON.
    pub fn as_value(&self) -> &Value {
        &self.0
    }
}

impl<T: Into<Value>> From<T> for EntityOutput {
    fn from(value: T) -> Self {
        Self(value.into())
    }
}
