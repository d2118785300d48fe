//! The embedded local host of `cargo func`.

pub mod durable;
pub mod host;
pub mod project;
