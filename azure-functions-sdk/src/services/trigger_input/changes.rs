//! Changes of Cosmos DB and SQL.

use super::payload::{self, One};
use crate::services::data::{Data, TriggerValue};
use serde_json::Value;

/// A list of changed documents or rows.
pub(super) fn changes(payload: Option<&One>) -> Result<TriggerValue, String> {
    match payload::json(payload, "a JSON array of what has changed")? {
        list @ Value::Array(_) => Ok(TriggerValue::only(Data::Json(list.to_string()))),
        one => Ok(TriggerValue::only(Data::Json(Value::Array(vec![one]).to_string()))),
    }
}
