//! The interpreter that walks the worker's list of actions along the history, as the extension's shim does: it issues an
//! action, awaits it, takes the next, and gives sequence numbers in the order of issue.
//!
//! Events settle nodes by index; compounds count their members. So a history of n events over m actions costs O(n + m)
//! steps, whatever the fan-out.

mod entities;
mod flows;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    action::{Action, NONE, Plan, Schema},
    event::{Event, EventKind},
    http::HttpCall,
    mismatch,
    retry::Retry,
    settings::Settings,
    task::{Task, Work},
    time::write_span,
};

/// State of the interpreter.
#[derive(Debug)]
pub(super) struct Shim<'a> {
    settings: &'a Settings,
    plan: &'a Plan<'a>,
    nodes: Vec<NodeState>,
    flows: Vec<Flow>,
    /// By sequence number.
    tasks: Vec<Task>,
    /// Index into the steps of the plan; `issued`: that step waits for its end.
    step: usize,
    issued: bool,
    clock: DateTime<Utc>,
    /// Tasks that hold the end of the execution.
    open: usize,
    mailboxes: BTreeMap<String, Mailbox>,
    /// Tasks that wait for an answer from entities, by request id.
    asked: BTreeMap<String, i32>,
    /// Request ids by task.
    ids: BTreeMap<i32, String>,
    /// The critical section that the orchestration is in, or waits for.
    section: Option<Section>,
    /// Reason of the suspension that lasts.
    suspended: Option<&'a str>,
    /// Events since the suspension.
    held: Vec<&'a Event>,
    carried: Vec<&'a Event>,
    continued: Option<u32>,
    failure: Option<String>,
    mismatch: Option<String>,
    terminated: Option<&'a str>,
    #[cfg(test)]
    pub(super) work: usize,
}

/// A critical section: from the request of the locks to their release.
#[derive(Debug)]
struct Section {
    /// The task that asked for the locks, and its node.
    lock: i32,
    node: u32,
    /// All locks are there.
    granted: bool,
    /// Calls of locked entities that have no answer yet, by their places among the locks.
    calls: Vec<(i32, usize)>,
}

/// What a node does that is more than one task.
#[derive(Debug)]
enum Flow {
    Retry(Retry),
    Timer,
    Http(HttpCall),
}

/// What the interpreter knows after the last event.
#[derive(Debug)]
pub(super) struct Outcome<'a> {
    /// By sequence number; those that are not recorded are new.
    pub(super) tasks: Vec<Task>,
    /// How things stand.
    pub(super) state: State<'a>,
    /// Further requests of HTTP calls, by node.
    pub(super) requests: BTreeMap<u32, String>,
    /// Ids of requests to entities, by sequence number, as the history has them.
    pub(super) ids: BTreeMap<i32, String>,
    /// External events that are waited for.
    pub(super) awaited_events: Vec<String>,
}

