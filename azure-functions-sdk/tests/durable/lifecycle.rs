//! What happens to instances.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::{
    scripted::{Scripted, Stop, ok, on_both_wires, output_of_failure},
    work::{Wire, WorkError, WorkResult, WorkerDeath},
    world::{HastyClock, World, eventually},
};

fn echo(wire: Wire) -> Scripted {
    Scripted::on(wire).activity("echo", |input| ok(format!("<{}>", input.unwrap_or_default())))
}

fn waiter(wire: Wire) -> Scripted {
    echo(wire).orchestration("waiter", |context| {
        let first = context.event("go")?;
        let second = context.event("go")?;
        Ok(json!([first, second]))
    })
}

async fn sequence_of_activities_completes_with_its_output(wire: Wire) {
    let world = World::new(echo(wire).orchestration("chain", |context| {
        let first = context.activity("echo", "a")?;
        let second = context.activity("ECHO", first)?;
        context.custom_status(json!({"at": 2}));
        Ok(second)
    }));
    world.start("Chain", "one", "null").await;
    assert_eq!(world.output("one").await, "<<a>>");
    let status = world.get("/instances/one").await.json();
    assert_eq!(status["name"], "Chain");
    assert_eq!(status["customStatus"], json!({"at": 2}));
    assert_eq!(world.worker.count("orchestration chain"), 3);
}

async fn wide_fan_out_completes_within_the_activity_limit(wire: Wire) {
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let worker = {
        let (running, most) = (running.clone(), most.clone());
        Scripted::on(wire).slow_activity("double", move |input| {
            let (running, most) = (running.clone(), most.clone());
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                running.fetch_sub(1, Ordering::SeqCst);
                ok(input.unwrap().parse::<i64>().unwrap() * 2)
            }
        })
    };
    let worker = worker.orchestration("fan", |context| {
        let results = context.all(&(0..100).map(|n| ("double", json!(n))).collect::<Vec<_>>())?;
        Ok(results
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_i64().unwrap())
            .sum::<i64>()
            .into())
    });
    let world = World::with(worker, |options| options.max_concurrent_activities(3));
    world.start("fan", "f", "").await;
    assert_eq!(world.output("f").await, 99 * 100);
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

async fn failed_activity_fails_the_instance_with_its_text(wire: Wire) {
    let worker = Scripted::on(wire)
        .activity("bad", |_| Ok(WorkResult::Failed("no luck".into())))
        .orchestration("flow", |context| context.activity("bad", Value::Null));
    let world = World::new(worker);
    world.start("flow", "f", "").await;
    let status = world.until_status("f", "Failed").await;
    let output = status["output"].as_str().unwrap();
    match wire {
        Wire::Json => {
            assert!(output.contains("Orchestrator function 'flow' failed"), "{output}");
            assert!(output.contains("Activity function 'bad' failed:  no luck"), "{output}");
        }
        _ => assert_eq!(output, output_of_failure(wire, "flow", "no luck")),
    }
}

async fn missing_activity_fails_the_call(wire: Wire) {
    let world = World::new(Scripted::on(wire).orchestration("flow", |context| {
        let name = context.input.as_str().unwrap().to_owned();
        context.activity(&name, Value::Null)
    }));
    world.start("flow", "missing", "\"nowhere\"").await;
    let missing = world.until_status("missing", "Failed").await;
    assert!(
        missing["output"]
            .as_str()
            .unwrap()
            .contains("Activity function 'nowhere' does not exist."),
        "{missing}"
    );
}

async fn sub_orchestrations_answer_their_parent(wire: Wire) {
    let worker = echo(wire)
        .orchestration("child", |context| context.activity("echo", "c"))
        .orchestration("broken", |_| Err(Stop::Failed("broken".into())))
        .orchestration("parent", |context| {
            let one = context.child("child", None, Value::Null)?;
            let two = context.child("child", Some("chosen"), Value::Null)?;
            let failed = match context.child("broken", None, Value::Null) {
                Err(Stop::Failed(reason)) => reason,
                other => return other,
            };
            Ok(json!([one, two, failed]))
        });
    let world = World::new(worker);
    world.start("parent", "p", "").await;
    let output = world.output("p").await;
    assert_eq!(output[0], "<c>");
    assert_eq!(output[1], "<c>");
    let reason = output[2].as_str().unwrap();
    match wire {
        Wire::Json => assert!(reason.contains("Orchestrator function 'broken' failed"), "{output}"),
        _ => assert_eq!(reason, "broken"),
    }
    assert_eq!(
        world.get("/instances/chosen").await.json()["runtimeStatus"],
        "Completed"
    );
}

