//! Turns of entities: payloads byte for byte, batches, locks, and a simulation of many senders with crashes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::json;
use crate::durable::{
    engine::{
        entity::{BatchLimit, Done, Entity, EntityId, EntityMessage, MAX_BATCH, Posted, Request, Turn, Unfinished},
        event::EventKind,
    },
    work::{ReturnValue, WorkResult},
};

fn stock() -> Entity {
    Entity {
        exists: true,
        state: Some(r#"{"left":3}"#.to_owned()),
        ..Entity::unknown(EntityId::new("stock", "b-17").unwrap())
    }
}

fn op(name: &str, input: Option<&str>, id: &str, parent: Option<&str>) -> EntityMessage {
    let signal = Request::signal(
        name.to_owned(),
        input.map(str::to_owned),
        id.to_owned(),
        parent.map(str::to_owned),
    );
    EntityMessage::Op(Request {
        signal: parent.is_none(),
        ..signal
    })
}

fn lock(id: &str, parent: &str, lockset: &[EntityId]) -> EntityMessage {
    EntityMessage::Op(Request {
        op: None,
        signal: false,
        lockset: lockset.to_vec(),
        ..Request::signal(String::new(), None, id.to_owned(), Some(parent.to_owned()))
    })
}

fn release_of(message: &EntityMessage) -> EntityMessage {
    match message {
        EntityMessage::Op(request) => EntityMessage::Release(request.release()),
        EntityMessage::Release(_) => message.clone(),
    }
}

fn now() -> chrono::DateTime<chrono::Utc> {
    super::ten()
}

fn finish<'a>(turn: Turn<'a>, answer: &str) -> Result<Done, Unfinished<'a>> {
    turn.finish(&json(answer), now(), &mut || "fresh".to_owned())
}

