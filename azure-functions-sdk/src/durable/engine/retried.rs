//! Which failures of a history another attempt followed: the episode of the failure set a timer, and one that the timer woke asked for the
//! same work again. The worker may do so, the host, or the code by hand.
//!
//! The history of an app has no inputs of activities, and none has those of sub-orchestrations. So calls of one function are told apart
//! there by their number alone: an attempt follows one failure.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Event, EventKind};

/// Places in a history.
#[derive(Debug, Default)]
pub(super) struct Retried {
    /// Failures that another attempt followed.
    failures: BTreeSet<usize>,
    /// Those attempts, as they were scheduled. Each follows one failure only: of two calls that are alike, one may have failed for good.
    attempts: BTreeSet<usize>,
}

/// What an attempt has in common with the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Work<'h> {
    is_child: bool,
    name: &'h str,
    input: Option<&'h str>,
}

/// The failures of each work that were not followed by an attempt yet, by the episodes that saw them.
type Failures<'h> = BTreeMap<Work<'h>, BTreeMap<usize, Vec<usize>>>;

impl Retried {
    /// Goes through a history once.
    pub(super) fn of(history: &[Event]) -> Self {
        let mut retried = Self::default();
        let mut scheduled: BTreeMap<i32, Work<'_>> = BTreeMap::new();
        let mut failures = Failures::new();
        // The number of the episode, which timers name.
        let mut now = 0;
        let mut timers: BTreeMap<i32, usize> = BTreeMap::new();
        let mut woken: BTreeSet<usize> = BTreeSet::new();
        for (place, event) in history.iter().enumerate() {
            if event.kind == EventKind::OrchestratorCompleted {
                now += 1;
                woken.clear();
            } else if let Some(work) = event.kind.fails().and_then(|task| scheduled.get(&task)) {
                let of_work = failures.entry(*work).or_default();
                of_work.entry(now).or_default().push(place);
            } else if let EventKind::TimerCreated { .. } = event.kind {
                timers.insert(event.event_id, now);
            } else if let EventKind::TimerFired { timer_id, .. } = event.kind {
                woken.extend(timers.get(&timer_id));
            } else if let Some(work) = work_of(&event.kind) {
                scheduled.insert(event.event_id, work);
                if let Some(failure) = failures.get_mut(&work).and_then(|of_work| take_one(of_work, &woken)) {
                    retried.failures.insert(failure);
                    retried.attempts.insert(place);
                }
            }
        }
        retried
    }

    /// Whether another attempt followed the failure at this place.
    pub(super) fn has(&self, failure: usize) -> bool {
        self.failures.contains(&failure)
    }

    /// Whether what was scheduled at this place is an attempt after a failure.
    pub(super) fn is_attempt(&self, place: usize) -> bool {
        self.attempts.contains(&place)
    }
}

/// Takes a failure that one of these episodes saw.
fn take_one(of_work: &mut BTreeMap<usize, Vec<usize>>, woken: &BTreeSet<usize>) -> Option<usize> {
    let episode = match of_work.len() < woken.len() {
        true => of_work.keys().copied().find(|episode| woken.contains(episode)),
        false => woken.iter().copied().find(|episode| of_work.contains_key(episode)),
    }?;
    let failures = of_work.get_mut(&episode)?;
    let failure = failures.pop();
    if failures.is_empty() {
        of_work.remove(&episode);
    }
    failure
}

fn work_of(kind: &EventKind) -> Option<Work<'_>> {
    let (is_child, name, input) = match kind {
        EventKind::TaskScheduled { name, input, .. } => (false, name, input),
        EventKind::SubOrchestrationCreated { name, input, .. } => (true, name, input),
        _ => return None,
    };
    Some(Work {
        is_child,
        name,
        input: input.as_deref(),
    })
}
