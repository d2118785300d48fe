//! Nothing is lost when the host goes away.

use std::{path::Path, sync::Arc};

use azure_functions_sdk::durable::{StoreError, TaskHub, TaskHubError};
use chrono::TimeDelta;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::{
    scripted::{Scripted, ok, on_both_wires},
    work::Wire,
    world::{ManualClock, World, eventually},
};

async fn two_hosts_on_one_hub_are_refused_with_the_pid(wire: Wire) {
    let mut world = World::new(Scripted::on(wire));
    let refused = TaskHub::open(world.options.clone(), world.worker.clone()).unwrap_err();
    assert!(
        matches!(refused, TaskHubError::Store(StoreError::InUse { .. })),
        "{refused:?}"
    );
    let text = refused.to_string();
    assert!(
        text.contains(&format!("task hub in use by pid {}", std::process::id())),
        "{text}"
    );
    world.crash();
    TaskHub::open(world.options.clone(), world.worker.clone()).unwrap();
}

async fn file_of_a_newer_version_is_refused(wire: Wire) {
    let mut world = World::new(Scripted::on(wire));
    world.crash();
    let connection = rusqlite::Connection::open(world.database()).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let refused = TaskHub::open(world.options.clone(), world.worker.clone()).unwrap_err();
    assert!(refused.to_string().contains("schema version 99"), "{refused}");
}

async fn instances_go_on_after_a_restart_and_finished_activities_do_not_run_again(wire: Wire) {
    let gate = Arc::new(Semaphore::new(0));
    let worker = {
        let gate = gate.clone();
        Scripted::on(wire)
            .activity("first", |_| ok(1))
            .slow_activity("second", move |_| {
                let gate = gate.clone();
                async move {
                    gate.acquire().await.unwrap().forget();
                    ok(2)
                }
            })
    };
    let mut world = World::new(worker.orchestration("flow", |context| {
        let one = context.activity("first", "")?;
        let two = context.activity("second", "")?;
        let three = context.event("go")?;
        Ok(json!([one, two, three]))
    }));
    world.start("flow", "f", "").await;
    eventually("the second activity runs", || {
        world.worker.count("activity second()") == 1
    })
    .await;
    world.crash();
    world.open();
    eventually("the second activity runs again", || {
        world.worker.count("activity second()") == 2
    })
    .await;
    gate.add_permits(2);
    world
        .until("f", |status| {
            status["historyEvents"].to_string().matches("TaskCompleted").count() == 2
        })
        .await;
    world.crash();
    world.open();
    world.raise("f", "go", "3").await;
    assert_eq!(world.output("f").await, json!([1, 2, 3]));
    assert_eq!(world.worker.count("activity first()"), 1);
}

async fn row_082_timer_fires_when_it_is_due_whatever_restarts_there_were(wire: Wire) {
    let clock = ManualClock::new();
    let worker = Scripted::on(wire).orchestration("nap", |context| {
        context.timer(3600)?;
        Ok(json!("awake"))
    });
    let mut world = World::with(worker, |options| options.clock(clock.clone()));
    world.start("nap", "restarted", "").await;
    let pending = |status: &serde_json::Value| status["historyEvents"].to_string().contains("TimerCreated");
    world.until("restarted", pending).await;
    clock.advance(TimeDelta::minutes(30));
    world.crash();
    world.open();
    clock.advance(TimeDelta::microseconds(1_800_000_000 - 1));
    tokio::task::yield_now().await;
    assert_eq!(
        world.get("/instances/restarted").await.json()["runtimeStatus"],
        "Running"
    );
    clock.advance(TimeDelta::microseconds(1));
    assert_fired(&world, "restarted", "2031-05-06T08:08:09Z").await;

    // Due while the host is away: fires at once.
    world.start("nap", "away", "").await;
    world.until("away", pending).await;
    world.crash();
    clock.advance(TimeDelta::hours(1));
    world.open();
    assert_fired(&world, "away", "2031-05-06T09:08:09Z").await;
}

/// The timer of an instance fired when it was due, not earlier, and woke it.
async fn assert_fired(world: &World, id: &str, due: &str) {
    assert_eq!(world.output(id).await, "awake");
    let history = world.get(&format!("/instances/{id}?showHistory=true")).await.json();
    let fired = &history["historyEvents"][2];
    assert_eq!(fired["EventType"], "TimerFired", "{history:#}");
    assert_eq!((&fired["FireAt"], &fired["Timestamp"]), (&json!(due), &json!(due)));
}

