//! The local Functions host.

pub mod http;
mod rpc;
pub mod timers;
