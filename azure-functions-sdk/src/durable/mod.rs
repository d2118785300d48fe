//! The durable task hub of the local host: engine, store, dispatch, HTTP API.

// The task hub is what uses it.
#[allow(dead_code)]
pub(crate) mod engine;
pub mod work;