async fn child_whose_id_is_running_fails_the_call_and_one_that_ended_is_replaced(wire: Wire) {
    let worker = waiter(wire)
        .orchestration("quick", |_| Ok(json!("quick")))
        .orchestration("parent", |context| {
            match context.child("quick", Some("busy"), Value::Null) {
                Err(Stop::Failed(reason)) => Ok(reason.into()),
                other => other,
            }
        });
    let world = World::new(worker);
    world.start("waiter", "busy", "").await;
    world.until_status("busy", "Running").await;
    world.start("parent", "first", "").await;
    let refused = world.output("first").await;
    assert!(
        refused.as_str().unwrap().contains("'busy' is already running"),
        "{refused}"
    );

    world.post("/instances/busy/terminate?reason=enough", "").await;
    world.until_status("busy", "Terminated").await;
    world.start("parent", "second", "").await;
    assert_eq!(world.output("second").await, "quick");
    let child = world.get("/instances/busy?showHistory=true").await.json();
    assert_eq!(child["name"], "quick");
    assert_eq!(child["historyEvents"][0]["Generation"], 1);
}

async fn child_of_an_unknown_name_fails_with_a_clear_text(wire: Wire) {
    let world =
        World::new(Scripted::on(wire).orchestration("parent", |context| context.child("nobody", None, Value::Null)));
    world.start("parent", "p", "").await;
    let status = world.until_status("p", "Failed").await;
    assert!(status["output"].as_str().unwrap().contains("'nobody'"), "{status}");
}

async fn events_reach_an_instance_in_every_state(wire: Wire) {
    let mut world = World::new(waiter(wire));
    // Pending: no worker has loaded.
    world.crash();
    world.open_without_functions();
    world.start("waiter", "i", "").await;
    assert_eq!(world.get("/instances/i").await.json()["runtimeStatus"], "Pending");
    world.raise("i", "go", "1").await;
    world.hub().set_functions(world.worker.functions());
    // Suspended: recorded, delivered on resume.
    world.until_status("i", "Running").await;
    assert_eq!(
        world.post("/instances/i/suspend?reason=tea", "").await.status,
        StatusCode::ACCEPTED
    );
    world.until_status("i", "Suspended").await;
    world.raise("i", "go", "2").await;
    world
        .until("i", |status| {
            status["historyEvents"].to_string().matches("EventRaised").count() == 2
        })
        .await;
    assert_eq!(world.get("/instances/i").await.json()["runtimeStatus"], "Suspended");
    assert_eq!(world.post("/instances/i/resume", "").await.status, StatusCode::ACCEPTED);
    assert_eq!(world.output("i").await, json!([1, 2]));
    // Terminal and missing.
    assert_eq!(
        world.post("/instances/i/raiseEvent/go", "3").await.status,
        StatusCode::GONE
    );
    assert_eq!(
        world.post("/instances/none/raiseEvent/go", "3").await.status,
        StatusCode::NOT_FOUND
    );
}

