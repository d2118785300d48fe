//! The workers that take work from a stream, `GetWorkItems`: which are connected, what each takes, how much each runs, and what it
//! has not answered yet.
//!
//! Nothing waits here. The hub keeps what waits, and *reserves* a seat before an item begins: a place on a worker that takes items
//! of its name. A worker runs whatever arrives at once, so the limits that it asks for are kept here.

mod answer;
mod chunks;
mod filters;
mod item;
mod open_items;
mod registry;
mod seat;
#[cfg(test)]
mod tests;
mod work_items;

pub(crate) use self::{
    answer::{Answer, Lost},
    chunks::MOST_ENTRIES,
    filters::Shortened,
    item::Work,
    registry::{Streams, Unconnected, Unseated},
    seat::Seat,
    work_items::WorkItems,
};
