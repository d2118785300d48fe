//! What clients ask of the hub. Whatever changes something is answered when the change is on disk.

use std::sync::Arc;

use azure_functions_durable::{TraceContext, check_instance_id};
use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use super::{
    Inner,
    committed::{Committed, Written},
    create::Predecessor,
    request_error::RequestError,
    reserved::Reserved,
    state::State,
    waiting::Phase,
};
use crate::durable::{
    engine::{
        event::{EventKind, ExecutionStarted, SOURCE_INSTANCE_TAG, Tags},
        message::Message,
        runtime_status::RuntimeStatus,
        trace::ExecutionTrace,
    },
    json,
    store::{Commit, InstanceKey, InstanceQuery, InstanceRow, Page, StoreError},
    work::WorkKind,
};

fn wrong_state(operation: &str, id: &str, status: RuntimeStatus) -> RequestError {
    RequestError::WrongState(format!(
        "Cannot {operation} the orchestration instance {id} because instance is in the {} state.",
        status.name()
    ))
}

/// An orchestration to start.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) function: String,
    /// `None`: a fresh one is made.
    pub(crate) instance_id: Option<String>,
    /// JSON text.
    pub(crate) input: Option<String>,
    /// `None`: that of the host.
    pub(crate) version: Option<String>,
    pub(crate) tags: Tags,
    /// Not to begin before.
    pub(crate) at: Option<DateTime<Utc>>,
    /// What instances with this id may be replaced; `None`: those that have ended.
    pub(crate) replaceable: Option<Vec<RuntimeStatus>>,
    /// These alone decide, also about an instance that runs; else a host decides about those.
    pub(crate) replaces_running: bool,
    /// An orchestration that the app does not have is no reason to refuse: the instance fails.
    pub(crate) unchecked: bool,
    /// What asks for it.
    pub(crate) trace: Option<TraceContext>,
}

impl Start {
    /// Starts this function.
    pub(crate) fn new(function: impl Into<String>) -> Self {
        Self {
            function: function.into(),
            instance_id: None,
            input: None,
            version: None,
            tags: Tags::new(),
            at: None,
            replaceable: None,
            replaces_running: false,
            unchecked: false,
            trace: None,
        }
    }
}

impl Inner {
    /// Starts an instance; returns its id.
    pub(crate) async fn start(self: &Arc<Self>, mut start: Start) -> Result<String, RequestError> {
        if !start.unchecked {
            self.check_function(&start.function)?;
        }
        if let Some(id) = &start.instance_id {
            check_instance_id(id)
                .map_err(|rule| RequestError::InvalidId(format!("The instance id is not valid: {rule}.")))?;
        }
        self.check_health()?;
        let mut reserved = Reserved::new(self);
        let (id, old) = match start.instance_id.take() {
            None => (self.new_id(), None),
            Some(id) => {
                let old = self.reserve(&id, &start, &mut reserved).await?;
                (id, old)
            }
        };
        let result = self.create_instance(&id, start, old).await;
        drop(reserved);
        match self.written(result?).await {
            Ok(()) => Ok(id),
            // The caller need not know the id otherwise.
            Err(RequestError::Unconfirmed(text)) => {
                Err(RequestError::Unconfirmed(format!("Start of instance '{id}': {text}")))
            }
            Err(error) => Err(error),
        }
    }

    /// Keeps an id for one start, and looks up who had it before.
    async fn reserve(
        self: &Arc<Self>,
        id: &str,
        start: &Start,
        reserved: &mut Reserved,
    ) -> Result<Option<Predecessor>, RequestError> {
        let replaceable = start.replaceable.as_deref();
        {
            let mut state = self.state();
            let running = state.find(id).map(|(_, live)| live.next_status());
            let is_named = |status| replaceable.is_some_and(|replaceable| replaceable.contains(&status));
            if !self.options.replace_running
                && let Some(status) = running.filter(|status| !(start.replaces_running && is_named(*status)))
            {
                return Err(RequestError::InUse(status));
            }
            if !reserved.add(&mut state, id) {
                return Err(RequestError::InUse(RuntimeStatus::Pending));
            }
        }
        match self.predecessor(id).await? {
            Some(Predecessor {
                status: Some(status), ..
            }) if replaceable.is_some_and(|replaceable| !replaceable.contains(&status)) => {
                Err(RequestError::InUse(status))
            }
            old => Ok(old),
        }
    }

