//! What clients ask of entities.

use std::sync::Arc;

use azure_functions_durable::TraceContext;
use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use crate::durable::{
    engine::entity::{EntityId, EntityMessage, Posted, Request},
    hub::{Inner, committed::Committed, request_error::RequestError},
    store::{Commit, EntityPage, EntityQuery, EntityRow},
};

impl Inner {
    /// Signals an entity; `input` is JSON text. When this returns, the operation will run, once.
    pub(crate) async fn signal_entity(
        self: &Arc<Self>,
        target: EntityId,
        operation: String,
        input: Option<String>,
        trace: Option<TraceContext>,
    ) -> Result<(), RequestError> {
        self.check_entity(&target)?;
        let signal = Request {
            trace,
            ..Request::signal(operation, input, self.new_guid(), None)
        };
        self.send_to_entity(target, signal, None).await
    }

    /// Signals an entity, which the app need not have; `id`: that of the request, `due`: not before.
    pub(crate) async fn signal_entity_at(
        self: &Arc<Self>,
        target: EntityId,
        operation: String,
        input: Option<String>,
        id: Option<String>,
        due: Option<DateTime<Utc>>,
        trace: Option<TraceContext>,
    ) -> Result<(), RequestError> {
        let id = id.unwrap_or_else(|| self.new_guid());
        let signal = Request {
            trace,
            ..Request::signal(operation, input, id, None)
        };
        self.send_to_entity(target, signal, due).await
    }

    async fn send_to_entity(
        self: &Arc<Self>,
        target: EntityId,
        request: Request,
        due: Option<DateTime<Utc>>,
    ) -> Result<(), RequestError> {
        self.check_health()?;
        let written = {
            let place = self.place().await?;
            let (reply, written) = oneshot::channel();
            let mut commit = Commit::default();
            let mut state = self.state();
            let posted = Posted {
                target,
                message: EntityMessage::Op(request),
                due,
            };
            let deliveries = self.post_to_entities(&mut state, vec![posted], &mut commit);
            place.submit(commit, Committed::Signals { reply, deliveries });
            written
        };
        self.written(written).await
    }

    /// Refuses a name that is no entity. Before a worker has loaded nobody knows.
    fn check_entity(&self, target: &EntityId) -> Result<(), RequestError> {
        let state = self.state();
        match &state.functions {
            Some(functions) if !functions.takes_entity(&target.name) => {
                Err(RequestError::UnknownFunction(functions.missing_entity(&target.name)))
            }
            _ => Ok(()),
        }
    }

    /// The entity, if there is anything of it on disk.
    pub(crate) async fn entity(self: &Arc<Self>, id: &EntityId) -> Result<Option<EntityRow>, RequestError> {
        let (hub, id) = (Arc::clone(self), id.to_string());
        self.blocking(move || hub.store.entity(&id)).await
    }

    /// How many operations wait for their turn or run.
    pub(crate) fn backlog(&self, id: &str) -> usize {
        self.state().entities.get(id).map_or(0, |live| live.inbox.len())
    }

    /// One page of entities that exist.
    pub(crate) async fn entities(self: &Arc<Self>, query: EntityQuery) -> Result<EntityPage, RequestError> {
        let hub = Arc::clone(self);
        self.blocking(move || hub.store.entities(&query)).await
    }
}
