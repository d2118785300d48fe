//! Entities: routes, calls, signals, locks, across restarts and crashes of the host.

use std::sync::Arc;

use azure_functions_durable::EntityId;
use azure_functions_sdk::durable::Clock;
use bytes::Bytes;
use chrono::TimeDelta;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::{
    scripted::{Context, Scripted, Stop, on_both_wires, output_of_failure},
    work::{Wire, WorkResult},
    world::{ManualClock, World, eventually},
};

fn worker(wire: Wire) -> Scripted {
    Scripted::on(wire)
        .counter()
        .entity("Relay", |operation| {
            let target = (
                "Counter".to_owned(),
                "sum".to_owned(),
                "add".to_owned(),
                operation.input.clone(),
            );
            operation.signals.push(target);
            Ok(Value::Null)
        })
        .entity("keeper", |operation| {
            operation.state = operation.input.clone();
            Ok(Value::Null)
        })
        .orchestration("call", |context| context.call("@Counter@a", "add", 5))
        .orchestration("tell", |context| {
            context.signal("@counter@a", "add", 2);
            context.signal("@counter@a", "add", 3);
            context.call("@counter@a", "get", Value::Null)
        })
        .orchestration("wrong", |context| context.call("@counter@a", "explode", Value::Null))
        .orchestration("later", |context| {
            context.signal_later(3600, "@counter@late", "add", 7);
            Ok(Value::Null)
        })
        .orchestration("call_nobody", |context| context.call("@nobody@a", "add", 5))
        .orchestration("signal_nobody", |context| {
            context.signal("@nobody@a", "add", 5);
            Ok(Value::Null)
        })
        .orchestration("transfer", transfer)
        .orchestration("lock_and_wait", |context| {
            context.lock(&["a", "b"])?;
            context.event("go")?;
            match context.input.as_i64() {
                Some(1) => context.continue_as_new(0),
                Some(2) => Err(Stop::Failed("no".to_owned())),
                _ => Ok(Value::Null),
            }
        })
}

/// Moves money between two counters; the input says which and how much.
fn transfer(context: &mut Context) -> Result<Value, Stop> {
    let input = context.input.clone();
    let (from, to) = (input[0].as_str().unwrap(), input[1].as_str().unwrap());
    context.lock(&[from, to])?;
    let balance = context.call(&format!("@counter@{from}"), "get", Value::Null)?;
    let amount = input[2].as_i64().unwrap().min(balance.as_i64().unwrap_or(0));
    context.call(&format!("@counter@{from}"), "add", -amount)?;
    context.call(&format!("@counter@{to}"), "add", amount)?;
    context.release(2);
    Ok(amount.into())
}

async fn state(world: &World, name: &str, key: &str) -> Value {
    let answer = world.get(&format!("/entities/{name}/{key}")).await;
    match answer.status {
        StatusCode::NOT_FOUND => Value::Null,
        StatusCode::OK => answer.json(),
        other => panic!("{other}: {}", answer.text),
    }
}

async fn until_state(world: &World, name: &str, key: &str, wanted: Value) {
    let path = format!("/entities/{name}/{key}");
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let found = state(world, name, key).await;
        if found == wanted {
            return;
        }
        assert!(
            tokio::time::Instant::now() < end,
            "{path} stays {found}, wanted {wanted}"
        );
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

async fn signal(world: &World, path: &str, body: &str) {
    let answer = world.post(path, body).await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (StatusCode::ACCEPTED, ""),
        "{path}"
    );
}

async fn row_129_130_a_signal_creates_the_entity_and_its_state_outlives_the_host(wire: Wire) {
    let mut world = World::new(worker(wire));
    let client = world.client(&world.binding());
    let id = EntityId::new("Counter", "a").unwrap();
    assert!(!client.read_entity_state::<i64>(&id).await.unwrap().exists);
    assert_eq!(world.get("/entities/counter/a").await.status, StatusCode::NOT_FOUND);
    signal(&world, "/entities/Counter/a?op=add", "5").await;
    until_state(&world, "COUNTER", "a", json!(5)).await;
    let read = client.read_entity_state::<i64>(&id).await.unwrap();
    assert_eq!((read.exists, read.state), (true, Some(5)));
    let answer = world.get("/entities/counter/a").await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, "5"));
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(state(&world, "counter", "A").await, Value::Null, "keys have a case");
    world.crash();
    world.open();
    assert_eq!(state(&world, "counter", "a").await, 5);
    signal(&world, "/entities/counter/a?op=add", "").await;
    until_state(&world, "counter", "a", json!(6)).await;
}

