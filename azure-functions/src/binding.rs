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

mod data;
mod input;
mod metadata;
mod output;
pub(crate) mod plain;
pub(crate) mod rules;
pub(crate) mod signature;
mod spec;
mod text;
#[doc(hidden)]
pub mod travels;

pub use data::{BindingData, ModelBindingData};
pub(crate) use input::Source;
pub use input::{FromBinding, Input};
pub(crate) use metadata::{bindings, output_name};
pub use output::{FunctionReturn, IntoBinding};
#[doc(hidden)]
pub use output::{ReturnedError, Returns};
pub use spec::{Argument, BindingSpec};
pub(crate) use spec::{ArgumentKind, Role};
