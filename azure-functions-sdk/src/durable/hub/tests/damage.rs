//! Rows that cannot be read, as a fault of the disk leaves them: the hub opens, all others work, and what is damaged can be
//! ended and removed.

use super::*;
use crate::durable::hub::recovery::restore;

struct World {
    options: TaskHubOptions,
    worker: Arc<Scripted>,
    _folder: tempfile::TempDir,
}

impl World {
    fn new(wire: Wire) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let worker = Scripted::on(wire)
            .activity("nap", |_| ok(0))
            .orchestration("waiter", |context| context.event("go"))
            .orchestration("sleeper", |context| {
                context.timer(3_600)?;
                Ok(Value::Null)
            })
            .orchestration("parent", |context| {
                let id = format!("{}-child", context.instance_id);
                context.child("waiter", Some(&id), Value::Null)
            })
            .counter();
        Self {
            options: TaskHubOptions::new(HubName::default(), folder.path()),
            worker: Arc::new(worker),
            _folder: folder,
        }
    }

    fn open(&self) -> TaskHub {
        let hub = TaskHub::open(self.options.clone(), self.worker.clone()).unwrap();
        hub.set_functions(self.worker.functions());
        hub
    }

    fn sql(&self, statements: &str) {
        let other = rusqlite::Connection::open(self.options.database()).unwrap();
        other.execute_batch(statements).unwrap();
    }

    fn count(&self, sql: &str) -> i64 {
        let other = rusqlite::Connection::open(self.options.database()).unwrap();
        other.query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

async fn start(hub: &TaskHub, function: &str, id: &str) {
    let (code, body) = call(hub, "POST", &format!("/orchestrators/{function}/{id}"), "").await;
    assert_eq!(code, StatusCode::ACCEPTED, "{id}: {body}");
}

async fn until_status(hub: &TaskHub, id: &str, status: &str) -> Value {
    let mut shown = Value::Null;
    eventually(&format!("{id} is {status}"), async || {
        shown = call(hub, "GET", &format!("/instances/{id}"), "").await.1;
        shown["runtimeStatus"] == status
    })
    .await;
    shown
}

async fn rows_that_cannot_be_read_are_set_aside_one_sentence_each_and_the_rest_works(wire: Wire) {
    let world = World::new(wire);
    let hub = world.open();
    for (function, id) in [("waiter", "a"), ("waiter", "b"), ("sleeper", "s"), ("waiter", "gone")] {
        start(&hub, function, id).await;
        until_status(&hub, id, "Running").await;
    }
    drop(hub);
    let key = |id: &str| format!("(SELECT key FROM instances WHERE id = '{id}')");
    let (a, s, gone) = (key("a"), key("s"), key("gone"));
    world.sql(&format!(
        "INSERT INTO inbox VALUES (9001, {a}, '?'), (9002, {a}, x'ff'), (9003, {gone}, 'left alone');
         UPDATE timers SET message = '{{}}' WHERE instance = {s};
         INSERT INTO timers VALUES (9004, {s}, 'never', '{{}}');
         INSERT INTO activities VALUES (9005, {a}, 'x', 'no number', 'nap', NULL, NULL, NULL, NULL);
         INSERT INTO entities VALUES ('@counter@locked', 1, '1', '?', 5);
         INSERT INTO entities VALUES ('@counter@torn', 1, '1', '{{}}', 'never');
         INSERT INTO entity_inbox VALUES (9006, '@counter@k', '?');
         INSERT INTO entity_timers VALUES (9007, '@counter@k', 5, '?');
         UPDATE instances SET generation = 'x' WHERE id = 'gone';"
    ));

    let store = SqliteStore::open(&world.options.database(), Durability::Process).unwrap();
    let (_, set_aside) = restore(store.recover().unwrap());
    store.close();
    let told: Vec<String> = set_aside.iter().map(ToString::to_string).collect();
    for expected in [
        "orchestration instance 'gone' cannot be read and is set aside, row ",
        "a message to orchestration instance 'a' cannot be read and is set aside, row 9001 of the table `inbox`: ",
        "a message to orchestration instance 'a' cannot be read and is set aside, row 9002 of the table `inbox`: ",
        "a timer of orchestration instance 's' cannot be read and is set aside, row ",
        "a timer of orchestration instance 's' cannot be read and is set aside, row 9004 of the table `timers`: ",
        "an activity of orchestration instance 'a' cannot be read and is set aside, row 9005 of the table `activities`: ",
        "the lock of entity '@counter@locked' cannot be read and is set aside, row @counter@locked of the table `entities`: ",
        "the lock of entity '@counter@torn' cannot be read and is set aside, row @counter@torn of the table `entities`: ",
        "a message to entity '@counter@k' cannot be read and is set aside, row 9006 of the table `entity_inbox`: ",
        "a delayed message to entity '@counter@k' cannot be read and is set aside, row 9007 of the table `entity_timers`: ",
    ] {
        assert!(
            told.iter().any(|told| told.starts_with(expected)),
            "{expected}: {told:#?}"
        );
    }
    // The message of the instance that is set aside is not read as one, and tells of itself.
    assert!(
        told.iter()
            .any(|told| told.contains("instance 'gone' cannot") && told.contains("9003"))
    );
    assert_eq!(told.len(), 11, "{told:#?}");

    let hub = world.open();
    for id in ["a", "b"] {
        call(&hub, "POST", &format!("/instances/{id}/raiseEvent/go"), "5").await;
        until_status(&hub, id, "Completed").await;
    }
    let (code, _) = call(&hub, "POST", "/entities/counter/k?op=add", "7").await;
    assert_eq!(code, StatusCode::ACCEPTED);
    eventually("the entity has run", async || {
        call(&hub, "GET", "/entities/counter/k", "").await.1 == 7
    })
    .await;
    call(&hub, "POST", "/instances/s/terminate", "").await;
    until_status(&hub, "s", "Terminated").await;
    assert_eq!(
        world.count("SELECT count(*) FROM inbox WHERE row IN (9001, 9002, 9003)"),
        3,
        "nothing is deleted"
    );
    assert_eq!(world.count("SELECT count(*) FROM entity_inbox WHERE row = 9006"), 1);
}

async fn an_instance_whose_history_cannot_be_read_is_terminated_and_its_parent_is_told(wire: Wire) {
    let partly = "UPDATE history SET events = events || ',{\"broken\":1}'";
    let wholly = "UPDATE history SET events = x'ff'";
    let not_json = "UPDATE history SET events = '?'";
    for (damage, parent_is_told) in [(partly, true), (wholly, false), (not_json, false)] {
        let world = World::new(wire);
        let hub = world.open();
        start(&hub, "parent", "p").await;
        until_status(&hub, "p-child", "Running").await;
        until_status(&hub, "p", "Running").await;
        drop(hub);
        world.sql(&format!(
            "{damage} WHERE instance = (SELECT key FROM instances WHERE id = 'p-child')"
        ));
        let hub = world.open();
        let (code, _) = call(&hub, "POST", "/instances/p-child/terminate?reason=enough", "").await;
        assert_eq!(code, StatusCode::ACCEPTED);
        assert_eq!(until_status(&hub, "p-child", "Terminated").await["output"], "enough");
        if parent_is_told {
            until_status(&hub, "p", "Failed").await;
        }
        // An ended one stays ended, and can be purged; then its id is free.
        drop(hub);
        let hub = world.open();
        until_status(&hub, "p-child", "Terminated").await;
        let (code, _) = call(&hub, "DELETE", "/instances/p-child", "").await;
        assert_eq!(code, StatusCode::OK);
        start(&hub, "waiter", "p-child").await;
        until_status(&hub, "p-child", "Running").await;
    }
}

async fn a_message_does_not_end_an_instance_whose_history_cannot_be_read(wire: Wire) {
    let world = World::new(wire);
    let hub = world.open();
    start(&hub, "waiter", "i").await;
    until_status(&hub, "i", "Running").await;
    drop(hub);
    world.sql("UPDATE history SET events = '?' || events");
    let hub = world.open();
    call(&hub, "POST", "/instances/i/raiseEvent/go", "5").await;
    eventually("the episode has failed", async || {
        hub.inner.state().instances.values().any(|live| live.failures > 0)
    })
    .await;
    world.sql("UPDATE history SET events = substr(events, 2)");
    // What was damaged is mended, and nothing is lost.
    assert_eq!(until_status(&hub, "i", "Completed").await["output"], 5);
}

async fn an_instance_whose_row_cannot_be_read_is_terminated_or_purged_and_its_id_is_free_again(wire: Wire) {
    for damage in [
        "wire = 9",
        "status = 99",
        "generation = 'x'",
        "name = x'ff66'",
        "status = 'none'",
    ] {
        for terminated in [true, false] {
            let world = World::new(wire);
            let hub = world.open();
            start(&hub, "parent", "p").await;
            until_status(&hub, "p", "Running").await;
            let id = "p-child";
            until_status(&hub, id, "Running").await;
            drop(hub);
            world.sql(&format!("UPDATE instances SET {damage} WHERE id = '{id}'"));
            let hub = world.open();
            for (method, path) in [
                ("GET", format!("/instances/{id}")),
                ("POST", format!("/orchestrators/waiter/{id}")),
            ] {
                let (code, body) = call(&hub, method, &path, "").await;
                assert_eq!(code, StatusCode::INTERNAL_SERVER_ERROR, "{damage}: {body}");
                let text = body["ExceptionMessage"].as_str().unwrap();
                assert!(
                    text.contains("cannot be read") && text.contains("Purge the instance, or terminate it"),
                    "{text}"
                );
            }
            if terminated {
                let (code, _) = call(&hub, "POST", &format!("/instances/{id}/terminate?reason=enough"), "").await;
                assert_eq!(code, StatusCode::ACCEPTED, "{damage}");
                assert_eq!(until_status(&hub, id, "Terminated").await["output"], "enough");
                until_status(&hub, "p", "Failed").await;
            }
            let (code, body) = call(&hub, "DELETE", &format!("/instances/{id}"), "").await;
            assert_eq!(
                (code, &body["instancesDeleted"]),
                (StatusCode::OK, &json!(1)),
                "{damage}"
            );
            assert_eq!(
                call(&hub, "GET", &format!("/instances/{id}"), "").await.0,
                StatusCode::NOT_FOUND
            );
            start(&hub, "waiter", id).await;
            call(&hub, "POST", &format!("/instances/{id}/raiseEvent/go"), "5").await;
            assert_eq!(until_status(&hub, id, "Completed").await["output"], 5);
        }
    }
}

/// What runs has its row in memory.
async fn an_instance_that_runs_is_not_purged_although_its_row_cannot_be_read(wire: Wire) {
    let world = World::new(wire);
    let hub = world.open();
    start(&hub, "waiter", "i").await;
    until_status(&hub, "i", "Running").await;
    world.sql("UPDATE instances SET status = 99");
    let (code, _) = call(&hub, "DELETE", "/instances/i", "").await;
    assert_eq!(code, StatusCode::PRECONDITION_FAILED);
    call(&hub, "POST", "/instances/i/raiseEvent/go", "5").await;
    assert_eq!(
        until_status(&hub, "i", "Completed").await["output"],
        5,
        "its next commit has mended it"
    );
}

async fn damaged_rows_of_ended_instances_go_with_a_purge_of_many_and_make_place_for_a_start(wire: Wire) {
    let world = World::new(wire);
    let hub = world.open();
    for id in ["a", "b", "c"] {
        start(&hub, "waiter", id).await;
        call(&hub, "POST", &format!("/instances/{id}/raiseEvent/go"), "5").await;
        until_status(&hub, id, "Completed").await;
    }
    world.sql("UPDATE instances SET output = x'ff' WHERE id IN ('a', 'b')");
    let (code, _) = call(&hub, "POST", "/instances/a/terminate", "").await;
    assert_eq!(code, StatusCode::GONE, "that it has ended can be read");
    start(&hub, "waiter", "a").await;
    until_status(&hub, "a", "Running").await;
    let (code, body) = call(&hub, "DELETE", "/instances?createdTimeFrom=2000-01-01T00:00:00Z", "").await;
    assert_eq!((code, &body["instancesDeleted"]), (StatusCode::OK, &json!(2)));
    let (_, list) = call(&hub, "GET", "/instances", "").await;
    assert_eq!((list[0]["instanceId"].as_str(), list[1].is_null()), (Some("a"), true));
}

async fn a_sub_orchestration_is_refused_an_id_whose_row_cannot_be_read(wire: Wire) {
    let world = World::new(wire);
    let hub = world.open();
    start(&hub, "waiter", "p-child").await;
    until_status(&hub, "p-child", "Running").await;
    drop(hub);
    world.sql("UPDATE instances SET status = 99 WHERE id = 'p-child'");
    let hub = world.open();
    start(&hub, "parent", "p").await;
    let failed = until_status(&hub, "p", "Failed").await.to_string();
    assert!(failed.contains("The id 'p-child' cannot be looked up."), "{failed}");
    assert_eq!(world.count("SELECT count(*) FROM instances WHERE status = 99"), 1);
}

async fn a_hub_whose_database_was_deleted_refuses_new_work_and_says_why(wire: Wire) {
    let world = World::new(wire);
    let options = world.options.clone().clock(Manual::new());
    let hub = TaskHub::open(options.clone(), world.worker.clone()).unwrap();
    hub.set_functions(world.worker.functions());
    start(&hub, "waiter", "i").await;
    until_status(&hub, "i", "Running").await;
    let (path, elsewhere) = (options.database(), options.data_dir.join("elsewhere"));
    std::fs::rename(&path, &elsewhere).unwrap();
    let (code, _) = call(&hub, "POST", "/orchestrators/waiter/first", "").await;
    assert_eq!(code, StatusCode::GATEWAY_TIMEOUT);
    let (code, body) = call(&hub, "POST", "/orchestrators/waiter/second", "").await;
    assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
    let text = body["Message"].as_str().unwrap();
    assert!(
        text.contains("was deleted, moved, or replaced while the host runs"),
        "{text}"
    );
    std::fs::rename(&elsewhere, &path).unwrap();
    until_status(&hub, "first", "Running").await;
}

on_both_wires!(
    rows_that_cannot_be_read_are_set_aside_one_sentence_each_and_the_rest_works,
    an_instance_whose_history_cannot_be_read_is_terminated_and_its_parent_is_told,
    a_message_does_not_end_an_instance_whose_history_cannot_be_read,
    an_instance_whose_row_cannot_be_read_is_terminated_or_purged_and_its_id_is_free_again,
    an_instance_that_runs_is_not_purged_although_its_row_cannot_be_read,
    damaged_rows_of_ended_instances_go_with_a_purge_of_many_and_make_place_for_a_start,
    a_sub_orchestration_is_refused_an_id_whose_row_cannot_be_read,
    a_hub_whose_database_was_deleted_refuses_new_work_and_says_why,
);
