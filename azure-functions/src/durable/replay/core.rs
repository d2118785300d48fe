//! The state of one episode, shared by the context and its futures.
//!
//! The order of a run: [`Core::new`] reads the history's index, [`Core::poll`] polls the user's future once (everything
//! the context and its futures do happens in there, see `issue` and `deliver`), then [`Core::finish`] gives the
//! [`Outcome`](super::outcome::Outcome). Where a host offers sessions, code that waits may be kept: [`Core::pause`] gives what it has
//! asked for, and once [`Core::append`] has added what has come since, it is polled again. No borrow of the state is held while user code runs.

use super::{
    action::{Action, ActionKind, ContinueAsNew},
    event_wait::{Arrival, Content, Events},
    frame::{Frame, Frames, GroupId},
    history::{Event, History, Moved},
    ids::{ArrivalId, OpId, Site},
    mismatch::Mismatch,
    operation::{Course, OpenCall, Operation},
    patch_marker::{Patch, PatchMarker},
    refusal::{Marker, Refusal, Refused},
    section::{Relay, Section},
    segment::{Cause, Response, Segments},
    texts::{Text, Texts},
};
use crate::{
    durable::{CalledKind, KnownFunctions},
    json_text,
};
use chrono::{DateTime, Utc};
use serde::ser::Error as _;
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, VecDeque},
    panic::{self},
    rc::Rc,
    task::Context,
};

/// One episode.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) history: History,
    pub(crate) functions: KnownFunctions,
    pub(super) marks: Cell<Marks>,
    /// Whether the code goes on where it was, and nothing of it is run again.
    continued: Cell<bool>,
    /// How many actions earlier answers of this core have asked for.
    pub(super) asked: Cell<usize>,
    pub(super) state: RefCell<State>,
    /// Kept apart from the state, so that it can be set at any moment.
    refused: Cell<Option<Refused>>,
    /// What the refusal is about.
    refused_about: RefCell<Option<String>>,
    last_call: Cell<Option<Site>>,
    /// The last function found among the known ones: orchestrations call the same few again and again.
    last_known: RefCell<Option<(CalledKind, Rc<str>)>>,
    /// Room to write an input in.
    json_buffer: RefCell<Vec<u8>>,
    pub(super) sealed: Cell<bool>,
}

/// What is known of the turns of the history.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    /// Place of the last OrchestratorStarted.
    boundary: usize,
    /// Place of the last OrchestratorStarted before which the host had recorded all that the code had asked for: it does
    /// not while it is suspended. Behind everything if the execution is over.
    pub(super) committed: usize,
    suspended: bool,
}

/// Where the history records what.
#[derive(Default)]
struct Index {
    scheduled: Vec<Option<usize>>,
    stray: Option<usize>,
    marks: Marks,
}

impl Index {
    /// Reads the events from a place on.
    fn read(&mut self, history: &History, from: usize, events: impl Iterator<Item = Event>) {
        let Self {
            scheduled,
            stray,
            marks,
        } = self;
        for (place, event) in (from..).zip(events) {
            match event {
                Event::Scheduled { id, .. } | Event::Sent { id, .. } => {
                    let id = id as usize;
                    // Ids are dense, so one beyond the number of events comes from no execution of any code.
                    if id >= history.len() {
                        *stray = stray.or(Some(place));
                        continue;
                    }
                    if scheduled.len() <= id {
                        scheduled.resize(id + 1, None);
                    }
                    scheduled[id] = scheduled[id].or(Some(place));
                }
                Event::Suspended => marks.suspended = true,
                Event::Resumed => marks.suspended = false,
                Event::OrchestratorStarted(_) => {
                    marks.boundary = place;
                    if !marks.suspended {
                        marks.committed = place;
                    }
                }
                Event::Ended => marks.committed = usize::MAX,
                _ => {}
            }
        }
    }
}

