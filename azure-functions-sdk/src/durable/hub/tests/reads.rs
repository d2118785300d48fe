//! How often the store is read, where that must not grow faster than the work.

use super::*;
use crate::durable::hub::{wait::Missing, waits::Until};

/// A tree of instances, each with two below it.
async fn the_search_of_a_recursive_termination_reads_every_instance_once(wire: Wire) {
    let worker = Scripted::on(wire).orchestration("node", |context| {
        let depth = context.input.as_i64().unwrap_or_default();
        if depth == 1 {
            return context.event("go");
        }
        let ids = [0, 1].map(|child| format!("{}-{child}", context.instance_id));
        context.children("node", &ids, depth - 1)
    });
    let worker = Arc::new(worker);
    let folder = tempfile::tempdir().unwrap();
    let options = TaskHubOptions::new(HubName::default(), folder.path());
    let store = Failing::open(&options, usize::MAX);
    let hub = TaskHub::open_with(options, worker.clone(), store.clone(), tokio()).unwrap();
    hub.set_functions(worker.functions());
    for depth in 2..=7 {
        let (id, nodes) = (format!("d{depth}"), 2_usize.pow(depth) - 1);
        call(&hub, "POST", &format!("/orchestrators/node/{id}"), &depth.to_string()).await;
        eventually("all nodes run", async || {
            let running = format!("/instances?instanceIdPrefix={id}&runtimeStatus=Running&top=1000");
            call(&hub, "GET", &running, "").await.1.as_array().unwrap().len() == nodes
        })
        .await;
        // The first leaves them running, the second finds them below what has ended.
        for (path, at_most) in [
            (format!("/instances/{id}/terminate"), 2 * nodes),
            (format!("/instances/{id}/terminate?recursive=true"), 3 * nodes),
        ] {
            let before = store.reads.load(Ordering::SeqCst);
            let (code, body) = call(&hub, "POST", &path, "").await;
            let reads = store.reads.load(Ordering::SeqCst) - before;
            assert_eq!(code, StatusCode::ACCEPTED, "{body}");
            assert_eq!(body["runningSubOrchestrations"], nodes - 1);
            assert!(reads <= at_most, "{reads} reads for {nodes} instances: {path}");
            eventually("it is terminated", async || {
                call(&hub, "GET", &format!("/instances/{id}"), "").await.1["runtimeStatus"] == "Terminated"
            })
            .await;
        }
        eventually("all nodes have ended", async || {
            let ended = format!("/instances?instanceIdPrefix={id}&runtimeStatus=Terminated&top=1000");
            call(&hub, "GET", &ended, "").await.1.as_array().unwrap().len() == nodes
        })
        .await;
    }
}

/// With a clock whose pauses are over at once: what looks every now and then would look all the time.
async fn a_thousand_waits_for_instances_that_are_not_there_look_once_each_and_leave_nothing_when_they_are_given_up(
    wire: Wire,
) {
    let worker = Arc::new(Scripted::on(wire).orchestration("waiter", |context| context.event("go")));
    let folder = tempfile::tempdir().unwrap();
    let options = TaskHubOptions::new(HubName::default(), folder.path()).clock(Manual::new());
    let store = Failing::open(&options, usize::MAX);
    let hub = TaskHub::open_with(options, worker.clone(), store.clone(), tokio()).unwrap();
    hub.set_functions(worker.functions());
    let mut waits = Vec::new();
    for wait in 0..1000 {
        let inner = Arc::clone(&hub.inner);
        let until = if wait % 2 == 0 { Until::Begun } else { Until::Ended };
        waits.push(::tokio::spawn(async move {
            inner
                .wait_for_ever(&format!("i{}", wait / 2), until, Missing::Waits)
                .await
                .unwrap()
                .state
                .status
        }));
    }
    eventually("all have looked", async || store.reads.load(Ordering::SeqCst) >= 1000).await;
    let ended = waits.swap_remove(1);
    let begun = waits.swap_remove(0);
    call(&hub, "POST", "/orchestrators/waiter/i0", "").await;
    assert_eq!(begun.await.unwrap(), RuntimeStatus::Running);
    assert!(!ended.is_finished());
    call(&hub, "POST", "/instances/i0/raiseEvent/go", "5").await;
    assert_eq!(ended.await.unwrap(), RuntimeStatus::Completed);
    let reads = store.reads.load(Ordering::SeqCst);
    assert!(reads < 1020, "{reads} reads");

    assert!(!hub.inner.state().waits.is_empty());
    for wait in waits {
        wait.abort();
        assert!(wait.await.unwrap_err().is_cancelled());
    }
    assert!(hub.inner.state().waits.is_empty());
}

async fn waits_end_when_the_hub_closes(wire: Wire) {
    let worker = Arc::new(Scripted::on(wire).orchestration("waiter", |context| context.event("go")));
    let folder = tempfile::tempdir().unwrap();
    let options = TaskHubOptions::new(HubName::default(), folder.path());
    let hub = TaskHub::open(options, worker.clone()).unwrap();
    hub.set_functions(worker.functions());
    call(&hub, "POST", "/orchestrators/waiter/there", "").await;
    let mut waits = Vec::new();
    for id in ["there", "not there"] {
        let inner = Arc::clone(&hub.inner);
        waits.push(::tokio::spawn(async move {
            inner.wait_for_ever(id, Until::Ended, Missing::Waits).await.unwrap_err()
        }));
    }
    let inner = Arc::clone(&hub.inner);
    waits.push(::tokio::spawn(async move {
        inner.wait_for_end("there", 2 * DEADLINE).await.unwrap_err()
    }));
    ::tokio::task::yield_now().await;
    hub.drain(Duration::ZERO).await;
    for wait in waits {
        let ended = ::tokio::time::timeout(DEADLINE, wait)
            .await
            .expect("it is woken")
            .unwrap();
        assert!(matches!(ended, RequestError::Unavailable(_)), "{ended:?}");
    }
}

async fn waits_of_sdks_end_when_the_instance_is_not_there_or_no_longer(wire: Wire) {
    let worker = Arc::new(Scripted::on(wire).orchestration("waiter", |context| context.event("go")));
    let folder = tempfile::tempdir().unwrap();
    let options = TaskHubOptions::new(HubName::default(), folder.path());
    let hub = TaskHub::open(options, worker.clone()).unwrap();
    hub.set_functions(worker.functions());
    call(&hub, "POST", "/orchestrators/waiter/there", "").await;
    let wait = async |id: &'static str| {
        let wait = hub.inner.wait_for_ever(id, Until::Ended, Missing::Ends);
        let ended = ::tokio::time::timeout(DEADLINE, wait).await;
        ended.expect("it ends").map(|row| row.state.status)
    };
    assert!(matches!(wait("not there").await, Err(RequestError::NotFound)));
    let (status, ()) = ::tokio::join!(wait("there"), async {
        call(&hub, "POST", "/instances/there/raiseEvent/go", "5").await;
    });
    assert_eq!(status.unwrap(), RuntimeStatus::Completed);
    call(&hub, "DELETE", "/instances/there", "").await;
    assert!(matches!(wait("there").await, Err(RequestError::NotFound)));
}

on_both_wires!(
    waits_of_sdks_end_when_the_instance_is_not_there_or_no_longer,
    waits_end_when_the_hub_closes,
    the_search_of_a_recursive_termination_reads_every_instance_once,
    a_thousand_waits_for_instances_that_are_not_there_look_once_each_and_leave_nothing_when_they_are_given_up,
);
