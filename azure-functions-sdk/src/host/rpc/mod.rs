//! The host's side of the worker stream.

mod first_message;
pub(crate) mod messages;
mod newcomers;
mod program;
pub(crate) mod server;
pub(crate) mod sidecar;
