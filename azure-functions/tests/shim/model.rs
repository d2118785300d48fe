//! The host's shim, written from the protocol reference: what it makes of a list of actions and a history. It knows no
//! causes and no ids but the ones it counts itself, and awaits each element of the list before it touches the next.

use super::entities::Entities;
use chrono::{DateTime, Datelike, TimeDelta, Utc};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The activity of the host that makes requests.
pub(crate) const HTTP: &str = "BuiltIn::HttpActivity";

/// What takes an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Activity,
    SubOrchestration,
    Timer,
    Call,
    Signal,
    Lock,
    Release,
}

impl Kind {
    /// Whether the instance cannot end while it is out.
    pub(crate) fn holds(self) -> bool {
        matches!(self, Self::Activity | Self::SubOrchestration | Self::Timer)
    }
}

/// An action that takes an id.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Work {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) input: Value,
    pub(crate) instance_id: Option<String>,
    pub(crate) fire_at: Option<DateTime<Utc>>,
    pub(crate) cancelled: bool,
    /// Name of the response of an entity.
    pub(crate) request: Option<String>,
}

impl Work {
    /// Markers of patches are the only timers due before 2000.
    pub(crate) fn is_patch_marker(&self) -> bool {
        self.fire_at.is_some_and(|fire_at| fire_at.year() < 2000)
    }
}

/// What the shim came to at the end of a history.
#[derive(Debug)]
pub(crate) struct Stand {
    /// Everything issued, by id.
    pub(crate) issued: Vec<Work>,
    /// Ids that the history does not hold yet, and that are sent now.
    pub(crate) unsent: Vec<usize>,
    /// Nothing of the list is left.
    pub(crate) at_end: bool,
    /// Something holds the instance.
    pub(crate) open: bool,
    pub(crate) suspended: bool,
    /// Input of the next execution, if action 4 was issued.
    pub(crate) continued: Option<Value>,
    /// Events that go to the next execution.
    pub(crate) carried_over: Vec<Value>,
}

/// What of a shim differs between hosts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) max_timer: Option<TimeDelta>,
    /// Whether the clock stands still while events are held back.
    pub(crate) clock_suspends: bool,
}

enum Node {
    Settled,
    Task(usize),
    Wait(usize),
    Any(Vec<Self>),
    All(Vec<Self>),
}

struct Shim<'a> {
    actions: &'a [Value],
    limits: Limits,
    next: usize,
    awaited: Option<Node>,
    clock: DateTime<Utc>,
    issued: Vec<Work>,
    settled: Vec<bool>,
    pending: BTreeSet<usize>,
    waits: Vec<bool>,
    waiting: BTreeMap<String, Vec<usize>>,
    queued: BTreeMap<String, usize>,
    suspended: bool,
    held_back: VecDeque<&'a Value>,
    continued: Option<Value>,
    carried_over: Vec<Value>,
    entities: Entities,
}

/// Plays the list over the history.
pub(crate) fn interpret(history: &[Value], actions: &[Value], limits: Limits) -> Result<Stand, String> {
    let mut shim = Shim {
        actions,
        limits,
        next: 0,
        awaited: None,
        clock: DateTime::UNIX_EPOCH,
        issued: Vec::new(),
        settled: Vec::new(),
        pending: BTreeSet::new(),
        waits: Vec::new(),
        waiting: BTreeMap::new(),
        queued: BTreeMap::new(),
        suspended: false,
        held_back: VecDeque::new(),
        continued: None,
        carried_over: Vec::new(),
        entities: Entities::default(),
    };
    for event in history {
        shim.receive(event)?;
    }
    let open = (0..shim.issued.len())
        .any(|id| shim.issued[id].kind.holds() && !shim.settled[id] && !shim.issued[id].cancelled);
    Ok(Stand {
        at_end: shim.awaited.is_none() && shim.next == actions.len(),
        open,
        suspended: shim.suspended,
        unsent: if shim.suspended {
            Vec::new()
        } else {
            shim.pending.into_iter().collect()
        },
        issued: shim.issued,
        continued: shim.continued,
        carried_over: shim.carried_over,
    })
}

