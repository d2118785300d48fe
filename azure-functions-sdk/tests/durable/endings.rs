//! What keeps an instance from its end, and what becomes of the sub-orchestrations below one that is terminated.

use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    scripted::{Scripted, Stop, on_both_wires},
    work::Wire,
    world::World,
};

fn world(wire: Wire) -> World {
    World::new(
        Scripted::on(wire)
            .orchestration("waiter", |context| context.event("go"))
            .orchestration("middle", |context| context.child("waiter", Some("leaf"), Value::Null))
            .orchestration("top", |context| context.child("middle", Some("middle"), Value::Null))
            .orchestration("hasty", |context| {
                // Nothing waits for it.
                let _open = context.child("waiter", Some("leaf"), Value::Null);
                Err(Stop::Failed("too much haste".into()))
            })
            .orchestration("forgetful", |context| {
                let _open = context.timer(3_600);
                Ok("done".into())
            }),
    )
}

/// On the protobuf wire an instance ends when its worker says so, whatever it has started.
#[tokio::test]
async fn a_failed_instance_that_stays_running_names_what_it_waits_for_also_after_a_restart() {
    let mut world = world(Wire::Json);
    world.start("hasty", "h", "").await;
    let ending = json!({
        "runtimeStatus": "Failed",
        "awaits": ["sub-orchestration 'waiter' (instance 'leaf')"],
        "count": 1,
    });
    let shown = world.until("h", |status| !status["ending"].is_null()).await;
    assert_eq!(
        (&shown["runtimeStatus"], &shown["ending"]),
        (&json!("Running"), &ending)
    );
    assert_eq!(
        world.get("/instances?instanceIdPrefix=h").await.json()[0]["ending"],
        ending
    );
    let client = world.client(&world.binding());
    let read = client.query_status("h", false, false, false).await.unwrap().unwrap();
    let read = read.ending.unwrap();
    assert_eq!((read.runtime_status.as_str(), read.count), ("Failed", 1));
    assert!(read.awaits[0].contains("'leaf'"), "{read:?}");
    assert!(
        world.get("/instances/leaf").await.json().get("ending").is_none(),
        "its code has not ended"
    );

    world.crash();
    world.open();
    assert_eq!(world.get("/instances/h").await.json()["ending"], ending);
    world.until_status("leaf", "Running").await;
    world.raise("leaf", "go", "1").await;
    let ended = world.until_status("h", "Failed").await;
    assert!(ended.get("ending").is_none(), "{ended:#}");
}

/// On the protobuf wire an instance ends when its worker says so, whatever it has started.
#[tokio::test]
async fn a_decided_instance_that_waits_for_a_timer_says_so() {
    let world = world(Wire::Json);
    world.start("forgetful", "f", "").await;
    let shown = world.until("f", |status| !status["ending"].is_null()).await;
    assert_eq!(shown["ending"]["runtimeStatus"], "Completed");
    let awaited = shown["ending"]["awaits"][0].as_str().unwrap();
    assert!(awaited.starts_with("timer until 2"), "{awaited}");
}

async fn a_recursive_termination_ends_the_sub_orchestrations_below_too(wire: Wire) {
    let world = world(wire);
    world.start("top", "top", "").await;
    world.until_status("leaf", "Running").await;
    world.until_status("middle", "Running").await;
    let client = world.client(&world.binding());
    let below = client.terminate_recursive("top", "enough").await.unwrap();
    assert_eq!(below.running_sub_orchestrations, 2);
    for id in ["top", "middle", "leaf"] {
        assert_eq!(world.until_status(id, "Terminated").await["output"], "enough", "{id}");
    }
    let again = world.post("/instances/top/terminate?recursive=true", "").await;
    assert_eq!(again.status, StatusCode::GONE);
}

async fn a_plain_termination_says_how_many_go_on_and_a_later_recursive_one_ends_those(wire: Wire) {
    let world = world(wire);
    world.start("top", "top", "").await;
    world.until_status("leaf", "Running").await;
    world.until_status("middle", "Running").await;
    let answer = world.post("/instances/top/terminate?reason=enough", "").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.json(), json!({"runningSubOrchestrations": 2}));
    world.until_status("top", "Terminated").await;
    for id in ["middle", "leaf"] {
        assert_eq!(
            world.get(&format!("/instances/{id}")).await.json()["runtimeStatus"],
            "Running"
        );
    }
    let answer = world
        .post("/instances/top/terminate?recursive=true&reason=all", "")
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    for id in ["middle", "leaf"] {
        assert_eq!(world.until_status(id, "Terminated").await["output"], "all", "{id}");
    }
    assert_eq!(world.get("/instances/top").await.json()["output"], "enough");
    let alone = world.post("/orchestrators/waiter/alone", "").await;
    assert_eq!(alone.status, StatusCode::ACCEPTED);
    world.until_status("alone", "Running").await;
    let answer = world.post("/instances/alone/terminate", "").await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::ACCEPTED, ""));
}

on_both_wires!(
    a_recursive_termination_ends_the_sub_orchestrations_below_too,
    a_plain_termination_says_how_many_go_on_and_a_later_recursive_one_ends_those,
);
