//! The content of a blob, or a reference to it: what functions take, and what tests give.

use crate::{
    BindingError,
    binding::{BindingData, FromPayload, IntoPayload, TriggerData},
    binding_json::parse_json,
};
use serde::Deserialize;

/// The content of a blob as a function takes it: a type that is [`FromPayload`], or a [`BlobReference`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the content of a blob",
    label = "not a content that can be read",
    note = "a content is `Bytes`, `Vec<u8>`, `String`, `Json<T>` for a type that serde can read, or `BlobReference`"
)]
pub trait BlobContent: Sized {
    /// Whether the host sends a reference.
    #[doc(hidden)]
    const DEFERRED: bool;

    /// Reads it.
    ///
    /// # Errors
    /// If the host sent something else.
    #[doc(hidden)]
    fn read(data: BindingData) -> Result<Self, BindingError>;
}

#[diagnostic::do_not_recommend]
impl<T: FromPayload> BlobContent for T {
    const DEFERRED: bool = false;

    fn read(data: BindingData) -> Result<Self, BindingError> {
        T::from_payload(data)
    }
}

/// Where a blob is, for a function that opens it with a client of its own: `BlobTrigger<BlobReference>`, `Blob<BlobReference>`.
///
/// As an input it is there also for a blob that does not exist. Source: `ModelBindingData` of the storage extension.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct BlobReference {
    /// Name of the setting with the connection.
    pub connection: String,
    /// The container.
    #[serde(rename = "ContainerName")]
    pub container: String,
    /// The blob's name in the container.
    #[serde(rename = "BlobName")]
    pub name: String,
}

impl BlobReference {
    /// A reference, for a test that calls a function.
    pub fn new(connection: impl Into<String>, container: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            connection: connection.into(),
            container: container.into(),
            name: name.into(),
        }
    }
}

impl BlobContent for BlobReference {
    const DEFERRED: bool = true;

    fn read(data: BindingData) -> Result<Self, BindingError> {
        match data {
            BindingData::Model(model) => parse_json(&model.content),
            other => Err(BindingError::new(format!(
                "the host sent {} and no reference to a blob: its storage extension is older than 5.0",
                other.kind()
            ))),
        }
    }
}

/// The content of a blob with which a test fires a function.
#[diagnostic::on_unimplemented(
    message = "a function cannot be fired with a blob that contains `{Self}`",
    label = "not a content that can be written",
    note = "a content is `Bytes`, `Vec<u8>`, `String`, `&'static str`, `Json<T>` for a type that serde can write, or `BlobReference`"
)]
pub trait IntoBlobContent {
    /// The trigger, without its metadata.
    ///
    /// # Errors
    /// If the content cannot be written.
    #[doc(hidden)]
    fn into_data(self) -> Result<TriggerData, BindingError>;
}

#[diagnostic::do_not_recommend]
impl<T: IntoPayload> IntoBlobContent for T {
    fn into_data(self) -> Result<TriggerData, BindingError> {
        TriggerData::new(self)
    }
}

/// The host makes the reference of the blob's path.
impl IntoBlobContent for BlobReference {
    fn into_data(self) -> Result<TriggerData, BindingError> {
        Ok(TriggerData::default())
    }
}
