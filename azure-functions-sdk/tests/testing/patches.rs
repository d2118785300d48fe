//! Code that changes under running instances.

use std::sync::atomic::Ordering;

use azure_functions_sdk::testing::{TestHost, TestInstance, Wire};
use serde_json::Value;

use super::functions::VERSION;

fn events(instance: &TestInstance<'_>, number: u64) -> Vec<Value> {
    let history = instance.history().into_iter();
    history.filter(|event| event["EventType"] == number).collect()
}

#[test]
fn each_instance_keeps_to_the_way_it_went_through_two_changes_of_the_code() {
    let host = TestHost::new();
    let old = host.start("evolving", ());
    old.raise_event("begin", ());
    let there_later = host.start("evolving", ());
    let suspended = host.start("evolving", ());

    VERSION.store(1, Ordering::Relaxed);
    host.restart();
    let new = host.start("evolving", ());
    new.raise_event("begin", ());
    there_later.raise_event("begin", ());
    suspended.suspend("wait");
    suspended.raise_event("begin", ());
    suspended.resume("go on");
    // Replayed, and still of the same mind.
    for instance in [&old, &there_later, &suspended, &new] {
        instance.raise_event("other", ());
    }
    old.raise_event("end", ());
    assert_eq!(old.output::<Value>(), Value::Null);
    assert!(events(&old, 10).is_empty());

    VERSION.store(2, Ordering::Relaxed);
    host.restart();
    for instance in [there_later, suspended, new] {
        instance.raise_event("other", ());
        instance.raise_event("end", ());
        assert_eq!(instance.output::<Value>(), "Hello again!");
        let markers = events(&instance, 10);
        assert_eq!(markers.len(), 1, "{markers:?}");
        assert!(markers[0]["FireAt"].as_str().unwrap() < "2000", "{markers:?}");
        // On the protobuf wire, the marker is a timer like any other, which fires at once.
        if host.wire() == Wire::Json {
            assert!(events(&instance, 11).is_empty(), "nothing was armed");
        }
    }
}
