//! Entities and critical sections: what the code does with them and may do, and what the shim allows.

use super::{
    code::{self, Code, Entry},
    model::{Kind, Work},
};
use azure_functions::{
    durable::{self, CriticalSection, LockFuture},
    entities::EntityId,
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// How the code stands with its critical section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    #[default]
    Free,
    /// It cannot know whether the host counts the locks as held.
    Asked,
    Held,
    /// Nor can it after it gave up a lock that it had asked for.
    GivenUp,
}

/// What the code knows of its critical sections.
#[derive(Default)]
pub(crate) struct Sections {
    pub(crate) standing: Standing,
    locked: Vec<u8>,
    /// Locked entities that are being called.
    busy: BTreeSet<u8>,
    /// A section must not see another attempt of a sub-orchestration.
    pub(crate) retried_children: bool,
}

pub(crate) fn entity(key: u8) -> EntityId {
    EntityId::new("acct", key.to_string()).unwrap()
}

/// A call to an entity that is out.
pub(crate) struct EntityCall {
    future: durable::EntityCall,
    serial: u64,
    key: u8,
    in_section: bool,
}

/// A critical section, asked for.
pub(crate) struct Lock {
    future: Option<LockFuture>,
    asked: Asked,
}

/// Reports what became of the request.
struct Asked;

impl Drop for Asked {
    fn drop(&mut self) {
        code::tape(|tape| {
            let sections = &mut tape.sections;
            sections.standing = match sections.standing {
                Standing::Asked => Standing::GivenUp,
                // The guard goes with it.
                Standing::Held => Standing::Free,
                other => other,
            };
        });
    }
}

impl Code {
    /// Calls an entity, if the rules allow it now.
    pub(crate) fn start_entity(&self, key: u8) -> Option<EntityCall> {
        let (key, serial, in_section) = code::tape(|tape| {
            let sections = &mut tape.sections;
            let key = match sections.standing {
                Standing::Free => key,
                Standing::Held => sections.locked[usize::from(key) % sections.locked.len()],
                Standing::Asked | Standing::GivenUp => return None,
            };
            let in_section = sections.standing == Standing::Held;
            if in_section && !sections.busy.insert(key) {
                return None;
            }
            Some((key, tape.next_serial(), in_section))
        })?;
        let target = entity(key);
        self.log(Entry::Called {
            name: target.to_string(),
            serial,
            kind: Kind::Call,
            retried: false,
            at: self.now(),
        });
        Some(EntityCall {
            future: self.context.call_entity(&target, "work", serial),
            serial,
            key,
            in_section,
        })
    }

    pub(crate) async fn finish_entity(&self, call: EntityCall) {
        let result = call.future.await;
        if call.in_section {
            // Of this section or a later one: either way no entity is called twice.
            code::tape(|tape| tape.sections.busy.remove(&call.key));
        }
        self.returned(call.serial, &result);
    }

    pub(crate) fn signal(&self, key: u8) {
        let serial = code::tape(code::Tape::next_serial);
        let target = EntityId::new("audit", key.to_string()).unwrap();
        self.log(Entry::Called {
            name: target.to_string(),
            serial,
            kind: Kind::Signal,
            retried: false,
            at: self.now(),
        });
        let sent = if key.is_multiple_of(2) {
            self.context.signal_entity(&target, "note", serial)
        } else {
            let when = self.now() + chrono::TimeDelta::hours(1);
            self.context.signal_entity_at(&target, "note", serial, when)
        };
        sent.unwrap();
    }

    /// Asks for locks, if the rules allow it now.
    pub(crate) fn start_lock(&self, keys: &[u8]) -> Option<Lock> {
        let allowed = code::tape(|tape| {
            let sections = &mut tape.sections;
            let allowed = sections.standing == Standing::Free && !sections.retried_children;
            if allowed {
                sections.standing = Standing::Asked;
                sections.locked = keys.to_vec();
                sections.busy.clear();
            }
            allowed
        });
        if !allowed {
            return None;
        }
        self.log(Entry::LockAsked { at: self.now() });
        Some(Lock {
            future: Some(self.context.lock(keys.iter().map(|key| entity(*key)))),
            asked: Asked,
        })
    }

    /// Waits for the locks; drop the section before the other.
    pub(crate) async fn locked(&self, mut lock: Lock) -> (CriticalSection, impl Sized + use<>) {
        let section = lock.future.take().unwrap().await;
        code::tape(|tape| tape.sections.standing = Standing::Held);
        self.log(Entry::Locked { at: self.now() });
        (section, lock.asked)
    }
}