async fn delete_removes_the_entity_from_reads_and_lists(wire: Wire) {
    let world = World::new(worker(wire));
    signal(&world, "/entities/counter/a?op=add", "5").await;
    until_state(&world, "counter", "a", json!(5)).await;
    assert_eq!(world.delete("/entities/counter/a").await.status, StatusCode::ACCEPTED);
    until_state(&world, "counter", "a", Value::Null).await;
    assert_eq!(world.get("/entities").await.json(), json!([]));
}

async fn row_123_the_key_may_be_missing_and_is_read_with_a_dollar(wire: Wire) {
    let world = World::new(worker(wire));
    signal(&world, "/entities/counter?op=add", "1").await;
    until_state(&world, "counter", "$", json!(1)).await;
    signal(&world, "/entities/counter/$?op=add", "1").await;
    eventually("the other one is there", || {
        world.worker.calls.lock().unwrap().len() == 2
    })
    .await;
    assert_eq!(
        state(&world, "counter", "$").await,
        1,
        "on posting it is a key like others"
    );
}

async fn row_125_lists_and_nested_state_are_on_the_disk(wire: Wire) {
    let mut world = World::new(worker(wire));
    let state = json!({"items": ["Zork", "Dune"], "by": {"Ann": {"wishes": [[1, 2], null]}}});
    signal(&world, "/entities/keeper/k?op=keep", &state.to_string()).await;
    until_state(&world, "keeper", "k", state.clone()).await;
    world.crash();
    world.open();
    until_state(&world, "keeper", "k", state).await;
}

async fn row_127_a_signal_is_accepted_before_it_runs(wire: Wire) {
    let mut world = World::new(worker(wire));
    world.crash();
    world.open_without_functions();
    signal(&world, "/entities/counter/a?op=add", "5").await;
    assert_eq!(state(&world, "counter", "a").await, Value::Null);
    assert!(world.worker.calls.lock().unwrap().is_empty());
    world.hub().set_functions(world.worker.functions());
    until_state(&world, "counter", "a", json!(5)).await;
}

async fn bodies_that_are_not_json_are_strings(wire: Wire) {
    let world = World::new(worker(wire));
    for (media_type, body, wanted) in [
        (Some("application/json; charset=utf-8"), "{\"b\": 1}", json!({"b": 1})),
        (Some("text/plain"), "5", json!("5")),
        (None, "say \"hi\"", json!("say \"hi\"")),
    ] {
        let mut request = Request::post("/entities/keeper/k?op=keep");
        if let Some(media_type) = media_type {
            request = request.header("Content-Type", media_type);
        }
        let answer = world
            .send(request.body(Bytes::from_static(body.as_bytes())).unwrap())
            .await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        until_state(&world, "keeper", "k", wanted).await;
    }
}