    async fn create_instance(
        self: &Arc<Self>,
        id: &str,
        start: Start,
        old: Option<Predecessor>,
    ) -> Result<Written, RequestError> {
        let place = self.place().await?;
        let (reply, written) = oneshot::channel();
        let mut state = self.state();
        let running = state.find(id).map(|(_, live)| live.state.generation);
        let generation = running
            .or(old.map(|old| old.generation))
            .map_or(0, |generation| generation.saturating_add(1));
        let started = ExecutionStarted {
            instance_id: id.to_owned(),
            execution_id: self.new_id(),
            name: start.function,
            version: Some(start.version.unwrap_or_else(|| self.options.default_version.clone())),
            input: start.input,
            parent: None,
            scheduled_start: start.at,
            generation,
            tags: start.tags,
            trace: start.trace.map(ExecutionTrace::from),
        };
        let mut commit = Commit::default();
        // One that is replaced while it runs gives nothing back by itself.
        let locks = match running {
            Some(_) => Self::locks_of(&state, id),
            None => Vec::new(),
        };
        let deliveries = self.post_to_entities(&mut state, locks, &mut commit);
        self.create(
            &mut state,
            Message::start(self.now(), started),
            old.map(|old| old.key),
            &mut commit,
        );
        place.submit(commit, Committed::Signals { reply, deliveries });
        self.pump(&mut state);
        Ok(written)
    }

    /// Sends a message to an instance that has not ended.
    pub(super) async fn send(
        self: &Arc<Self>,
        id: &str,
        check: impl FnOnce(RuntimeStatus) -> Result<(), RequestError>,
        make: impl FnOnce(DateTime<Utc>) -> Message,
    ) -> Result<(), RequestError> {
        self.check_health()?;
        let written = {
            let place = self.place().await?;
            let mut state = self.state();
            match state.find(id) {
                Some((_, live)) => {
                    check(live.next_status())?;
                    let (reply, written) = oneshot::channel();
                    let mut commit = Commit::default();
                    let message = make(self.now());
                    if matches!(message.event.kind, EventKind::ExecutionTerminated { .. }) {
                        state.cancel_start(id, &mut commit);
                    }
                    self.post(&mut state, id, message, &mut commit);
                    place.submit(commit, Committed::Reply(reply));
                    self.pump(&mut state);
                    Some(written)
                }
                None => None,
            }
        };
        match written {
            Some(written) => self.written(written).await,
            None => Err(self.status(id).await.map_or_else(|error| error, RequestError::Ended)),
        }
    }

    /// Delivers an external event; `input` is JSON text.
    pub(crate) async fn raise_event(
        self: &Arc<Self>,
        id: &str,
        name: String,
        input: String,
    ) -> Result<(), RequestError> {
        self.raise(id, name, Some(input)).await
    }

    /// Delivers an external event, which need not have an input.
    pub(crate) async fn raise(
        self: &Arc<Self>,
        id: &str,
        name: String,
        input: Option<String>,
    ) -> Result<(), RequestError> {
        self.send(id, |_| Ok(()), |now| Message::event_raised(now, name, input))
            .await
    }

    pub(crate) async fn suspend(self: &Arc<Self>, id: &str, reason: String) -> Result<(), RequestError> {
        let check = |status| match status {
            RuntimeStatus::Suspended => Err(wrong_state("suspend", id, status)),
            _ => Ok(()),
        };
        self.send(id, check, |now| Message::suspend(now, reason)).await
    }

