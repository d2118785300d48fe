//! Between the engine and the messages of the protobuf wire. There is no shim: the worker decides when an orchestration ends, what
//! is tried again, and what waits for what; here its actions only become events and work.

mod decide;
mod failure;
mod history;
pub(super) mod request;
mod response;

pub(super) use self::{
    decide::{Turn, decide},
    history::append_past,
    response::{UnusableAnswer, read},
};
pub(crate) use self::{failure::of_end as failure_of, history::messages as history_messages};
