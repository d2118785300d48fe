//! An instance as clients see it.

use std::collections::HashMap;

use azure_functions_durable::protobuf::OrchestrationState;
use prost_types::Timestamp;

use crate::durable::{
    store::{InstanceRow, Micros},
    work::Wire,
};

/// What of an instance is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub(super) payloads: bool,
    /// Lists show the version and no parent; a single instance is shown the other way round.
    pub(super) listed: bool,
    /// Callers of SDKs are shown all that there is, whichever worker runs the instance.
    pub(super) whole: bool,
}

pub(super) fn state(row: &InstanceRow, shown: Shown) -> OrchestrationState {
    let texts = |text: &Option<String>| text.clone().filter(|_| shown.payloads);
    if row.state.wire == Some(Wire::Stream) || shown.whole {
        return of_stream(row, shown);
    }
    // One that has never set it has the null of JSON there, once it has run.
    let status = row.state.custom_status.clone().unwrap_or_else(|| "null".to_owned());
    let has_run = row.state.status != crate::durable::engine::runtime_status::RuntimeStatus::Pending;
    OrchestrationState {
        instance_id: row.id.clone(),
        name: row.name.clone(),
        version: row.state.version.clone().filter(|_| shown.listed),
        orchestration_status: row.state.status.number(),
        scheduled_start_timestamp: row.scheduled_start.filter(|_| shown.listed).map(timestamp),
        created_timestamp: Some(timestamp(row.state.created)),
        last_updated_timestamp: Some(timestamp(row.state.updated)),
        input: texts(&row.input),
        output: texts(&row.state.output),
        custom_status: Some(status).filter(|_| has_run && (shown.payloads || shown.listed)),
        failure_details: None,
        execution_id: None,
        completed_timestamp: None,
        parent_instance_id: row.parent.clone().filter(|_| !shown.listed),
        tags: match shown.listed {
            true => HashMap::new(),
            false => tags(row),
        },
    }
}

/// All that there is: what the extension leaves out is its own affair.
fn of_stream(row: &InstanceRow, shown: Shown) -> OrchestrationState {
    let texts = |text: &Option<String>| text.clone().filter(|_| shown.payloads);
    OrchestrationState {
        instance_id: row.id.clone(),
        name: row.name.clone(),
        version: row.state.version.clone(),
        orchestration_status: row.state.status.number(),
        scheduled_start_timestamp: row.scheduled_start.map(timestamp),
        created_timestamp: Some(timestamp(row.state.created)),
        last_updated_timestamp: Some(timestamp(row.state.updated)),
        input: texts(&row.input),
        output: texts(&row.state.output),
        custom_status: row.state.custom_status.clone(),
        failure_details: None,
        execution_id: Some(row.state.execution_id.clone()),
        completed_timestamp: Some(row.state.updated)
            .filter(|_| row.state.status.is_terminal())
            .map(timestamp),
        parent_instance_id: row.parent.clone(),
        tags: tags(row),
    }
}

fn tags(row: &InstanceRow) -> HashMap<String, String> {
    let tags = row.tags.as_deref();
    tags.and_then(|tags| serde_json::from_str(tags).ok())
        .unwrap_or_default()
}

pub(super) fn timestamp(micros: Micros) -> Timestamp {
    Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or_default(),
    }
}

/// Microseconds, rounded down; what no date can tell is the end of time.
pub(super) fn micros(time: &Timestamp) -> Micros {
    time.seconds
        .saturating_mul(1_000_000)
        .saturating_add(i64::from(time.nanos) / 1_000)
}
