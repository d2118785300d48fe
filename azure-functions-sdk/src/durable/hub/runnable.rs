//! The kinds of what runs, episodes, turns of entities, and activities: what the dispatcher has to know of each.

use std::{collections::VecDeque, sync::Arc};

use super::{
    Inner,
    held::{Lists, StreamFunction},
    quarantine::Item,
    state::{Live, State},
    turns::{Turns, Waiting},
    waiting::{Activity, Phase},
};
use crate::durable::{
    engine::{entity::EntityId, event::HTTP_ACTIVITY},
    store::InstanceKey,
    streams::Seat,
    work::{DurableFunctions, Wire, WorkKind},
};

/// Who runs something.
pub(super) enum Runner {
    /// It has ended, or runs, or waits elsewhere.
    None,
    /// The app, or the hub itself.
    Now,
    /// As soon as it is known what the app has.
    Later,
    /// A worker of a stream.
    Stream(StreamFunction),
}

/// See the module.
pub(super) trait Kind {
    type Item;
    type Waiting: Waiting<Item = Self::Item>;

    const KIND: WorkKind;
    /// For people.
    const NAME: &'static str;

    /// Whether the app may run one more. How many a worker of a stream runs, it says itself: it has so many seats.
    fn has_room(hub: &Inner, state: &State) -> bool;
    /// What may run.
    fn ready(state: &mut State) -> &mut Self::Waiting;
    /// What could run but for a seat, or for room in the app.
    fn held(state: &mut State) -> &mut Lists<Self::Waiting>;
    fn runner(state: &mut State, item: &Self::Item, functions: &DurableFunctions) -> Runner;
    /// The workers that are asked last for it; `None`: it has ended, or runs.
    fn asked_last<'s>(state: &'s State, item: &'s Self::Item) -> Option<&'s [u64]>;
    fn suspect(item: &Self::Item) -> Item;
    fn begin(hub: &Arc<Inner>, state: &mut State, item: Self::Item, seat: Option<Seat>);
}

pub(super) struct Episodes;

impl Kind for Episodes {
    type Item = InstanceKey;
    type Waiting = VecDeque<InstanceKey>;

    const KIND: WorkKind = WorkKind::Orchestration;
    const NAME: &'static str = "orchestration";

    fn has_room(hub: &Inner, state: &State) -> bool {
        state.running_episodes.in_app() < hub.options.max_concurrent_orchestrations
    }

    fn ready(state: &mut State) -> &mut Self::Waiting {
        &mut state.ready
    }

    fn held(state: &mut State) -> &mut Lists<Self::Waiting> {
        &mut state.held.episodes
    }

    fn runner(state: &mut State, key: &InstanceKey, functions: &DurableFunctions) -> Runner {
        let known = state.functions.is_some();
        let Some(live) = state.instances.get(key).filter(|live| is_due(live)) else {
            return Runner::None;
        };
        if live.never_ran {
            return Runner::Now;
        }
        if !known {
            return Runner::Later;
        }
        // Without a place where workers can connect, one that began for them waits as if none were there.
        let is_of_app = !functions.open && live.state.wire != Some(Wire::Stream);
        if is_of_app || live.is_to_be_terminated() {
            return Runner::Now;
        }
        match live.state.wire.unwrap_or_else(|| functions.wire_for(&live.name)) {
            Wire::Stream => Runner::Stream(StreamFunction::new(&live.name, live.state.version.as_deref())),
            _ if functions.has(WorkKind::Orchestration, &live.name) => Runner::Now,
            _ => {
                state.held.for_apps.push(*key);
                Runner::None
            }
        }
    }

    fn asked_last<'s>(state: &'s State, key: &'s InstanceKey) -> Option<&'s [u64]> {
        let live = state.instances.get(key).filter(|live| is_due(live))?;
        Some(live.attempts.asked_last())
    }

    fn suspect(key: &InstanceKey) -> Item {
        Item::Episode(*key)
    }

