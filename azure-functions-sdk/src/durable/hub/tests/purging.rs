//! What is asked of an instance between the purge of it and the moment at which that is on disk.

use futures_util::FutureExt;

use super::*;
use crate::durable::hub::requests::Start;

/// A hub in which the instance `f` has failed, and the key of that.
async fn failed(wire: Wire, folder: &tempfile::TempDir) -> (Arc<Failing>, TaskHub, InstanceKey) {
    let (store, hub) = world(wire, folder);
    call(&hub, "POST", "/orchestrators/fails/f", "").await;
    eventually("it fails", async || status(&hub, "f").await == "Failed").await;
    // It is not in memory any more.
    eventually("it is forgotten", async || hub.inner.state().instances.is_empty()).await;
    let key = store.disk.find("f").unwrap().unwrap().key;
    (store, hub, key)
}

fn world(wire: Wire, folder: &tempfile::TempDir) -> (Arc<Failing>, TaskHub) {
    let worker = worker(wire).orchestration("fails", |_| Err(scripted::Stop::Failed("no".into())));
    let worker = Arc::new(worker);
    let options = TaskHubOptions::new(HubName::default(), folder.path());
    let store = Failing::open(&options, usize::MAX);
    let hub = TaskHub::open_with(options, worker.clone(), store.clone(), tokio()).unwrap();
    hub.set_functions(worker.functions());
    (store, hub)
}

async fn status(hub: &TaskHub, id: &str) -> Value {
    call(hub, "GET", &format!("/instances/{id}"), "").await.1["runtimeStatus"].clone()
}

/// Asks for something, and waits until it is answered or has changed what is in memory.
async fn answered_or_begun(
    hub: &TaskHub,
    request: impl Future<Output = Result<(), RequestError>> + Send + 'static,
) -> ::tokio::task::JoinHandle<Result<(), RequestError>> {
    let request = ::tokio::spawn(request);
    eventually("it is answered, or queued", async || {
        request.is_finished() || !hub.inner.state().instances.is_empty()
    })
    .await;
    request
}

fn rewind(hub: &TaskHub) -> impl Future<Output = Result<(), RequestError>> + Send + 'static {
    let inner = Arc::clone(&hub.inner);
    async move { inner.rewind("f", "again").await }
}

fn start(hub: &TaskHub, function: &'static str) -> impl Future<Output = Result<(), RequestError>> + Send + 'static {
    let inner = Arc::clone(&hub.inner);
    async move {
        let start = Start {
            instance_id: Some("f".to_owned()),
            ..Start::new(function)
        };
        inner.start(start).await.map(drop)
    }
}

async fn an_instance_whose_purge_is_queued_is_not_rewound(wire: Wire) {
    let folder = tempfile::tempdir().unwrap();
    let (store, hub, key) = failed(wire, &folder).await;
    let held = store.writes.lock().await;
    let rows = [("f", key)];
    let mut purge = Box::pin(hub.inner.purge(&rows));
    assert!((&mut purge).now_or_never().is_none(), "it waits for the writer");
    let rewind = answered_or_begun(&hub, rewind(&hub)).await;
    drop(held);
    assert_eq!(purge.await.unwrap(), 1);
    let rewound = rewind.await.unwrap();
    assert!(matches!(rewound, Err(RequestError::NotFound)), "{rewound:?}");
    assert!(hub.inner.state().instances.is_empty() && hub.inner.state().leaving.is_empty());
    assert_eq!(call(&hub, "GET", "/instances/f", "").await.0, StatusCode::NOT_FOUND);
}

/// Its connection was cut: what it has queued is written all the same.
async fn an_instance_is_not_rewound_whose_purge_was_given_up_when_it_was_queued(wire: Wire) {
    let folder = tempfile::tempdir().unwrap();
    let (store, hub, key) = failed(wire, &folder).await;
    let held = store.writes.lock().await;
    assert!(hub.inner.purge(&[("f", key)]).now_or_never().is_none());
    let rewind = answered_or_begun(&hub, rewind(&hub)).await;
    drop(held);
    let rewound = rewind.await.unwrap();
    assert!(matches!(rewound, Err(RequestError::NotFound)), "{rewound:?}");
    eventually("it is told", async || hub.inner.state().leaving.is_empty()).await;
}

async fn an_instance_is_started_while_the_purge_of_the_one_before_is_queued(wire: Wire) {
    let folder = tempfile::tempdir().unwrap();
    let (store, hub, key) = failed(wire, &folder).await;
    let held = store.writes.lock().await;
    let rows = [("f", key)];
    let mut purge = Box::pin(hub.inner.purge(&rows));
    assert!((&mut purge).now_or_never().is_none(), "it waits for the writer");
    let start = answered_or_begun(&hub, start(&hub, "everything")).await;
    drop(held);
    assert_eq!(purge.await.unwrap(), 1);
    start.await.unwrap().unwrap();
    eventually("it runs", async || status(&hub, "f").await == "Running").await;
    drop(hub);
    drop(store);
    let (_store, hub) = world(wire, &folder);
    assert_eq!(status(&hub, "f").await, "Running");
}

/// The new one has failed, too, and nothing of that is on disk.
async fn an_instance_that_a_queued_start_replaces_is_not_rewound(wire: Wire) {
    let folder = tempfile::tempdir().unwrap();
    let (store, hub, old) = failed(wire, &folder).await;
    let held = store.writes.lock().await;
    let start = answered_or_begun(&hub, start(&hub, "fails")).await;
    eventually("the new one has failed in memory", async || {
        hub.inner.state().remembered("f").is_some_and(|(_, live)| live.ended())
    })
    .await;
    let rewind = ::tokio::spawn(rewind(&hub));
    eventually("it is answered, or queued", async || {
        rewind.is_finished() || hub.inner.state().instances.contains_key(&old)
    })
    .await;
    drop(held);
    start.await.unwrap().unwrap();
    let rewound = rewind.await.unwrap();
    assert!(matches!(rewound, Err(RequestError::Unavailable(_))), "{rewound:?}");
    eventually("the end of the new one is on disk", async || {
        hub.inner.state().instances.is_empty()
    })
    .await;
    let (code, body) = call(&hub, "POST", "/instances/f/rewind", "").await;
    assert_eq!(code, StatusCode::ACCEPTED, "{body}");
}

on_both_wires!(
    an_instance_whose_purge_is_queued_is_not_rewound,
    an_instance_is_not_rewound_whose_purge_was_given_up_when_it_was_queued,
    an_instance_is_started_while_the_purge_of_the_one_before_is_queued,
    an_instance_that_a_queued_start_replaces_is_not_rewound,
);
