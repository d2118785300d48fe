//! The host's side of the worker stream.

pub(crate) mod messages;
pub(crate) mod server;
