//! The host's side of the worker stream.

pub(crate) mod messages;
mod newcomers;
pub(crate) mod server;
