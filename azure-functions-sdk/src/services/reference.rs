//! References to blobs, which a function resolves itself: what a binding gets that asks for deferred data.
//!
//! Source: recordings of the real host, `blob.deferred`.

use super::{binding::Binding, data::Data};
use serde_json::json;

/// Whether the function wants a reference in place of the data.
pub(super) fn is_deferred(binding: &Binding) -> bool {
    binding.flag("supportsDeferredBinding")
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
