//! The admin API and the home page.

use super::*;
use crate::host::http::Payload;

#[tokio::test]
async fn any_function_but_http_and_durable_ones_is_fired_by_hand() {
    let fixture = serving(FrontDoorOptions::default()).await;
    let text = |text: &str| Some(Payload::Text(text.to_owned()));
    for (body, payload) in [
        ("{}", None),
        (r#"{"input": null}"#, None),
        (r#"{"Input": "text"}"#, text("text")),
        (r#"{"input": {"a": 1}}"#, text(r#"{"a":1}"#)),
        (
            r#"{"base64": "/w=="}"#,
            Some(Payload::Bytes(Bytes::from_static(b"\xff"))),
        ),
    ] {
        let reply = fixture.send("POST /admin/functions/Nightly", &[], body).await;
        assert_eq!((reply.status, &*reply.body), (202, ""), "{body}");
        assert_eq!(
            fixture.backend.fired.lock().unwrap().pop(),
            Some((
                4,
                GivenTrigger {
                    payload,
                    ..GivenTrigger::default()
                }
            ))
        );
    }
    for (name, body, status, text) in [
        (
            "flow",
            "{}",
            400,
            "'flow' is an orchestration: start it through a client, for example POST \
             http://localhost:7071/runtime/webhooks/durabletask/orchestrators/flow\n",
        ),
        (
            "counter",
            "{}",
            400,
            "'counter' is an entity: signal it through a client, for example POST \
             http://localhost:7071/runtime/webhooks/durabletask/entities/counter/KEY\n",
        ),
        (
            "add",
            "{}",
            400,
            "'add' is started by HTTP: call its route instead, http://localhost:7071/api/Add/{id:int}\n",
        ),
        ("broken", "{}", 400, "'broken' cannot run: no such queue\n"),
        (
            "nightly",
            "",
            400,
            "a body is needed: {\"input\": \"text of the trigger\"}, or {} for none\n",
        ),
        (
            "nightly",
            "[]",
            400,
            "the body must be an object: {\"input\": \"text of the trigger\"}\n",
        ),
        (
            "nightly",
            "{x",
            400,
            "the body is not JSON (line 1, column 2); send {\"input\": \"text of the trigger\"}\n",
        ),
        (
            "nightly",
            r#"{"base64": "?"}"#,
            400,
            "`base64` is not base64: Invalid symbol 63, offset 0.\n",
        ),
        (
            "nightly",
            r#"{"metadata": 1}"#,
            400,
            "`metadata` must be an object: {\"name\": \"value\"}\n",
        ),
        ("nobody", "{}", 404, ""),
    ] {
        let reply = fixture.send(&format!("POST /admin/functions/{name}"), &[], body).await;
        assert_eq!((reply.status, &*reply.body), (status, text), "{name} {body}");
    }
    assert!(fixture.backend.fired.lock().unwrap().is_empty());
}

#[tokio::test]
async fn who_waits_is_told_how_the_run_ended() {
    let fixture = serving(FrontDoorOptions::default()).await;
    let body = r#"{"metadata": {"DequeueCount": 3}}"#;
    let reply = fixture.send("POST /admin/functions/Nightly?wait=true", &[], body).await;
    assert_eq!((reply.status, &*reply.body), (200, "how it ended"));
    let (_, by_hand) = fixture.backend.fired.lock().unwrap().pop().unwrap();
    assert_eq!(Value::Object(by_hand.metadata), json!({"DequeueCount": 3}));
}

#[tokio::test]
async fn the_admin_api_describes_functions_and_host() {
    let fixture = serving(FrontDoorOptions {
        host_id: "app".to_owned(),
        ..FrontDoorOptions::default()
    })
    .await;
    let json = |reply: Reply| serde_json::from_str::<Value>(&reply.body).unwrap();
    let all = json(fixture.get("/admin/functions").await);
    let names: Vec<&str> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|function| function["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "add", "broken", "counter", "flow", "hang", "keyed", "master", "nightly", "off", "other"
        ]
    );
    assert_eq!(all[0]["invoke_url_template"], "http://localhost:7071/api/add/{id:int}");
    assert_eq!(all[8]["isDisabled"], true);
    assert_eq!(
        json(fixture.get("/admin/functions/NIGHTLY").await),
        json!({
            "name": "nightly", "script_root_path_href": null, "script_href": null, "config_href": null, "test_data_href": null,
            "href": "http://localhost:7071/admin/functions/nightly", "invoke_url_template": null, "language": "rust",
            "config": {"name": "nightly", "language": "rust", "bindings": []}, "files": null, "test_data": "",
            "isDisabled": false, "isDirect": true, "isProxy": false
        })
    );
    assert_eq!(fixture.get("/admin/functions/none").await.status, 404);
    assert_eq!(json(fixture.get("/admin/functions/add/status").await), json!({}));
    assert_eq!(
        json(fixture.get("/admin/functions/broken/status").await),
        json!({"errors": ["no such queue"]})
    );
    let status = json(fixture.get("/admin/host/status").await);
    assert_eq!((&status["id"], &status["state"]), (&json!("app"), &json!("Running")));
    assert!(status["processUptime"].is_u64() && status.get("errors").is_none());
    assert_eq!(fixture.send("POST /admin/host/ping", &[], "").await.status, 200);
    assert_eq!(
        fixture.get("/admin/durable/instances/order%207/history").await.body,
        "history of order 7"
    );
    assert_eq!(
        fixture
            .send("POST /admin/durable/instances/a/history", &[], "")
            .await
            .status,
        404
    );
    assert_eq!(fixture.get("/admin/whatever").await.status, 404);
    let keys = fixture.get("/admin/host/keys").await;
    assert_eq!(keys.status, 403, "keys do not leave through an unlocked door");
    assert!(
        keys.body
            .starts_with("keys are not enforced, so they are not shown here: see ")
    );
}

#[tokio::test]
async fn the_home_page_can_be_switched_off() {
    assert_eq!(serving(FrontDoorOptions::default()).await.get("/").await.status, 200);
    let options = FrontDoorOptions {
        home_page: false,
        ..FrontDoorOptions::default()
    };
    assert_eq!(serving(options).await.get("/").await.status, 204);
}
