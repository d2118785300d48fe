//! Instances managed by the URLs that the hub gives away, and by clients made of its binding.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use azure_functions_durable::OrchestrationClientError;
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    scripted::{Scripted, ok, on_both_wires},
    work::{Wire, WorkResult},
    world::{Answer, BASE, World},
};

fn worker(wire: Wire) -> Scripted {
    Scripted::on(wire)
        .orchestration("waiter", |context| context.event("go"))
        .orchestration("quick", |context| Ok(context.input.clone()))
}

/// A binding as the oldest hosts give it: nothing but URLs.
fn urls_only(binding: &Value) -> Value {
    json!({
        "taskHubName": binding["taskHubName"],
        "creationUrls": binding["creationUrls"],
        "managementUrls": binding["managementUrls"],
    })
}

/// Sends a request to one of the URLs in `urls`, with nothing but what stands there and what replaces its place.
async fn follow(world: &World, method: &str, urls: &Value, name: &str, replacement: &str) -> Answer {
    let url = urls[name].as_str().unwrap_or_else(|| panic!("no {name} in {urls}"));
    let path = url.strip_prefix(BASE).unwrap();
    let path = path.replace("{text}", replacement).replace("{eventName}", replacement);
    let body = if name == "sendEventPostUri" { "7" } else { "" };
    world.call(method, &path, body).await
}

async fn row_085_an_instance_is_there_as_soon_as_its_start_is_answered(wire: Wire) {
    let mut world = World::new(worker(wire));
    for number in 0..50 {
        let id = format!("w{number}");
        world.start("waiter", &id, "").await;
        let found = world.get(&format!("/instances/{id}")).await;
        assert_eq!(found.status, StatusCode::ACCEPTED);
        let status = found.json()["runtimeStatus"].clone();
        assert!(status == "Pending" || status == "Running", "{status}");
    }
    world.crash();
    world.open_without_functions();
    world.start("quick", "q", "").await;
    let found = world.get("/instances/q").await;
    assert_eq!(
        (found.status, &found.json()["runtimeStatus"]),
        (StatusCode::ACCEPTED, &json!("Pending")),
        "nobody has run it yet"
    );
}

/// The local host serves one hub: the other hub is that of another host, reached by a client whose own hub it is not.
async fn row_090_an_event_reaches_a_hub_by_its_name(wire: Wire) {
    let world = World::new(worker(wire));
    let mut binding = world.binding();
    binding["taskHubName"] = "ElsewhereHub".into();
    let client = world.client(&binding);
    world.start("waiter", "w", "").await;
    let own = client.raise_event("w", "go", 1).await.unwrap_err();
    assert!(
        matches!(&own, OrchestrationClientError::NotFound { task_hub, .. } if task_hub == "ElsewhereHub"),
        "{own:?}"
    );
    client.raise_event_for_hub("TestHub", "w", "go", 2).await.unwrap();
    assert_eq!(world.output("w").await, 2);
    let ended = client.raise_event_for_hub("TestHub", "w", "go", 3).await.unwrap_err();
    assert_eq!(ended.status_code(), Some(410), "{ended:?}");
}

async fn row_095_the_template_for_starts_works_with_and_without_an_id(wire: Wire) {
    let world = World::new(worker(wire));
    let binding = urls_only(&world.binding());
    let template = &binding["creationUrls"]["createNewInstancePostUri"];
    assert_eq!(
        *template,
        format!("{BASE}/orchestrators/{{functionName}}[/{{instanceId}}]?code=k")
    );
    let client = world.client(&binding);
    let id = client.start_new("quick", None, 1).await.unwrap();
    assert_eq!((id.len(), world.output(&id).await), (32, json!(1)));
    let strange = "50% of + één [x]";
    assert_eq!(client.start_new("quick", Some(strange), 2).await.unwrap(), strange);
    assert_eq!(world.output("50%25%20of%20%2B%20%C3%A9%C3%A9n%20%5Bx%5D").await, 2);
}

