//! The worker process ends: everything runs again on the local host, and on Azure what was in flight fails.

use std::time::Duration;

use azure_functions_durable::OrchestrationRuntimeStatus as Status;
use azure_functions_sdk::testing::{TestHost, Wire};
use serde_json::json;

const EXITED: &str = "the worker process exited with code 134 (0x86)";

fn as_host() -> TestHost {
    TestHost::builder().crash_as_host(true).build()
}

/// On the other wire, an episode is given again on Azure, too.
fn json_as_host() -> TestHost {
    TestHost::builder().crash_as_host(true).wire(Wire::Json).build()
}

#[test]
fn an_episode_that_crashed_runs_again_on_azure_where_orchestrations_travel_as_protobuf() {
    let host = TestHost::builder().crash_as_host(true).wire(Wire::Protobuf).build();
    host.crash_worker_in("sequence");
    let instance = host.start("sequence", ());
    assert_eq!(instance.wait().runtime_status, Status::Completed);
    assert_eq!(instance.calls().len(), 3);
}

#[test]
fn what_a_crash_has_lost_runs_again_on_the_local_host() {
    let host = TestHost::new();
    host.crash_worker_in("sequence");
    host.crash_worker_in("say_hello");
    host.crash_worker_in("say_hello");
    let instance = host.start("sequence", ());
    assert_eq!(
        instance.output::<Vec<String>>(),
        ["Hello Tokyo!", "Hello London!", "Hello Seattle!"]
    );
    assert_eq!(host.calls("say_hello").len(), 5);
}

#[test]
fn an_activity_in_flight_at_a_crash_fails_on_azure_and_a_retry_saves_it() {
    let host = as_host();
    host.crash_worker_in("say_hello");
    let failed = host.start("sequence", ());
    assert!(
        failed
            .failure()
            .contains(&format!("Activity function 'say_hello' failed: {EXITED}")),
        "{}",
        failed.failure()
    );
    assert_eq!(failed.calls().len(), 1);

    host.crash_worker_in("say_hello");
    let retried = host.start("stubborn", "you");
    assert_eq!(retried.output::<String>(), "Hello you!");
    assert_eq!(retried.calls().len(), 2);

    failed.rewind("the app is mended");
    assert_eq!(failed.wait().runtime_status, Status::Completed);
}

#[test]
fn an_instance_whose_first_episode_crashed_is_failed_on_azure_and_a_rewind_repairs_it() {
    let host = json_as_host();
    host.crash_worker_in("sequence");
    let instance = host.start("sequence", ());
    assert_eq!(
        instance.failure(),
        format!("Orchestrator function 'sequence' failed: One or more errors occurred. ({EXITED})")
    );
    instance.rewind("the app is mended");
    assert_eq!(instance.wait().runtime_status, Status::Completed);
    assert_eq!(instance.calls().len(), 3);
}

#[test]
fn an_instance_whose_later_episode_crashed_is_failed_on_azure_and_a_rewind_repairs_it() {
    let host = json_as_host();
    host.fake("say_hello", |name: String| format!("Hello {name}!"))
        .taking(Duration::from_mins(1));
    let instance = host.start("sequence", ());
    host.crash_worker_in("sequence");
    assert_eq!(
        instance.failure(),
        "Non-Deterministic workflow detected: A previous execution of this orchestration scheduled an activity task with \
         sequence ID 0 and name 'say_hello' (version ''), but the current replay execution hasn't (yet?) scheduled this \
         task. Was a change made to the orchestrator code after this instance had already started running?"
    );
    instance.rewind("the app is mended");
    assert_eq!(
        instance.output::<Vec<String>>(),
        ["Hello Tokyo!", "Hello London!", "Hello Seattle!"]
    );
    assert_eq!(instance.calls().len(), 3, "what was recorded did not run again");
}

#[test]
fn an_operation_in_flight_at_a_crash_is_done_again_on_azure_too() {
    let host = as_host();
    host.crash_worker_in("account");
    host.signal_entity("account", "mine", "add", 2);
    host.run_until_idle();
    assert_eq!(
        host.entity_state("account", "mine"),
        Some(json!({ "balance": 2, "log": [2] }))
    );
}

#[test]
fn a_crash_takes_everything_that_runs_with_it() {
    let host = as_host();
    let slow = host
        .fake("say_hello", |name: String| name)
        .taking(Duration::from_hours(1));
    let bystander = host.start("stubborn", "bystander");
    host.advance(Duration::from_mins(30));
    drop(slow.taking(Duration::ZERO));
    host.crash_worker_in("square");
    let culprit = host.start("fan_out", 1);
    assert!(culprit.failure().contains(EXITED));
    assert_eq!(bystander.calls()[0].result, None, "it was lost half-way");
    assert_eq!(bystander.output::<String>(), "bystander");
    assert_eq!(bystander.calls().len(), 2);
}

#[test]
#[should_panic(expected = "the app has no orchestration, activity or entity 'say_hallo'; did you mean 'say_hello'?")]
fn a_crash_in_a_function_that_is_not_there_is_refused() {
    TestHost::new().crash_worker_in("say_hallo");
}
