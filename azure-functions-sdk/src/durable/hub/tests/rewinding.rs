//! Rewinding an instance whose child had an id that others have used since.

use super::*;
use scripted::Context;

/// A hub of instances that fail until that is mended.
struct World {
    hub: TaskHub,
    store: Arc<Failing>,
    worker: Arc<Scripted>,
    mended: Arc<AtomicBool>,
    _folder: tempfile::TempDir,
}

impl World {
    fn new(wire: Wire) -> Self {
        let mended = Arc::new(AtomicBool::new(false));
        let worker = {
            let mended = Arc::clone(&mended);
            Scripted::on(wire).activity("flaky", move |_| match mended.load(Ordering::SeqCst) {
                true => ok("fine"),
                false => Ok(work::WorkResult::Failed("flaky".into())),
            })
        };
        let worker = worker
            .orchestration("kid", |context| context.activity("flaky", context.input.clone()))
            .orchestration("parent", |context: &mut Context| {
                let id = context.instance_id.clone();
                context.child("kid", Some("kid"), id)
            });
        let worker = Arc::new(worker);
        let folder = tempfile::tempdir().unwrap();
        let options = TaskHubOptions::new(HubName::default(), folder.path());
        let store = Failing::open(&options, usize::MAX);
        let hub = TaskHub::open_with(options, worker.clone(), store.clone(), tokio()).unwrap();
        hub.set_functions(worker.functions());
        Self {
            hub,
            store,
            worker,
            mended,
            _folder: folder,
        }
    }

    async fn status(&self, id: &str) -> Value {
        call(&self.hub, "GET", &format!("/instances/{id}"), "").await.1["runtimeStatus"].clone()
    }

    async fn fails(&self, function: &str, id: &str) {
        let (code, body) = call(
            &self.hub,
            "POST",
            &format!("/orchestrators/{function}/{id}"),
            "\"client\"",
        )
        .await;
        assert_eq!(code, StatusCode::ACCEPTED, "{body}");
        eventually("it fails", async || self.status(id).await == "Failed").await;
    }

    async fn rewound(&self, id: &str) {
        self.mended.store(true, Ordering::SeqCst);
        let (code, body) = call(&self.hub, "POST", &format!("/instances/{id}/rewind"), "").await;
        assert_eq!(code, StatusCode::ACCEPTED, "{body}");
        eventually("it completes", async || self.status(id).await == "Completed").await;
    }

    fn parent_of(&self, id: &str) -> Option<String> {
        self.store.disk.find(id).unwrap().unwrap().parent
    }
}

async fn a_child_whose_id_another_parent_has_used_since_is_started_again(wire: Wire) {
    let world = World::new(wire);
    world.fails("parent", "p1").await;
    world.fails("parent", "p2").await;
    assert_eq!(world.parent_of("kid").as_deref(), Some("p2"));
    world.rewound("p1").await;
    assert_eq!(world.parent_of("kid").as_deref(), Some("p1"));
    assert_eq!(world.worker.count("activity flaky(p1)"), 2);
    assert_eq!(
        world.worker.count("activity flaky(p2)"),
        1,
        "the other's stays as it is"
    );
    assert_eq!(world.status("p2").await, "Failed");
    // It has lost its child in turn.
    world.rewound("p2").await;
}

async fn a_child_whose_id_a_client_has_used_since_is_started_again(wire: Wire) {
    let world = World::new(wire);
    world.fails("parent", "p1").await;
    world.fails("kid", "kid").await;
    assert_eq!(world.parent_of("kid"), None);
    world.rewound("p1").await;
    assert_eq!(
        world.worker.count("activity flaky(client)"),
        1,
        "the client's stays as it is"
    );
    assert_eq!(world.worker.count("activity flaky(p1)"), 2);
}

on_both_wires!(
    a_child_whose_id_another_parent_has_used_since_is_started_again,
    a_child_whose_id_a_client_has_used_since_is_started_again,
);
