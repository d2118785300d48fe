//! What an episode came to: the actions with their segments, and how the code stands.

use super::{
    action::{Action, ActionKind, SubOptions, UnprocessedEvents},
    core::{Core, State},
    event_wait::{Content, Events},
    history::{Event, ScheduledKind},
    http_call::{HTTP_ACTIVITY, Request},
    ids::OpId,
    issue::latest_fire_at,
    message::{self, MessageKind},
    mismatch::Mismatch,
    segment::{Plan, Segments},
    texts::{Text, Texts},
};
use serde_json::Value;
use std::{collections::BTreeSet, rc::Rc};
use uuid::Uuid;

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

/// What the next execution has to be told, because the wire would lose it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NextExecution {
    /// JSON text.
    pub(crate) input: String,
    /// Unconsumed events that the host does not carry over: name and JSON text.
    pub(crate) handed_on: Vec<(String, String)>,
    /// Its version, if it is another one.
    pub(crate) version: Option<String>,
}

/// Everything that an answer is written from.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) actions: Vec<Action>,
    /// What the actions say.
    pub(crate) texts: Texts,
    pub(crate) plan: Plan,
    /// Event names by index, for the closers.
    pub(crate) event_names: Vec<String>,
    pub(crate) custom_status: Option<String>,
    pub(crate) continue_as_new: Option<NextExecution>,
    /// By action id: place of the history event that records it, if there is one.
    recorded: Vec<Option<usize>>,
    /// So many actions have been asked for by earlier answers of this core.
    asked: usize,
    /// The id after the last action that stands.
    next_id: u32,
}

/// Everything that an answer is written from where ids are ours.
#[derive(Debug)]
pub(crate) struct Asked {
    /// What no host has heard of yet, by id.
    pub(crate) actions: Vec<(u32, ActionKind)>,
    /// What the actions say.
    pub(crate) texts: Texts,
    /// The id after the last.
    pub(crate) next_id: u32,
    pub(crate) custom_status: Option<String>,
    pub(crate) continue_as_new: Option<NextExecution>,
}

impl Outcome {
    /// What of it is new.
    pub(crate) fn asked(self) -> Asked {
        let Self {
            actions,
            texts,
            custom_status,
            continue_as_new,
            recorded,
            asked,
            next_id,
            ..
        } = self;
        let ids = (0_u32..).zip(actions).skip(asked);
        let is_new = |id: u32| recorded.get(id as usize).is_none_or(Option::is_none);
        let new = ids.filter(|(id, _)| is_new(*id)).map(|(id, action)| (id, action.kind));
        Asked {
            actions: new.collect(),
            texts,
            next_id,
            custom_status,
            continue_as_new,
        }
    }
}

impl Core {
    /// What the code has asked for since it was asked last. The code waits, and may go on when more of the history
    /// [comes](Core::append), once it has its texts [back](Core::take_back_texts).
    pub(crate) fn pause(&self) -> Asked {
        let mut state = self.state.borrow_mut();
        let State {
            actions,
            scheduled,
            texts,
            ..
        } = &mut *state;
        let next = actions.len();
        let asked = self.asked.replace(next);
        let is_new = |id: u32| scheduled.get(id as usize).is_none_or(Option::is_none);
        // Not one by one past what was asked before: that grows with every turn.
        let ids = (id(asked)..).zip(actions.get(asked..).unwrap_or_default());
        let new = ids.filter(|(id, _)| is_new(*id));
        Asked {
            actions: new.map(|(id, action)| (id, action.kind.clone())).collect(),
            texts: std::mem::replace(texts, Texts::new()),
            next_id: id(next),
            custom_status: state.custom_status.clone(),
            continue_as_new: None,
        }
    }

    /// Gives back what [`pause`](Core::pause) has lent.
    pub(crate) fn take_back_texts(&self, texts: Texts) {
        self.state.borrow_mut().texts = texts;
    }

    /// The answer to an action comes as an event of this name.
    pub(crate) fn is_answered_by(&self, event: String, action: u32) {
        self.state.borrow_mut().requests.insert(event, action);
    }
}

