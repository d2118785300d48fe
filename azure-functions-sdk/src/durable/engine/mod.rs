//! The pure durable engine of the local host: `history + new messages + worker's answer -> new history + outgoing
//! messages`. It plays the Durable Task extension and its framework, for workers of the JSON wire (`shim` and what hangs on it)
//! and of the protobuf wire (`protobuf`).
//!
//! No input or output, no clock (`now` is an argument), no randomness (ids come from the caller). One episode costs time
//! linear in its history and its answer.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod action;
mod answer;
mod child;
mod custom_status;
pub(crate) mod decision;
pub(crate) mod ending;
pub(crate) mod entity;
pub(crate) mod episode;
pub(crate) mod event;
mod exception_text;
pub(crate) mod failure_details;
pub(crate) mod history;
mod http;
pub(crate) mod instance;
mod members;
pub(crate) mod message;
mod mismatch;
pub(crate) mod outcome;
pub(crate) mod played;
mod protobuf;
mod retried;
mod retry;
pub(crate) mod rewind;
pub(crate) mod runtime_status;
mod schedule;
pub(crate) mod settings;
mod shim;
mod task;
pub(crate) mod termination;
mod text;
pub(crate) mod time;
pub(crate) mod trace;

pub(crate) use self::protobuf::failure_of;

#[cfg(test)]
mod tests;