/// The answer to a start has no URL for a rewind, as in the reference: that one stands in the client binding.
async fn row_097_every_management_url_works_by_itself(wire: Wire) {
    let fixed = Arc::new(AtomicBool::new(false));
    let flaky = {
        let fixed = fixed.clone();
        move |_| match fixed.load(Ordering::SeqCst) {
            true => ok("fine"),
            false => Ok(WorkResult::Failed("flaky".into())),
        }
    };
    let worker = worker(wire)
        .activity("flaky", flaky)
        .orchestration("flow", |context| context.activity("flaky", Value::Null));
    let world = World::new(worker);

    let urls = world.post("/orchestrators/waiter/w", "").await.json();
    let accepted = StatusCode::ACCEPTED;
    assert_eq!(
        follow(&world, "GET", &urls, "statusQueryGetUri", "").await.status,
        accepted
    );
    world.until_status("w", "Running").await;
    let suspended = follow(&world, "POST", &urls, "suspendPostUri", "a%20break").await;
    assert_eq!(suspended.status, accepted);
    assert_eq!(world.until_status("w", "Suspended").await["output"], "a break");
    assert_eq!(
        follow(&world, "POST", &urls, "resumePostUri", "back").await.status,
        accepted
    );
    world.until_status("w", "Running").await;
    assert_eq!(
        follow(&world, "POST", &urls, "sendEventPostUri", "go").await.status,
        accepted
    );
    assert_eq!(world.output("w").await, 7);
    let status = follow(&world, "GET", &urls, "statusQueryGetUri", "").await;
    assert_eq!((status.status, &status.json()["output"]), (StatusCode::OK, &json!(7)));

    let again = follow(&world, "POST", &urls, "restartPostUri", "").await;
    assert_eq!(again.status, accepted);
    let again = again.json();
    let id = again["id"].as_str().unwrap();
    world.until_status(id, "Running").await;
    assert_eq!(
        follow(&world, "POST", &again, "terminatePostUri", "50%25").await.status,
        accepted
    );
    assert_eq!(world.until_status(id, "Terminated").await["output"], "50%");
    let purged = follow(&world, "DELETE", &again, "purgeHistoryDeleteUri", "").await;
    assert_eq!(purged.json(), json!({"instancesDeleted": 1}));
    assert_eq!(
        follow(&world, "GET", &again, "statusQueryGetUri", "").await.status,
        StatusCode::NOT_FOUND
    );

    world.start("flow", "f", "").await;
    world.until_status("f", "Failed").await;
    fixed.store(true, Ordering::SeqCst);
    let of_binding = world.binding()["managementUrls"].to_string().replace("INSTANCEID", "f");
    let of_binding: Value = serde_json::from_str(&of_binding).unwrap();
    assert_eq!(
        follow(&world, "POST", &of_binding, "rewindPostUri", "fixed")
            .await
            .status,
        accepted
    );
    assert_eq!(world.output("f").await, "fine");
}

async fn row_098_a_client_with_the_urls_of_one_instance_manages_another(wire: Wire) {
    let world = World::new(worker(wire));
    world.start("waiter", "alice", "").await;
    world.start("waiter", "bob", "").await;
    let urls = urls_only(&world.binding()).to_string().replace("INSTANCEID", "alice");
    let client = world.client(&serde_json::from_str(&urls).unwrap());
    client.raise_event("bob", "go", 1).await.unwrap();
    assert_eq!(world.output("bob").await, 1);
    let bob = client.query_status("bob", false, false, true).await.unwrap().unwrap();
    assert_eq!((bob.instance_id.as_str(), bob.output), ("bob", json!(1)));
    assert_eq!(client.purge_history("bob").await.unwrap().instances_deleted, 1);
    assert_eq!(world.get("/instances/alice").await.json()["runtimeStatus"], "Running");
}

async fn row_099_the_connection_of_a_request_stands_in_the_urls_of_its_answer(wire: Wire) {
    let world = World::new(worker(wire));
    let urls = world.post("/orchestrators/quick?connection=Second", "").await.json();
    let status = urls["statusQueryGetUri"].as_str().unwrap();
    assert!(
        status.ends_with("?taskHub=TestHub&connection=Second&code=k"),
        "{status}"
    );
}

on_both_wires!(
    row_085_an_instance_is_there_as_soon_as_its_start_is_answered,
    row_090_an_event_reaches_a_hub_by_its_name,
    row_095_the_template_for_starts_works_with_and_without_an_id,
    row_097_every_management_url_works_by_itself,
    row_098_a_client_with_the_urls_of_one_instance_manages_another,
    row_099_the_connection_of_a_request_stands_in_the_urls_of_its_answer,
);