/// Ids are issued from a u32 counter.
fn id(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
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
        let mut agreed = 0;
        let mut next_id = id(actions.len());
        if *standing == Standing::Broken {
            let recorded = self.recorded_actions(&mut state.texts);
            agreed = self.agreed(state.mismatch.as_ref(), actions.len().min(recorded.len()));
            let asked = self.asked.get();
            let recorded_len = recorded.len().max(asked);
            let mut new = actions.split_off(recorded_len.min(actions.len()));
            actions.truncate(agreed);
            actions.extend(recorded.into_iter().skip(agreed));
            next_id = id(recorded_len);
            // Markers hold nothing, and what the code was told stays so, as far as ids can be told.
            if state.mismatch.is_none() && recorded_len == state.scheduled.len().max(asked) {
                let markers = new.iter().take_while(|action| action.kind.is_patch_marker()).count();
                actions.extend(new.drain(..markers));
                next_id = id(recorded_len + markers);
            }
        }
        if done {
            cancel_timers(&mut actions);
        }
        let (plan, next) = match continue_as_new {
            Some(request) => {
                self.spend_late_responses(&mut state.events);
                let preserve = request.events == UnprocessedEvents::Keep;
                let host_carries = self.history.has_shim();
                let locks = actions
                    .iter()
                    .any(|a| matches!(a.kind, ActionKind::LockEntities { .. }));
                // A section would not survive a merge: with one, all that was seen is handed on in the input.
                let newest = state.events.newest_spent(preserve && !locks);
                let spent_until = newest.map_or(0, |a| a.tick);
                let mut handed_on: Vec<_> = if preserve {
                    let lost = |number: u32, tick: u32| !host_carries || number == 0 || tick <= spent_until;
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
                if !host_carries {
                    handed_on.extend(self.undelivered(state));
                }
                let latest = |clock| latest_fire_at(&self.history, clock);
                let plan = if state
                    .events
                    .arrivals
                    .iter()
                    .any(|a| a.number > 0 && a.tick > spent_until)
                {
                    segments.plan_merged(&actions, newest, latest, state.start_clock)
                } else {
                    segments.plan_kept(&actions, newest, state.newest_response.as_ref(), latest)
                };
                (
                    plan,
                    Some(NextExecution {
                        input: request.input,
                        handed_on,
                        version: request.version,
                    }),
                )
            }
            None if *standing == Standing::Broken => {
                let mut segments = segments;
                segments.truncate(u32::try_from(agreed).unwrap_or(u32::MAX), state.start_clock);
                let mut plan = segments.plan(&actions, true);
                // The shim issues what is left at the start, and takes no timer that is too far away from there.
                plan.latest_fire_at = latest_fire_at(&self.history, state.start_clock);
                (plan, None)
            }
            None => (segments.plan(&actions, done), None),
        };
        Outcome {
            actions,
            texts: std::mem::replace(&mut state.texts, Texts::new()),
            plan,
            event_names: state.events.names.iter().map(|n| n.text.clone()).collect(),
            custom_status: state.custom_status.clone(),
            continue_as_new: next,
            recorded: std::mem::take(&mut state.scheduled),
            asked: self.asked.get(),
            next_id,
        }
    }

    /// How many of the first `len` actions are written as the code issued them and in its segments, if its episode does
    /// not count: none, unless there are messages to entities. Those have to be issued at their own time, because their
    /// ids come from the shim's clock, and locks have to be held when they are given back.
    fn agreed(&self, mismatch: Option<&Mismatch>, len: usize) -> usize {
        let messages = self.history.all_events().any(|e| matches!(e, Event::Sent { .. }));
        match mismatch {
            _ if !messages => 0,
            Some(Mismatch::Different { id, .. } | Mismatch::TooLate { id, .. }) => len.min(*id as usize),
            Some(Mismatch::NeverAsked { .. }) | None => len,
        }
    }

    /// Responses to calls of the previous execution are events without a wait for them: they must not be handed on for ever.
    fn spend_late_responses(&self, events: &mut Events) {
        let Events { arrivals, names, .. } = events;
        for arrival in arrivals.iter_mut().filter(|a| !a.consumed) {
            if Uuid::try_parse(&names[arrival.name].text).is_ok() {
                arrival.consumed = is_response(&self.content(&arrival.content));
            }
        }
    }

    /// The external events that this execution has not come to: name and JSON text.
    fn undelivered(&self, state: &State) -> Vec<(String, String)> {
        let withheld = state.withheld.iter().filter_map(|place| self.history.event(*place));
        let rest = self.history.events_from(state.cursor);
        let events = withheld.chain(rest).filter_map(|event| match event {
            Event::Raised { name, input } => {
                let name = self.history.text(name).unwrap_or_default().into_owned();
                let json = self.content(&Content::History(input));
                (Uuid::try_parse(&name).is_err() || !is_response(&json)).then_some((name, json))
            }
            _ => None,
        });
        events.collect()
    }

    /// JSON text of an event's payload.
    pub(crate) fn content(&self, content: &Content) -> String {
        match content {
            Content::History(span) => self.history.nested_text(*span).into_owned(),
            Content::HandedOn(json) => json.clone(),
        }
    }

    /// The actions as the history records them, so that the host's own check passes and our report is what fails the
    /// instance.
    fn recorded_actions(&self, texts: &mut Texts) -> Vec<Action> {
        let history = &self.history;
        let mut recorded: Vec<(u32, ActionKind)> = history
            .all_events()
            .filter_map(|event| {
                let text = |span| history.text(span).unwrap_or_default().into_owned();
                let (kind, id, name, instance, fire_at) = match event {
                    Event::Scheduled {
                        kind,
                        id,
                        name,
                        instance,
                        fire_at,
                    } => (kind, id, name, instance, fire_at),
                    Event::Sent {
                        id, target, request, ..
                    } => {
                        let request = message::Request::read(history, request).unwrap_or_default();
                        return Some((id, recorded_message(&request, text(target), texts)));
                    }
                    _ => return None,
                };
                let kind = match kind {
                    ScheduledKind::Activity if history.is_name(name, HTTP_ACTIVITY) => ActionKind::CallHttp {
                        request: Rc::new(Request::recorded()?),
                    },
                    ScheduledKind::Activity => ActionKind::CallActivity {
                        name: text(name).into(),
                        input: Text::NULL,
                        tags: None,
                    },
                    ScheduledKind::SubOrchestration => ActionKind::CallSubOrchestration {
                        name: text(name).into(),
                        input: Text::NULL,
                        options: Some(text(instance)).filter(|id| !id.is_empty()).map(|id| {
                            Box::new(SubOptions {
                                instance_id: Some(id.into()),
                                ..SubOptions::default()
                            })
                        }),
                    },
                    ScheduledKind::Timer | ScheduledKind::Message => ActionKind::CreateTimer {
                        fire_at: fire_at.unwrap_or_default(),
                        cancelled: true,
                    },
                };
                Some((id, kind))
            })
            .collect();
        recorded.sort_by_key(|(id, _)| *id);
        recorded.dedup_by_key(|(id, _)| *id);
        let mut releasing = false;
        for (_, kind) in &mut recorded {
            if let ActionKind::ReleaseEntity { first, .. } = kind {
                *first = !std::mem::replace(&mut releasing, true);
            } else {
                releasing = false;
            }
        }
        let answered: BTreeSet<u32> = history
            .all_events()
            .filter_map(|event| match event {
                Event::Completed { id, .. } | Event::Failed { id, .. } => Some(id),
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

/// Whether an event that is named by an id has the form of an entity's answer.
fn is_response(json: &str) -> bool {
    let content: Value = serde_json::from_str(json).unwrap_or_default();
    content.get("result").is_some() || content.get("exceptionType").is_some()
}

/// A recorded message, written so that nothing waits for its answer, as far as that can be.
fn recorded_message(request: &message::Request, target: String, texts: &mut Texts) -> ActionKind {
    match request.kind() {
        MessageKind::Lock => ActionKind::LockEntities {
            entities: request.lock_set().into(),
            request: Uuid::nil(),
        },
        MessageKind::Release if !request.is_empty() => ActionKind::ReleaseEntity {
            target: target.into(),
            first: true,
            lock: Uuid::nil(),
        },
        MessageKind::Call | MessageKind::Signal | MessageKind::Release => ActionKind::SignalEntity {
            target: target.into(),
            operation: texts.add(request.operation().unwrap_or("op")).unwrap_or(Text::NULL),
            input: Text::NULL,
            at: request.due(),
        },
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
