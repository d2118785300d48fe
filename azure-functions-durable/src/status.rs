//! What the host says about one orchestration instance.

use crate::{FailureDetails, OrchestrationRuntimeStatus};
use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;

/// The status of one orchestration instance.
///
/// Reading is tolerant: a missing member is null, empty or `None`, an unknown one is ignored. Writing gives the host's
/// own form: every member in the host's order, nulls included, only what hosts do not always tell (`historyEvents` and what follows
/// it) left out when there is none, times in whole seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct OrchestrationStatusQueryResult {
    /// The name of the orchestration.
    #[serde(deserialize_with = "null_as_default")]
    pub name: String,
    /// The instance id.
    #[serde(deserialize_with = "null_as_default")]
    pub instance_id: String,
    /// The state of the instance.
    pub runtime_status: OrchestrationRuntimeStatus,
    /// The input; null when it was not asked for.
    pub input: Value,
    /// What the orchestration last set as its custom status; null if nothing.
    pub custom_status: Value,
    /// The output of a completed instance, the message of a failed one, the reason of a terminated one.
    ///
    /// Look at it only when [`runtime_status`](Self::runtime_status) is terminal: while an instance is suspended, some
    /// hosts keep the reason of the suspension here.
    pub output: Value,
    /// When the instance (its newest execution) was created.
    #[serde(serialize_with = "to_seconds", deserialize_with = "from_text")]
    pub created_time: Option<DateTime<Utc>>,
    /// When the instance last took a step.
    #[serde(serialize_with = "to_seconds", deserialize_with = "from_text")]
    pub last_updated_time: Option<DateTime<Utc>>,
    /// The history, when it was asked for: objects with the host's member names (`EventType`, `Timestamp`, …).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history_events: Option<Vec<Value>>,
    /// What an instance still waits for whose code has ended already; only the local host tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ending: Option<OrchestrationEnding>,
    /// The version that the instance was started with. Hosts tell it in lists, and newer ones in a status over HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The tags of the instance. Only gRPC tells them, and not in lists.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_as_empty")]
    pub tags: BTreeMap<String, String>,
    /// The instance that called this one. Only gRPC tells, and not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_instance_id: Option<String>,
    /// When the instance is to begin, if it was started for a later time. Only gRPC tells.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "from_text")]
    pub scheduled_start_time: Option<DateTime<Utc>>,
    /// Why it failed, from hosts that keep it. The Durable Task extension with Azure Storage has it in the
    /// [output](Self::output) only, as `TYPE: MESSAGE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Box<FailureDetails>>,
}

/// The end of an instance that is decided and has not come: the instance stays running until everything that its code has
/// started has ended, too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct OrchestrationEnding {
    /// The status that the instance will have.
    pub runtime_status: OrchestrationRuntimeStatus,
    /// What it waits for, in words, such as ``activity 'send'``; the first 20.
    pub awaits: Vec<String>,
    /// How many things it waits for.
    pub count: u64,
}

impl OrchestrationEnding {
    /// What the instance waits for, as one text: `activity 'send', timer until 2031-05-06T07:08:09Z, and 3 more`.
    pub fn in_words(&self) -> String {
        let named = u64::try_from(self.awaits.len()).unwrap_or(u64::MAX);
        let more = match self.count.saturating_sub(named) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        format!("{}{more}", self.awaits.join(", "))
    }
}

impl OrchestrationStatusQueryResult {
    /// A status without times, input, output and history.
    pub fn new(
        name: impl Into<String>,
        instance_id: impl Into<String>,
        runtime_status: OrchestrationRuntimeStatus,
    ) -> Self {
        Self {
            name: name.into(),
            instance_id: instance_id.into(),
            runtime_status,
            ..Self::default()
        }
    }

    /// The output as a `T`.
    ///
    /// # Errors
    /// The output has another shape; a not finished or failed instance hardly ever has the expected one.
    pub fn output_as<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.output)
    }

    /// The input as a `T`.
    ///
    /// # Errors
    /// The input has another shape, or was not asked for and is null.
    pub fn input_as<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.input)
    }

    /// The custom status as a `T`.
    ///
    /// # Errors
    /// The custom status has another shape, or was never set and is null.
    pub fn custom_status_as<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.custom_status)
    }
}

fn null_as_default<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn null_as_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

// Takes `&Option` because serde calls it so.
#[allow(clippy::ref_option)]
fn to_seconds<S: Serializer>(time: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
        .serialize(serializer)
}

/// A time that does not read as one is not worth losing the whole status for.
pub(crate) fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_str().and_then(|text| {
        DateTime::parse_from_rfc3339(text)
            .map(|time| time.to_utc())
            .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").map(|time| time.and_utc()))
            .ok()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const GOLDEN: &str = r#"{"name":"hello_world","instanceId":"a1","runtimeStatus":"Completed","input":null,"customStatus":{"step":3},"output":["x"],"createdTime":"2031-05-06T07:08:09Z","lastUpdatedTime":"2031-05-06T07:08:10Z"}"#;

    #[test]
    fn the_hosts_own_form_round_trips_to_the_byte() {
        let status: OrchestrationStatusQueryResult = serde_json::from_str(GOLDEN).unwrap();
        assert_eq!(status.name, "hello_world");
        assert_eq!(status.runtime_status, OrchestrationRuntimeStatus::Completed);
        assert_eq!(status.output_as::<Vec<String>>().unwrap(), ["x"]);
        assert_eq!(status.created_time.unwrap().timestamp(), 1_935_817_689);
        assert_eq!(serde_json::to_string(&status).unwrap(), GOLDEN);
    }

    #[test]
    fn missing_null_and_unknown_members_are_tolerated() {
        let status: OrchestrationStatusQueryResult = serde_json::from_str("{}").unwrap();
        assert_eq!(status, OrchestrationStatusQueryResult::default());
        let status: OrchestrationStatusQueryResult = serde_json::from_value(json!({
            "name": null, "instanceId": null, "runtimeStatus": null, "createdTime": null, "lastUpdatedTime": "soon",
            "historyEvents": null, "version": null, "tags": null, "newMember": "1.0"
        }))
        .unwrap();
        assert_eq!(status, OrchestrationStatusQueryResult::default());
    }

    #[test]
    fn times_with_ticks_or_without_a_zone_are_read_as_utc() {
        let status: OrchestrationStatusQueryResult = serde_json::from_value(json!({
            "createdTime": "2031-05-06T07:08:09.1234567Z", "lastUpdatedTime": "2031-05-06T07:08:09"
        }))
        .unwrap();
        assert_eq!(status.created_time.unwrap().timestamp_subsec_nanos(), 123_456_700);
        assert_eq!(status.last_updated_time.unwrap().timestamp(), 1_935_817_689);
    }

    #[test]
    fn history_is_read_from_history_events() {
        let status: OrchestrationStatusQueryResult =
            serde_json::from_value(json!({"historyEvents": [{"EventType": "ExecutionStarted"}]})).unwrap();
        assert_eq!(status.history_events.unwrap()[0]["EventType"], "ExecutionStarted");
    }
}