#[derive(Debug)]
pub(crate) struct State {
    /// Place of the next history event to deliver.
    pub(super) cursor: usize,
    /// What `current_time` says: never goes backwards.
    pub(super) clock: DateTime<Utc>,
    /// What the host's shim goes by: the last OrchestratorStarted as it stands there.
    pub(super) raw_clock: DateTime<Utc>,
    pub(super) start_clock: DateTime<Utc>,
    /// Answers delivered.
    pub(super) tick: u32,
    pub(super) cause: Option<Cause>,
    pub(super) suspended: bool,
    pub(super) withheld: VecDeque<usize>,
    pub(super) actions: Vec<Action>,
    pub(super) texts: Texts,
    pub(super) operations: Vec<Operation>,
    /// The call whose options may still be set.
    pub(super) open_call: Option<OpenCall>,
    /// Names of calls for reports.
    pub(super) labels: BTreeMap<OpId, Box<str>>,
    pub(super) events: Events,
    pub(super) segments: Segments,
    pub(super) frames: Frames,
    /// By action id: place of the history event that scheduled it.
    pub(super) scheduled: Vec<Option<usize>>,
    /// Scheduled events whose id no execution can have got to.
    pub(super) stray: Option<usize>,
    pub(super) patches: BTreeMap<PatchMarker, Patch>,
    pub(super) mismatch: Option<Mismatch>,
    pub(super) continue_as_new: Option<ContinueAsNew>,
    pub(super) custom_status: Option<String>,
    /// Messages to entities that can be answered, by the name of the event that answers them.
    pub(super) requests: BTreeMap<String, u32>,
    pub(super) newest_response: Option<Response>,
    pub(super) section: Option<Section>,
    /// By timer.
    pub(super) relays: BTreeMap<u32, Relay>,
    /// What an action that the core issues by itself would break.
    pub(super) violation: Option<(Refusal, Site)>,
    /// How many actions, and operations, one execution may have.
    pub(super) max_actions: usize,
    guids: u32,
}

thread_local! {
    /// The episode that runs on this thread.
    pub(super) static CURRENT: RefCell<Option<Rc<Core>>> = const { RefCell::new(None) };
}

impl Core {
    /// Reads the index of the history and delivers all up to ExecutionStarted. `handed_on` are the unconsumed events of
    /// the previous execution: name and JSON text.
    pub(crate) fn new(
        history: History,
        functions: KnownFunctions,
        handed_on: Vec<(String, String)>,
        max_actions: usize,
    ) -> Rc<Self> {
        let mut index = Index::default();
        index.read(&history, 0, history.events.iter().copied());
        let Index {
            scheduled,
            stray,
            marks,
        } = index;
        let start = history.events.iter().find_map(|e| {
            if let Event::OrchestratorStarted(t) = e {
                Some(*t)
            } else {
                None
            }
        });
        let clock = start.unwrap_or_default();
        let mut events = Events::default();
        for (name, json) in handed_on {
            let name = events.name(&name);
            let content = Content::HandedOn(json);
            let arrival = Arrival {
                name,
                content,
                number: 0,
                actions_before: 0,
                clock,
                tick: 0,
                consumed: false,
            };
            events.arrive(arrival, |_| false);
        }
        let count = scheduled.len();
        let core = Rc::new(Self {
            functions,
            marks: Cell::new(marks),
            continued: Cell::new(false),
            asked: Cell::new(0),
            state: RefCell::new(State {
                cursor: 0,
                clock,
                raw_clock: clock,
                start_clock: clock,
                tick: 0,
                cause: None,
                suspended: false,
                withheld: VecDeque::new(),
                actions: Vec::with_capacity(count + 1),
                texts: Texts::new(),
                operations: Vec::with_capacity(count + 1),
                open_call: None,
                labels: BTreeMap::new(),
                events,
                segments: Segments::new(clock),
                frames: Frames::default(),
                scheduled,
                stray,
                patches: BTreeMap::new(),
                mismatch: None,
                continue_as_new: None,
                custom_status: None,
                requests: BTreeMap::new(),
                newest_response: None,
                section: None,
                relays: BTreeMap::new(),
                violation: None,
                max_actions,
                guids: 0,
            }),
            refused: Cell::new(None),
            refused_about: RefCell::default(),
            last_call: Cell::new(None),
            last_known: RefCell::new(None),
            json_buffer: RefCell::default(),
            sealed: Cell::new(false),
            history,
        });
        core.state.borrow_mut().begin(&core.history);
        core
    }

    /// Adds the events of a further turn, for code that waits. Where the texts of the message lie now; nothing if there is no room for
    /// it.
    pub(crate) fn append(&self, message: Vec<u8>, events: Vec<Event>) -> Option<Moved> {
        let from = self.history.len();
        let moved = self.history.append(message, events)?;
        self.continued.set(true);
        let mut state = self.state.borrow_mut();
        let mut index = Index {
            scheduled: std::mem::take(&mut state.scheduled),
            stray: state.stray,
            marks: self.marks.get(),
        };
        index.read(&self.history, from, self.history.events_from(from));
        (state.scheduled, state.stray) = (index.scheduled, index.stray);
        self.marks.set(index.marks);
        Some(moved)
    }

