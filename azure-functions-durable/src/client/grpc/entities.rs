//! The operations on entities.

use super::super::entity_query::{EntityPage, EntityQuery};
use super::super::error::OrchestrationClientError;
use super::super::storage::CleanEntityStorageResult;
use super::ask::WrongState;
use super::call::Caller;
use super::convert;
use crate::protobuf;
use crate::{EntityId, EntityStateResponse, EntityStatus};
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use std::hash::{BuildHasher, RandomState};

impl Caller<'_> {
    pub(in super::super) async fn signal_entity(
        self,
        operation: &str,
        entity: &EntityId,
        name: &str,
        input: &[u8],
        time: Option<DateTime<Utc>>,
    ) -> Result<(), OrchestrationClientError> {
        let message = protobuf::SignalEntityRequest {
            instance_id: entity.to_string(),
            name: name.to_owned(),
            input: convert::payload(input),
            request_id: random_guid(),
            scheduled_time: time.map(convert::timestamp),
            parent_trace_context: self.client.trace().as_ref().map(Into::into),
            request_time: Some(convert::timestamp(Utc::now())),
        };
        let ask = self.change(operation, WrongState::Conflict(409));
        let answer = self.call(&ask, message, |mut sidecar, request| async move {
            sidecar.signal_entity(request).await
        });
        answer.await.map(drop)
    }

    pub(in super::super) async fn read_entity_state<T: DeserializeOwned>(
        self,
        operation: &str,
        entity: &EntityId,
    ) -> Result<EntityStateResponse<T>, OrchestrationClientError> {
        let Some(found) = self.look_at_entity(operation, entity, true).await? else {
            return Ok(EntityStateResponse::missing());
        };
        let state = match found.serialized_state {
            // What another SDK may have left there.
            Some(text) if text.trim().is_empty() => None,
            Some(text) => serde_json::from_str(&text).map_err(|e| OrchestrationClientError::InvalidResponse {
                operation: operation.to_owned(),
                source: Box::new(e),
            })?,
            None => None,
        };
        Ok(EntityStateResponse { exists: true, state })
    }

    pub(in super::super) async fn entity(
        self,
        operation: &str,
        entity: &EntityId,
        fetch_state: bool,
    ) -> Result<Option<EntityStatus>, OrchestrationClientError> {
        match self.look_at_entity(operation, entity, fetch_state).await? {
            Some(found) => status(operation, found).map(Some),
            None => Ok(None),
        }
    }

    async fn look_at_entity(
        &self,
        operation: &str,
        entity: &EntityId,
        include_state: bool,
    ) -> Result<Option<protobuf::EntityMetadata>, OrchestrationClientError> {
        let message = protobuf::GetEntityRequest {
            instance_id: entity.to_string(),
            include_state,
        };
        let ask = self.read(operation);
        let answer = self.call(&ask, message, |mut sidecar, request| async move {
            sidecar.get_entity(request).await
        });
        let answer = answer.await?;
        Ok(answer.entity.filter(|_| answer.exists))
    }

    pub(in super::super) async fn entities(
        self,
        operation: &str,
        query: &EntityQuery,
        name: Option<&str>,
    ) -> Result<EntityPage, OrchestrationClientError> {
        let prefix = query.key_prefix.as_deref().unwrap_or_default();
        let message = protobuf::QueryEntitiesRequest {
            query: Some(protobuf::EntityQuery {
                // With the `@` behind the name, for others may begin with it.
                instance_id_starts_with: name.map(|name| format!("@{name}@{prefix}")),
                last_modified_from: query.last_operation_from.map(convert::timestamp),
                last_modified_to: query.last_operation_to.map(convert::timestamp),
                include_state: query.fetch_state,
                include_transient: query.transient,
                page_size: query.top.map(|top| i32::try_from(top).unwrap_or(i32::MAX)),
                continuation_token: query.continuation_token.clone(),
            }),
        };
        let ask = self.read(operation);
        let answer = self.call(&ask, message, |mut sidecar, request| async move {
            sidecar.query_entities(request).await
        });
        let answer = answer.await?;
        let entities = answer.entities.into_iter().map(|entity| status(operation, entity));
        Ok(EntityPage {
            entities: entities.collect::<Result<_, _>>()?,
            continuation_token: answer.continuation_token.filter(|token| !token.is_empty()),
        })
    }

    /// Goes on until the host has no further place to go on from.
    pub(in super::super) async fn clean_entity_storage(
        self,
        operation: &str,
        remove_empty_entities: bool,
        release_orphaned_locks: bool,
    ) -> Result<CleanEntityStorageResult, OrchestrationClientError> {
        let mut done = CleanEntityStorageResult::default();
        let mut token = None;
        loop {
            let message = protobuf::CleanEntityStorageRequest {
                continuation_token: token.clone(),
                remove_empty_entities,
                release_orphaned_locks,
            };
            // What is cleaned is clean: a repetition does no harm.
            let ask = self.read(operation);
            let answer = self.call(&ask, message, |mut sidecar, request| async move {
                sidecar.clean_entity_storage(request).await
            });
            let answer = answer.await?;
            done.empty_entities_removed += u64::try_from(answer.empty_entities_removed).unwrap_or_default();
            done.orphaned_locks_released += u64::try_from(answer.orphaned_locks_released).unwrap_or_default();
            let next = answer.continuation_token.filter(|token| !token.is_empty());
            super::super::query::check_progress(operation, token.as_deref(), next.as_deref())?;
            if next.is_none() {
                return Ok(done);
            }
            token = next;
        }
    }
}

fn status(operation: &str, found: protobuf::EntityMetadata) -> Result<EntityStatus, OrchestrationClientError> {
    let entity_id: EntityId = found
        .instance_id
        .parse()
        .map_err(|e| OrchestrationClientError::InvalidResponse {
            operation: operation.to_owned(),
            source: Box::new(e),
        })?;
    let what = format!("state of entity `{entity_id}`");
    let mut status = EntityStatus::new(entity_id);
    status.last_operation_time = convert::time(found.last_modified_time);
    status.state = convert::value(operation, &what, found.serialized_state)?;
    status.backlog_queue_size = u64::try_from(found.backlog_queue_size).ok();
    status.locked_by = found.locked_by.filter(|id| !id.is_empty());
    Ok(status)
}

/// A GUID by which hosts tell signals apart; it keeps no secret. The keys of the standard library's hashers are from the system's
/// chance, and others for each.
fn random_guid() -> String {
    let bits = || u128::from(RandomState::new().hash_one(0_u8));
    let bits = bits() << 64 | bits();
    // Version 4, variant 1.
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

#[cfg(test)]
mod tests {
    use super::random_guid;

    #[test]
    fn guids_are_of_version_4_and_differ() {
        let (one, other) = (random_guid(), random_guid());
        assert_ne!(one, other);
        for guid in [one, other] {
            let parts: Vec<_> = guid.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12], "{guid}");
            assert_eq!(&guid[14..15], "4", "{guid}");
            assert!(matches!(&guid[19..20], "8" | "9" | "a" | "b"), "{guid}");
        }
    }
}
