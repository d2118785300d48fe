//! The orchestration that runs a program, and the tape of what it did and saw.

use super::program::{Block, Call, End, Losers, Program, SPANS, Step};
use super::{
    entities::{EntityCall, Lock, Sections, Standing},
    model::{HTTP, Kind},
};
use azure_functions::{
    bindings::DurableOrchestrationContext,
    durable::{
        BoxedFuture, CallError, DurableHttpRequest, DurableHttpResponse, EventFuture, OrchestrationOutput,
        RetryOptions, TimerFuture,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::{
    any::Any,
    cell::{Cell, RefCell},
    collections::BTreeMap,
    error::Error,
    future::Future,
    pin::Pin,
    rc::Rc,
    time::Duration,
};

/// What the code did or saw.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Entry {
    Called {
        name: String,
        serial: u64,
        kind: Kind,
        retried: bool,
        at: DateTime<Utc>,
    },
    Returned {
        serial: u64,
        failed: bool,
        at: DateTime<Utc>,
    },
    TimerCreated {
        due: DateTime<Utc>,
        at: DateTime<Utc>,
    },
    TimerFired {
        due: DateTime<Utc>,
        at: DateTime<Utc>,
    },
    /// Got an event, while so many other waits for this name were alive.
    Got {
        name: u8,
        event: u64,
        other_waits: usize,
        at: DateTime<Utc>,
    },
    GaveUp {
        name: u8,
        at: DateTime<Utc>,
    },
    LockAsked {
        at: DateTime<Utc>,
    },
    Locked {
        at: DateTime<Utc>,
    },
    Won {
        child: usize,
        at: DateTime<Utc>,
    },
    /// Went the new way of a patch, or the old one.
    Went {
        patch: u8,
        new: bool,
    },
    Continued {
        preserve: bool,
    },
    Ended,
}

/// The tape of one episode.
#[derive(Default)]
pub(crate) struct Tape {
    pub(crate) entries: Vec<Entry>,
    /// By entry: whether the context said that it was replaying.
    pub(crate) replaying: Vec<bool>,
    /// What must not happen.
    pub(crate) faults: Vec<String>,
    /// Questions in their order, with their answers.
    pub(crate) asked: Vec<(u8, bool)>,
    serials: u64,
    pub(crate) sections: Sections,
    live_waits: BTreeMap<u8, Rc<Cell<usize>>>,
    /// Futures that the code forgot about.
    leaked: Vec<Box<dyn Any>>,
}

/// What version of the code knows of a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// Nothing: there is only the old way.
    Before,
    Asks,
    /// The question and the old way have been removed.
    After,
}

thread_local! {
    /// By patch.
    static VERSIONS: Cell<[Version; 4]> = const { Cell::new([Version::Asks; 4]) };
    static PROGRAM: RefCell<Option<Rc<Program>>> = const { RefCell::new(None) };
    static TAPE: RefCell<Tape> = RefCell::new(Tape::default());
}

/// Runs `episode` with this program behind [`orchestrator`]; the tape of what it did.
pub(crate) fn record<T>(program: &Rc<Program>, versions: [Version; 4], episode: impl FnOnce() -> T) -> (T, Tape) {
    VERSIONS.set(versions);
    PROGRAM.set(Some(Rc::clone(program)));
    TAPE.take();
    let result = episode();
    let mut tape = TAPE.take();
    // Not while the tape is borrowed: waits report their end to it.
    drop(std::mem::take(&mut tape.leaked));
    TAPE.take();
    (result, tape)
}

/// As [`record`], on the tape of earlier turns of the same code. What it forgot about lives on with the tape.
pub(crate) fn record_on<T>(
    program: &Rc<Program>,
    versions: [Version; 4],
    tape: Tape,
    turn: impl FnOnce() -> T,
) -> (T, Tape) {
    VERSIONS.set(versions);
    PROGRAM.set(Some(Rc::clone(program)));
    TAPE.set(tape);
    let result = turn();
    (result, TAPE.take())
}

impl Tape {
    pub(crate) fn next_serial(&mut self) -> u64 {
        self.serials += 1;
        self.serials
    }
}

pub(crate) fn tape<T>(with: impl FnOnce(&mut Tape) -> T) -> T {
    TAPE.with_borrow_mut(with)
}

type Failure = Box<dyn Error + Send + Sync>;

