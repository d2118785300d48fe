//! What an episode came to: the actions with their segments, and how the code stands.

use super::{
    action::{Action, ActionKind},
    core::Core,
    event_wait::Content,
    history::{Event, ScheduledKind},
    issue::latest_fire_at,
    operation::OpId,
    segment::{Plan, Segments},
};
use std::collections::BTreeSet;

/// How the code stands at the end of the poll.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Standing {
    /// It waits for something.
    Waiting,
    /// It returned.
    Returned,
    /// It failed; whatever it asked for still stands.
    Failed,
    /// The history contradicts it, it panicked, or it was refused: what it asked for in this episode does not count. New
    /// tasks would keep the host from failing the instance, and let it be run again, until they have ended.
    Broken,
}

/// A request to start over.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ContinueAsNew {
    /// JSON text.
    pub(crate) input: String,
    pub(crate) preserve_unprocessed_events: bool,
}

/// What the next execution has to be told, because the wire would lose it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NextExecution {
    /// JSON text.
    pub(crate) input: String,
    /// Unconsumed events that the host does not carry over: name and JSON text.
    pub(crate) handed_on: Vec<(String, String)>,
}

/// Everything that an answer is written from.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) actions: Vec<Action>,
    pub(crate) plan: Plan,
    /// Event names by index, for the closers.
    pub(crate) event_names: Vec<String>,
    pub(crate) custom_status: Option<String>,
    pub(crate) continue_as_new: Option<NextExecution>,
}

impl Core {
    /// Takes the episode apart. Call it once, after the user's future is gone.
    pub(crate) fn finish(&self, standing: &Standing) -> Outcome {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let segments = std::mem::replace(&mut state.segments, Segments::new(state.start_clock));
        let mut actions = std::mem::take(&mut state.actions);
        let continue_as_new = match standing {
            Standing::Waiting | Standing::Returned => state.continue_as_new.take(),
            Standing::Failed | Standing::Broken => None,
        };
        let done = *standing != Standing::Waiting || continue_as_new.is_some();
        if *standing == Standing::Broken {
            let mut recorded = self.recorded_actions();
            // Markers hold nothing, and what the code was told stays so, as far as ids can be told.
            if state.mismatch.is_none() && recorded.len() == state.scheduled.len() {
                let new = actions.into_iter().skip(recorded.len());
                recorded.extend(new.take_while(Action::is_patch_marker));
            }
            actions = recorded;
        }
        if done {
            cancel_timers(&mut actions);
        }
        let any_event = self.history.events.iter().any(|e| matches!(e, Event::Raised { .. }));
        let (plan, next) = match continue_as_new {
            Some(request) => {
                let newest = state.events.newest_spent(request.preserve_unprocessed_events);
                let spent_until = newest.map_or(0, |a| a.tick);
                let handed_on = if request.preserve_unprocessed_events {
                    let lost = |number: u32, tick: u32| number == 0 || tick < spent_until;
                    let events = state
                        .events
                        .arrivals
                        .iter()
                        .filter(|a| !a.consumed && lost(a.number, a.tick));
                    events
                        .map(|a| (state.events.names[a.name].text.clone(), self.content(&a.content)))
                        .collect()
                } else {
                    Vec::new()
                };
                let plan = if any_event {
                    let latest = |clock| latest_fire_at(&self.history, clock);
                    segments.plan_continue_as_new(&actions, newest, latest, state.start_clock)
                } else {
                    segments.plan(&actions, true)
                };
                (
                    plan,
                    Some(NextExecution {
                        input: request.input,
                        handed_on,
                    }),
                )
            }
            None if *standing == Standing::Broken => {
                let mut plan = Segments::new(state.start_clock).plan(&actions, true);
                // The shim issues all of it at the start, and takes no timer that is too far away from there.
                plan.latest_fire_at = latest_fire_at(&self.history, state.start_clock);
                (plan, None)
            }
            None => (segments.plan(&actions, done), None),
        };
        Outcome {
            actions,
            plan,
            event_names: state.events.names.iter().map(|n| n.text.clone()).collect(),
            custom_status: state.custom_status.clone(),
            continue_as_new: next,
        }
    }

    /// JSON text of an event's payload.
    pub(crate) fn content(&self, content: &Content) -> String {
        match content {
            Content::History(span) => self.history.nested_json(*span).to_string(),
            Content::HandedOn(json) => json.clone(),
        }
    }

    /// The actions as the history records them, so that the host's own check passes and our report is what fails the
    /// instance.
    fn recorded_actions(&self) -> Vec<Action> {
        let history = &self.history;
        let mut recorded: Vec<(u32, ActionKind)> = history
            .events
            .iter()
            .filter_map(|event| {
                let Event::Scheduled {
                    kind,
                    id,
                    name,
                    instance,
                    fire_at,
                    ..
                } = event
                else {
                    return None;
                };
                let text = |span| history.text(span).unwrap_or_default().into_owned();
                let kind = match kind {
                    ScheduledKind::Activity => ActionKind::CallActivity {
                        name: text(*name).into(),
                        input: "null".to_owned(),
                    },
                    ScheduledKind::SubOrchestration => ActionKind::CallSubOrchestration {
                        name: text(*name).into(),
                        instance_id: Some(text(*instance)).filter(|id| !id.is_empty()),
                        input: "null".to_owned(),
                    },
                    ScheduledKind::Timer => ActionKind::CreateTimer {
                        fire_at: fire_at.unwrap_or_default(),
                        cancelled: true,
                    },
                    ScheduledKind::Message => ActionKind::SignalEntity {
                        instance_id: text(*instance),
                        operation: "op".to_owned(),
                    },
                };
                Some((*id, kind))
            })
            .collect();
        recorded.sort_by_key(|(id, _)| *id);
        recorded.dedup_by_key(|(id, _)| *id);
        let answered: BTreeSet<u32> = history
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Completed { id, .. } | Event::Failed { id, .. } => Some(*id),
                _ => None,
            })
            .collect();
        let action = |(id, kind)| Action {
            kind,
            op: OpId(u32::MAX),
            settled: answered.contains(&id).then_some(0),
        };
        recorded.into_iter().map(action).collect()
    }
}

/// On every final outcome nothing may hold the instance: unfired timers are cancelled, forgotten ones too.
fn cancel_timers(actions: &mut [Action]) {
    for action in actions {
        if let ActionKind::CreateTimer { cancelled, .. } = &mut action.kind
            && action.settled.is_none()
        {
            *cancelled = true;
        }
    }
}
