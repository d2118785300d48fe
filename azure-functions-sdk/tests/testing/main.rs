//! The test host, with an app of its own.

mod functions;
mod host;
mod patches;
mod typed;
