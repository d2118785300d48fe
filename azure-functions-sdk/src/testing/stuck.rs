//! Why the world cannot give a test what it waits for.

use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::FutureExt;

use super::world::World;
use crate::durable::{
    StoreError,
    engine::runtime_status::RuntimeStatus,
    store::{InstanceQuery, InstanceRow},
};

/// Instances that a report describes at most.
const DESCRIBED: usize = 10;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stuck {
    #[error("there is no instance '{0}'")]
    Unknown(String),
    #[error("{0}")]
    Store(String),
    #[error(
        "something was still due after the clock had jumped {jumps} times (it is {} now): is this an orchestration that never \
         ends? Then let a certain time pass: advance(..).", now.to_rfc3339_opts(SecondsFormat::Secs, true)
    )]
    Endless { jumps: u32, now: DateTime<Utc> },
    /// The whole report.
    #[error("{0}")]
    Waiting(String),
}

/// Nothing is due any more, and this instance has not ended.
pub(super) fn why_stuck(world: &World, id: &str) -> Stuck {
    match unfinished(world, id) {
        Ok(list) => Stuck::Waiting(format!(
            "nothing is due any more, and nothing that runs can change that:{list}"
        )),
        Err(error) => Stuck::Store(error.to_string()),
    }
}

/// What the instances wait for that have not ended, one per line, this one first.
pub(super) fn unfinished(world: &World, first: &str) -> Result<String, StoreError> {
    let query = InstanceQuery {
        created_from: None,
        created_to: None,
        statuses: Some(vec![
            RuntimeStatus::Pending,
            RuntimeStatus::Running,
            RuntimeStatus::Suspended,
        ]),
        id_prefix: None,
        with_input: false,
        limit: usize::MAX - 1,
        after: None,
    };
    let page = world.store().list(&query)?;
    let (wanted, others): (Vec<_>, Vec<_>) = page.instances.into_iter().partition(|row| row.id == first);
    let mut text = String::new();
    for row in wanted.iter().chain(&others).take(DESCRIBED) {
        text.push_str("\n  ");
        text.push_str(&describe(world, row));
    }
    let left = (wanted.len() + others.len()).saturating_sub(DESCRIBED);
    if left > 0 {
        text.push_str(&format!("\n  and {left} more"));
    }
    Ok(text)
}

/// An instance that has not ended, and what it waits for.
fn describe(world: &World, row: &InstanceRow) -> String {
    let InstanceRow { id, name, state, .. } = row;
    let instance = format!("instance '{id}' of orchestration '{name}'");
    match state.status {
        RuntimeStatus::Suspended => return format!("{instance} is suspended: resume it"),
        RuntimeStatus::Pending => return format!("{instance} has not begun"),
        _ => {}
    }
    let waits = waits_for(world, id, name);
    match waits.as_slice() {
        [] => format!("{instance} waits, and does not say for what"),
        [one] => format!("{instance} waits for {one}"),
        several => format!("{instance} waits for\n    {}", several.join("\n    ")),
    }
}

fn waits_for(world: &World, id: &str, name: &str) -> Vec<String> {
    let app = world.worker.app();
    let function = world
        .worker
        .functions()
        .functions
        .into_iter()
        .find_map(|((kind, known), function)| {
            let found = kind == crate::durable::work::WorkKind::Orchestration && known == name.to_lowercase();
            found.then(|| app.find(&function)).flatten()
        });
    // On this runtime it is read at once.
    let history = world.hub().recorded_history(id).now_or_never();
    match (function, history) {
        (Some(function), Some(Ok(payload))) => app.waits_for(function, payload),
        _ => Vec::new(),
    }
}
