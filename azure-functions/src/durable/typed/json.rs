//! What outputs and events travel as: JSON. These traits stand for those of serde, and say at once which to derive.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// What serde can read: the output of a function that is called, the payload of an event that is waited for. Implemented for
/// whatever implements [`DeserializeOwned`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from JSON, as which it travels",
    label = "`{Self}` cannot be read",
    note = "derive `serde::Deserialize` for it; a type that borrows cannot be read: `String`, not `&str`"
)]
pub trait ReadJson: Sized {
    #[doc(hidden)]
    fn read_json(json: Value) -> Result<Self, serde_path_to_error::Error<serde_json::Error>>;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> ReadJson for T {
    fn read_json(json: Value) -> Result<Self, serde_path_to_error::Error<serde_json::Error>> {
        serde_path_to_error::deserialize(json)
    }
}

/// What serde can write: the output of an activity or an orchestration. Implemented for whatever implements [`Serialize`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be written as JSON, as which the output of an activity or orchestration travels",
    label = "not an output of an activity or orchestration",
    note = "derive `serde::Serialize` for it, and `serde::Deserialize` for those who call the function by type"
)]
pub trait WriteJson: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize> WriteJson for T {}
