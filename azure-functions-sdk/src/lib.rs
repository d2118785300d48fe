//! `cargo func` as a library: the command line, and the embedded local host that it starts.

pub mod cli;
pub mod durable;
pub mod host;
pub mod project;
pub mod shell;
mod template;
