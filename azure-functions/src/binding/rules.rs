//! The rules for signatures, as constants: `#[func]` evaluates each one with the span of what it is about.
//!
//! The attribute itself refuses what it can see; these catch the same mistakes behind an alias or in a type that it does not know.

mod arguments;
mod outputs;
mod parameters;
mod trigger;

pub use arguments::{argument_name, argument_value, required, required_of_parameter};
pub use outputs::{field, output, output_spec, returns, returns_typed};
pub use parameters::{is_async, parameter, takes_arguments, warmup_name};
pub(crate) use trigger::entity_trigger;
pub use trigger::{ENTITY, ORCHESTRATION, PLAIN, has_trigger, mode};
