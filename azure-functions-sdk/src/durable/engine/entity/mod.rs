//! Durable entities: who they are, what they are told, and what one turn of an entity decides.
//!
//! A turn takes some of the messages that wait, in an order that keeps each sender's, asks the worker for the operations
//! among them, and decides everything else that follows: the new state, answers, signals, and where locks go. What waits
//! stays in the store until a turn has taken it, so an entity has no queue of its own.

pub(super) mod answer;
pub(crate) mod critical;
mod id;
mod kept;
mod message;
mod turn;

#[cfg(test)]
pub(crate) use self::message::grant;
pub(crate) use self::{
    id::EntityId,
    kept::Entity,
    message::{EntityMessage, Posted, Release, Reply, Request, due_of, event_name, response},
    turn::{BatchLimit, Done, MAX_BATCH, MAX_BATCH_OF_STREAM, Turn, Unfinished, missing, wakes},
};