    /// Whether these events can come next: they answer only what was asked for and has not been answered.
    pub(crate) fn awaits(&self, events: &[Event]) -> bool {
        let state = self.state.borrow();
        let mut answered = BTreeSet::new();
        events.iter().all(|event| match event {
            Event::Completed { kind, id, .. } | Event::Failed { kind, id, .. } => {
                let action = state.actions.get(*id as usize);
                let is_open =
                    action.is_some_and(|action| action.settled.is_none() && action.kind.scheduled_kind() == *kind);
                is_open && answered.insert(*id)
            }
            // What was asked for is recorded between the turns.
            Event::Scheduled { .. } | Event::Sent { .. } | Event::ExecutionStarted | Event::Ended => false,
            Event::OrchestratorStarted(_) | Event::Raised { .. } | Event::Suspended | Event::Resumed | Event::Other => {
                true
            }
        })
    }

    /// Bytes that it takes, as far as they can be counted.
    pub(crate) fn bytes(&self) -> usize {
        let state = self.state.borrow();
        self.history.bytes()
            + self.history.len() * size_of::<Event>()
            + state.actions.len() * size_of::<Action>()
            + state.operations.len() * size_of::<Operation>()
            + state.events.arrivals.len() * size_of::<Arrival>()
            + state.texts.bytes()
    }

    /// Whether the history contradicts the code.
    pub(crate) fn is_contradicted(&self) -> bool {
        self.state.borrow().mismatch.is_some()
    }

    /// Whether the code has asked to start over.
    pub(crate) fn starts_over(&self) -> bool {
        self.state.borrow().continue_as_new.is_some()
    }

    /// From here on every call and future of the context is inert: the user's future is about to be dropped.
    pub(crate) fn seal(&self) {
        self.sealed.set(true);
    }

    /// The refusal of the episode that runs on this thread.
    pub(crate) fn refuse_current(refusal: Refusal) -> ! {
        // At the end of a thread there is none.
        let core = CURRENT.try_with(|core| core.borrow().clone()).ok().flatten();
        match core {
            Some(core) => core.refuse(refusal, None),
            None => panic::resume_unwind(Box::new(Marker)),
        }
    }

    /// Whether this thread runs an episode that is being replayed.
    pub(crate) fn current_is_replaying() -> bool {
        let is_replaying =
            |core: &RefCell<Option<Rc<Self>>>| core.borrow().as_ref().is_some_and(|core| core.is_replaying());
        // What a thread holds is dropped at its end, and may log: there is no episode any more.
        CURRENT.try_with(is_replaying).unwrap_or(false)
    }

    /// Records the refusal and unwinds.
    pub(super) fn refuse(&self, refusal: Refusal, site: Option<Site>) -> ! {
        self.note_refusal(refusal, site);
        panic::resume_unwind(Box::new(Marker))
    }

    /// Records the refusal of something that has a name, and unwinds.
    pub(crate) fn refuse_about(&self, refusal: Refusal, about: &str, site: Site) -> ! {
        if self.refused.get().is_none() && !self.sealed.get() {
            self.refused_about.replace(Some(about.to_owned()));
        }
        self.refuse(refusal, Some(site))
    }

    fn note_refusal(&self, refusal: Refusal, site: Option<Site>) {
        if self.refused.get().is_none() && !self.sealed.get() {
            self.refused.set(Some(Refused {
                refusal,
                site: site.or(self.last_call.get()),
            }));
        }
    }

    pub(crate) fn refused(&self) -> Option<Refused> {
        self.refused.get()
    }

    /// What the refusal is about, if that has a name.
    pub(crate) fn refused_about(&self) -> Option<String> {
        self.refused_about.borrow().clone()
    }

    /// The newest call of the context, for messages.
    pub(crate) fn last_call(&self) -> Option<Site> {
        self.last_call.get()
    }

    /// Every call of the context comes through here; false if it is to do nothing.
    pub(crate) fn touch(&self, site: Site) -> bool {
        if self.sealed.get() {
            return false;
        }
        if self.state.borrow().frames.waits() {
            self.refuse(Refusal::ForeignConcurrency, Some(site));
        }
        self.last_call.set(Some(site));
        true
    }

    /// For `Drop`, which must not unwind: whether the drop counts, recording a refusal if it cannot have been ours.
    pub(super) fn leave(&self, site: Site) -> bool {
        if self.sealed.get() {
            return false;
        }
        if self.state.borrow().frames.waits() {
            self.note_refusal(Refusal::ForeignConcurrency, Some(site));
        }
        true
    }

    /// Refuses an operation or action more than the limit allows.
    pub(super) fn check_room(&self, site: Option<Site>) {
        let full = self.state.borrow().full();
        if let Some(refusal) = full {
            self.refuse(refusal, site);
        }
    }

