//! The futures of calls: activities, sub-orchestrations, operations of entities. Each has the options that its kind of call takes.

mod activity;
mod entity;
mod raw;
mod sub_orchestration;

pub use activity::{ActivityCall, ReturnedByActivity};
pub use entity::EntityCall;
pub use sub_orchestration::SubOrchestrationCall;

pub(super) use raw::RawCall;

use super::{CallError, ReadJson};
use serde_json::Value;
use std::any::type_name;

/// How the output of a call is read; takes the name that an error about its shape says.
type Read<O> = fn(&'static str, Value) -> Result<O, CallError>;

/// The output of a call by name.
fn any_output(_: &'static str, output: Value) -> Result<Value, CallError> {
    Ok(output)
}

/// The output of a call by type.
fn typed_output<O: ReadJson>(name: &'static str, output: Value) -> Result<O, CallError> {
    O::read_json(output).map_err(|error| CallError::Output {
        name: name.to_owned(),
        expected: type_name::<O>(),
        path: error.path().to_string(),
        source: error.into_inner(),
    })
}
