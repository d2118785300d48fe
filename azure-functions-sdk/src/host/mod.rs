//! The local Functions host.

mod rpc;
