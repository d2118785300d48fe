//! The host's side of the worker stream.

mod messages;
