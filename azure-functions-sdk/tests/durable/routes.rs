//! Every route, its status codes and its bodies.

use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::{
    scripted::{Scripted, Stop, ok, on_both_wires},
    work::Wire,
    world::{BASE, World},
};

fn world(wire: Wire) -> World {
    World::new(
        Scripted::on(wire)
            .activity("echo", |input| ok(input.unwrap_or_default()))
            .orchestration("quick", |context| Ok(context.input.clone()))
            .orchestration("waiter", |context| context.event("go"))
            .orchestration("failing", |_| Err(Stop::Failed("no".into())))
            .orchestration("flow", |context| context.activity("echo", json!({"a": 1}))),
    )
}

async fn row_101_start_answers_202_with_the_management_urls(wire: Wire) {
    let world = world(wire);
    let answer = world.post("/orchestrators/quick", "{\"a\": 1}").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(answer.header("retry-after"), "10");
    let body = answer.json();
    let id = body["id"].as_str().unwrap();
    assert!(
        id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)),
        "{id}"
    );
    let query = "taskHub=TestHub&connection=Storage&code=k";
    assert_eq!(answer.header("location"), format!("{BASE}/instances/{id}?{query}"));
    assert_eq!(
        body,
        json!({
            "id": id,
            "statusQueryGetUri": format!("{BASE}/instances/{id}?{query}"),
            "sendEventPostUri": format!("{BASE}/instances/{id}/raiseEvent/{{eventName}}?{query}"),
            "terminatePostUri": format!("{BASE}/instances/{id}/terminate?reason={{text}}&{query}"),
            "purgeHistoryDeleteUri": format!("{BASE}/instances/{id}?{query}"),
            "restartPostUri": format!("{BASE}/instances/{id}/restart?{query}"),
            "suspendPostUri": format!("{BASE}/instances/{id}/suspend?reason={{text}}&{query}"),
            "resumePostUri": format!("{BASE}/instances/{id}/resume?reason={{text}}&{query}"),
        })
    );
    let encoded = world.post("/orchestrators/quick/my%20id", "").await;
    assert!(encoded.header("location").contains("/instances/my+id?"), "{encoded:?}");
    assert_eq!(encoded.json()["id"], "my id");
}

async fn row_105_start_refuses_bad_json_unknown_functions_bad_ids_and_ids_in_use(wire: Wire) {
    let world = world(wire);
    let bad = world.post("/orchestrators/quick", "{").await;
    assert_eq!(
        (bad.status, &bad.json()["Message"]),
        (StatusCode::BAD_REQUEST, &json!("Invalid JSON content"))
    );

    let unknown = world.post("/orchestrators/nobody", "").await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        unknown.json()["Message"],
        "One or more of the arguments submitted is incorrect"
    );
    assert_eq!(
        unknown.json()["ExceptionMessage"],
        "The function 'nobody' doesn't exist, is disabled, or is not an orchestrator function. Additional info: The \
         following are the known orchestrator functions: 'failing', 'flow', 'quick', 'waiter'."
    );
    let misspelt = world.post("/orchestrators/failling", "").await.json()["ExceptionMessage"].to_string();
    assert!(
        misspelt.ends_with("Additional info: Did you mean 'failing'?\""),
        "{misspelt}"
    );

    // The last is 258 units of UTF-16, in which the clients count too.
    let (ascii, crabs) = ("x".repeat(257), "%F0%9F%A6%80".repeat(129));
    for id in [
        "@entity@key",
        "a%5Cb",
        "a%3Fb",
        "a%23b",
        "a%0Ab",
        "%20",
        ascii.as_str(),
        crabs.as_str(),
    ] {
        let refused = world.post(&format!("/orchestrators/quick/{id}"), "").await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{id}");
        assert!(
            refused.json()["ExceptionMessage"]
                .as_str()
                .unwrap()
                .contains("instance id"),
            "{id}"
        );
    }

    world.start("waiter", "busy", "").await;
    world.until_status("busy", "Running").await;
    let taken = world.post("/orchestrators/quick/busy", "").await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
    assert_eq!(
        taken.json()["Message"],
        "An Orchestration instance with the status Running already exists."
    );
}