#[test]
fn payload_and_answer_are_those_of_the_protocol() {
    let waiting = [
        op("take", Some("1"), "g1", None),
        op("left", None, "g2", Some("order-7")),
    ];
    let entity = stock();
    let turn = Turn::plan(&entity, &waiting, MAX_BATCH).unwrap();
    assert_eq!(
        turn.payload().unwrap(),
        r#"{"self":{"name":"stock","key":"b-17"},"exists":true,"state":"{\"left\":3}","batch":[{"name":"take","input":"1","isSignal":true},{"name":"left","input":null,"isSignal":false}]}"#
    );
    let done = finish(
        turn,
        r#"{"entityExists":true,"entityState":"{\"left\":2}","signals":[{"target":{"name":"Audit","key":"all"},"name":"log","input":"\"took 1\""}],
 "results":[{"isError":false,"duration":1,"result":null},{"isError":false,"duration":0,"result":"2"}]}"#,
    )
    .unwrap();
    assert_eq!(done.taken, [0, 1]);
    assert_eq!(
        (done.entity.exists, done.entity.state.as_deref()),
        (true, Some(r#"{"left":2}"#))
    );
    assert_eq!(done.answers.len(), 1, "a signal gets no answer");
    assert_eq!(
        done.answers[0].message.event.kind,
        EventKind::EventRaised {
            name: "g2".into(),
            input: Some(r#"{"result":"2"}"#.into())
        }
    );
    let audit = &done.posted[0];
    assert_eq!(audit.target.to_string(), "@audit@all");
    assert_eq!(
        audit.message.to_json(),
        r#"{"name":"op","input":{"op":"log","signal":true,"input":"\"took 1\"","id":"fresh","parent":"@stock@b-17"}}"#
    );
    let unknown = Entity::unknown(EntityId::new("stock", "").unwrap());
    assert_eq!(
        Turn::plan(&unknown, &waiting[..1], MAX_BATCH)
            .unwrap()
            .payload()
            .unwrap(),
        r#"{"self":{"name":"stock","key":""},"exists":false,"state":null,"batch":[{"name":"take","input":"1","isSignal":true}]}"#
    );
}

#[test]
fn deletion_keeps_no_state_and_void_results_are_the_text_null() {
    let waiting = [op("delete", None, "g", Some("order-7"))];
    let entity = stock();
    let turn = Turn::plan(&entity, &waiting, MAX_BATCH).unwrap();
    let answer = r#"{"entityExists":false,"entityState":"null","signals":[],"results":[{"isError":false}]}"#;
    let done = finish(turn, answer).unwrap();
    assert_eq!((done.entity.is_nothing(), done.entity.state), (true, None));
    let EventKind::EventRaised { input, .. } = &done.answers[0].message.event.kind else {
        panic!("{:?}", done.answers);
    };
    assert_eq!(input.as_deref(), Some(r#"{"result":"null"}"#));
}

#[test]
fn answers_that_are_none_change_nothing() {
    let waiting = [op("take", None, "g", None)];
    let good = r#"{"entityExists":true,"entityState":"1","signals":[],"results":[{"isError":false}]}"#;
    for bad in [
        WorkResult::Failed("boom".into()),
        WorkResult::Succeeded(ReturnValue::Text(good.into())),
        WorkResult::Succeeded(ReturnValue::None),
        json("[]"),
        json(r#"{"entityExists":true,"signals":[],"results":[]}"#),
        json(r#"{"entityExists":true,"signals":null,"results":[{"isError":false}]}"#),
        json(r#"{"entityExists":true,"signals":[],"results":[{"isError":false},{"isError":false}]}"#),
        json(
            r#"{"entityExists":true,"signals":[{"target":{"name":"a/b","key":""},"name":"x"}],"results":[{"isError":false}]}"#,
        ),
    ] {
        let entity = stock();
        let turn = Turn::plan(&entity, &waiting, MAX_BATCH).unwrap();
        let refused = turn.finish(&bad, now(), &mut String::new).unwrap_err();
        let (Unfinished::TryAgain(text) | Unfinished::Unreadable(_, text)) = &refused;
        assert!(!text.is_empty(), "{bad:?}: {refused:?}");
    }
}

#[test]
fn a_timeout_is_an_error_in_plain_text_for_every_operation() {
    let waiting = [
        op("take", None, "g1", Some("order-7")),
        op("take", None, "g2", Some("order-8")),
    ];
    let entity = stock();
    let done = Turn::plan(&entity, &waiting, MAX_BATCH)
        .unwrap()
        .fail("Timeout value of …", now());
    assert_eq!((done.entity, done.taken), (entity, vec![0, 1]));
    for answer in done.answers {
        let EventKind::EventRaised { input, .. } = answer.message.event.kind else {
            panic!();
        };
        assert_eq!(
            input.as_deref(),
            Some(r#"{"result":"Timeout value of …","exceptionType":"Error"}"#)
        );
    }
}

#[test]
fn a_worker_that_stops_early_leaves_the_rest_of_the_batch_and_what_follows_it() {
    let waiting = [
        op("a", None, "g1", None),
        op("b", None, "g2", None),
        lock("L", "order-7", &[EntityId::new("stock", "b-17").unwrap()]),
    ];
    let entity = stock();
    let turn = Turn::plan(&entity, &waiting, MAX_BATCH).unwrap();
    let answer = r#"{"entityExists":true,"entityState":"1","signals":[],"results":[{"isError":false}]}"#;
    let done = finish(turn, answer).unwrap();
    assert_eq!((done.taken, done.entity.lock), (vec![0], None));
}

#[test]
fn a_batch_has_a_limit_and_a_request_that_waits_twice_runs_once() {
    let waiting = [
        op("a", None, "g1", None),
        op("a", None, "g1", None),
        op("b", None, "g2", None),
        op("c", None, "g3", None),
    ];
    let entity = stock();
    let turn = Turn::plan(&entity, &waiting, BatchLimit::operations(2)).unwrap();
    let payload = turn.payload().unwrap();
    assert!(
        payload.contains(r#""name":"b""#) && !payload.contains(r#""name":"c""#),
        "{payload}"
    );
    assert_eq!(payload.matches(r#""name":"a""#).count(), 1);
    assert_eq!(turn.fail("", now()).taken, [0, 1, 2]);
}

#[test]
fn a_lock_lets_only_its_owner_through_and_walks_on() {
    let (a, b) = (
        EntityId::new("stock", "a").unwrap(),
        EntityId::new("stock", "b").unwrap(),
    );
    let request = lock("L", "order-7", &[a.clone(), b.clone()]);
    let first = Entity::unknown(a.clone());
    let done = Turn::plan(&first, [&request], MAX_BATCH).unwrap().without_worker(now());
    let locked = done.entity;
    assert!(done.answers.is_empty());
    let [Posted { target, message, .. }] = &done.posted[..] else {
        panic!("{:?}", done.posted);
    };
    assert_eq!(*target, b);
    let second = Entity::unknown(b.clone());
    let done = Turn::plan(&second, [message], MAX_BATCH).unwrap().without_worker(now());
    assert_eq!((done.answers.len(), done.posted.len()), (1, 0), "the last one answers");
    let EventKind::EventRaised { name, input } = &done.answers[0].message.event.kind else {
        panic!();
    };
    assert_eq!(
        (name.as_str(), input.as_deref()),
        ("l", Some(r#"{"result":"Lock Acquisition Completed"}"#))
    );

    let waiting = [
        op("other", None, "g1", Some("order-8")),
        op("own", None, "g2", Some("order-7")),
    ];
    let turn = Turn::plan(&locked, &waiting, MAX_BATCH).unwrap();
    let payload = turn.payload().unwrap();
    assert!(payload.contains("own") && !payload.contains("other"), "{payload}");
    assert!(
        Turn::plan(&locked, &waiting[..1], MAX_BATCH).is_none(),
        "there is nothing to do for others"
    );

    let released = [waiting[0].clone(), release_of(&request)];
    let turn = Turn::plan(&locked, &released, MAX_BATCH).unwrap();
    assert!(turn.payload().unwrap().contains("other"), "whoever waited comes now");
    let done = turn.fail("", now());
    assert_eq!(done.entity.lock, None);
    assert_eq!(
        (done.posted.len(), &done.posted[0].target, &done.posted[0].message),
        (1, &b, &release_of(&request)),
        "the end of a lock follows its request"
    );
}

#[test]
fn a_release_before_the_lock_takes_the_request_away() {
    let a = EntityId::new("stock", "a").unwrap();
    let entity = Entity {
        lock: match lock("L1", "order-1", std::slice::from_ref(&a)) {
            EntityMessage::Op(request) => Some(request),
            EntityMessage::Release(_) => None,
        },
        ..Entity::unknown(a.clone())
    };
    let request = lock("L2", "order-2", std::slice::from_ref(&a));
    let waiting = [request.clone(), release_of(&request)];
    let done = Turn::plan(&entity, &waiting, MAX_BATCH).unwrap().without_worker(now());
    assert_eq!((done.taken, done.entity), (vec![0, 1], entity));
}

/// A sender: signals in their order, and locks in between, which it gives back when it has had them, or before.
#[derive(Clone, Debug)]
enum Act {
    Signal(usize),
    /// A bit for each entity that is locked; whether it waits for the lock before it gives it back.
    Section(usize, bool),
}

const ENTITIES: usize = 3;

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let signal = (0..ENTITIES).prop_map(Act::Signal);
    let section = (1_usize..1 << ENTITIES, any::<bool>()).prop_map(|(set, waits)| Act::Section(set, waits));
    prop::collection::vec(prop_oneof![3 => signal, 1 => section], 1..12)
}

/// What is on disk: every turn is one step, all or nothing, as the hub commits it.
#[derive(Default)]
struct World {
    entities: BTreeMap<EntityId, Entity>,
    inboxes: BTreeMap<EntityId, VecDeque<EntityMessage>>,
    granted: BTreeSet<String>,
    /// Operations that were applied, by entity.
    applied: BTreeMap<EntityId, Vec<String>>,
    /// Owners and their sections, while they are in them.
    inside: BTreeMap<String, Vec<EntityId>>,
}

impl World {
    fn post(&mut self, target: &EntityId, message: EntityMessage, twice: bool) {
        let inbox = self.inboxes.entry(target.clone()).or_default();
        if twice {
            inbox.push_back(message.clone());
        }
        inbox.push_back(message);
    }

    /// One turn; a crash forgets it.
    fn turn(&mut self, id: &EntityId, limit: usize, stops_after: usize, crash: bool) -> bool {
        let entity = self
            .entities
            .entry(id.clone())
            .or_insert_with(|| Entity::unknown(id.clone()));
        let inbox = self.inboxes.entry(id.clone()).or_default();
        let Some(turn) = Turn::plan(entity, &*inbox, BatchLimit::operations(limit)) else {
            return false;
        };
        let mut names = Vec::new();
        let done = match turn.payload() {
            None => turn.without_worker(now()),
            Some(payload) => {
                let payload: serde_json::Value = serde_json::from_str(&payload).unwrap();
                let batch = payload["batch"].as_array().unwrap();
                let ran = batch.iter().take(stops_after.max(1));
                names.extend(ran.map(|operation| operation["name"].as_str().unwrap().to_owned()));
                let results = vec![r#"{"isError":false}"#; names.len()].join(",");
                let answer = format!(r#"{{"entityExists":true,"entityState":"1","signals":[],"results":[{results}]}}"#);
                finish(turn, &answer).unwrap()
            }
        };
        if crash {
            return true;
        }
        for index in done.taken.iter().rev() {
            inbox.remove(*index);
        }
        for name in &names {
            // Nobody else runs anything while the entity is locked and its owner has been told.
            for (owner, locked) in &self.inside {
                assert!(
                    !locked.contains(id) || name.starts_with(owner.as_str()),
                    "{name} ran inside of {owner}"
                );
            }
        }
        *entity = done.entity;
        self.applied.entry(id.clone()).or_default().extend(names);
        for posted in done.posted {
            self.post(&posted.target, posted.message, false);
        }
        for answer in done.answers {
            if let EventKind::EventRaised { name, .. } = answer.message.event.kind {
                self.granted.insert(name);
            }
        }
        true
    }
}

fn ids() -> Vec<EntityId> {
    (0..ENTITIES)
        .map(|number| EntityId::new("e", &number.to_string()).unwrap())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_signal_is_applied_once_in_its_senders_order_and_locks_exclude_each_other(
        senders in prop::collection::vec(acts(), 1..6),
        choices in prop::collection::vec((any::<prop::sample::Index>(), 1_usize..4, 1_usize..4, any::<u8>()), 1..400),
    ) {
        let ids = ids();
        let mut world = World::default();
        let mut places = vec![0; senders.len()];
        let mut wanted: BTreeMap<EntityId, Vec<String>> = BTreeMap::new();
        // The lock that a sender waits for or has: its request, what it locks, whether it waits.
        let mut sections: Vec<Option<(EntityMessage, Vec<EntityId>, bool)>> = vec![None; senders.len()];
        let mut choices = choices.into_iter().cycle();
        for round in 0..20_000 {
            let (index, limit, stops_after, luck) = choices.next().unwrap();
            // After a while, only what makes progress.
            let choice = if round < 2_000 { index.index(senders.len() + ENTITIES) } else { round % (senders.len() + ENTITIES) };
            let crash = round < 2_000 && luck % 4 == 0;
            if choice >= senders.len() {
                world.turn(&ids[choice - senders.len()], limit, stops_after, crash);
            } else if let Some((request, locked, waits)) = sections[choice].clone() {
                let granted = world.granted.contains(&format!("l{choice}-{}", places[choice]));
                let owner = format!("s{choice}-");
                if waits && granted && !world.inside.contains_key(&owner) {
                    for others in world.inside.values() {
                        prop_assert!(!others.iter().any(|id| locked.contains(id)), "two have a lock");
                    }
                    world.inside.insert(owner, locked);
                } else if !waits || granted {
                    world.inside.remove(&owner);
                    for id in &locked {
                        world.post(id, release_of(&request), luck % 3 == 0);
                    }
                    sections[choice] = None;
                    places[choice] += 1;
                }
            } else if let Some(act) = senders[choice].get(places[choice]) {
                let name = format!("s{choice}-{}", places[choice]);
                match act {
                    Act::Signal(number) => {
                        let id = &ids[*number];
                        wanted.entry(id.clone()).or_default().push(name.clone());
                        world.post(id, op(&name, None, &name, None), false);
                        if luck % 3 == 0 {
                            // The same request once more, before it was taken.
                            let inbox = world.inboxes.get_mut(id).unwrap();
                            let message = inbox.back().unwrap().clone();
                            inbox.push_back(message);
                        }
                        places[choice] += 1;
                    }
                    Act::Section(set, waits) => {
                        let locked: Vec<EntityId> =
                            ids.iter().enumerate().filter(|(bit, _)| set >> bit & 1 == 1).map(|(_, id)| id.clone()).collect();
                        let request = lock(&format!("l{choice}-{}", places[choice]), &format!("s{choice}"), &locked);
                        world.post(&locked[0], request.clone(), false);
                        sections[choice] = Some((request, locked, *waits));
                    }
                }
            }
            let busy = world.inboxes.values().any(|inbox| !inbox.is_empty())
                || sections.iter().any(Option::is_some)
                || places.iter().zip(&senders).any(|(place, acts)| *place < acts.len());
            if !busy {
                break;
            }
        }
        for (sender, acts) in senders.iter().enumerate() {
            prop_assert_eq!(places[sender], acts.len(), "a sender waits for ever");
        }
        for id in &ids {
            prop_assert!(world.inboxes.get(id).is_none_or(VecDeque::is_empty), "a message waits for ever");
            prop_assert!(world.entities.get(id).is_none_or(|entity| entity.lock.is_none()), "a lock stays");
            let applied = world.applied.get(id).cloned().unwrap_or_default();
            let wanted = wanted.get(id).cloned().unwrap_or_default();
            let (mut sorted_applied, mut sorted_wanted) = (applied.clone(), wanted.clone());
            sorted_applied.sort();
            sorted_wanted.sort();
            prop_assert_eq!(sorted_applied, sorted_wanted, "every signal counts once");
            for sender in 0..senders.len() {
                let of_sender = |names: &[String]| -> Vec<String> {
                    names.iter().filter(|name| name.starts_with(&format!("s{sender}-"))).cloned().collect()
                };
                prop_assert_eq!(of_sender(&applied), of_sender(&wanted), "in the order of the sender");
            }
        }
    }
}
