//! References to blobs, which a function resolves itself: what a binding gets that asks for deferred data.
//!
//! Source: recordings of the real host, `blob.deferred`.

use super::{binding::Binding, data::Data};
use serde_json::{Value, json};

/// Whether the function wants a reference in place of the data.
pub(super) fn is_deferred(binding: &Binding) -> bool {
    let asks = |value: &Value| match value {
        Value::Bool(asks) => *asks,
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    };
    let properties = binding.attribute("properties").and_then(Value::as_object);
    properties.is_some_and(|properties| {
        properties
            .iter()
            .any(|(name, value)| name.eq_ignore_ascii_case("supportsDeferredBinding") && asks(value))
    })
}

/// The reference to the blob with this path, `container/name`, there or not.
pub(super) fn blob(binding: &Binding, path: &str) -> Data {
    let (container, name) = path.split_once('/').unwrap_or((path, ""));
    let connection = binding.text("connection").unwrap_or("AzureWebJobsStorage");
    Data::Reference {
        source: "AzureStorageBlobs",
        json: json!({"Connection": connection, "ContainerName": container, "BlobName": name}).to_string(),
    }
}