async fn wrong_signals_are_refused_with_400(wire: Wire) {
    let world = World::new(worker(wire));
    let bad = world.post("/entities/counter/a?op=add", "{").await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
    let message = bad.json()["Message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("Could not parse JSON content: "), "{message}");
    let unknown = world.post("/entities/nobody/a?op=add", "").await;
    assert_eq!(
        (unknown.status, unknown.json()),
        (
            StatusCode::BAD_REQUEST,
            json!({"Message": "The function 'nobody' doesn't exist, is disabled, or is not an entity function. Additional \
                info: The following are the known entity functions: 'Counter', 'keeper', 'Relay'."})
        )
    );
    for path in [
        "/entities/counter/a%3Fb?op=add",
        "/entities/coun@ter/a?op=add",
        "/entities/counter/a%0Ab?op=add",
    ] {
        let bad = world.post(path, "").await;
        assert_eq!(bad.status, StatusCode::BAD_REQUEST, "{path}");
        assert!(
            bad.json()["Message"].as_str().unwrap().contains("is not valid"),
            "{}",
            bad.text
        );
    }
    assert_eq!(
        world.call("PUT", "/entities/counter/a", "").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(world.post("/entities", "").await.status, StatusCode::NOT_FOUND);
}

async fn listings_have_pages_filters_and_states_on_request(wire: Wire) {
    let clock = ManualClock::new();
    let world = World::with(worker(wire), |options| options.clock(clock.clone()));
    for (index, key) in ["c", "a", "b"].into_iter().enumerate() {
        signal(&world, &format!("/entities/counter/{key}?op=add"), &index.to_string()).await;
        until_state(&world, "counter", key, json!(index)).await;
        clock.advance(TimeDelta::hours(1));
    }
    signal(&world, "/entities/keeper/z?op=keep", "true").await;
    until_state(&world, "keeper", "z", json!(true)).await;

    let keys = |answer: &Value| -> Vec<String> {
        let rows = answer.as_array().unwrap().iter();
        rows.map(|row| row["entityId"]["key"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = world.get("/entities/").await;
    assert_eq!(keys(&all.json()), ["a", "b", "c", "z"]);
    assert_eq!(all.header("x-ms-continuation-token"), "");
    assert_eq!(
        all.json()[0],
        json!({
            "entityId": {"name": "counter", "key": "a"},
            "lastOperationTime": "2031-05-06T08:08:09.000000Z",
            "state": null,
        })
    );
    let named = world.get("/entities/COUNTER?fetchState=true").await.json();
    assert_eq!(keys(&named), ["a", "b", "c"]);
    assert_eq!(named[1]["state"], 2);
    let since = "lastOperationTimeFrom=2031-05-06T08:08:09Z&lastOperationTimeTo=2031-05-06T09:00:00Z";
    assert_eq!(keys(&world.get(&format!("/entities?{since}")).await.json()), ["a"]);

    let first = world.get("/entities?top=3").await;
    assert_eq!(keys(&first.json()), ["a", "b", "c"]);
    let next =
        Request::get("/entities?top=3").header("x-ms-continuation-token", first.header("x-ms-continuation-token"));
    let next = world.send(next.body(Bytes::new()).unwrap()).await;
    assert_eq!(
        (keys(&next.json()), next.header("x-ms-continuation-token")),
        (vec!["z".to_owned()], "")
    );
    let forged = Request::get("/entities").header("x-ms-continuation-token", "zz");
    let forged = world.send(forged.body(Bytes::new()).unwrap()).await;
    assert_eq!((forged.status, forged.text.as_str()), (StatusCode::OK, "[]"));
    let none = world.get("/entities?top=0").await;
    assert_eq!(none.text, "[]");
    let after =
        Request::get("/entities?top=1").header("x-ms-continuation-token", none.header("x-ms-continuation-token"));
    let after = world.send(after.body(Bytes::new()).unwrap()).await;
    assert_eq!(keys(&after.json()), ["a"], "a page of nothing ends where it began");
    let refused = world.get("/entities?lastOperationTimeFrom=lately").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let said = refused.json()["ExceptionMessage"].as_str().unwrap().to_owned();
    assert!(said.contains("'lately' of 'lastOperationTimeFrom'"), "{said}");
}

async fn entities_do_not_appear_among_instances(wire: Wire) {
    let world = World::new(worker(wire));
    signal(&world, "/entities/counter/a?op=add", "5").await;
    until_state(&world, "counter", "a", json!(5)).await;
    assert_eq!(world.get("/instances").await.json(), json!([]));
    assert_eq!(world.get("/instances/@counter@a").await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        world.delete("/instances/@counter@a").await.status,
        StatusCode::NOT_FOUND
    );
    let purged = world.delete("/instances?createdTimeFrom=2000-01-01T00:00:00Z").await;
    assert_eq!(purged.status, StatusCode::NOT_FOUND);
    assert_eq!(state(&world, "counter", "a").await, 5);
}

async fn a_call_gets_the_value_and_a_failed_one_its_error(wire: Wire) {
    let world = World::new(worker(wire));
    world.start("call", "i", "").await;
    assert_eq!(world.output("i").await, 5);
    world.start("wrong", "w", "").await;
    let failed = world.until_status("w", "Failed").await;
    assert_eq!(
        failed["output"],
        output_of_failure(wire, "wrong", "no operation 'explode'")
    );
    assert_eq!(
        state(&world, "counter", "a").await,
        5,
        "what failed has changed nothing"
    );
}

async fn signals_and_calls_of_one_orchestration_keep_their_order(wire: Wire) {
    let world = World::new(worker(wire));
    world.start("tell", "i", "").await;
    assert_eq!(world.output("i").await, 5);
    let history = world.until("i", |status| status["runtimeStatus"] == "Completed").await;
    let events = history["historyEvents"].to_string();
    assert!(
        events.contains("EventSent") || events.contains("EventRaised"),
        "{history:#}"
    );
}

async fn a_delayed_signal_waits_for_its_time_across_restarts(wire: Wire) {
    let clock = ManualClock::new();
    let mut world = World::with(worker(wire), |options| options.clock(clock.clone()));
    world.start("later", "i", "").await;
    world.output("i").await;
    clock.advance(TimeDelta::seconds(3599));
    world.crash();
    world.open();
    signal(&world, "/entities/counter/late?op=add", "1").await;
    until_state(&world, "counter", "late", json!(1)).await;
    clock.advance(TimeDelta::seconds(1));
    assert!(clock.now().to_rfc3339().starts_with("2031-05-06T08:08:09"));
    until_state(&world, "counter", "late", json!(8)).await;
}

async fn entities_that_the_app_does_not_have_fail_calls_and_on_the_json_wire_signals(wire: Wire) {
    let world = World::new(worker(wire));
    for (function, id) in [("call_nobody", "c"), ("signal_nobody", "s")] {
        world.start(function, id, "").await;
        if (wire, function) == (Wire::Protobuf, "signal_nobody") {
            // It is a message like others there, and has no answer.
            assert_eq!(world.output(id).await, Value::Null);
            continue;
        }
        let failed = world.until_status(id, "Failed").await;
        assert_eq!(
            failed["output"],
            output_of_failure(wire, function, "Entity function 'nobody' does not exist.")
        );
    }
}

async fn entities_signal_entities(wire: Wire) {
    let world = World::new(worker(wire));
    signal(&world, "/entities/relay/r?op=pass", "4").await;
    until_state(&world, "counter", "sum", json!(4)).await;
    assert_eq!(state(&world, "relay", "r").await, Value::Null, "it never had a state");
}

async fn locks_are_given_back_however_the_orchestration_ends(wire: Wire) {
    for (input, how) in [
        ("0", "completes"),
        ("1", "continues"),
        ("2", "fails"),
        ("3", "is terminated"),
        ("4", "waits"),
    ] {
        let mut world = World::new(worker(wire));
        signal(&world, "/entities/counter/a?op=add", "10").await;
        until_state(&world, "counter", "a", json!(10)).await;
        world.start("lock_and_wait", "holder", input).await;
        let locked = |status: &Value| status["historyEvents"].to_string().contains("EventRaised");
        world.until("holder", locked).await;
        world.start("lock_and_wait", "second", "0").await;
        world.start("transfer", "t", r#"["a", "b", 4]"#).await;
        world
            .until("t", |status| status["historyEvents"].to_string().contains("EventSent"))
            .await;
        if input == "4" {
            // One that waits for the locks does not get them any more.
            world.post("/instances/second/terminate?reason=enough", "").await;
            world.until_status("second", "Terminated").await;
        }
        world.crash();
        world.open();
        assert_eq!(
            state(&world, "counter", "a").await,
            10,
            "the others wait while it {how}"
        );
        if input == "3" {
            world.post("/instances/holder/terminate?reason=enough", "").await;
        } else {
            world.raise("holder", "go", "0").await;
        }
        if input != "4" {
            world.until("second", locked).await;
            world.raise("second", "go", "0").await;
        }
        if input == "1" {
            world.until("holder", |status| status["input"] == 0).await;
            let output = world.output("t").await;
            assert_eq!(output, 4, "when it {how}");
            continue;
        }
        assert_eq!(world.output("t").await, 4, "when it {how}");
        assert_eq!(
            (state(&world, "counter", "a").await, state(&world, "counter", "b").await),
            (json!(6), json!(4))
        );
    }
}

async fn two_way_transfers_keep_the_sum_and_do_not_deadlock(wire: Wire) {
    let mut world = World::new(worker(wire));
    signal(&world, "/entities/counter/a?op=add", "1000").await;
    signal(&world, "/entities/counter/b?op=add", "1000").await;
    until_state(&world, "counter", "a", json!(1000)).await;
    until_state(&world, "counter", "b", json!(1000)).await;
    for number in 0..60 {
        let (from, to) = if number % 2 == 0 { ("a", "b") } else { ("b", "a") };
        world
            .start(
                "transfer",
                &format!("t{number}"),
                &json!([from, to, number]).to_string(),
            )
            .await;
        if number % 20 == 19 {
            world.crash();
            world.open();
        }
    }
    let mut moved = 0;
    for number in 0..60 {
        let amount = world.output(&format!("t{number}")).await.as_i64().unwrap();
        moved += if number % 2 == 0 { amount } else { -amount };
    }
    until_state(&world, "counter", "a", json!(1000 - moved)).await;
    until_state(&world, "counter", "b", json!(1000 + moved)).await;
}

async fn a_hundred_clients_signal_a_thousand_times_and_each_answered_signal_counts_once(wire: Wire) {
    let mut world = World::new(worker(wire).entity("Set", |operation| {
        let mut set: Vec<Value> = operation.state.as_array().cloned().unwrap_or_default();
        set.push(operation.input.clone());
        operation.state = set.into();
        Ok(Value::Null)
    }));
    let (mut answered, mut number) = (Vec::new(), 0);
    for _ in 0..5 {
        let calls: Vec<_> = (number..number + 200)
            .map(|id| {
                let world = &world;
                async move {
                    let answer = world.post("/entities/set/s?op=put", &id.to_string()).await;
                    (answer.status == StatusCode::ACCEPTED).then_some(id)
                }
            })
            .collect();
        number += 200;
        answered.extend(futures_util::future::join_all(calls).await.into_iter().flatten());
        world.crash();
        world.open();
    }
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    let set: Vec<i64> = loop {
        let found = state(&world, "set", "s").await;
        let set: Vec<i64> = found
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_i64)
            .collect();
        if answered.iter().all(|id| set.contains(id)) {
            break set;
        }
        assert!(tokio::time::Instant::now() < end, "{} of {}", set.len(), answered.len());
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    let mut once = set.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), set.len(), "none was applied twice");
    assert_eq!(answered.len(), 1000);
    let batches = world.worker.calls.lock().unwrap().len();
    assert!(batches < 1000, "{batches} batches");
    let _ = Arc::clone(&world.worker);
}

async fn an_instance_that_failed_in_a_critical_section_is_not_rewound_without_its_locks(wire: Wire) {
    let worker = worker(wire)
        .activity("flaky", |_| Ok(WorkResult::Failed("flaky".into())))
        .orchestration("section", |context| {
            context.lock(&["a", "b"])?;
            context.activity("flaky", Value::Null)
        })
        .orchestration("parent", |context| context.child("section", Some("kid"), Value::Null));
    let world = World::new(worker);
    world.start("parent", "p", "").await;
    world.until_status("p", "Failed").await;
    for id in ["p", "kid"] {
        let before = world.get(&format!("/instances/{id}?showHistory=true")).await.text;
        let refused = world.post(&format!("/instances/{id}/rewind"), "").await;
        assert_eq!(
            (refused.status, refused.json()),
            (
                StatusCode::PRECONDITION_FAILED,
                json!(
                    "The instance 'kid' failed in a critical section and cannot be rewound: its locks on '@counter@a' and \
                     '@counter@b' ended with it, so that others may have changed what it had seen there; restart it instead."
                )
            )
        );
        let after = world.get(&format!("/instances/{id}?showHistory=true")).await.text;
        assert_eq!(before, after, "nothing of {id} has changed");
    }
    let restarted = world.post("/instances/p/restart", "").await;
    assert_eq!(restarted.status, StatusCode::ACCEPTED, "{}", restarted.text);
}

on_both_wires!(
    row_129_130_a_signal_creates_the_entity_and_its_state_outlives_the_host,
    delete_removes_the_entity_from_reads_and_lists,
    row_123_the_key_may_be_missing_and_is_read_with_a_dollar,
    row_125_lists_and_nested_state_are_on_the_disk,
    row_127_a_signal_is_accepted_before_it_runs,
    bodies_that_are_not_json_are_strings,
    wrong_signals_are_refused_with_400,
    listings_have_pages_filters_and_states_on_request,
    entities_do_not_appear_among_instances,
    a_call_gets_the_value_and_a_failed_one_its_error,
    signals_and_calls_of_one_orchestration_keep_their_order,
    a_delayed_signal_waits_for_its_time_across_restarts,
    entities_that_the_app_does_not_have_fail_calls_and_on_the_json_wire_signals,
    entities_signal_entities,
    locks_are_given_back_however_the_orchestration_ends,
    two_way_transfers_keep_the_sum_and_do_not_deadlock,
    a_hundred_clients_signal_a_thousand_times_and_each_answered_signal_counts_once,
    an_instance_that_failed_in_a_critical_section_is_not_rewound_without_its_locks,
);
