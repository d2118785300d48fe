//! What an orchestration knows of itself, and whom it calls.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use azure_functions::prelude::*;
use azure_functions_durable::OrchestrationRuntimeStatus as Status;
use azure_functions_sdk::testing::{TestHost, Wire};
use serde_json::{Value, json};

use super::{CHILD_CREATED, EPISODE_STARTED, HOUR, events, execution};

/// Who it is, and who its child is, if it is to have one.
#[func]
async fn family(context: DurableOrchestrationContext<bool>) -> Result<OrchestrationOutput, CallError> {
    let me = json!([context.instance_id(), context.parent_instance_id()]);
    let child = if context.input() {
        context.call_sub_orchestrator("family", Some("child"), false).await?
    } else {
        Value::Null
    };
    Ok(json!([me, child]).into())
}

#[test]
fn row_051_a_child_knows_its_parent_and_one_at_the_top_has_none() {
    let host = TestHost::new();
    let parent = host.start_with_id("family", "parent", true);
    assert_eq!(
        parent.output::<Value>(),
        json!([["parent", null], [["child", "parent"], null]])
    );
}

static SAID: Mutex<Vec<&str>> = Mutex::new(Vec::new());
static RUNS: AtomicUsize = AtomicUsize::new(0);

/// Says what it does, unless it has said it before. Not to the log: that drops what a replay says by itself.
#[func]
async fn talkative(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    RUNS.fetch_add(1, Ordering::Relaxed);
    if !context.is_replaying() {
        SAID.lock().unwrap().push("started");
    }
    for number in 0..5 {
        context.call_activity("double", number).await?;
    }
    if !context.is_replaying() {
        SAID.lock().unwrap().push("completed");
    }
    Ok(().into())
}

#[test]
fn row_052_what_is_not_said_in_replays_is_said_once_in_many_turns() {
    // On the protobuf wire the code is kept from turn to turn, and nothing is replayed.
    for (wire, runs) in [(Wire::Json, 6), (Wire::Protobuf, 1)] {
        RUNS.store(0, Ordering::Relaxed);
        SAID.lock().unwrap().clear();
        // The check of determinism runs every episode twice.
        let host = TestHost::builder().wire(wire).check_determinism(false).build();
        let instance = host.start("talkative", ());
        assert_eq!(instance.wait().runtime_status, Status::Completed);
        assert_eq!(events(&instance, EPISODE_STARTED), 6);
        assert_eq!(RUNS.load(Ordering::Relaxed), runs);
        assert_eq!(*SAID.lock().unwrap(), ["started", "completed"]);
    }
}

/// Two children, one after the other, and an hour more.
#[func]
async fn two_children(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    let given = context.call_sub_orchestrator("slow_child", Some("given"), ()).await?;
    let made = context.call_sub_orchestrator("slow_child", None, ()).await?;
    context.create_timer_after(HOUR).await;
    Ok(vec![given, made].into())
}

/// Says its id, an hour later.
#[func]
async fn slow_child(context: DurableOrchestrationContext) -> OrchestrationOutput {
    context.create_timer_after(HOUR).await;
    context.instance_id().into()
}

/// The id that is made is the host's on JSON: the parent's execution and the task's number. On protobuf it is the worker's. Either is the
/// same in every replay.
#[test]
fn row_056_a_child_is_an_instance_under_the_given_id_or_one_that_no_replay_changes() {
    let host = TestHost::new();
    let parent = host.start_with_id("two_children", "parent", ());
    let ids = || -> Vec<String> { host.instances().into_iter().map(|status| status.instance_id).collect() };
    assert_eq!(ids(), ["parent", "given"]);
    host.advance(HOUR);
    let [_, _, made] = <[String; 3]>::try_from(ids()).unwrap();
    if host.wire() == Wire::Json {
        assert_eq!(made, format!("{}:1", execution(&parent)));
    }
    assert_eq!(ids(), ["parent", "given", &made]);
    host.restart();
    assert_eq!(parent.output::<[String; 2]>(), ["given", &made]);
    assert_eq!(events(&parent, CHILD_CREATED), 2);
    assert!(events(&parent, EPISODE_STARTED) > 3, "the parent was replayed");
    assert_eq!(ids(), ["parent", "given", &made], "no replay made another child");
    assert_eq!(host.instance(&made).status().name, "slow_child");
}

/// Tries a child again.
#[func]
async fn persistent(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    let policy = RetryOptions::new(HOUR, 3);
    let answer = context
        .call_sub_orchestrator_with_retry("fragile", None, policy, 21)
        .await?;
    Ok(answer.into())
}

#[func]
async fn fragile(context: DurableOrchestrationContext<i64>) -> Result<OrchestrationOutput, CallError> {
    Ok(context.call_activity("double", context.input()).await?.into())
}

#[test]
fn row_057_a_child_that_fails_is_followed_by_another_that_succeeds() {
    let host = TestHost::new();
    host.fake("double", |number: i64| 2 * number)
        .failing_first(1, "no luck");
    assert_eq!(host.start_with_id("persistent", "parent", ()).output::<i64>(), 42);
    assert_eq!(host.elapsed(), HOUR, "the delay of the policy");
    let children: Vec<_> = host
        .instances()
        .into_iter()
        .filter(|status| status.name == "fragile")
        .collect();
    let ends: Vec<_> = children.iter().map(|status| status.runtime_status).collect();
    assert_eq!(ends, [Status::Failed, Status::Completed]);
    assert_ne!(children[0].instance_id, children[1].instance_id);
}

/// Shows where it is.
#[func]
async fn shows_where_it_is(context: DurableOrchestrationContext) -> OrchestrationOutput {
    context.set_custom_status("first");
    context.set_custom_status("second");
    context.wait_for_event("on").await;
    context.set_custom_status(json!({ "step": 3 }));
    context.wait_for_event("on").await;
    ().into()
}

#[test]
fn row_061_the_last_custom_status_is_seen_while_the_instance_runs() {
    let host = TestHost::new();
    let instance = host.start("shows_where_it_is", ());
    let seen = || (instance.runtime_status(), instance.custom_status::<Value>());
    assert_eq!(seen(), (Status::Running, json!("second")));
    instance.raise_event("on", ());
    assert_eq!(seen(), (Status::Running, json!({ "step": 3 })));
    instance.raise_event("on", ());
    assert_eq!(seen(), (Status::Completed, json!({ "step": 3 })));
}
