//! The replay core: one normalised history and one user future in, one outcome out.
//!
//! Nothing in here does I/O, reads a clock, the environment or a source of randomness, or knows how an answer looks on
//! the wire; codecs sit beside it and translate. The future is polled once a turn, actions are numbered when they are issued, completions
//! become visible in history order and never early.
//!
//! ```text
//! history ──▶ core ──▶ poll ──▶ your future ──▶ issue ──▶ actions ──▶ outcome
//!               ▲        ▲          │             │
//!               │        └ deliver ◀┘ waits       └ check against the history ──▶ mismatch ──▶ report
//! ```
//!
//! | Concept | Where |
//! |---|---|
//! | what happened, as a codec hands it over | [`history`], [`event`], [`later`] (what further turns add), [`message`], [`recorded`] |
//! | the state of one instance, from turn to turn where it is kept | [`core`]; [`ids`] names what is in it |
//! | the one poll of a turn, and the waker that refuses to be cloned | [`poll`], [`waker`], [`frame`] |
//! | what the code asks for, numbered | [`action`], [`texts`], [`issue`], [`amend`] (options that follow) |
//! | what the futures stand for | [`operation`], [`attempts`], [`http_call`], [`event_wait`] |
//! | events that become visible, one at a time | [`deliver`] |
//! | several futures at once | [`combinator`] |
//! | critical sections | [`section`], [`critical_section`] |
//! | changed code | [`patch_marker`], [`patch`] |
//! | what was issued when, for hosts that issue actions themselves | [`segment`] |
//! | what an episode comes to | [`outcome`], [`waiting`] |
//! | the trace that it belongs to | [`trace`] |
//! | what is wrong with the code | [`mismatch`], [`report`], [`refusal`] |

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub(crate) mod action;
mod amend;
pub(crate) mod attempts;
pub(crate) mod clock;
pub(crate) mod combinator;
pub(crate) mod core;
pub(crate) mod critical_section;
pub(crate) mod deliver;
mod event;
pub(crate) mod event_wait;
mod frame;
pub(crate) mod history;
pub(crate) mod http_call;
pub(crate) mod ids;
mod issue;
mod later;
pub(crate) mod message;
pub(crate) mod mismatch;
pub(crate) mod operation;
pub(crate) mod outcome;
pub(crate) mod patch;
pub(crate) mod patch_marker;
pub(crate) mod poll;
pub(crate) mod recorded;
pub(crate) mod refusal;
pub(crate) mod report;
pub(crate) mod section;
pub(crate) mod segment;
pub(crate) mod texts;
pub(crate) mod trace;
pub(crate) mod waiting;
mod waker;
