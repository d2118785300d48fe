//! A disk that is full: what is refused has no effect, and what may still have one is not called refused.

use super::*;

/// Orchestrations that wait for an event, and a hub on a disk that can be full.
fn world(wire: Wire, folder: &tempfile::TempDir, clock: Option<Arc<Manual>>) -> (Arc<Failing>, TaskHub) {
    let worker = worker(wire)
        .orchestration("waiter", |context| context.event("go"))
        .orchestration("fails", |_| Err(scripted::Stop::Failed("no".into())))
        .counter();
    let worker = Arc::new(worker);
    let mut options = TaskHubOptions::new(HubName::default(), folder.path());
    if let Some(clock) = clock {
        options = options.clock(clock);
    }
    let store = Failing::open(&options, usize::MAX);
    let hub = TaskHub::open_with(options, worker.clone(), store.clone(), tokio()).unwrap();
    hub.set_functions(worker.functions());
    (store, hub)
}

async fn until_status(hub: &TaskHub, id: &str, status: &str) {
    eventually(&format!("{id} is {status}"), async || {
        call(hub, "GET", &format!("/instances/{id}"), "").await.1["runtimeStatus"] == status
    })
    .await;
}

async fn what_is_refused_on_a_full_disk_has_no_effect_and_what_was_queued_says_so(wire: Wire) {
    let folder = tempfile::tempdir().unwrap();
    let (store, hub) = world(wire, &folder, Some(Manual::new()));
    for (function, id, status) in [
        ("waiter", "i", "Running"),
        ("fails", "f", "Failed"),
        ("waiter", "q", "Running"),
    ] {
        call(&hub, "POST", &format!("/orchestrators/{function}/{id}"), "").await;
        until_status(&hub, id, status).await;
    }

    store.full.store(true, Ordering::SeqCst);
    // The first ones find it out. They are queued by then.
    let (code, body) = call(&hub, "POST", "/orchestrators/waiter/first", "").await;
    let text = body["Message"].as_str().unwrap();
    assert_eq!(code, StatusCode::GATEWAY_TIMEOUT, "{text}");
    assert!(
        text.starts_with("Start of instance 'first': It is not known whether this will take effect")
            && text.contains("disk is full"),
        "{text}"
    );
    for (method, path) in [
        ("POST", "/orchestrators/waiter/refused"),
        ("POST", "/orchestrators/waiter"),
        ("POST", "/instances/i/raiseEvent/go"),
        ("POST", "/instances/i/suspend"),
        ("POST", "/instances/i/terminate"),
        ("POST", "/instances/i/terminate?recursive=true"),
        ("POST", "/instances/f/rewind"),
        ("POST", "/instances/f/restart"),
        ("DELETE", "/instances/f"),
        ("DELETE", "/instances?createdTimeFrom=2000-01-01T00:00:00Z"),
        ("POST", "/entities/counter/refused?op=add"),
        ("DELETE", "/entities/counter/refused"),
    ] {
        let (code, body) = call(&hub, method, path, "5").await;
        assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE, "{method} {path}: {body}");
        let text = body["Message"].as_str().unwrap();
        assert!(
            text.contains("disk is full") && text.contains("Try again later"),
            "{text}"
        );
    }
    let (code, _) = call(&hub, "GET", "/instances/i", "").await;
    assert_eq!(code, StatusCode::ACCEPTED, "reading still works");

    store.full.store(false, Ordering::SeqCst);
    until_status(&hub, "first", "Running").await;
    // Whatever was queued is before this.
    let (code, _) = call(&hub, "POST", "/instances/q/raiseEvent/go", "5").await;
    assert_eq!(code, StatusCode::ACCEPTED);
    until_status(&hub, "q", "Completed").await;
    let (_, list) = call(&hub, "GET", "/instances", "").await;
    let mut shown: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{} {}", row["instanceId"].as_str().unwrap(), row["runtimeStatus"]))
        .collect();
    shown.sort();
    assert_eq!(
        shown,
        ["f \"Failed\"", "first \"Running\"", "i \"Running\"", "q \"Completed\""]
    );
    let (code, _) = call(&hub, "GET", "/entities/counter/refused", "").await;
    assert_eq!(code, StatusCode::NOT_FOUND);
}

async fn an_event_that_was_queued_when_the_disk_failed_is_not_called_refused(wire: Wire) {
    let folder = tempfile::tempdir().unwrap();
    let (store, hub) = world(wire, &folder, Some(Manual::new()));
    call(&hub, "POST", "/orchestrators/waiter/i", "").await;
    until_status(&hub, "i", "Running").await;
    store.full.store(true, Ordering::SeqCst);
    let (code, body) = call(&hub, "POST", "/instances/i/raiseEvent/go", "5").await;
    assert_eq!(code, StatusCode::GATEWAY_TIMEOUT, "{body}");
    assert_eq!(
        call(&hub, "GET", "/instances/i", "").await.1["runtimeStatus"],
        "Running",
        "it has not been written"
    );
    store.full.store(false, Ordering::SeqCst);
    until_status(&hub, "i", "Completed").await;
}

async fn a_failure_that_passes_at_once_is_not_seen_by_the_caller(wire: Wire) {
    let folder = tempfile::tempdir().unwrap();
    let (store, hub) = world(wire, &folder, None);
    store.full.store(true, Ordering::SeqCst);
    let mut health = hub.inner.writer.health();
    let passes = async {
        health.wait_for(Option::is_some).await.unwrap();
        store.full.store(false, Ordering::SeqCst);
    };
    let start = call(&hub, "POST", "/orchestrators/waiter/i", "");
    let ((code, body), ()) = tokio::join!(start, passes);
    assert_eq!(code, StatusCode::ACCEPTED, "{body}");
}

/// Several commits, and the disk fills up between them.
#[test]
fn a_request_of_which_a_part_is_done_is_not_called_refused() {
    let refused = || RequestError::Unavailable("full".into());
    assert!(matches!(refused().after(0), RequestError::Unavailable(_)));
    let text = match refused().after(256) {
        RequestError::Unconfirmed(text) => text,
        other => panic!("{other}"),
    };
    assert_eq!(text, "Only a part of this has been done (256): full");
    assert!(matches!(RequestError::NotFound.after(3), RequestError::NotFound));
}

async fn a_request_whose_connection_is_cut_gives_the_ids_back_that_it_has_reserved(wire: Wire) {
    use futures_util::FutureExt;

    let folder = tempfile::tempdir().unwrap();
    let (store, hub) = world(wire, &folder, None);
    call(&hub, "POST", "/orchestrators/fails/f", "").await;
    until_status(&hub, "f", "Failed").await;
    for path in ["/orchestrators/waiter/i", "/instances/f/rewind"] {
        // Polled once, to where it looks the id up, and dropped.
        let held = store.finds.lock().unwrap();
        assert!(call(&hub, "POST", path, "").now_or_never().is_none(), "{path}");
        drop(held);
        let (code, body) = call(&hub, "POST", path, "").await;
        assert_eq!(code, StatusCode::ACCEPTED, "{path}: {body}");
    }
}

on_both_wires!(
    what_is_refused_on_a_full_disk_has_no_effect_and_what_was_queued_says_so,
    an_event_that_was_queued_when_the_disk_failed_is_not_called_refused,
    a_failure_that_passes_at_once_is_not_seen_by_the_caller,
    a_request_whose_connection_is_cut_gives_the_ids_back_that_it_has_reserved,
);
