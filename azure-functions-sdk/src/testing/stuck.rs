//! Why the world cannot give a test what it waits for.

use futures_util::FutureExt;

use super::{command::Stuck, worker::AppWorker};
use crate::durable::{
    StoreError, TaskHub,
    engine::runtime_status::RuntimeStatus,
    store::{InstanceQuery, InstanceRow, Store},
    work::WorkKind,
};

/// Instances that a report describes at most.
const DESCRIBED: usize = 10;

/// Nothing is due any more, and this instance has not ended.
pub(super) fn why_stuck(worker: &AppWorker, hub: &TaskHub, store: &dyn Store, id: &str) -> Stuck {
    match unfinished(worker, hub, store, id) {
        Ok(list) => Stuck::Waiting(format!(
            "nothing is due any more, and nothing that runs can change that:{list}"
        )),
        Err(error) => Stuck::Store(error.to_string()),
    }
}

/// What the instances wait for that have not ended, one per line, this one first.
pub(super) fn unfinished(
    worker: &AppWorker,
    hub: &TaskHub,
    store: &dyn Store,
    first: &str,
) -> Result<String, StoreError> {
    let query = InstanceQuery {
        statuses: Some(vec![
            RuntimeStatus::Pending,
            RuntimeStatus::Running,
            RuntimeStatus::Suspended,
        ]),
        limit: usize::MAX - 1,
        ..InstanceQuery::default()
    };
    let page = store.list(&query)?;
    let (wanted, others): (Vec<_>, Vec<_>) = page.instances.into_iter().partition(|row| row.id == first);
    let mut text = String::new();
    for row in wanted.iter().chain(&others).take(DESCRIBED) {
        text.push_str("\n  ");
        text.push_str(&describe(worker, hub, row));
    }
    let left = (wanted.len() + others.len()).saturating_sub(DESCRIBED);
    if left > 0 {
        text.push_str(&format!("\n  and {left} more"));
    }
    Ok(text)
}

/// An instance that has not ended, and what it waits for.
fn describe(worker: &AppWorker, hub: &TaskHub, row: &InstanceRow) -> String {
    let InstanceRow { id, name, state, .. } = row;
    let instance = format!("instance '{id}' of orchestration '{name}'");
    match state.status {
        RuntimeStatus::Suspended => return format!("{instance} is suspended: resume it"),
        RuntimeStatus::Pending => return format!("{instance} has not begun"),
        _ => {}
    }
    let waits = waits_for(worker, hub, id, name);
    match waits.as_slice() {
        [] => format!("{instance} waits, and does not say for what"),
        [one] => format!("{instance} waits for {one}"),
        several => format!("{instance} waits for\n    {}", several.join("\n    ")),
    }
}

fn waits_for(worker: &AppWorker, hub: &TaskHub, id: &str, name: &str) -> Vec<String> {
    let app = worker.app();
    let function = worker
        .functions()
        .functions
        .into_iter()
        .find_map(|((kind, known), function)| {
            let found = kind == WorkKind::Orchestration && known == name.to_lowercase();
            found.then(|| app.find(&function)).flatten()
        });
    // On this runtime it is read at once.
    let history = hub.recorded_history(id).now_or_never();
    match (function, history) {
        (Some(function), Some(Ok(payload))) => app.waits_for(function, payload),
        _ => Vec::new(),
    }
}