/// How things stand after an episode.
#[derive(Debug)]
pub(super) enum State<'a> {
    /// The orchestrator does not match its history; the text says how. Nothing new counts.
    Mismatch(String),
    /// Terminated, for this reason. Nothing new counts.
    Terminated(&'a str),
    /// Suspended, for this reason. Nothing new counts yet.
    Suspended(&'a str),
    /// Tasks are open, or actions wait for their turn.
    Waiting,
    /// An action could not be issued and nothing is open any more.
    Failed(String),
    /// All actions are done and nothing is open.
    Exhausted {
        /// The node that asked for continue-as-new, and the events after it.
        continued: Option<(u32, Vec<&'a Event>)>,
    },
}

#[derive(Clone, Copy, Debug, Default)]
struct NodeState {
    settled: bool,
    /// Of a compound: members that have not settled. Of a leaf: its flow.
    left: u32,
}

/// External events of one name.
#[derive(Debug, Default)]
struct Mailbox {
    /// Nodes that wait; the newest is served first.
    waiters: Vec<u32>,
    /// Events that nobody waits for yet.
    buffered: usize,
}

impl<'a> Shim<'a> {
    pub(super) fn new(plan: &'a Plan<'a>, settings: &'a Settings) -> Self {
        Self {
            settings,
            plan,
            nodes: vec![NodeState::default(); plan.nodes.len()],
            flows: Vec::new(),
            tasks: Vec::with_capacity(plan.nodes.len()),
            step: 0,
            issued: false,
            clock: DateTime::<Utc>::MIN_UTC,
            open: 0,
            mailboxes: BTreeMap::new(),
            asked: BTreeMap::new(),
            ids: BTreeMap::new(),
            section: None,
            suspended: None,
            held: Vec::new(),
            carried: Vec::new(),
            continued: None,
            failure: None,
            mismatch: None,
            terminated: None,
            #[cfg(test)]
            work: 0,
        }
    }

    /// Takes the next event of the history.
    pub(super) fn feed(&mut self, event: &'a Event) {
        self.count();
        if self.mismatch.is_some() || self.terminated.is_some() {
            return;
        }
        match &event.kind {
            EventKind::OrchestratorStarted => self.clock = event.timestamp,
            EventKind::ExecutionTerminated { reason, .. } => self.terminated = Some(reason),
            EventKind::ExecutionResumed { .. } => {
                if self.suspended.take().is_some() {
                    for event in std::mem::take(&mut self.held) {
                        self.count();
                        self.deliver(event);
                    }
                }
            }
            // A second suspension adds nothing: one resume ends both.
            EventKind::ExecutionSuspended { reason } => self.suspended = Some(reason),
            _ if self.suspended.is_some() => self.held.push(event),
            _ => self.deliver(event),
        }
    }

    /// Ends the episode.
    pub(super) fn finish(mut self) -> Outcome<'a> {
        let mut requests = BTreeMap::new();
        let state = if let Some(text) = self.mismatch {
            State::Mismatch(text)
        } else if let Some(reason) = self.terminated {
            State::Terminated(reason)
        } else if let Some(reason) = self.suspended {
            State::Suspended(reason)
        } else if self.open > 0 {
            State::Waiting
        } else if let Some(text) = self.failure {
            State::Failed(text)
        } else if self.step < self.plan.steps.len() {
            State::Waiting
        } else {
            State::Exhausted {
                continued: self.continued.map(|node| (node, self.carried)),
            }
        };
        for task in self
            .tasks
            .iter()
            .filter(|task| task.work == Work::Poll && !task.recorded)
        {
            // A call has at most one request under way, the last.
            let flow = self.flows.get_mut(self.nodes[task.node as usize].left as usize);
            if let Some(Flow::Http(call)) = flow
                && let Some(request) = call.next_request.take()
            {
                requests.insert(task.node, request);
            }
        }
        Outcome {
            tasks: self.tasks,
            state,
            requests,
            ids: self.ids,
            awaited_events: self
                .mailboxes
                .into_iter()
                .filter(|(_, mailbox)| !mailbox.waiters.is_empty())
                .map(|(name, _)| name)
                .collect(),
        }
    }

    fn deliver(&mut self, event: &'a Event) {
        if self.mismatch.is_some() {
            return;
        }
        match &event.kind {
            EventKind::ExecutionStarted(_) => self.advance(),
            kind if kind.is_scheduled() => self.check(event),
            EventKind::EventRaised { name, .. } => {
                if self.answered(name) {
                    self.advance();
                    return;
                }
                if self.continued.is_some() {
                    self.carried.push(event);
                    return;
                }
                let mailbox = self.mailboxes.entry(name.to_lowercase()).or_default();
                match mailbox.waiters.pop() {
                    Some(node) => {
                        self.settle(node);
                        self.advance();
                    }
                    None => mailbox.buffered += 1,
                }
            }
            kind => {
                if let Some(id) = kind.settles() {
                    self.complete(id, kind);
                }
            }
        }
    }

    /// Something the orchestrator scheduled earlier: it must have asked for the same again.
    fn check(&mut self, event: &Event) {
        let task = usize::try_from(event.event_id)
            .ok()
            .and_then(|id| self.tasks.get_mut(id));
        let task = task.filter(|task| !task.recorded);
        match mismatch::describe(
            event,
            task.as_deref()
                .map(|task| (task, &self.plan.nodes[task.node as usize].action)),
        ) {
            Some(text) => self.mismatch = Some(text),
            None => {
                if let Some(task) = task {
                    task.recorded = true;
                    self.note_request(event);
                }
            }
        }
    }

    /// A task has ended.
    fn complete(&mut self, id: i32, kind: &EventKind) {
        let Some(task) = usize::try_from(id).ok().and_then(|id| self.tasks.get_mut(id)) else {
            return;
        };
        let fits = match kind {
            EventKind::TaskCompleted { .. } | EventKind::TaskFailed { .. } => {
                matches!(task.work, Work::Activity | Work::Poll)
            }
            EventKind::TimerFired { .. } => matches!(task.work, Work::Timer(_)),
            _ => task.work == Work::Child,
        };
        if !fits || !task.running {
            return;
        }
        task.running = false;
        if task.holds {
            self.open -= 1;
        }
        let node = task.node;
        let failed = matches!(
            kind,
            EventKind::TaskFailed { .. } | EventKind::SubOrchestrationFailed { .. }
        );
        let plan = self.plan;
        match &plan.nodes[node as usize].action {
            Action::Activity {
                retry: Some(policy), ..
            }
            | Action::Child {
                retry: Some(policy), ..
            } => {
                let work = self.first_work(node);
                self.retry_goes_on(node, policy, work, matches!(kind, EventKind::TimerFired { .. }), failed);
            }
            Action::Timer { fire_at, cancelled } => self.timer_goes_on(node, *fire_at, *cancelled),
            Action::Http { .. } => self.http_goes_on(node, kind, failed),
            _ => self.settle(node),
        }
        self.advance();
    }

    fn open_task(&mut self, node: u32, work: Work, holds: bool) {
        self.tasks.push(Task {
            node,
            work,
            recorded: false,
            running: true,
            holds,
        });
        if holds {
            self.open += 1;
        }
    }

    /// Goes on with the steps for as long as the current one is settled.
    fn advance(&mut self) {
        while self.failure.is_none() {
            let Some(&node) = self.plan.steps.get(self.step) else {
                return;
            };
            if !self.issued {
                self.issued = true;
                if let Err(text) = self.issue(node) {
                    self.failure = Some(text);
                    return;
                }
            }
            if !self.nodes[node as usize].settled {
                return;
            }
            self.count();
            self.step += 1;
            self.issued = false;
        }
    }

    /// Issues a node with its descendants, first to last.
    fn issue(&mut self, root: u32) -> Result<(), String> {
        let plan = self.plan;
        for node in root..plan.nodes[root as usize].end {
            self.count();
            let entry = &plan.nodes[node as usize];
            match &entry.action {
                Action::Any | Action::All | Action::Group => {
                    self.nodes[node as usize].left = entry.members;
                    if entry.members == 0 {
                        self.settle(node);
                    }
                    continue;
                }
                action => {
                    self.nodes[node as usize].left = NONE;
                    self.issue_leaf(node, action)?;
                }
            }
        }
        Ok(())
    }

    fn issue_leaf(&mut self, node: u32, action: &'a Action<'a>) -> Result<(), String> {
        match action {
            Action::Activity { retry, .. } | Action::Child { retry, .. } => {
                if matches!(action, Action::Child { .. }) {
                    self.check_child()?;
                }
                if let Some(policy) = retry {
                    if policy.max_attempts <= 0 {
                        self.settle(node);
                        return Ok(());
                    }
                    self.set_flow(node, Flow::Retry(Retry::new(self.clock)));
                }
                self.open_task(node, self.first_work(node), true);
            }
            Action::ContinueAsNew { .. } => {
                self.continued = Some(node);
                self.settle(node);
            }
            Action::Timer { fire_at, cancelled } => {
                let maximum = self.settings.maximum_short_timer;
                let is_long = maximum > TimeDelta::zero() && *fire_at - self.clock > maximum;
                if is_long && self.plan.schema < Schema::V3 {
                    let mut span = String::new();
                    write_span(maximum, &mut span);
                    return Err(format!(
                        "a timer may not be longer than {span} with the schema version that the orchestrator uses"
                    ));
                }
                let first = if is_long { self.segment(*fire_at) } else { *fire_at };
                if is_long {
                    self.set_flow(node, Flow::Timer);
                }
                self.open_task(node, Work::Timer(first), !cancelled);
                if *cancelled {
                    self.settle(node);
                }
            }
            Action::Wait { name } => {
                let mailbox = self.mailboxes.entry(name.to_lowercase()).or_default();
                if mailbox.buffered > 0 {
                    mailbox.buffered -= 1;
                    self.settle(node);
                } else {
                    mailbox.waiters.push(node);
                }
            }
            Action::Http { request } => {
                self.set_flow(node, Flow::Http(HttpCall::new(request, self.clock)));
                self.open_task(node, Work::Activity, true);
            }
            Action::CallEntity { target, .. } => self.call_entity(node, target)?,
            Action::SignalEntity { target, .. } => self.signal_entity(node, target)?,
            Action::LockEntities { .. } => self.lock_entities(node)?,
            Action::ReleaseEntities => self.release_entities(node),
            Action::Refused(text) => return Err(text.clone()),
            // `issue` handles them.
            Action::Any | Action::All | Action::Group => {}
        }
        Ok(())
    }

    /// Settles a node and those above that it decides.
    fn settle(&mut self, node: u32) {
        let plan = self.plan;
        let mut at = node;
        while !self.nodes[at as usize].settled {
            self.count();
            self.nodes[at as usize].settled = true;
            let parent = plan.nodes[at as usize].parent;
            let Some(above) = plan.nodes.get(parent as usize) else {
                return;
            };
            match above.action {
                Action::Any => {}
                Action::Group if plan.schema == Schema::V1 && !plan.nodes[at as usize].action.is_fire_and_forget() => {}
                Action::All => {
                    let left = &mut self.nodes[parent as usize].left;
                    *left = left.saturating_sub(1);
                    if *left > 0 {
                        return;
                    }
                }
                _ => return,
            }
            at = parent;
        }
    }

    #[cfg(test)]
    fn count(&mut self) {
        self.work += 1;
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "counts in tests only")]
    fn count(&self) {}
}
