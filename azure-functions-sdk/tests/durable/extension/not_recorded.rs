//! Requests that the recordings do not have, and on which the documentation of the extension says what it does: the second table
//! of `differences.md`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    differences::{Documented, between},
    recording::{Masked, masked},
};
use crate::{
    scripted::{Scripted, on_both_wires},
    work::Wire,
    world::World,
};

/// An answer of the extension.
fn extension(status: u16, body: Option<Value>) -> Masked {
    Masked {
        status,
        headers: BTreeMap::new(),
        body,
    }
}

async fn what_was_not_recorded_is_as_the_second_table_tells(wire: Wire) {
    let mut answers = Vec::new();
    let world = World::with(
        Scripted::on(wire)
            .orchestration("hello", |_| Ok("hello".into()))
            .orchestration("waiter", |context| context.event("go"))
            .orchestration("top", |context| {
                let ids = ["leaf", "other"].map(|name| format!("{}-{name}", context.instance_id));
                context.children("waiter", &ids, Value::Null)
            }),
        |options| options.default_version("1.0"),
    );

    let started = world.post("/orchestrators/hello/v?version=2.0", "").await;
    assert_eq!(started.status, 202);
    let shown = match wire {
        Wire::Json => world.until_status("v", "Completed").await,
        _ => world.until_status("v", "Pending").await,
    };
    let status = |status: &Value| Some(json!({ "runtimeStatus": status }));
    answers.push((
        "start: a version above the default",
        extension(200, status(&"Pending".into())),
        extension(200, status(&shown["runtimeStatus"])),
    ));

    for (step, id, damaged) in [
        ("terminate: sub-orchestrations run below", "t", false),
        ("terminate: what runs below cannot be read", "u", true),
        ("terminate: nothing runs below", "t-leaf", false),
    ] {
        if !id.ends_with("leaf") {
            world.start("top", id, "").await;
            for below in ["leaf", "other"] {
                world.until_status(&format!("{id}-{below}"), "Running").await;
            }
            world.until_status(id, "Running").await;
        }
        if damaged {
            let other = rusqlite::Connection::open(world.database()).unwrap();
            let damage = "UPDATE history SET events = '?' WHERE instance = (SELECT key FROM instances WHERE id = ?1)";
            assert_eq!(other.execute(damage, [format!("{id}-leaf")]).unwrap(), 1);
        }
        let answer = world.post(&format!("/instances/{id}/terminate"), "").await;
        answers.push((step, extension(202, None), masked(&answer)));
        world.until_status(id, "Terminated").await;
    }

    let mut documented = Documented::not_recorded();
    for (step, extension, here) in answers {
        for difference in between(&extension, &here) {
            assert!(documented.explains(step, &difference), "{step}: {difference:?}");
        }
    }
    let mut unneeded = documented.unneeded();
    if wire == Wire::Protobuf {
        // There is no such difference on this wire.
        unneeded.retain(|row| !row.starts_with("start: a version above the default"));
    }
    assert_eq!(unneeded, [""; 0]);
}

on_both_wires!(what_was_not_recorded_is_as_the_second_table_tells);