    /// Refuses an item more than the limit allows in a list of so many. Lists are counted as they are read: what an
    /// iterator says of its length is a promise, and memory that is reserved for it may be more than there is.
    pub(crate) fn check_items(&self, count: usize, site: Site) {
        let limit = self.state.borrow().max_actions;
        if count >= limit {
            self.refuse(Refusal::TooManyItems(limit), Some(site));
        }
    }

    pub(crate) fn is_replaying(&self) -> bool {
        !self.continued.get() && self.state.borrow().cursor <= self.marks.get().boundary
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.state.borrow().clock
    }

    /// When the newest turn began, whether the code has got there or not.
    pub(crate) fn newest_turn(&self) -> DateTime<Utc> {
        match self.history.event(self.marks.get().boundary) {
            Some(Event::OrchestratorStarted(began)) => began,
            _ => DateTime::default(),
        }
    }

    pub(crate) fn next_guid_number(&self) -> u32 {
        let mut state = self.state.borrow_mut();
        state.guids += 1;
        state.guids - 1
    }

    pub(crate) fn set_custom_status(&self, json: String) {
        self.state.borrow_mut().custom_status = Some(json);
    }

    pub(super) fn wait(&self) {
        self.state.borrow_mut().frames.wait();
    }

    pub(super) fn at_root(&self) -> bool {
        self.state.borrow().frames.current() == Frame::Root
    }

    pub(super) fn new_group(&self) -> GroupId {
        self.state.borrow_mut().frames.new_group()
    }

    /// The payload of an event.
    pub(crate) fn arrival_content(&self, event: ArrivalId) -> Content {
        self.state.borrow().events.arrivals[event].content.clone()
    }

    /// The name of a function, if the app has it: one text for as long as the same function is called.
    pub(crate) fn known(&self, kind: CalledKind, name: &str) -> Option<Rc<str>> {
        let mut last = self.last_known.borrow_mut();
        if let Some((last_kind, last_name)) = &*last
            && *last_kind == kind
            && **last_name == *name
        {
            return Some(Rc::clone(last_name));
        }
        let known: Rc<str> = self.functions.contains(kind, name).then(|| name.into())?;
        *last = Some((kind, Rc::clone(&known)));
        Some(known)
    }

    /// The function that an action calls.
    pub(crate) fn called_name(&self, id: u32) -> String {
        let state = self.state.borrow();
        let name = state.actions.get(id as usize).and_then(|action| action.kind.name());
        name.unwrap_or_default().to_owned()
    }

    /// The entity and the operation that an action calls.
    pub(crate) fn called_entity(&self, id: u32) -> (String, String) {
        let state = self.state.borrow();
        match state.actions.get(id as usize).map(|action| &action.kind) {
            Some(ActionKind::CallEntity { target, operation, .. }) => {
                (target.to_string(), state.texts.get(*operation).to_owned())
            }
            _ => (String::new(), String::new()),
        }
    }

    /// JSON text of an input.
    pub(crate) fn json<D: serde::Serialize>(&self, input: &D) -> serde_json::Result<Text> {
        // Taken out, because the type's own code runs meanwhile.
        let mut buffer = self.json_buffer.take();
        buffer.clear();
        let written = serde_json::to_writer(&mut buffer, input);
        // JSON is UTF-8, but for what a type writes raw.
        let json = written.and_then(|()| str::from_utf8(&buffer).map_err(serde_json::Error::custom));
        let kept = json.and_then(|json| match json_text::refused(json) {
            Some(error) => Err(error),
            None => self.text(json),
        });
        self.json_buffer.replace(buffer);
        kept
    }

    /// Keeps a text for an action.
    pub(crate) fn text(&self, text: &str) -> serde_json::Result<Text> {
        let kept = self.state.borrow_mut().texts.add(text);
        kept.ok_or_else(|| serde_json::Error::custom("all inputs of this orchestration together have more than 4 GiB"))
    }

    /// An operation that nothing answers: for calls made while the episode is being taken down.
    pub(crate) fn inert(&self, site: Site) -> OpId {
        self.state.borrow_mut().new_operation(Course::Call, site)
    }

    /// A future that was ready is polled again.
    pub(crate) fn refuse_repoll(&self) -> ! {
        self.refuse(Refusal::PolledAfterReady, None)
    }

    /// The same, of a future that knows where it was made.
    pub(crate) fn refuse_repoll_at(&self, site: Site) -> ! {
        self.refuse(Refusal::PolledAfterReady, Some(site))
    }

    /// Waits without looking further into the history: what lies there belongs to the next execution.
    pub(crate) fn wait_for_good(&self, site: Site, cx: &Context<'_>) {
        if self.enter(site, cx) {
            self.wait();
        }
    }
}
