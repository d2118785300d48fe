//! External events and who waits for them. Names compare ignoring case; events of a name are handed out in the order
//! they arrived, the oldest live wait gets the oldest event, and a wait that is dropped before it returned its event
//! gives it back in its place.

use super::{history::Span, history::fold_name, operation::OpId};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Index of an arrival: its place in the order of all events.
pub(crate) type ArrivalId = usize;

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
    /// Waits that have got an event but have not returned it: the older the wait, the older its event.
    holding: BTreeMap<OpId, ArrivalId>,
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
            holding: BTreeMap::new(),
        });
        self.by_folded_name.insert(folded, name);
        name
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
        match event {
            Some(event) => {
                name.holding.insert(op, event);
            }
            None => name.waits.push_back(op),
        }
        event
    }

    /// A wait returns its event.
    pub(crate) fn consume(&mut self, op: OpId, event: ArrivalId) {
        let arrival = &mut self.arrivals[event];
        arrival.consumed = true;
        self.names[arrival.name].holding.remove(&op);
    }

    /// A wait ended without returning its event: each younger wait that holds one gets the next older one, the oldest of
    /// those that hold none gets what is left over, or that keeps its place. Returns who holds what now; all but the last
    /// of them held one before.
    pub(crate) fn give_back(
        &mut self,
        op: OpId,
        event: ArrivalId,
        is_live: impl Fn(OpId) -> bool,
    ) -> Vec<(OpId, ArrivalId)> {
        let name = self.arrivals[event].name;
        let holding = &mut self.names[name].holding;
        holding.remove(&op);
        let (mut left_over, mut changed) = (event, Vec::new());
        for (younger, held) in holding.range_mut(op..) {
            std::mem::swap(held, &mut left_over);
            changed.push((*younger, *held));
        }
        if let Some(heir) = self.assign(name, left_over, is_live) {
            changed.push((heir, left_over));
        }
        changed
    }

    fn assign(&mut self, name: usize, event: ArrivalId, is_live: impl Fn(OpId) -> bool) -> Option<OpId> {
        let name = &mut self.names[name];
        while let Some(op) = name.waits.pop_front() {
            if is_live(op) {
                name.holding.insert(op, event);
                return Some(op);
            }
        }
        name.unassigned.insert(event);
        None
    }
}
