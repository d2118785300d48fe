//! Calls about entities.

use azure_functions_durable::{
    TraceContext,
    protobuf::{
        CleanEntityStorageRequest, CleanEntityStorageResponse, EntityMetadata, GetEntityRequest, GetEntityResponse,
        QueryEntitiesRequest, QueryEntitiesResponse, SignalEntityRequest, SignalEntityResponse,
    },
};
use base64::{Engine, prelude::BASE64_STANDARD};

use super::{
    Call, Code, Refused,
    query::page_size,
    readable,
    state::{micros, timestamp},
};
use crate::durable::{
    engine::{
        entity::{EntityId, Request},
        time::time_of,
    },
    store::{EntityQuery, EntityRow},
};

impl Call<'_> {
    /// An entity that the app does not have is signalled all the same, as with the extension.
    pub(super) async fn signal_entity(&self, request: SignalEntityRequest) -> Result<SignalEntityResponse, Refused> {
        readable("input of the operation", request.input.as_deref())?;
        let target = entity_id(&request.instance_id)?;
        let due = match request.scheduled_time {
            None => None,
            Some(time) => {
                let due = time_of(time.seconds, time.nanos);
                Some(due.ok_or_else(|| Refused::new(Code::InvalidArgument, "The scheduled time is out of range."))?)
            }
        };
        let id = Some(request.request_id).filter(|id| uuid::Uuid::try_parse(id).is_ok());
        let trace = request
            .parent_trace_context
            .as_ref()
            .and_then(TraceContext::from_message);
        self.hub
            .signal_entity_at(target, request.name, request.input, id, due, trace)
            .await?;
        Ok(SignalEntityResponse {})
    }

    pub(super) async fn get_entity(&self, request: GetEntityRequest) -> Result<GetEntityResponse, Refused> {
        let id = entity_id(&request.instance_id)?;
        let row = self.hub.entity(&id).await?.filter(|row| row.exists);
        Ok(GetEntityResponse {
            exists: row.is_some(),
            entity: row.map(|row| self.metadata(row, request.include_state)),
        })
    }

    pub(super) async fn query_entities(&self, request: QueryEntitiesRequest) -> Result<QueryEntitiesResponse, Refused> {
        let asked = request.query.unwrap_or_default();
        let prefix = asked.instance_id_starts_with.unwrap_or_default();
        let (name, prefix) = names(&prefix);
        let mut query = EntityQuery {
            name,
            updated_from: asked.last_modified_from.as_ref().map(micros),
            updated_to: asked.last_modified_to.as_ref().map(micros),
            with_state: asked.include_state,
            limit: page_size(asked.page_size.unwrap_or_default()),
            after: asked.continuation_token.as_deref().map(after).transpose()?.flatten(),
        };
        let mut entities = Vec::new();
        // What does not begin so is left out; a page may be short, as with the extension, but not empty before the last.
        let next = loop {
            let page = self.hub.entities(query.clone()).await?;
            let found = page.entities.into_iter().filter(|row| row.id.starts_with(&prefix));
            entities.extend(found.map(|row| self.metadata(row, asked.include_state)));
            match page.next {
                Some(next) if entities.is_empty() => query.after = Some(next),
                next => break next,
            }
        };
        Ok(QueryEntitiesResponse {
            entities,
            continuation_token: next.map(|next| format!("{} ", BASE64_STANDARD.encode(next))),
        })
    }

    /// Nothing is kept here of an entity that is empty.
    pub(super) async fn clean_entities(
        &self,
        request: CleanEntityStorageRequest,
    ) -> Result<CleanEntityStorageResponse, Refused> {
        let released = match request.release_orphaned_locks {
            true => self.hub.release_orphaned_locks().await?,
            false => 0,
        };
        Ok(CleanEntityStorageResponse {
            orphaned_locks_released: i32::try_from(released).unwrap_or(i32::MAX),
            ..CleanEntityStorageResponse::default()
        })
    }

    fn metadata(&self, row: EntityRow, with_state: bool) -> EntityMetadata {
        let lock = row
            .lock
            .as_deref()
            .and_then(|lock| serde_json::from_str::<Request>(lock).ok());
        EntityMetadata {
            backlog_queue_size: i32::try_from(self.hub.backlog(&row.id)).unwrap_or(i32::MAX),
            instance_id: row.id,
            last_modified_time: Some(timestamp(row.updated)),
            locked_by: lock.and_then(|lock| lock.parent),
            serialized_state: row.state.filter(|_| with_state),
        }
    }
}

fn entity_id(id: &str) -> Result<EntityId, Refused> {
    EntityId::parse(id).map_err(|problem| Refused::new(Code::InvalidArgument, problem))
}

/// The name of the entities whose ids begin so, if that is whole, and the beginning in lower case up to the key.
fn names(prefix: &str) -> (Option<String>, String) {
    let Some(rest) = prefix.strip_prefix('@') else {
        return (
            None,
            if prefix.is_empty() {
                String::new()
            } else {
                format!("@{}", prefix.to_lowercase())
            },
        );
    };
    match rest.split_once('@') {
        Some((name, key)) => {
            let name = name.to_lowercase();
            let prefix = format!("@{name}@{key}");
            (Some(name), prefix)
        }
        None => (None, format!("@{}", rest.to_lowercase())),
    }
}

fn after(token: &str) -> Result<Option<String>, Refused> {
    let token = token.trim();
    if token.is_empty() {
        return Ok(None);
    }
    let id = BASE64_STANDARD
        .decode(token)
        .ok()
        .and_then(|id| String::from_utf8(id).ok());
    match id {
        Some(id) if id.starts_with('@') => Ok(Some(id)),
        _ => Err(Refused::new(
            Code::InvalidArgument,
            "The continuation token is none that this host has given out.",
        )),
    }
}
