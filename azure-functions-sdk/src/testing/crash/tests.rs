//! The explorer on the real engine, and on one that writes messages and state separately.

use std::{sync::Arc, time::Duration};

use azure_functions::{
    durable::{CallError, RetryOptions},
    prelude::*,
};
use serde_json::{Value, json};

use super::CrashExplorer;
use crate::{
    durable::store::{
        Commit, EntityPage, EntityQuery, EntityRow, InstanceKey, InstanceQuery, InstanceRow, Page, Recovery, Store,
        StoreError,
    },
    testing::{TestHost, Wire},
};

#[func]
async fn order(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    let price = context.call_activity("price", "tea").await?;
    let policy = RetryOptions::new(Duration::from_mins(1), 3);
    let parts = context
        .try_join_all([
            context.call_activity("price", "milk"),
            context.call_activity("price", "sugar"),
        ])
        .await?;
    let paid = context.call_activity_with_retry("pay", policy, (price, parts)).await?;
    let sent = context.call_sub_orchestrator("delivery", None, paid).await?;
    context.set_custom_status("sent");
    context
        .create_timer(context.current_time() + Duration::from_hours(24))
        .await;
    Ok(sent.into())
}

#[func]
async fn delivery(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    let signature = context.wait_for_event("signed").await;
    match context.input().as_u64() {
        Some(paid) => {
            context.continue_as_new(json!([paid, signature]), true).await;
            Ok(().into())
        }
        None => Ok(context.input().clone().into()),
    }
}

#[func]
fn price(item: String) -> ActivityOutput {
    item.len().into()
}

#[func]
fn pay(input: (u64, Vec<u64>)) -> ActivityOutput {
    (input.0 + input.1.iter().sum::<u64>()).into()
}

/// Everything that makes commits: an order that waits for its delivery, which is signed for twice.
fn a_whole_order(host: &TestHost) -> Value {
    let pay = host.fake("pay", |(tea, rest): (u64, Vec<u64>)| tea + rest.iter().sum::<u64>());
    pay.taking(Duration::from_secs(20));
    let order = host.start("order", ());
    host.advance(Duration::from_mins(10));
    let deliveries = host.instances().into_iter().filter(|status| status.name == "delivery");
    let ids: Vec<String> = deliveries.map(|status| status.instance_id).collect();
    let [delivery] = ids.as_slice() else {
        panic!("there is one delivery, not {}", ids.len())
    };
    for signature in ["Ada", "Grace"] {
        host.instance(delivery).raise_event("signed", signature);
    }
    order.output()
}

const WIRES: [Wire; 2] = [Wire::Json, Wire::Protobuf];

/// An explorer of apps on this wire.
fn on(wire: Wire) -> CrashExplorer {
    CrashExplorer::new().host(TestHost::builder().wire(wire))
}

#[test]
fn the_engine_loses_nothing_wherever_the_process_ends_on_either_wire() {
    for wire in WIRES {
        let explored = on(wire).explore(a_whole_order);
        assert_eq!(explored.output, json!([12, "Ada"]), "{wire}");
        assert!(explored.commits > 15, "{wire}: {explored:?}");
        assert_eq!(explored.runs, 2 * explored.commits, "{wire}");
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn nor_with_its_state_on_disk() {
    for wire in WIRES {
        let explored = on(wire).on_disk().explore(a_whole_order);
        assert_eq!(explored.output, json!([12, "Ada"]), "{wire}");
    }
}

/// A seeded bug: an engine that commits what an episode changes first, and the messages that belong to it later.
struct Torn(Arc<dyn Store>, fn(&Commit) -> [Commit; 2]);

fn state_first(commit: &Commit) -> [Commit; 2] {
    if commit.history.is_empty() {
        return [commit.clone(), Commit::default()];
    }
    let messages = Commit {
        inbox_added: commit.inbox_added.clone(),
        timers_added: commit.timers_added.clone(),
        activities_added: commit.activities_added.clone(),
        ..Commit::default()
    };
    let state = Commit {
        inbox_added: Vec::new(),
        timers_added: Vec::new(),
        activities_added: Vec::new(),
        ..commit.clone()
    };
    [state, messages]
}

/// And one that does it the other way round.
fn messages_first(commit: &Commit) -> [Commit; 2] {
    let [state, messages] = state_first(commit);
    [messages, state]
}

impl Store for Torn {
    fn recover(&self) -> Result<Recovery, StoreError> {
        self.0.recover()
    }

    fn write(&self, batch: &[Commit]) -> Result<(), StoreError> {
        batch.iter().flat_map(self.1).try_for_each(|commit| {
            let empty = commit == Commit::default();
            if empty { Ok(()) } else { self.0.write(&[commit]) }
        })
    }

    fn find(&self, id: &str) -> Result<Option<InstanceRow>, StoreError> {
        self.0.find(id)
    }

    fn history(&self, key: InstanceKey) -> Result<Vec<String>, StoreError> {
        self.0.history(key)
    }

    fn last_turn(&self, key: InstanceKey) -> Result<Option<String>, StoreError> {
        self.0.last_turn(key)
    }

    fn list(&self, query: &InstanceQuery) -> Result<Page, StoreError> {
        self.0.list(query)
    }

    fn entity(&self, id: &str) -> Result<Option<EntityRow>, StoreError> {
        self.0.entity(id)
    }

    fn entities(&self, query: &EntityQuery) -> Result<EntityPage, StoreError> {
        self.0.entities(query)
    }

    fn close(&self) {
        self.0.close();
    }
}

#[test]
fn an_engine_that_writes_state_before_messages_is_found_out() {
    for wire in WIRES {
        let explorer = on(wire).wrap(|store| Arc::new(Torn(store, state_first)));
        let report = explorer.try_explore(&a_whole_order).unwrap_err();
        assert!(report.starts_with("with the end of the process just "), "{report}");
        assert!(
            report.contains("just after commit 2 of ") && report.contains("activity 'price' is scheduled"),
            "{report}"
        );
        assert!(
            report.contains("the test failed: there is one delivery, not 0"),
            "{report}"
        );
        assert!(report.contains("waits for activity 'price'"), "{report}");
    }
}

#[test]
fn an_engine_that_writes_messages_before_state_is_found_out() {
    for wire in WIRES {
        let explorer = on(wire).wrap(|store| Arc::new(Torn(store, messages_first)));
        let report = explorer.try_explore(&a_whole_order).unwrap_err();
        assert!(report.contains("twice"), "{report}");
    }
}

#[test]
fn a_test_that_is_not_the_same_each_time_is_told_so() {
    let runs = std::cell::Cell::new(0);
    let explorer = CrashExplorer::new();
    let report = explorer.try_explore(&|host: &TestHost| {
        runs.set(runs.get() + 1);
        if runs.get() == 1 {
            host.start("order", ());
        }
    });
    assert!(report.unwrap_err().contains("not the same each time"));
}

#[test]
fn a_difference_names_both_outputs_and_the_point() {
    let runs = std::cell::Cell::new(0);
    let report = CrashExplorer::new().try_explore(&|host: &TestHost| {
        host.start("order", ());
        runs.set(runs.get() + 1);
        runs.get() > 4
    });
    let report = report.unwrap_err();
    assert!(
        report.contains("the test returned true, and false undisturbed"),
        "{report}"
    );
    assert!(report.contains("just after commit 2 of"), "{report}");
}