/// The shim's side: requests that are out, and locks that are held.
#[derive(Default)]
pub(crate) struct Entities {
    /// By the name of the response: the action.
    requests: BTreeMap<String, usize>,
    ids: u64,
    /// No two executions begin at exactly one time, as they may here.
    pub(crate) execution: String,
    asked: Option<(usize, Vec<String>)>,
    held: Option<Vec<String>>,
    /// Calls to locked entities that are out.
    calls: BTreeMap<String, usize>,
}

impl Entities {
    /// Issues an action; the name of its response, which comes from the clock.
    pub(crate) fn issue(&mut self, id: usize, work: &Work, clock: DateTime<Utc>) -> Result<Option<String>, String> {
        let holds = |held: &Option<Vec<String>>| held.as_ref().map(|held| held.contains(&work.name));
        match work.kind {
            Kind::SubOrchestration if self.held.is_some() => return Err(format!("{id} is a child of a section")),
            Kind::Activity | Kind::SubOrchestration | Kind::Timer => return Ok(None),
            Kind::Call => match holds(&self.held) {
                Some(false) => return Err(format!("{id} calls {} without its lock", work.name)),
                Some(true) if self.calls.insert(work.name.clone(), id).is_some() => {
                    return Err(format!("{id} calls {} while another call is out", work.name));
                }
                _ => {}
            },
            Kind::Signal if holds(&self.held) == Some(true) => {
                return Err(format!("{id} signals the locked {}", work.name));
            }
            Kind::Signal => {}
            Kind::Lock => {
                if self.held.is_some() || self.asked.is_some() {
                    return Err(format!("{id} asks for locks while others are held or asked for"));
                }
                let set = work.input.as_array().unwrap().iter();
                let names = set.map(|id| format!("@{}@{}", id["name"].as_str().unwrap(), id["key"].as_str().unwrap()));
                let names: Vec<_> = names.collect();
                if !names.is_sorted() {
                    return Err(format!("{id} asks for {names:?}"));
                }
                self.asked = Some((id, names));
            }
            Kind::Release => return Ok(None),
        }
        self.ids += 1;
        let name = format!("{}_{}_{}", self.execution, clock.timestamp_micros(), self.ids);
        let request = Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string();
        if work.kind != Kind::Signal {
            self.requests.insert(request.clone(), id);
        }
        Ok(Some(request))
    }

    /// The entities that a release is sent to.
    pub(crate) fn release(&mut self) -> Result<Vec<String>, String> {
        self.calls.clear();
        self.held.take().ok_or_else(|| "a release of nothing".to_owned())
    }

    /// The action that an event answers, if it is no external one.
    pub(crate) fn respond(&mut self, name: &str) -> Option<usize> {
        let id = self.requests.remove(name)?;
        self.calls.retain(|_, call| *call != id);
        if let Some((_, set)) = self.asked.take_if(|(lock, _)| *lock == id) {
            self.held = Some(set);
        }
        Some(id)
    }
}

/// Whether an event is the response of an entity.
pub(crate) fn is_response(event: &Value) -> bool {
    event["EventType"] == 15 && event["Name"].as_str().is_some_and(|name| Uuid::try_parse(name).is_ok())
}

/// How history records a message, and how it is answered.
pub(crate) fn messages(work: &Work, fails: bool) -> (Value, Option<Value>) {
    let id = work.request.as_deref().unwrap_or_default();
    let request = match work.kind {
        Kind::Lock => json!({"$type": "Request", "op": null, "lockset": work.input, "id": id}),
        Kind::Release => json!({"parent": "order-7f3a", "id": "whatever"}),
        Kind::Signal => json!({"op": "note", "signal": true, "id": id, "due": work.fire_at}),
        _ => json!({"op": "work", "id": id, "parent": "order-7f3a", "Predecessor": "0001-01-01T00:00:00"}),
    };
    let target = match work.kind {
        Kind::Lock => format!("@acct@{}", work.input[0]["key"].as_str().unwrap()),
        _ => work.name.clone(),
    };
    let name = if work.kind == Kind::Release { "release" } else { "op" };
    let sent = json!({"EventType": 14, "InstanceId": target, "Name": name, "Input": request.to_string()});
    let response = match work.kind {
        Kind::Signal | Kind::Release => return (sent, None),
        Kind::Lock => json!({"result": "Lock Acquisition Completed"}),
        _ if fails => json!({"result": json!(format!("boom <{}>", work.input)).to_string(), "exceptionType": "Error"}),
        _ => json!({"result": json!({"echo": work.input}).to_string()}),
    };
    let answer = json!({"EventType": 15, "Name": id, "Input": response.to_string()});
    (sent, Some(answer))
}
