//! How binding types work, and how to write one.
//!
//! `#[func]` does not know types, it asks them: a parameter is anything that is [`FromBinding`], a result anything that is
//! [`IntoBinding`]. Each describes itself with a [`BindingSpec`], from which come the function's metadata and the
//! checks at compile time. So an alias of a type works like the type, and so does a type of yours:
//!
//! ```
//! use azure_functions::{
//!     BindingError,
//!     binding::{Argument, BindingData, BindingSpec, FromBinding, Input, IntoBinding},
//!     func,
//! };
//!
//! /// A reading that arrives over MQTT.
//! pub struct Reading(f64);
//!
//! impl FromBinding for Reading {
//!     const SPEC: BindingSpec = BindingSpec::trigger("mqttTrigger").arguments(&[Argument::text("topic").required()]);
//!
//!     fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
//!         input.take_data().parse().map(Reading)
//!     }
//! }
//!
//! /// An alarm that is sent over MQTT.
//! pub struct Alarm(String);
//!
//! impl IntoBinding for Alarm {
//!     const SPEC: BindingSpec = BindingSpec::output("mqtt").arguments(&[Argument::text("topic").required()]);
//!
//!     fn into_binding(self) -> Result<BindingData, BindingError> {
//!         Ok(BindingData::String(self.0))
//!     }
//! }
//!
//! #[func]
//! #[binding(name = "$return", topic = "alarms")]
//! fn watch(#[binding(topic = "cellar")] reading: Reading) -> Option<Alarm> {
//!     (reading.0 > 0.5).then(|| Alarm(format!("water: {}", reading.0)))
//! }
//! ```

pub(crate) mod batch;
mod data;
pub(crate) mod dotnet_time;
mod fired;
mod input;
mod metadata;
pub(crate) mod metadata_value;
mod output;
pub(crate) mod payload;
pub(crate) mod plain;
#[cfg(test)]
pub(crate) mod recorded;
pub(crate) mod rules;
pub(crate) mod signature;
mod spec;
#[allow(
    dead_code,
    unused_imports,
    reason = "what only the macro or the local host reads: they have the same files"
)]
pub(crate) mod table;
mod text;
#[doc(hidden)]
pub mod travels;
pub(crate) mod trigger_metadata;

pub use batch::{FromBatch, IntoBatch};
pub use data::{BindingData, ModelBindingData};
pub use fired::{IntoTrigger, TriggerData};
pub(crate) use input::Source;
pub use input::{FromBinding, Input};
pub(crate) use metadata::bindings;
pub use output::{FunctionReturn, IntoBinding};
#[doc(hidden)]
pub use output::{ReturnedError, Returns};
pub use payload::{FromPayload, IntoPayload};
pub use spec::BindingSpec;
pub(crate) use spec::{Member, Role};
pub use table::Argument;
