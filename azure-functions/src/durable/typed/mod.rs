//! The typed layer: functions, entities and events as types, on top of the calls by name.
//!
//! `#[func]` writes a type for every activity and orchestration; with it a call knows name, input, output and error. What
//! travels is the same as for calls by name, but for the error of an activity, see [`own_error`].

mod client;
mod entity;
mod event;
mod function;
mod json;
pub(crate) mod own_error;
mod start_over;

pub use client::{OutputError, TypedClient};
pub use entity::{EntityCalls, EntitySignals};
pub use event::{Event, TypedEvent};
pub use function::{Activity, Orchestration};
pub use json::{ReadJson, WriteJson};
pub use start_over::StartOver;
