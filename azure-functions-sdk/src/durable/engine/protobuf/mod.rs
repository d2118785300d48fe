//! Between the engine and the messages of the protobuf wire. There is no shim: the worker decides when an orchestration ends, what
//! is tried again, and what waits for what; here its actions only become events and work.

mod decide;
mod entities;
mod entity_batch;
mod failure;
mod history;
mod readable;
pub(super) mod request;
mod response;

pub(crate) use self::failure::of_end as failure_of;
pub(super) use self::{
    decide::{Turn, decide},
    history::{append_past, chunks, of_call, of_signal, timestamp},
    response::{UnusableAnswer, read},
};