/// The orchestration.
pub(crate) fn orchestrator(
    context: DurableOrchestrationContext,
) -> Pin<Box<dyn Future<Output = Result<OrchestrationOutput, Failure>>>> {
    Box::pin(async move {
        let program = PROGRAM.with_borrow(|p| Rc::clone(p.as_ref().unwrap()));
        let generation = usize::try_from(context.input()["generation"].as_u64().unwrap()).unwrap();
        let code = Code {
            context,
            generation,
            last: program.generations.len() - 1,
        };
        let (block, preserve) = program.generations[generation].clone();
        match code.block(block).await {
            Ok(()) if generation < code.last => {
                code.continue_as_new(preserve).await;
            }
            Ok(()) | Err(End::Return) => {}
            Err(End::Fail | End::Panic) => {
                code.log(Entry::Ended);
                return Err("planned failure".into());
            }
        }
        code.log(Entry::Ended);
        Ok(json!({"generation": generation}).into())
    })
}

#[derive(Clone)]
pub(crate) struct Code {
    pub(crate) context: DurableOrchestrationContext,
    generation: usize,
    last: usize,
}

type Run = Pin<Box<dyn Future<Output = Result<(), End>>>>;

/// An activity or a sub-orchestration.
type AnyCall = BoxedFuture<'static, Result<Value, CallError>>;

enum Started {
    Call(AnyCall, u64),
    Timer(TimerFuture, DateTime<Utc>),
    Wait(Wait),
    Entity(EntityCall),
    Lock(Lock),
}

struct Wait {
    future: EventFuture,
    live: Live,
}

/// One of the waits of a name. It counts on the tape that it began on: kept code is dropped when the tape of another run is on.
struct Live {
    name: u8,
    count: Rc<Cell<usize>>,
}

impl Live {
    fn begin(name: u8) -> Self {
        let count = tape(|tape| Rc::clone(tape.live_waits.entry(name).or_default()));
        count.set(count.get() + 1);
        Self { name, count }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.count.set(self.count.get() - 1);
    }
}

impl Code {
    pub(crate) fn log(&self, entry: Entry) {
        let replaying = self.context.is_replaying();
        tape(|tape| {
            tape.entries.push(entry);
            tape.replaying.push(replaying);
        });
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.context.current_time()
    }

    fn start_call(&self, call: &Call) -> (AnyCall, u64) {
        let (serial, child) = tape(|tape| {
            let child = call.sub_orchestration && tape.sections.standing == Standing::Free;
            tape.sections.retried_children |= child && call.retry.is_some();
            (tape.next_serial(), child)
        });
        let name = format!("{}_{}", if child { "child" } else { "work" }, call.name);
        self.log(Entry::Called {
            name: name.clone(),
            serial,
            kind: if child { Kind::SubOrchestration } else { Kind::Activity },
            retried: call.retry.is_some(),
            at: self.now(),
        });
        let options = call.retry.as_ref().map(|retry| {
            let mut options =
                RetryOptions::new(seconds(retry.first), retry.attempts).backoff_coefficient(f64::from(retry.backoff));
            if let Some(timeout) = retry.timeout {
                options = options.timeout(seconds(timeout));
            }
            if retry.unless_fatal {
                options = options.retry_if(|error| !error.message().contains("fatal"));
            }
            options
        });
        let id = (serial % 3 == 0).then(|| format!("child-{}-{serial}", self.generation));
        let context = &self.context;
        let future = match (child, options) {
            (false, None) => context.call_activity(&name, serial).boxed(),
            (false, Some(options)) => context.call_activity(&name, serial).retry(&options).boxed(),
            (true, None) => context.call_sub_orchestrator(&name, id.as_deref(), serial).boxed(),
            (true, Some(options)) => {
                // Options come in any order.
                let call = context.call_sub_orchestrator(&name, None, serial).retry(&options);
                call.instance_id(id.unwrap_or_default()).boxed()
            }
        };
        (future, serial)
    }

    pub(crate) fn returned(&self, serial: u64, result: &Result<Value, CallError>) -> bool {
        // The activity echoes what it was given: so an answer to another call is noticed.
        let right = match result {
            Ok(value) => *value == json!({ "echo": serial }),
            Err(error) => error.message().contains(&format!("<{serial}>")),
        };
        if !right {
            tape(|tape| tape.faults.push(format!("call {serial} was answered {result:?}")));
        }
        let failed = result.is_err();
        let at = self.now();
        self.log(Entry::Returned { serial, failed, at });
        failed
    }

    async fn http(&self, retry: Option<usize>) {
        let serial = tape(Tape::next_serial);
        self.log(Entry::Called {
            name: HTTP.to_owned(),
            serial,
            kind: Kind::Activity,
            // Polls are further requests too.
            retried: true,
            at: self.now(),
        });
        let mut request = DurableHttpRequest::get(format!("https://example.org/{serial}"));
        if let Some(first) = retry {
            request = request.retry(&RetryOptions::new(seconds(first), 3));
        }
        let answer = self.context.call_http(request).await;
        let text = |answer: &DurableHttpResponse| answer.text().to_owned();
        let echo = answer
            .as_ref()
            .map_or_else(|e| e.message().replace(['<', '>'], ""), text);
        if !echo.ends_with(&format!(" {serial}")) {
            tape(|tape| tape.faults.push(format!("request {serial} was answered {answer:?}")));
        }
        let failed = !answer.is_ok_and(|answer| answer.is_success());
        let at = self.now();
        self.log(Entry::Returned { serial, failed, at });
    }

