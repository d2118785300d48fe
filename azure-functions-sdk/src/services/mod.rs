//! What stands in for the services behind bindings, which neither the local host nor the test host has: the value of a trigger,
//! what an input holds, and what arrives where an output goes. Nothing here knows the protocol of the worker.

pub(crate) mod binding;
mod blob_pattern;
pub(crate) mod data;
pub(crate) mod indent;
pub(crate) mod input;
mod kafka_record;
pub(crate) mod mcp_arguments;
pub(crate) mod protocol_value;
mod reference;
pub(crate) mod resource_uri;
pub(crate) mod trigger_input;
pub(crate) mod written;