    fn begin(hub: &Arc<Inner>, state: &mut State, key: InstanceKey, seat: Option<Seat>) {
        if let Some(live) = state.instances.get_mut(&key) {
            live.phase = Phase::Running;
        }
        state.running_episodes.begins(key, seat.is_some());
        hub.runtime.spawn(Arc::clone(hub).run_episode(key, seat));
    }
}

fn is_due(live: &Live) -> bool {
    live.phase == Phase::Ready && !live.halted
}

pub(super) struct EntityTurns;

impl Kind for EntityTurns {
    type Item = Arc<str>;
    type Waiting = VecDeque<Arc<str>>;

    const KIND: WorkKind = WorkKind::Entity;
    const NAME: &'static str = "entity";

    fn has_room(hub: &Inner, state: &State) -> bool {
        state.running_entities.in_app() < hub.options.max_concurrent_entities
    }

    fn ready(state: &mut State) -> &mut Self::Waiting {
        &mut state.ready_entities
    }

    fn held(state: &mut State) -> &mut Lists<Self::Waiting> {
        &mut state.held.entities
    }

    fn runner(state: &mut State, id: &Arc<str>, functions: &DurableFunctions) -> Runner {
        match state.entities.get(id).filter(|live| live.is_ready()) {
            None => Runner::None,
            // The name of one that cannot be read is found out by its turn.
            Some(live) if live.has_operations() => match EntityId::parse(id) {
                Ok(id) if functions.wire_for_entity(&id.name) == Wire::Stream => {
                    Runner::Stream(StreamFunction::new(&id.name, None))
                }
                _ => Runner::Now,
            },
            Some(_) => Runner::Now,
        }
    }

    fn asked_last<'s>(state: &'s State, id: &'s Arc<str>) -> Option<&'s [u64]> {
        let live = state.entities.get(id).filter(|live| live.is_ready())?;
        Some(live.attempts.asked_last())
    }

    fn suspect(id: &Arc<str>) -> Item {
        Item::Entity(Arc::clone(id))
    }

    fn begin(hub: &Arc<Inner>, state: &mut State, id: Arc<str>, seat: Option<Seat>) {
        if let Some(live) = state.entities.get_mut(&id) {
            live.phase = Phase::Running;
        }
        state.running_entities.begins(Arc::clone(&id), seat.is_some());
        hub.runtime.spawn(Arc::clone(hub).run_entity(id, seat));
    }
}

pub(super) struct Activities;

impl Kind for Activities {
    type Item = Activity;
    type Waiting = Turns;

    const KIND: WorkKind = WorkKind::Activity;
    const NAME: &'static str = "activity";

    fn has_room(hub: &Inner, state: &State) -> bool {
        state.running_activities.in_app() < hub.options.max_concurrent_activities
    }

    fn ready(state: &mut State) -> &mut Self::Waiting {
        &mut state.activities
    }

    fn held(state: &mut State) -> &mut Lists<Self::Waiting> {
        &mut state.held.activities
    }

    fn runner(state: &mut State, activity: &Activity, functions: &DurableFunctions) -> Runner {
        let is_of_app = state.wire_of(activity.instance) != Wire::Stream;
        let elsewhere = functions.has(WorkKind::Activity, &activity.name)
            || (is_of_app && (!functions.open || activity.name == HTTP_ACTIVITY));
        if elsewhere {
            return Runner::Now;
        }
        // One that is called without a version is of that of its orchestration, as workers of .NET spell out.
        let own = activity.version.as_deref().filter(|version| !version.is_empty());
        let of_caller = || state.instances.get(&activity.instance)?.state.version.as_deref();
        Runner::Stream(StreamFunction::new(&activity.name, own.or_else(of_caller)))
    }

    fn asked_last<'s>(_: &'s State, activity: &'s Activity) -> Option<&'s [u64]> {
        Some(activity.attempts.asked_last())
    }

    fn suspect(activity: &Activity) -> Item {
        Item::Activity(activity.row)
    }

    fn begin(hub: &Arc<Inner>, state: &mut State, activity: Activity, seat: Option<Seat>) {
        state.running_activities.begins(activity.row, seat.is_some());
        hub.runtime.spawn(Arc::clone(hub).run_activity(activity, seat));
    }
}