/// Whatever one caller sends, others can still read the list.
async fn a_value_that_cannot_be_read_back_is_refused_at_every_door_with_its_place(wire: Wire) {
    let world = world(wire);
    world.start("waiter", "busy", "").await;
    world.until_status("busy", "Running").await;
    let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
    for bad in [r#""\ud83d""#, r#"{"a":"\udc00"}"#, "1e400", "[-1e400]", deep.as_str()] {
        for path in [
            "/orchestrators/quick/bad",
            "/orchestrators/quick",
            "/instances/busy/raiseEvent/go",
        ] {
            let refused = world.post(path, bad).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{path} {bad}");
            let said = refused.json();
            assert_eq!(said["Message"], "Invalid JSON content");
            assert!(
                said["ExceptionMessage"].as_str().unwrap().contains("line 1 column"),
                "{said}"
            );
        }
    }
    assert_eq!(world.get("/instances/bad").await.status, StatusCode::NOT_FOUND);

    // A reason is text: it need not be JSON, and does not become any.
    let reason = "%22%5Cud83d%22";
    for operation in ["suspend", "resume", "terminate"] {
        let path = format!("/instances/busy/{operation}?reason={reason}");
        assert_eq!(world.post(&path, "").await.status, StatusCode::ACCEPTED, "{operation}");
        let wanted = ["Suspended", "Running", "Terminated"];
        let place = ["suspend", "resume", "terminate"]
            .iter()
            .position(|of| *of == operation)
            .unwrap();
        world.until_status("busy", wanted[place]).await;
        let list = world.get("/instances").await.json();
        assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    }
    let ended = world
        .get("/instances/busy?showHistory=true&showHistoryOutput=true")
        .await
        .json();
    assert_eq!(ended["output"], r#""\ud83d""#);
}

async fn row_105_start_replaces_an_instance_that_has_ended(wire: Wire) {
    let world = world(wire);
    world.start("quick", "again", "1").await;
    assert_eq!(world.output("again").await, 1);
    world.start("quick", "again", "2").await;
    assert_eq!(world.output("again").await, 2);
    let status = world.get("/instances/again?showHistory=true").await.json();
    assert_eq!(status["historyEvents"][0]["Generation"], 1);
    assert_eq!(status["historyEvents"].as_array().unwrap().len(), 2, "{status:#}");
    assert_eq!(world.get("/instances").await.json().as_array().unwrap().len(), 1);
}

async fn row_096_start_can_wait_for_the_end(wire: Wire) {
    let world = world(wire);
    let done = world
        .post("/orchestrators/quick?timeout=10&pollingInterval=0.1", "{\"a\": 2}")
        .await;
    assert_eq!((done.status, done.text.as_str()), (StatusCode::OK, "{\"a\":2}"));

    let failed = world
        .post("/orchestrators/failing?timeout=10&pollingInterval=1", "")
        .await;
    assert_eq!(failed.status, StatusCode::OK);
    assert_eq!(failed.json()["runtimeStatus"], "Failed");
    let query = "timeout=10&pollingInterval=1&returnInternalServerErrorOnFailure=true";
    let failed = world.post(&format!("/orchestrators/failing?{query}"), "").await;
    assert_eq!(failed.status, StatusCode::OK, "the flag is for the status");

    let late = world
        .post("/orchestrators/waiter/late?timeout=0.05&pollingInterval=0.01", "")
        .await;
    assert_eq!(late.status, StatusCode::ACCEPTED);
    assert_eq!(late.json()["id"], "late");

    let odd = world
        .post("/orchestrators/waiter/odd?timeout=1&pollingInterval=2", "")
        .await;
    assert_eq!(odd.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        world.get("/instances/odd").await.status,
        StatusCode::ACCEPTED,
        "it has been started"
    );
}

async fn row_101_status_tells_by_its_code_whether_to_look_again(wire: Wire) {
    let world = world(wire);
    assert_eq!(world.get("/instances/none").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get("/instances/none").await.text, "");

    world.start("waiter", "w", "{\"n\": 1}").await;
    world.until_status("w", "Running").await;
    let running = world.get("/instances/w?code=abc").await;
    assert_eq!(running.status, StatusCode::ACCEPTED);
    assert_eq!(running.header("location"), format!("{BASE}/instances/w?code=abc"));
    assert_eq!(running.header("retry-after"), "5");
    assert_eq!(running.json()["input"], json!({"n": 1}));
    assert_eq!(running.json()["output"], Value::Null);
    assert_eq!(
        world.get("/instances/w?showInput=false").await.json()["input"],
        Value::Null
    );
    world.raise("w", "go", "7").await;
    assert_eq!(world.output("w").await, 7);
    assert_eq!(world.get("/instances/w").await.status, StatusCode::OK);

    world.start("failing", "f", "").await;
    world.until_status("f", "Failed").await;
    assert_eq!(world.get("/instances/f").await.status, StatusCode::OK);
    let flagged = world.get("/instances/f?returnInternalServerErrorOnFailure=True").await;
    assert_eq!(flagged.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(flagged.json()["runtimeStatus"], "Failed");
}

async fn row_086_history_shows_completions_with_their_schedule(wire: Wire) {
    let world = world(wire);
    world.start("flow", "f", "").await;
    world.output("f").await;
    let shown = world
        .get("/instances/f?showHistory=true&showHistoryOutput=true")
        .await
        .json();
    let events = shown["historyEvents"].as_array().unwrap();
    let types: Vec<_> = events
        .iter()
        .map(|event| event["EventType"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["ExecutionStarted", "TaskCompleted", "ExecutionCompleted"]);
    assert_eq!(events[1]["FunctionName"], "echo");
    assert!(events[1]["ScheduledTime"].as_str().unwrap().ends_with('Z'));
    assert_eq!(events[2]["OrchestrationStatus"], "Completed");
    assert_eq!(world.get("/instances/f").await.json().get("historyEvents"), None);
}

async fn row_087_list_filters_and_pages(wire: Wire) {
    let world = world(wire);
    for n in 0..5 {
        world.start("quick", &format!("q{n}"), &n.to_string()).await;
        world.output(&format!("q{n}")).await;
    }
    world.start("waiter", "w", "").await;
    world.until_status("w", "Running").await;

    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let request = Request::get("/instances/?top=2").header("x-ms-continuation-token", &token);
        let page = world.send(request.body(Bytes::new()).unwrap()).await;
        assert_eq!(page.status, StatusCode::OK);
        let rows = page.json();
        assert!(rows.as_array().unwrap().len() <= 2);
        seen.extend(
            rows.as_array()
                .unwrap()
                .iter()
                .map(|row| row["instanceId"].as_str().unwrap().to_owned()),
        );
        token = page.header("x-ms-continuation-token").to_owned();
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["q0", "q1", "q2", "q3", "q4", "w"]);

    let ids = |answer: Value| -> Vec<String> {
        answer
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["instanceId"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids(world.get("/instances?runtimeStatus=Running").await.json()), ["w"]);
    assert_eq!(
        ids(world
            .get("/instances?runtimeStatus=Running,Failed&runtimeStatus=6")
            .await
            .json()),
        ["w"]
    );
    assert_eq!(ids(world.get("/instances?runtimeStatus=rUNNING").await.json()), ["w"]);
    assert_eq!(
        ids(world.get("/instances?instanceIdPrefix=q&top=1").await.json()),
        ["q0"]
    );
    assert_eq!(ids(world.get("/instances?instanceIdPrefix=Q").await.json()), [""; 0]);
    assert_eq!(
        ids(world.get("/instances?createdTimeFrom=2999-01-01").await.json()),
        [""; 0]
    );
    assert_eq!(
        ids(world.get("/instances?createdTimeTo=2999-01-01T00:00:00Z").await.json()).len(),
        6
    );
    let hidden = world.get("/instances?showInput=false&instanceIdPrefix=q1").await.json();
    assert_eq!(hidden[0]["input"], Value::Null);
    assert_eq!(hidden[0]["output"], 1);
    let odd = Request::get("/instances")
        .header("x-ms-continuation-token", "{}")
        .body(Bytes::new())
        .unwrap();
    let odd = world.send(odd).await;
    assert_eq!((odd.status, odd.text.as_str()), (StatusCode::OK, "[]"));
    assert_eq!(odd.header("x-ms-continuation-token"), "");
}

/// A dropped filter would mean everything, and a purge forgets it.
async fn a_filter_that_is_not_understood_is_refused_and_nothing_is_purged(wire: Wire) {
    let world = world(wire);
    world.start("quick", "q", "1").await;
    world.output("q").await;
    for filter in [
        "runtimeStatus=fialed",
        "runtimeStatus=",
        "runtimeStatus=Completed,fialed",
        "runtimeStatus=17",
        "createdTimeTo=yesterday",
        "createdTimeTo=",
    ] {
        for (method, path) in [
            ("GET", format!("/instances?{filter}")),
            ("DELETE", format!("/instances?createdTimeFrom=2020-01-01&{filter}")),
        ] {
            let refused = world.call(method, &path, "").await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{method} {path}");
            let (name, value) = filter.split_once('=').unwrap();
            let said = refused.json()["ExceptionMessage"].as_str().unwrap().to_owned();
            assert!(said.contains(&format!("'{value}' of '{name}'")), "{said}");
        }
    }
    // Filters of lists, which a purge does not know: passed over, they would delete everything.
    for filter in [
        "top=1",
        "instanceIdPrefix=x",
        "LastOperationTimeFrom=2020-01-01",
        "lastOperationTimeTo=x",
    ] {
        let refused = world
            .delete(&format!("/instances?createdTimeFrom=2020-01-01&{filter}"))
            .await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{filter}");
    }
    for path in [
        "/instances?createdTimeFrom=soon",
        "/instances?createdTimeFrom=2020-13-01",
    ] {
        assert_eq!(world.delete(path).await.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(world.get(path).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
    for top in ["x", "-1", "1.5", ""] {
        let path = format!("/instances?top={top}");
        assert_eq!(world.get(&path).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
    assert_eq!(world.get("/instances").await.json().as_array().unwrap().len(), 1);

    let in_other_case = "/instances?createdTimeFrom=2020-01-01&runtimeStatus=";
    world.start("failing", "f", "").await;
    world.until_status("f", "Failed").await;
    let purged = world.delete(&format!("{in_other_case}failed")).await;
    assert_eq!(purged.json(), json!({"instancesDeleted": 1}));
    assert_eq!(
        world.get("/instances/q").await.status,
        StatusCode::OK,
        "it did not fail"
    );
    let purged = world.delete(&format!("{in_other_case}COMPLETED")).await;
    assert_eq!(purged.json(), json!({"instancesDeleted": 1}));
}

async fn a_page_of_nothing_ends_where_it_began(wire: Wire) {
    let world = world(wire);
    for id in ["a", "b"] {
        world.start("quick", id, "").await;
        world.output(id).await;
    }
    let page = async |token: &str, top: u32| {
        let request = Request::get(format!("/instances?top={top}")).header("x-ms-continuation-token", token);
        let page = world.send(request.body(Bytes::new()).unwrap()).await;
        let ids: Vec<String> = page
            .json()
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["instanceId"].as_str().unwrap().to_owned())
            .collect();
        (ids, page.header("x-ms-continuation-token").to_owned())
    };
    let (none, beginning) = page("", 0).await;
    assert_eq!(none, [""; 0]);
    let (first, behind_a) = page(&beginning, 1).await;
    assert_eq!(first, ["a"]);
    let (none, still) = page(&behind_a, 0).await;
    assert_eq!(none, [""; 0]);
    assert_eq!(page(&still, 9).await, (vec!["b".to_owned()], String::new()));
}

/// An instance is suspended when its next episode has taken the message, which may take its time.
async fn resume_right_after_suspend_is_accepted_before_an_episode_has_run(wire: Wire) {
    let worker = Scripted::on(wire).orchestration("waiter", |context| context.event("go"));
    let mut world = World::new(worker);
    world.start("waiter", "w", "").await;
    world.until_status("w", "Running").await;
    world.crash();
    // Without functions no episode runs.
    world.open_without_functions();
    for operation in ["suspend", "resume", "suspend"] {
        let answer = world.post(&format!("/instances/w/{operation}"), "").await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{operation}: {answer:?}");
    }
    let again = world.post("/instances/w/suspend", "").await;
    assert_eq!(again.status, StatusCode::INTERNAL_SERVER_ERROR, "{again:?}");
    world.hub().set_functions(world.worker.functions());
    world.until_status("w", "Suspended").await;
    assert_eq!(world.post("/instances/w/resume", "").await.status, StatusCode::ACCEPTED);
    world.raise("w", "go", "1").await;
    assert_eq!(world.output("w").await, 1);
}

async fn row_089_purge_forgets_only_what_has_ended(wire: Wire) {
    let world = world(wire);
    assert_eq!(world.delete("/instances/none").await.status, StatusCode::NOT_FOUND);
    world.start("waiter", "w", "").await;
    world.until_status("w", "Running").await;
    let refused = world.delete("/instances/w").await;
    assert_eq!(refused.status, StatusCode::PRECONDITION_FAILED);
    assert!(refused.json().is_string(), "{refused:?}");

    world.start("quick", "q", "").await;
    world.output("q").await;
    let purged = world.delete("/instances/q").await;
    assert_eq!(
        (purged.status, purged.json()),
        (StatusCode::OK, json!({"instancesDeleted": 1}))
    );
    assert_eq!(world.get("/instances/q").await.status, StatusCode::NOT_FOUND);

    let missing = world.delete("/instances").await;
    assert_eq!(missing.status, StatusCode::BAD_REQUEST);
    assert!(missing.json().is_string(), "{missing:?}");
    for n in 0..3 {
        world.start("quick", &format!("q{n}"), "").await;
        world.output(&format!("q{n}")).await;
    }
    world.start("failing", "f", "").await;
    world.until_status("f", "Failed").await;
    let only_running = world
        .delete("/instances?createdTimeFrom=2020-01-01&runtimeStatus=Running")
        .await;
    assert_eq!(only_running.status, StatusCode::NOT_FOUND);
    let some = world
        .delete("/instances?createdTimeFrom=2020-01-01&runtimeStatus=Failed,Running")
        .await;
    assert_eq!(some.json(), json!({"instancesDeleted": 1}));
    let rest = world.delete("/instances?createdTimeFrom=2020-01-01").await;
    assert_eq!(rest.json(), json!({"instancesDeleted": 3}));
    assert_eq!(
        world.delete("/instances?createdTimeFrom=2020-01-01").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(world.get("/instances/w").await.json()["runtimeStatus"], "Running");
}

async fn row_090_raise_event_checks_the_instance_then_the_media_type_then_the_json(wire: Wire) {
    let world = world(wire);
    let raise = |id: &str, media_type: &str, body: &str| {
        let request = Request::post(format!("/instances/{id}/raiseEvent/go"));
        request
            .header("Content-Type", media_type)
            .body(Bytes::from(body.to_owned()))
            .unwrap()
    };
    assert_eq!(
        world.send(raise("none", "text/plain", "{")).await.status,
        StatusCode::NOT_FOUND
    );
    world.start("waiter", "w", "").await;
    let text = world.send(raise("w", "text/plain", "1")).await;
    assert_eq!(text.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        text.json()["Message"],
        "Only application/json request content is supported"
    );
    for body in ["", "{"] {
        let bad = world.send(raise("w", "application/json", body)).await;
        assert_eq!(
            (bad.status, &bad.json()["Message"]),
            (StatusCode::BAD_REQUEST, &json!("Invalid JSON content"))
        );
    }
    let good = world.send(raise("w", "application/json; charset=utf-8", "null")).await;
    assert_eq!((good.status, good.text.as_str()), (StatusCode::ACCEPTED, ""));
    assert_eq!(world.output("w").await, Value::Null);
    assert_eq!(world.send(raise("w", "text/plain", "{")).await.status, StatusCode::GONE);
}

async fn operations_tell_missing_ended_and_wrong_states_apart(wire: Wire) {
    let world = world(wire);
    for operation in ["terminate", "suspend", "resume"] {
        let missing = world.post(&format!("/instances/none/{operation}"), "").await;
        assert_eq!(
            (missing.status, missing.text.as_str()),
            (StatusCode::NOT_FOUND, ""),
            "{operation}"
        );
    }
    let missing = world.post("/instances/none/rewind", "").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.json().is_string());
    let missing = world.post("/instances/none/restart", "").await;
    assert_eq!(missing.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        missing.json()["ExceptionMessage"],
        "InstanceId does not match a valid orchestration instance."
    );

    world.start("waiter", "w", "").await;
    world.until_status("w", "Running").await;
    assert_eq!(
        world.post("/instances/w/resume", "").await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    assert_eq!(
        world.post("/instances/w/rewind", "").await.status,
        StatusCode::PRECONDITION_FAILED
    );

    world.start("quick", "q", "").await;
    world.output("q").await;
    for operation in ["terminate", "suspend", "resume"] {
        assert_eq!(
            world.post(&format!("/instances/q/{operation}"), "").await.status,
            StatusCode::GONE,
            "{operation}"
        );
    }
    let rewind = world.post("/instances/q/rewind", "").await;
    assert_eq!(rewind.status, StatusCode::PRECONDITION_FAILED);
    assert!(rewind.json().is_string());
}

async fn restart_begins_anew_under_a_new_or_the_old_id(wire: Wire) {
    let world = world(wire);
    world.start("quick", "q", "\"same\"").await;
    world.output("q").await;
    let fresh = world.post("/instances/q/restart", "").await;
    assert_eq!(fresh.status, StatusCode::ACCEPTED);
    let id = fresh.json()["id"].as_str().unwrap().to_owned();
    assert_ne!(id, "q");
    assert_eq!(world.output(&id).await, "same");
    let same = world
        .post(
            "/instances/q/restart?restartWithNewInstanceId=false&timeout=10&pollingInterval=1",
            "",
        )
        .await;
    assert_eq!((same.status, same.text.as_str()), (StatusCode::OK, "\"same\""));

    world.start("waiter", "w", "").await;
    let busy = world
        .post("/instances/w/restart?restartWithNewInstanceId=false", "")
        .await;
    assert_eq!(busy.status, StatusCode::CONFLICT);
}

async fn row_099_other_hubs_unknown_paths_and_wrong_verbs_are_404(wire: Wire) {
    let world = world(wire);
    for (method, path) in [
        ("GET", "/instances?taskHub=Other"),
        ("POST", "/orchestrators/quick?taskHub=Other"),
        ("GET", "/orchestrators/quick"),
        ("PUT", "/instances/a"),
        ("GET", "/nowhere"),
    ] {
        let answer = world.call(method, path, "").await;
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (StatusCode::NOT_FOUND, ""),
            "{method} {path}"
        );
    }
    assert_eq!(world.get("/instances?taskHub=testhub").await.status, StatusCode::OK);
    assert_eq!(world.post("/makeprimary", "").await.status, StatusCode::OK);
}

async fn bodies_beyond_the_limit_are_refused(wire: Wire) {
    let worker = Scripted::on(wire).orchestration("quick", |_| Ok(Value::Null));
    let world = World::with(worker, |mut options| {
        options.max_request_body = 10;
        options
    });
    let refused = world.post("/orchestrators/quick", "\"0123456789\"").await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
}

on_both_wires!(
    row_101_start_answers_202_with_the_management_urls,
    row_105_start_refuses_bad_json_unknown_functions_bad_ids_and_ids_in_use,
    a_value_that_cannot_be_read_back_is_refused_at_every_door_with_its_place,
    row_105_start_replaces_an_instance_that_has_ended,
    row_096_start_can_wait_for_the_end,
    row_101_status_tells_by_its_code_whether_to_look_again,
    row_086_history_shows_completions_with_their_schedule,
    row_087_list_filters_and_pages,
    a_filter_that_is_not_understood_is_refused_and_nothing_is_purged,
    a_page_of_nothing_ends_where_it_began,
    resume_right_after_suspend_is_accepted_before_an_episode_has_run,
    row_089_purge_forgets_only_what_has_ended,
    row_090_raise_event_checks_the_instance_then_the_media_type_then_the_json,
    operations_tell_missing_ended_and_wrong_states_apart,
    restart_begins_anew_under_a_new_or_the_old_id,
    row_099_other_hubs_unknown_paths_and_wrong_verbs_are_404,
    bodies_beyond_the_limit_are_refused,
);