async fn suspended_instance_holds_what_it_would_do_until_it_is_resumed(wire: Wire) {
    let world = World::new(echo(wire).orchestration("flow", |context| {
        let event = context.event("go")?;
        context.activity("echo", event)
    }));
    world.start("flow", "s", "").await;
    world.until_status("s", "Running").await;
    world.post("/instances/s/suspend?reason=lunch", "").await;
    let suspended = world.until_status("s", "Suspended").await;
    assert_eq!(suspended["output"], "lunch");
    world.raise("s", "go", "\"x\"").await;
    world
        .until("s", |status| {
            status["historyEvents"].to_string().contains("EventRaised")
        })
        .await;
    assert_eq!(world.worker.count("activity echo(x)"), 0);
    assert_eq!(
        world.post("/instances/s/suspend", "").await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    world.post("/instances/s/resume?reason=back", "").await;
    assert_eq!(world.output("s").await, "<x>");
}

async fn row_092_terminate_ends_running_and_never_run_instances(wire: Wire) {
    let mut world = World::new(waiter(wire));
    world.start("waiter", "ran", "").await;
    world.until_status("ran", "Running").await;
    assert_eq!(
        world.post("/instances/ran/terminate?reason=why%20not", "").await.status,
        StatusCode::ACCEPTED
    );
    let status = world.until_status("ran", "Terminated").await;
    assert_eq!(status["output"], "why not");
    assert_eq!(
        world.post("/instances/ran/terminate?reason=x", "").await.status,
        StatusCode::GONE
    );

    world.crash();
    world.open_without_functions();
    world.start("waiter", "never", "").await;
    world.post("/instances/never/terminate?reason=early", "").await;
    let status = world.until_status("never", "Terminated").await;
    assert_eq!(status["output"], "early");
}

async fn terminated_child_fails_its_parent_call(wire: Wire) {
    let world = World::new(waiter(wire).orchestration("parent", |context| {
        match context.child("waiter", Some("kid"), Value::Null) {
            Err(Stop::Failed(reason)) => Ok(reason.into()),
            other => other,
        }
    }));
    world.start("parent", "p", "").await;
    world.until_status("kid", "Running").await;
    world.post("/instances/kid/terminate?reason=stop", "").await;
    assert_eq!(world.output("p").await, "stop");
}

async fn row_091_rewind_runs_only_the_failed_work_again_also_in_children(wire: Wire) {
    let fixed = Arc::new(AtomicBool::new(false));
    let worker = {
        let fixed = fixed.clone();
        echo(wire).activity("flaky", move |_| {
            if fixed.load(Ordering::SeqCst) {
                ok("fine")
            } else {
                Ok(WorkResult::Failed("flaky".into()))
            }
        })
    };
    let worker = worker
        .orchestration("child", |context| {
            context.activity("echo", "in child")?;
            context.activity("flaky", Value::Null)
        })
        .orchestration("parent", |context| {
            context.activity("echo", "in parent")?;
            context.child("child", Some("kid"), Value::Null)
        });
    let world = World::new(worker);
    world.start("parent", "p", "").await;
    world.until_status("p", "Failed").await;
    fixed.store(true, Ordering::SeqCst);
    assert_eq!(
        world.post("/instances/p/rewind?reason=fixed", "").await.status,
        StatusCode::ACCEPTED
    );
    assert_eq!(world.output("p").await, "fine");
    assert_eq!(world.output("kid").await, "fine");
    assert_eq!(world.worker.count("activity echo(in child)"), 1);
    assert_eq!(world.worker.count("activity echo(in parent)"), 1);
    assert_eq!(world.worker.count("activity flaky()"), 2);
}

async fn eternal_orchestration_keeps_its_row_and_replaces_its_history(wire: Wire) {
    let world = World::new(echo(wire).orchestration("loop", |context| {
        let n = context.input.as_i64().unwrap();
        context.custom_status(n);
        context.activity("echo", n)?;
        if n == 20 {
            Ok(n.into())
        } else {
            context.continue_as_new(n + 1)
        }
    }));
    world.start("loop", "l", "0").await;
    assert_eq!(world.output("l").await, 20);
    let status = world.get("/instances/l?showHistory=true").await.json();
    assert_eq!(status["input"], 20);
    assert_eq!(status["historyEvents"].as_array().unwrap().len(), 3, "{status:#}");
}

/// The death of a worker that ran nothing else.
fn alone(how: &str) -> WorkerDeath {
    let mut death = WorkerDeath::new(how, "");
    death.alone = true;
    death
}

async fn work_item_that_kills_the_worker_ten_times_fails(wire: Wire) {
    let worker = Scripted::on(wire)
        .activity("bomb", |_| Err(WorkError::WorkerDied(alone("signal 6"))))
        .orchestration("flow", |context| context.activity("bomb", Value::Null));
    let clock = HastyClock::new();
    let world = World::with(worker, |options| options.clock(clock));
    world.start("flow", "f", "").await;
    let status = world.until_status("f", "Failed").await;
    let output = status["output"].as_str().unwrap();
    assert!(
        output.contains("'bomb'")
            && output.contains("ended the worker process 10 times")
            && output.contains("signal 6"),
        "{output}"
    );
    assert_eq!(world.worker.count("activity bomb()"), 10);
}

/// Thirteen ends of the process in the middle of an activity that is then done.
async fn survives(wire: Wire, death: WorkerDeath) {
    let calls = Arc::new(AtomicUsize::new(0));
    let worker = {
        let calls = calls.clone();
        Scripted::on(wire).activity("long", move |_| match calls.fetch_add(1, Ordering::SeqCst) {
            0..13 => Err(WorkError::WorkerDied(death.clone())),
            _ => ok("done"),
        })
    };
    let clock = HastyClock::new();
    let worker = worker.orchestration("flow", |context| context.activity("long", Value::Null));
    let world = World::with(worker, |options| options.clock(clock));
    world.start("flow", "f", "").await;
    assert_eq!(world.output("f").await, "done");
    assert_eq!(calls.load(Ordering::SeqCst), 14);
}

async fn an_http_function_that_aborts_thirteen_times_does_not_fail_an_unrelated_activity(wire: Wire) {
    // Whatever else was in flight, an HTTP function for instance, may have ended the process.
    survives(wire, WorkerDeath::new("signal 6", "")).await;
}

async fn a_functions_timeout_does_not_count_against_others(wire: Wire) {
    let mut death = WorkerDeath::new("a function ran longer than functionTimeout", "");
    death.by_host = true;
    // The process ran nothing else any more when the host ended it.
    death.alone = true;
    survives(wire, death).await;
}

async fn activity_that_runs_too_long_fails_at_once(wire: Wire) {
    let worker = Scripted::on(wire)
        .activity("slow", |_| {
            Err(WorkError::TimedOut(std::time::Duration::from_secs(300)))
        })
        .orchestration("flow", |context| context.activity("slow", Value::Null));
    let world = World::new(worker);
    world.start("flow", "f", "").await;
    let status = world.until_status("f", "Failed").await;
    assert!(
        status["output"].as_str().unwrap().contains("functionTimeout"),
        "{status}"
    );
    assert_eq!(world.worker.count("activity slow()"), 1);
}

async fn work_left_by_a_worker_that_shuts_down_goes_on_with_the_next(wire: Wire) {
    let down = Arc::new(AtomicBool::new(true));
    let worker = {
        let down = down.clone();
        Scripted::on(wire).activity("work", move |_| {
            if down.swap(false, Ordering::SeqCst) {
                Err(WorkError::ShuttingDown)
            } else {
                ok("done")
            }
        })
    };
    let world = World::new(worker.orchestration("flow", |context| context.activity("work", Value::Null)));
    world.start("flow", "f", "").await;
    eventually("the first call", || !down.load(Ordering::SeqCst)).await;
    world.hub().set_functions(world.worker.functions());
    assert_eq!(world.output("f").await, "done");
}

async fn instances_with_few_activities_are_not_held_up_by_one_with_many(wire: Wire) {
    let gate = Arc::new(Semaphore::new(0));
    let worker = {
        let gate = gate.clone();
        Scripted::on(wire).slow_activity("gated", move |input| {
            let gate = gate.clone();
            async move {
                gate.acquire().await.unwrap().forget();
                ok(input.unwrap())
            }
        })
    };
    let worker = worker
        .orchestration("many", |context| {
            context.all(&(0..100).map(|n| ("gated", json!(n))).collect::<Vec<_>>())
        })
        .orchestration("few", |context| context.activity("gated", "few"));
    let world = World::with(worker, |options| options.max_concurrent_activities(1));
    world.start("many", "many", "").await;
    eventually("the first of many runs", || {
        !world.worker.calls.lock().unwrap().iter().all(|l| !l.contains("gated"))
    })
    .await;
    world.start("few", "few", "").await;
    world.until_status("few", "Running").await;
    // One that runs, one that may be next in turn, then the other instance's.
    gate.add_permits(3);
    assert_eq!(world.output("few").await, "few");
    gate.add_permits(200);
    world.output("many").await;
}

on_both_wires!(
    sequence_of_activities_completes_with_its_output,
    wide_fan_out_completes_within_the_activity_limit,
    failed_activity_fails_the_instance_with_its_text,
    missing_activity_fails_the_call,
    sub_orchestrations_answer_their_parent,
    child_whose_id_is_running_fails_the_call_and_one_that_ended_is_replaced,
    child_of_an_unknown_name_fails_with_a_clear_text,
    events_reach_an_instance_in_every_state,
    suspended_instance_holds_what_it_would_do_until_it_is_resumed,
    row_092_terminate_ends_running_and_never_run_instances,
    terminated_child_fails_its_parent_call,
    row_091_rewind_runs_only_the_failed_work_again_also_in_children,
    eternal_orchestration_keeps_its_row_and_replaces_its_history,
    work_item_that_kills_the_worker_ten_times_fails,
    an_http_function_that_aborts_thirteen_times_does_not_fail_an_unrelated_activity,
    a_functions_timeout_does_not_count_against_others,
    activity_that_runs_too_long_fails_at_once,
    work_left_by_a_worker_that_shuts_down_goes_on_with_the_next,
    instances_with_few_activities_are_not_held_up_by_one_with_many,
);