    fn start_timer(&self, span: usize) -> (TimerFuture, DateTime<Utc>) {
        let at = self.now();
        let due = at + TimeDelta::seconds(SPANS[span]);
        self.log(Entry::TimerCreated { due, at });
        (self.context.create_timer(due), due)
    }

    fn fired(&self, due: DateTime<Utc>) {
        let at = self.now();
        // The clocks of the model's machines differ by less than this.
        if at < due - TimeDelta::minutes(15) {
            tape(|tape| tape.faults.push(format!("a timer due {due} fired at {at}")));
        }
        self.log(Entry::TimerFired { due, at });
    }

    fn start_wait(&self, name: u8) -> Wait {
        let live = Live::begin(name);
        let text = if tape(|tape| tape.entries.len()) % 2 == 0 {
            "event_"
        } else {
            "EVENT_"
        };
        Wait {
            future: self.context.wait_for_event(&format!("{text}{name}")),
            live,
        }
    }

    fn got(&self, name: u8, event: &Value) {
        let other_waits = tape(|tape| tape.live_waits[&name].get() - 1);
        let event = event.as_u64().unwrap();
        let at = self.now();
        self.log(Entry::Got {
            name,
            event,
            other_waits,
            at,
        });
    }

    async fn finish(&self, started: Started) {
        match started {
            Started::Call(future, serial) => {
                self.returned(serial, &future.await);
            }
            Started::Timer(future, due) => {
                future.await;
                self.fired(due);
            }
            Started::Wait(wait) => {
                let event = wait.future.await;
                self.got(wait.live.name, &event);
            }
            Started::Entity(call) => self.finish_entity(call).await,
            Started::Lock(lock) => {
                let (section, asked) = self.locked(lock).await;
                if let Some(call) = self.start_entity(0) {
                    self.finish_entity(call).await;
                }
                section.release();
                drop(asked);
            }
        }
    }

    fn won(&self, child: usize) {
        let at = self.now();
        self.log(Entry::Won { child, at });
    }

    async fn continue_as_new(&self, preserve: bool) {
        self.log(Entry::Continued { preserve });
        let input = json!({"generation": self.generation + 1});
        self.context.continue_as_new(input, preserve).await;
    }

    fn block(&self, block: Block) -> Run {
        let code = self.clone();
        Box::pin(async move {
            let mut started = Vec::new();
            for step in block {
                code.step(step, &mut started).await?;
            }
            Ok(())
        })
    }