    pub(crate) async fn resume(self: &Arc<Self>, id: &str, reason: String) -> Result<(), RequestError> {
        let check = |status| match status {
            RuntimeStatus::Suspended => Ok(()),
            other => Err(wrong_state("resume", id, other)),
        };
        self.send(id, check, |now| Message::resume(now, reason)).await
    }

    /// Starts an instance again with the input that it had, but as the extension does, without its version and tags; returns the id.
    pub(crate) async fn restart(self: &Arc<Self>, id: &str, new_instance: bool) -> Result<String, RequestError> {
        let row = self.find(id).await?.ok_or(RequestError::NotFound)?;
        // An earlier version may have taken it.
        if let Some(Err(error)) = row.input.as_deref().map(json::check_next_input) {
            let text = format!("the input that the instance was started with cannot be read: {error}");
            return Err(RequestError::InvalidJson(text));
        }
        let source = new_instance.then(|| (SOURCE_INSTANCE_TAG.to_owned(), row.id.clone()));
        let start = Start {
            instance_id: (!new_instance).then_some(row.id),
            input: row.input,
            tags: source.into_iter().collect(),
            ..Start::new(row.name)
        };
        self.start(start).await
    }

    pub(crate) async fn find(self: &Arc<Self>, id: &str) -> Result<Option<InstanceRow>, RequestError> {
        let hub = Arc::clone(self);
        let id = id.to_owned();
        let find = move || match hub.store.find(&id) {
            Err(StoreError::Damaged { path, source }) => match hub.store.damaged(&id)? {
                Some(row) => Ok(Err(RequestError::Damaged(row))),
                None => Err(StoreError::Damaged { path, source }),
            },
            found => found.map(Ok),
        };
        self.blocking(find).await?
    }

    pub(crate) async fn list(self: &Arc<Self>, query: InstanceQuery) -> Result<Page, RequestError> {
        let hub = Arc::clone(self);
        self.blocking(move || hub.store.list(&query)).await
    }

    pub(crate) async fn history(self: &Arc<Self>, key: InstanceKey) -> Result<Vec<String>, RequestError> {
        let hub = Arc::clone(self);
        self.blocking(move || hub.store.history(key)).await
    }

    /// The events of the last turn of an instance.
    pub(crate) async fn last_turn(self: &Arc<Self>, key: InstanceKey) -> Result<Option<String>, RequestError> {
        let hub = Arc::clone(self);
        self.blocking(move || hub.store.last_turn(key)).await
    }

    /// The status of an instance; of one that runs, as the next message will find it.
    pub(crate) async fn status(self: &Arc<Self>, id: &str) -> Result<RuntimeStatus, RequestError> {
        if let Some((_, live)) = self.state().find(id) {
            return Ok(live.next_status());
        }
        Ok(self.find(id).await?.ok_or(RequestError::NotFound)?.state.status)
    }

    /// Refuses a name that is no orchestration. Before a worker has loaded nobody knows; then the instance fails later.
    fn check_function(&self, name: &str) -> Result<(), RequestError> {
        let state = self.state();
        match &state.functions {
            Some(functions) if !functions.open && !functions.has(WorkKind::Orchestration, name) => {
                Err(RequestError::UnknownFunction(functions.missing_orchestration(name)))
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, RequestError> {
        match self.runtime.block(work).await {
            Ok(result) => Ok(result?),
            Err(error) => Err(RequestError::Broken(error)),
        }
    }
}

impl State {
    /// Takes the start message back from an instance that has not begun: then it ends without its code having run.
    fn cancel_start(&mut self, id: &str, commit: &mut Commit) {
        let Some((_, live)) = self.find(id) else { return };
        if live.state.status != RuntimeStatus::Pending || live.phase == Phase::Running {
            return;
        }
        live.never_ran = true;
        live.inbox.retain(|inbound| {
            let start = inbound.message.as_start().is_some();
            if start {
                inbound.source.remove(commit);
            }
            !start
        });
    }
}
