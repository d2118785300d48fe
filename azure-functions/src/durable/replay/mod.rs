//! The replay core: one normalised history and one user future in, one outcome out.
//!
//! Nothing in here does I/O, reads a clock, the environment or a source of randomness, or knows how an answer looks on
//! the wire; codecs sit beside it and translate. The rules are those of `ARCHITECTURE.md`, "Replay": the future is
//! polled once, actions are numbered when they are issued, completions become visible in history order and never early.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub(crate) mod action;
mod amend;
pub(crate) mod combinator;
pub(crate) mod core;
pub(crate) mod critical_section;
pub(crate) mod deliver;
pub(crate) mod event_wait;
mod frame;
pub(crate) mod history;
pub(crate) mod http_call;
mod issue;
pub(crate) mod message;
pub(crate) mod mismatch;
pub(crate) mod operation;
pub(crate) mod outcome;
pub(crate) mod patch;
pub(crate) mod refusal;
pub(crate) mod segment;
pub(crate) mod waiting;
mod waker;
