//! Instances of which something cannot be read: the history, or the row. A termination ends them all the same, with what can
//! be read: who waits for them, what they have locked, and their sub-orchestrations.

use std::{iter, sync::Arc};

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use super::{
    Inner,
    committed::Committed,
    create::row_of,
    request_error::RequestError,
    state::{Live, Loaded},
};
use crate::durable::{
    engine::{
        decision::Decision,
        event::{Event, EventKind, Tags, readable_events},
        history::History,
        instance::Instance,
        message::Message,
        played::Played,
        runtime_status::RuntimeStatus,
        termination,
    },
    store::{Commit, DamagedRow, InstanceKey, InstanceRow, InstanceState},
};

impl Inner {
    /// Ends an instance whose history cannot be read, if its messages ask for it. `None`: they do not.
    pub(super) async fn end_unread(
        self: &Arc<Self>,
        key: InstanceKey,
        batch: &[Message],
        reason: &str,
    ) -> Option<(Box<Loaded>, Box<Decision>)> {
        let terminated = |message: &Message| matches!(message.event.kind, EventKind::ExecutionTerminated { .. });
        if !batch.iter().any(terminated) {
            return None;
        }
        let texts = self.readable_history(key).await.ok()?;
        let (id, row) = {
            let state = self.state();
            let live = state.instances.get(&key)?;
            (Arc::clone(&live.id), live.state.clone())
        };
        let instance = salvaged(&id, Some(&row), &texts, batch.iter());
        let decision = termination::terminate(&instance, batch, self.now())?;
        log::warn!("orchestration instance '{id}' is terminated although it cannot be read: {reason}");
        // It is not asked again.
        let played = Played::default();
        Some((
            Box::new(Loaded {
                instance,
                played,
                session: None,
            }),
            Box::new(decision),
        ))
    }

    /// Gives an instance whose row cannot be read a row that can, and the message that ends it.
    pub(super) async fn end_damaged(
        self: &Arc<Self>,
        id: &str,
        row: DamagedRow,
        termination: impl FnOnce(DateTime<Utc>) -> Message,
    ) -> Result<(), RequestError> {
        if let Some(status) = row.status.filter(|status| status.is_terminal()) {
            return Err(RequestError::Ended(status));
        }
        let key = row.key;
        let texts = self.readable_history(key).await?;
        let written = {
            let place = self.place().await?;
            let mut state = self.state();
            let state = &mut *state;
            if state.find(id).is_some() || state.starting.contains(id) {
                return Err(RequestError::InUse(RuntimeStatus::Pending));
            }
            let now = self.now();
            let mut instance = salvaged(id, None, &texts, iter::empty());
            if instance.name.is_empty() {
                instance.name.clone_from(&row.name);
            }
            // Its episodes go on as they began, for a worker that speaks only one wire.
            instance.wire = row.wire.unwrap_or_else(|| Some(state.wire()));
            let healed = row_of(&instance, now);
            let mut commit = Commit::default();
            commit.created.push(InstanceRow {
                key,
                id: id.to_owned(),
                name: instance.name.clone(),
                // What is there stays.
                input: None,
                tags: None,
                parent: instance.parent.as_ref().map(|parent| parent.instance_id.clone()),
                scheduled_start: None,
                state: healed.clone(),
            });
            if !row.has_readable_input {
                commit.inputs.push((key, None));
            }
            log::warn!(
                "orchestration instance '{id}' is terminated although its row cannot be read: {}",
                row.reason
            );
            state.insert(key, Live::new(id, &row.name, healed, self.new_row()));
            let (reply, written) = oneshot::channel();
            self.post(state, id, termination(now), &mut commit);
            place.submit(commit, Committed::Reply(reply));
            self.pump(state);
            written
        };
        self.written(written).await
    }

    async fn readable_history(self: &Arc<Self>, key: InstanceKey) -> Result<Vec<String>, RequestError> {
        let hub = Arc::clone(self);
        self.blocking(move || hub.store.readable_history(key)).await
    }
}

/// What can be read of an instance. Its row, if there is one that can be read, knows more than its history.
fn salvaged<'a>(
    id: &str,
    row: Option<&InstanceState>,
    texts: &[String],
    mut waiting: impl Iterator<Item = &'a Message>,
) -> Instance {
    let history: Vec<Event> = texts.iter().flat_map(|text| readable_events(text)).collect();
    let start = history.iter().find_map(|event| match &event.kind {
        EventKind::ExecutionStarted(started) => Some(Message::start(event.timestamp, (**started).clone())),
        _ => None,
    });
    let pending = match &start {
        Some(start) => Instance::pending(start),
        None => waiting.find_map(Instance::pending),
    };
    let mut instance = pending.unwrap_or_else(|| Instance {
        instance_id: id.to_owned(),
        execution_id: String::new(),
        name: String::new(),
        version: None,
        parent: None,
        generation: 0,
        status: RuntimeStatus::Running,
        input: None,
        output: None,
        custom_status: None,
        ending: None,
        created: DateTime::default(),
        history: History::default(),
        tags: Tags::new(),
        wire: None,
        trace: None,
    });
    match row {
        Some(row) => {
            instance.execution_id.clone_from(&row.execution_id);
            instance.version.clone_from(&row.version);
            instance.generation = row.generation;
            instance.wire = row.wire;
            instance.status = row.status;
            instance.output.clone_from(&row.output);
            instance.custom_status.clone_from(&row.custom_status);
            instance.created = DateTime::from_timestamp_micros(row.created).unwrap_or_default();
        }
        None => instance.status = RuntimeStatus::Running,
    }
    instance.history = history.into();
    instance
}
