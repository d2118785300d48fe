//! The durable task hub of the local host: engine, store, dispatch, HTTP API.

pub mod work;