    async fn step(&self, step: Step, started: &mut Vec<Started>) -> Result<(), End> {
        let context = &self.context;
        let blocks = |blocks: Vec<Block>| blocks.into_iter().map(|block| self.block(block)).collect::<Vec<_>>();
        match step {
            Step::Call(call) => {
                let (future, serial) = self.start_call(&call);
                self.returned(serial, &future.await);
            }
            Step::StartCall(call) => {
                let (future, serial) = self.start_call(&call);
                started.push(Started::Call(future, serial));
            }
            Step::StartTimer(span) => {
                let (future, due) = self.start_timer(span);
                started.push(Started::Timer(future, due));
            }
            Step::StartWait(name) => started.push(Started::Wait(self.start_wait(name))),
            Step::StartEntity(key) => started.extend(self.start_entity(key).map(Started::Entity)),
            Step::StartLock(keys) => started.extend(self.start_lock(&keys).map(Started::Lock)),
            Step::CallEntity(key) => {
                if let Some(call) = self.start_entity(key) {
                    self.finish_entity(call).await;
                }
            }
            Step::Signal(key) => self.signal(key),
            Step::Http(retry) => self.http(retry).await,
            Step::Section(keys, block) => match self.start_lock(&keys) {
                Some(lock) => {
                    let (section, asked) = self.locked(lock).await;
                    let result = self.block(block).await;
                    drop(section);
                    drop(asked);
                    result?;
                }
                None => self.block(block).await?,
            },
            Step::Await(i) if !started.is_empty() => {
                let i = i % started.len();
                self.finish(started.remove(i)).await;
            }
            Step::Drop(i) if !started.is_empty() => {
                let i = i % started.len();
                drop(started.remove(i));
            }
            Step::Leak(i) if !started.is_empty() => {
                let i = i % started.len();
                let leaked: Box<dyn Any> = match started.remove(i) {
                    Started::Call(future, _) => Box::new(future),
                    Started::Timer(future, _) => Box::new(future),
                    Started::Wait(wait) => Box::new(wait),
                    Started::Entity(call) => Box::new(call),
                    Started::Lock(lock) => Box::new(lock),
                };
                tape(|tape| tape.leaked.push(leaked));
            }
            Step::Await(_) | Step::Drop(_) | Step::Leak(_) => {}
            Step::Timer(span) => {
                let (future, due) = self.start_timer(span);
                future.await;
                self.fired(due);
            }
            Step::Wait(name) => {
                let wait = self.start_wait(name);
                self.finish(Started::Wait(wait)).await;
            }
            Step::WaitOrTimeout(name, span) => {
                let at = self.now();
                self.log(Entry::TimerCreated {
                    due: at + TimeDelta::seconds(SPANS[span]),
                    at,
                });
                let live = Live::begin(name);
                match context
                    .wait_for_event_with_timeout(&format!("Event_{name}"), seconds(span))
                    .await
                {
                    Some(event) => self.got(name, &event),
                    None => self.log(Entry::GaveUp { name, at: self.now() }),
                }
                drop(live);
            }
            Step::Timeout(span, block) => {
                let at = self.now();
                self.log(Entry::TimerCreated {
                    due: at + TimeDelta::seconds(SPANS[span]),
                    at,
                });
                let result = context.timeout(seconds(span), self.block(block)).await;
                self.won(usize::from(result.is_err()));
                if let Ok(result) = result {
                    result?;
                }
            }
            Step::Join(a, b) => {
                let (a, b) = context.join((self.block(a), self.block(b))).await;
                a.and(b)?;
            }
            Step::JoinAll(all) => {
                for result in context.join_all(blocks(all)).await {
                    result?;
                }
            }
            Step::TryJoinAll(all) => {
                let result = context.try_join_all(blocks(all)).await;
                self.won(usize::from(result.is_err()));
            }
            Step::Race(a, b) => {
                let a = self.block(a);
                let b = self.block(b);
                let winner = context.race((async move { (0, a.await) }, async move { (1, b.await) }));
                let (child, result) = winner.await;
                self.won(child);
                result?;
            }
            Step::SelectAll(all, losers) => {
                let (result, child, mut rest) = context.select_all(blocks(all)).await;
                self.won(child);
                match losers {
                    Losers::Drop => drop(rest),
                    Losers::Leak => tape(|tape| tape.leaked.push(Box::new(rest))),
                    Losers::SelectAgain => {
                        while !rest.is_empty() {
                            let (_, child, others) = context.select_all(rest).await;
                            self.won(child);
                            rest = others;
                        }
                    }
                    Losers::JoinAll => {
                        context.join_all(rest).await;
                    }
                }
                result?;
            }
            Step::AsCompleted(all, take) => {
                let mut completed = context.as_completed(blocks(all));
                for _ in 0..take {
                    if let Some((child, _)) = completed.next().await {
                        self.won(child);
                    }
                }
            }
            Step::ForEach(limit, all) => {
                context.for_each_concurrent(limit, all, |block| self.block(block)).await;
            }
            Step::Repeat(times, block) => {
                for _ in 0..times {
                    self.block(block.clone()).await?;
                }
            }
            Step::IfFailed(call, block) => {
                let (future, serial) = self.start_call(&call);
                if self.returned(serial, &future.await) {
                    self.block(block).await?;
                }
            }
            Step::Status => context.set_custom_status(tape(|tape| tape.entries.len())),
            Step::Patched(patch, new_way, old_way) => {
                let new = match VERSIONS.get()[usize::from(patch)] {
                    Version::Before => false,
                    Version::After => true,
                    Version::Asks => {
                        let answer = context.patched(&format!("patch_{patch}"));
                        tape(|tape| tape.asked.push((patch, answer)));
                        answer
                    }
                };
                self.log(Entry::Went { patch, new });
                self.block(if new { new_way } else { old_way }).await?;
            }
            Step::ContinueAsNew { .. } if self.generation == self.last => {}
            Step::ContinueAsNew {
                preserve,
                awaited: true,
            } => self.continue_as_new(preserve).await,
            Step::ContinueAsNew {
                preserve,
                awaited: false,
            } => {
                self.log(Entry::Continued { preserve });
                let input = json!({"generation": self.generation + 1});
                drop(context.continue_as_new(input, preserve));
            }
            Step::End(End::Panic) => {
                self.log(Entry::Ended);
                // Without the hook, which would print it at every replay.
                std::panic::resume_unwind(Box::new("planned panic"));
            }
            Step::End(end) => return Err(end),
        }
        Ok(())
    }
}

fn seconds(span: usize) -> Duration {
    Duration::from_secs(SPANS[span].unsigned_abs())
}
