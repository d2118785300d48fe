//! One task hub whose app goes from one wire to the other, and back.

use serde_json::json;
use tempfile::TempDir;

use crate::{
    APP, greetings,
    host::{DURABLE, Host, until},
};

#[test]
fn instances_live_through_changes_of_the_wire_and_back() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let on = |wire: &str| Host::start(APP, &data, &["--wire", wire]);
    let start = |host: &Host, name: &str, id: &str, input: &str| {
        let path = format!("{DURABLE}/orchestrators/{name}/{id}");
        assert_eq!(host.send("POST", &path, input).0, 202, "{id}");
    };
    let raise = |host: &Host, id: &str| {
        let path = format!("{DURABLE}/instances/{id}/raiseEvent/approval");
        assert_eq!(host.send("POST", &path, "true").0, 202, "{id}");
    };
    for (first, second) in [("json", "protobuf"), ("protobuf", "json")] {
        let id = |what: &str| format!("{what}-{first}");
        let mut host = on(first);
        for what in ["there", "back"] {
            start(&host, "event_with_timeout", &id(what), "");
            until("it waits", || {
                host.status(&id(what))["customStatus"] == "waiting for approval"
            });
        }
        // Whatever it has done when the host is killed, and then from the next execution on.
        start(&host, "looping", &id("loops"), r#"{"left":40}"#);
        start(&host, "timer", &id("sleeps"), "300");
        host.kill();

        let mut host = on(second);
        raise(&host, &id("there"));
        assert_eq!(host.completed(&id("there")), "approved");
        assert_eq!(host.completed(&id("sleeps")), "Slept for 300 ms.");
        assert_eq!(host.completed(&id("loops")), json!(40 * 41 * 81 / 6));
        start(&host, "sequence", &id("new"), "");
        assert_eq!(host.completed(&id("new")), greetings());
        host.kill();

        let mut host = on(first);
        raise(&host, &id("back"));
        assert_eq!(host.completed(&id("back")), "approved");
        host.kill();
    }
}
