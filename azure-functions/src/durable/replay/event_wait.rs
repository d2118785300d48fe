//! External events and who waits for them. Names compare ignoring case; events of a name are handed out in the order
//! they arrived, the oldest live wait gets the oldest event, and a wait that is dropped before it returned its event
//! gives it back in its place.

use super::{
    history::{Span, fold_name},
    ids::{ArrivalId, OpId},
};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// One external event, as it arrived.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) name: usize,
    pub(crate) content: Content,
    /// How many of this name had arrived with it, on the wire; zero for what the previous execution handed on.
    pub(crate) number: u32,
    /// How many actions had been issued when it arrived.
    pub(crate) actions_before: u32,
    /// The clock of the episode it arrived in.
    pub(crate) clock: DateTime<Utc>,
    /// Deliveries made when it arrived.
    pub(crate) tick: u32,
    /// Whether user code has got it.
    pub(crate) consumed: bool,
}

/// Where the payload of an event is.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// In the history: JSON text inside a JSON string.
    History(Span),
    /// Handed on by the previous execution: JSON text.
    HandedOn(String),
}

#[derive(Debug)]
pub(crate) struct EventName {
    /// As it was first written.
    pub(crate) text: String,
    arrived: u32,
    unassigned: BTreeSet<ArrivalId>,
    waits: VecDeque<OpId>,
}

/// All events and waits of an execution.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub(crate) arrivals: Vec<Arrival>,
    pub(crate) names: Vec<EventName>,
    by_folded_name: BTreeMap<String, usize>,
}

impl Events {
    pub(crate) fn name(&mut self, text: &str) -> usize {
        let folded = fold_name(text);
        if let Some(name) = self.by_folded_name.get(&folded) {
            return *name;
        }
        let name = self.names.len();
        self.names.push(EventName {
            text: text.to_owned(),
            arrived: 0,
            unassigned: BTreeSet::new(),
            waits: VecDeque::new(),
        });
        self.by_folded_name.insert(folded, name);
        name
    }

    /// The name of the event that this wait is for, while it waits.
    pub(crate) fn waited_for(&self, op: OpId) -> Option<&str> {
        let name = self.names.iter().find(|name| name.waits.contains(&op))?;
        Some(&name.text)
    }

    /// An event of the history arrives; the next number of its name.
    pub(crate) fn next_number(&mut self, name: usize) -> u32 {
        self.names[name].arrived += 1;
        self.names[name].arrived
    }

    /// Takes the event in; the wait that it is for, if one is live.
    pub(crate) fn arrive(&mut self, arrival: Arrival, is_live: impl Fn(OpId) -> bool) -> (ArrivalId, Option<OpId>) {
        let (id, name) = (self.arrivals.len(), arrival.name);
        self.arrivals.push(arrival);
        (id, self.assign(name, id, is_live))
    }

    /// A wait begins; the event that it gets at once, if one is there.
    pub(crate) fn wait(&mut self, name: usize, op: OpId) -> Option<ArrivalId> {
        let name = &mut self.names[name];
        let event = name.unassigned.pop_first();
        if event.is_none() {
            name.waits.push_back(op);
        }
        event
    }

    /// A wait that was given `event` returns; the event that it consumes: an older one, if that was given back meanwhile
    /// and no other wait has it.
    pub(crate) fn consume(&mut self, event: ArrivalId) -> ArrivalId {
        let unassigned = &mut self.names[self.arrivals[event].name].unassigned;
        let consumed = match unassigned.first() {
            Some(older) if *older < event => {
                let older = *older;
                unassigned.remove(&older);
                unassigned.insert(event);
                older
            }
            _ => event,
        };
        self.arrivals[consumed].consumed = true;
        consumed
    }

    /// A wait ended without returning its event: the oldest live wait gets it, or it keeps its place.
    pub(crate) fn give_back(&mut self, event: ArrivalId, is_live: impl Fn(OpId) -> bool) -> Option<OpId> {
        self.assign(self.arrivals[event].name, event, is_live)
    }

    fn assign(&mut self, name: usize, event: ArrivalId, is_live: impl Fn(OpId) -> bool) -> Option<OpId> {
        let name = &mut self.names[name];
        while let Some(op) = name.waits.pop_front() {
            if is_live(op) {
                return Some(op);
            }
        }
        name.unassigned.insert(event);
        None
    }
}