impl<'a> Shim<'a> {
    fn receive(&mut self, event: &'a Value) -> Result<(), String> {
        let kind = event["EventType"].as_u64().unwrap();
        match kind {
            20 => {
                self.suspended = false;
                while let Some(event) = self.held_back.pop_front() {
                    self.process(event)?;
                }
                Ok(())
            }
            12 if !self.limits.clock_suspends => self.process(event),
            _ if self.suspended => {
                self.held_back.push_back(event);
                Ok(())
            }
            _ => self.process(event),
        }
    }

    fn process(&mut self, event: &Value) -> Result<(), String> {
        match event["EventType"].as_u64().unwrap() {
            12 => self.clock = instant(&event["Timestamp"]),
            0 => {
                self.entities.execution = event["Input"].to_string();
                return self.advance();
            }
            19 => self.suspended = true,
            kind @ (4 | 7 | 10 | 14) => {
                let id = usize::try_from(event["EventId"].as_u64().unwrap()).unwrap();
                if !self.pending.remove(&id) {
                    return Err(format!("non-deterministic: history has {kind}#{id}, the shim does not"));
                }
                let work = &self.issued[id];
                let (kinds, name) = match work.kind {
                    Kind::Activity => (4, work.name.as_str()),
                    Kind::SubOrchestration => (7, work.name.as_str()),
                    Kind::Timer => (10, ""),
                    Kind::Call | Kind::Signal | Kind::Lock => (14, "op"),
                    Kind::Release => (14, "release"),
                };
                let recorded = event["Name"].as_str().unwrap_or_default();
                if kinds != kind || (kind != 10 && !recorded.eq_ignore_ascii_case(name)) {
                    return Err(format!(
                        "non-deterministic: history has {kind}#{id} {recorded}, the shim has {work:?}"
                    ));
                }
            }
            5 | 6 | 8 | 9 | 11 => {
                let id = event["TaskScheduledId"].as_u64().or(event["TimerId"].as_u64()).unwrap();
                if let Some(settled) = self.settled.get_mut(usize::try_from(id).unwrap()) {
                    *settled = true;
                }
                return self.advance();
            }
            15 if self.continued.is_some() => self.carried_over.push(event.clone()),
            15 if let Some(id) = self.entities.respond(event["Name"].as_str().unwrap()) => {
                self.settled[id] = true;
                return self.advance();
            }
            15 => {
                let name = event["Name"].as_str().unwrap().to_lowercase();
                match self.waiting.entry(name.clone()).or_default().pop() {
                    Some(newest) => self.waits[newest] = true,
                    None => *self.queued.entry(name).or_default() += 1,
                }
                return self.advance();
            }
            _ => {}
        }
        Ok(())
    }

    fn advance(&mut self) -> Result<(), String> {
        loop {
            match &self.awaited {
                Some(node) if !self.is_settled(node) => return Ok(()),
                _ => self.awaited = None,
            }
            let Some(action) = self.actions.get(self.next) else {
                return Ok(());
            };
            if self.continued.is_some() {
                return Err("an action behind continue-as-new".to_owned());
            }
            self.next += 1;
            self.awaited = Some(self.issue(action)?);
        }
    }

    fn is_settled(&self, node: &Node) -> bool {
        match node {
            Node::Settled => true,
            Node::Task(id) => self.settled[*id],
            Node::Wait(wait) => self.waits[*wait],
            Node::Any(children) => children.iter().any(|c| self.is_settled(c)),
            Node::All(children) => children.iter().all(|c| self.is_settled(c)),
        }
    }

