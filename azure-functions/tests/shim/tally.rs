//! What the programs came to see.

use serde_json::Value;

/// How often things happened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) episodes: usize,
    pub(crate) suspended_episodes: usize,
    pub(crate) answers: usize,
    pub(crate) restarts: usize,
    pub(crate) failures: usize,
    pub(crate) events_consumed: usize,
    pub(crate) events_handed_on: usize,
    pub(crate) events_carried_over: usize,
    /// In the last answer of each execution:
    pub(crate) actions: usize,
    pub(crate) segments: usize,
    pub(crate) nevers: usize,
    pub(crate) noops: usize,
    pub(crate) waits: usize,
    pub(crate) cancelled_timers: usize,
    pub(crate) markers: usize,
    /// Markers that were not asked for any more.
    pub(crate) silent_markers: usize,
    /// Answers to HTTP requests that say to come again.
    pub(crate) polls: usize,
    pub(crate) entity_calls: usize,
    pub(crate) locks: usize,
    pub(crate) releases: usize,
    /// Timers that hand on what happened in a critical section.
    pub(crate) relays: usize,
    /// Responses that reached the next execution.
    pub(crate) late_responses: usize,
    /// Questions that an old history had passed.
    pub(crate) old_ways: usize,
    /// Turns that went on where the code waited.
    pub(crate) parked_turns: usize,
    /// Turns for which the kept code asked for the history.
    pub(crate) refused_turns: usize,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.episodes += other.episodes;
        self.suspended_episodes += other.suspended_episodes;
        self.answers += other.answers;
        self.restarts += other.restarts;
        self.failures += other.failures;
        self.events_consumed += other.events_consumed;
        self.events_handed_on += other.events_handed_on;
        self.events_carried_over += other.events_carried_over;
        self.actions += other.actions;
        self.segments += other.segments;
        self.nevers += other.nevers;
        self.noops += other.noops;
        self.waits += other.waits;
        self.cancelled_timers += other.cancelled_timers;
        self.markers += other.markers;
        self.silent_markers += other.silent_markers;
        self.old_ways += other.old_ways;
        self.polls += other.polls;
        self.entity_calls += other.entity_calls;
        self.locks += other.locks;
        self.releases += other.releases;
        self.relays += other.relays;
        self.late_responses += other.late_responses;
        self.parked_turns += other.parked_turns;
        self.refused_turns += other.refused_turns;
    }

    /// Counts what is in the last answer of an execution.
    pub(crate) fn last_answer(&mut self, list: &[Value]) {
        self.segments += list.len();
        let text = Value::from(list).to_string();
        let nevers = text.matches(NEVER).count();
        self.nevers += nevers;
        self.waits += text.matches("externalEventName").count() - nevers;
        self.noops += text.matches(r#""compoundActions":[]"#).count();
    }
}

/// The reserved name of the wait that never ends.
pub(crate) const NEVER: &str = "azure-functions-rs.never";
