//! What the durable HTTP API says about entities.

use crate::EntityId;
use crate::status::from_text;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The state of an entity, as it was when the host looked.
///
/// Source: `GET entities/{name}/{key}`, which answers 200 with the state, or 404 if there is no such entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntityStateResponse<T> {
    /// Whether the entity exists: some operation has set its state, and none has deleted it since.
    pub exists: bool,
    /// Its state; `None` if it does not exist, or if its state is `null`.
    pub state: Option<T>,
}

impl<T> EntityStateResponse<T> {
    /// An entity that exists, with this state.
    pub const fn existing(state: T) -> Self {
        Self {
            exists: true,
            state: Some(state),
        }
    }

    /// An entity that does not exist.
    pub const fn missing() -> Self {
        Self {
            exists: false,
            state: None,
        }
    }
}

/// One entity of a list.
///
/// Source: an element of what `GET entities/` answers, and `EntityMetadata` of the Durable Task protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct EntityStatus {
    /// Which entity.
    pub entity_id: EntityId,
    /// When it last ran an operation.
    #[serde(default, deserialize_with = "from_text")]
    pub last_operation_time: Option<DateTime<Utc>>,
    /// Its state; null when it was not asked for.
    #[serde(default)]
    pub state: Value,
    /// How many messages wait for it; only gRPC tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backlog_queue_size: Option<u64>,
    /// The instance that has locked it; only gRPC tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_by: Option<String>,
}

impl EntityStatus {
    /// An entity of which no more is known than that it exists.
    pub const fn new(entity_id: EntityId) -> Self {
        Self {
            entity_id,
            last_operation_time: None,
            state: Value::Null,
            backlog_queue_size: None,
            locked_by: None,
        }
    }

    /// The state as a `T`.
    ///
    /// # Errors
    /// The state has another shape, or was not asked for and is null.
    pub fn state_as<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_listed_entity_is_read_without_its_state_and_with_a_precise_time() {
        let read: EntityStatus = serde_json::from_value(json!({
            "entityId": {"name": "counter", "key": "a"},
            "lastOperationTime": "2031-05-04T10:00:01.1234567Z",
            "state": null,
            "new": 1,
        }))
        .unwrap();
        assert_eq!(read.entity_id.to_string(), "@counter@a");
        assert_eq!(read.last_operation_time.unwrap().timestamp_subsec_nanos(), 123_456_700);
        assert_eq!(read.state, Value::Null);
        assert_eq!(read.state_as::<Option<i64>>().unwrap(), None);
    }
}