    fn issue(&mut self, action: &Value) -> Result<Node, String> {
        let children = |shim: &mut Self| -> Result<Vec<Node>, String> {
            let children = action["compoundActions"].as_array().unwrap();
            children.iter().map(|child| shim.issue(child)).collect()
        };
        Ok(match action["actionType"].as_u64() {
            Some(11) => match children(self)? {
                none if none.is_empty() => return Err("an empty WhenAny".to_owned()),
                children => Node::Any(children),
            },
            Some(12) => Node::All(children(self)?),
            Some(6) => {
                let name = action["externalEventName"].as_str().unwrap().to_lowercase();
                let wait = self.waits.len();
                let queued = self.queued.entry(name.clone()).or_default();
                self.waits.push(*queued > 0);
                if *queued > 0 {
                    *queued -= 1;
                } else {
                    self.waiting.entry(name).or_default().push(wait);
                }
                Node::Wait(wait)
            }
            Some(4) => {
                self.continued = Some(action["input"].clone());
                Node::Settled
            }
            Some(14) => {
                for target in self.entities.release()? {
                    self.issued.push(release(&target));
                    self.pending.insert(self.settled.len());
                    self.settled.push(true);
                }
                Node::Settled
            }
            _ => {
                let mut work = work(action).ok_or_else(|| format!("unknown action {action}"))?;
                let id = self.issued.len();
                work.request = self.entities.issue(id, &work, self.clock)?;
                if let (Kind::Timer, Some(fire_at), Some(max)) = (work.kind, work.fire_at, self.limits.max_timer)
                    && fire_at - self.clock > max
                {
                    return Err(format!(
                        "timer {id} is due {fire_at}, too far from the shim's clock {}",
                        self.clock
                    ));
                }
                let cancelled = work.cancelled || work.kind == Kind::Signal;
                self.issued.push(work);
                self.settled.push(false);
                self.pending.insert(id);
                if cancelled { Node::Settled } else { Node::Task(id) }
            }
        })
    }
}

/// The members of an action that takes an id.
fn work(action: &Value) -> Option<Work> {
    let kind = match action["actionType"].as_u64()? {
        0 | 8 => Kind::Activity,
        2 => Kind::SubOrchestration,
        5 => Kind::Timer,
        7 => Kind::Call,
        9 | 10 => Kind::Signal,
        13 => Kind::Lock,
        _ => return None,
    };
    Some(Work {
        kind,
        name: match kind {
            Kind::Activity if action["actionType"] == 8 => HTTP.to_owned(),
            Kind::Call | Kind::Signal => action["instanceId"].as_str()?.to_owned(),
            _ => action["functionName"].as_str().unwrap_or_default().to_owned(),
        },
        input: match kind {
            // The number of the call is its path.
            Kind::Activity if action["actionType"] == 8 => {
                let uri = action["httpRequest"]["uri"].as_str()?;
                serde_json::from_str(uri.rsplit('/').next()?).unwrap_or_default()
            }
            // JSON text in a string.
            Kind::Activity => serde_json::from_str(action["input"].as_str()?).ok()?,
            Kind::Lock => action["lockSet"].clone(),
            _ => action["input"].clone(),
        },
        instance_id: action["instanceId"].as_str().map(str::to_owned),
        fire_at: action.get("fireAt").map(instant),
        cancelled: action["isCanceled"] == true,
        request: None,
    })
}

/// One of the messages of a release.
fn release(target: &str) -> Work {
    Work {
        kind: Kind::Release,
        name: target.to_owned(),
        input: Value::Null,
        instance_id: None,
        fire_at: None,
        cancelled: false,
        request: None,
    }
}

/// What takes ids, in the order in which a shim that never waits would give them out.
pub(crate) fn in_order(actions: &[Value]) -> Vec<Work> {
    fn collect(actions: &[Value], held: &mut Vec<String>, all: &mut Vec<Work>) {
        for action in actions {
            if let Some(children) = action["compoundActions"].as_array() {
                collect(children, held, all);
            } else if action["actionType"] == 14 {
                all.extend(held.iter().map(|target| release(target)));
            } else if let Some(work) = work(action) {
                if work.kind == Kind::Lock {
                    let set = work.input.as_array().unwrap().iter();
                    *held = set.map(|id| format!("@acct@{}", id["key"].as_str().unwrap())).collect();
                }
                all.push(work);
            }
        }
    }
    let mut all = Vec::new();
    collect(actions, &mut Vec::new(), &mut all);
    all
}

pub(crate) fn instant(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}