async fn drain_lets_running_work_end_and_keeps_the_rest(wire: Wire) {
    let gate = Arc::new(Semaphore::new(0));
    let worker = {
        let gate = gate.clone();
        Scripted::on(wire).slow_activity("gated", move |_| {
            let gate = gate.clone();
            async move {
                gate.acquire().await.unwrap().forget();
                ok("done")
            }
        })
    };
    let mut world = World::new(worker.orchestration("flow", |context| context.activity("gated", "")));
    world.start("flow", "f", "").await;
    eventually("the activity runs", || world.worker.count("activity gated()") == 1).await;
    assert!(
        !world.hub().drain(std::time::Duration::from_millis(20)).await,
        "it cannot have ended"
    );
    assert_eq!(world.post("/orchestrators/flow", "").await.status, 503);
    world.crash();
    world.open();
    gate.add_permits(2);
    assert_eq!(world.output("f").await, "done");
    assert!(world.hub().drain(std::time::Duration::from_secs(10)).await);
}

async fn activity_that_ends_during_the_drain_is_recorded_and_does_not_run_again(wire: Wire) {
    let gate = Arc::new(Semaphore::new(0));
    let worker = {
        let gate = gate.clone();
        Scripted::on(wire).slow_activity("gated", move |_| {
            let gate = gate.clone();
            async move {
                gate.acquire().await.unwrap().forget();
                ok("done")
            }
        })
    };
    let mut world = World::new(worker.orchestration("flow", |context| context.activity("gated", "")));
    world.start("flow", "f", "").await;
    eventually("the activity runs", || world.worker.count("activity gated()") == 1).await;
    let episodes = world.worker.count("orchestration flow");
    world.hub().begin_drain();
    assert_eq!(world.hub().running(), (1, 0));
    gate.add_permits(1);
    assert!(world.hub().drain(std::time::Duration::from_secs(10)).await);
    assert_eq!(world.worker.count("orchestration flow"), episodes, "nothing new begins");
    world.crash();
    world.open();
    assert_eq!(world.output("f").await, "done");
    assert_eq!(world.worker.count("activity gated()"), 1);
}

async fn histories_that_were_evicted_from_memory_are_read_back(wire: Wire) {
    let worker = Scripted::on(wire)
        .activity("echo", |input| ok(input.unwrap()))
        .orchestration("flow", |context| {
            let one = context.activity("echo", "a")?;
            let two = context.event("go")?;
            Ok(json!([one, two]))
        });
    let world = World::with(worker, |options| options.history_cache(0));
    for n in 0..10 {
        world.start("flow", &format!("i{n}"), "").await;
    }
    for n in 0..10 {
        let id = format!("i{n}");
        world
            .until(&id, |status| {
                status["historyEvents"].to_string().contains("TaskCompleted")
            })
            .await;
        world.raise(&id, "go", &n.to_string()).await;
        assert_eq!(world.output(&id).await, json!(["a", n]));
    }
}

/// Bytes of the database, and of the write-ahead log beside it, if there is one.
fn sizes(world: &World) -> (u64, u64) {
    let mut log = world.database().into_os_string();
    log.push("-wal");
    let size = |path: &Path| path.metadata().map_or(0, |file| file.len());
    (size(&world.database()), size(Path::new(&log)))
}

async fn database_does_not_grow_with_the_generations_of_an_eternal_orchestration(wire: Wire) {
    const EARLY: i64 = 250;
    const LATE: i64 = 1_000;
    /// Bytes, however many commits were written at a time.
    const LARGEST_LOG: u64 = 18_000_000;
    let worker = Scripted::on(wire)
        .activity("echo", |input| ok(input.unwrap()))
        .orchestration("loop", |context| {
            let n = context.input.as_i64().unwrap();
            context.activity("echo", n)?;
            if n == EARLY || n == LATE {
                context.event("on")?;
            }
            if n == LATE {
                Ok(n.into())
            } else {
                context.continue_as_new(n + 1)
            }
        });
    let mut world = World::new(worker);
    world.start("loop", "l", "0").await;
    let there = |n: i64| move |status: &serde_json::Value| status["input"] == n;
    world.until("l", there(EARLY)).await;
    // Its end folds the log.
    world.crash();
    let (early, log) = sizes(&world);
    assert_eq!(log, 0);
    world.open();
    world.raise("l", "on", "0").await;
    world.until("l", there(LATE)).await;
    let (_, log) = sizes(&world);
    assert!(log < LARGEST_LOG, "the log has {log} bytes");
    world.crash();
    let (late, _) = sizes(&world);
    assert!(late * 10 <= early * 11, "{early} bytes became {late}");
}

on_both_wires!(
    two_hosts_on_one_hub_are_refused_with_the_pid,
    file_of_a_newer_version_is_refused,
    instances_go_on_after_a_restart_and_finished_activities_do_not_run_again,
    row_082_timer_fires_when_it_is_due_whatever_restarts_there_were,
    drain_lets_running_work_end_and_keeps_the_rest,
    activity_that_ends_during_the_drain_is_recorded_and_does_not_run_again,
    histories_that_were_evicted_from_memory_are_read_back,
    database_does_not_grow_with_the_generations_of_an_eternal_orchestration,
);
