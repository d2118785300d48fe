//! Who may call: keys, and pages of other origins.

use super::*;

#[tokio::test]
async fn row_099_keys_open_what_they_are_for() {
    let fixture = serving(with_auth()).await;
    let keys = &fixture.keys;
    let file: Value = serde_json::from_str(&std::fs::read_to_string(keys.path()).unwrap()).unwrap();
    let key = |pointer: &str| file.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    let callers = [
        ("no key", String::new()),
        ("wrong", "x".repeat(64)),
        ("own", key("/functionKeys/keyed/default")),
        ("foreign", key("/functionKeys/other/default")),
        ("host", key("/hostKeys/default")),
        ("durable", keys.durable_system_key()),
        ("master", key("/masterKey")),
    ];
    for (path, allowed) in [
        (
            "/api/add/1",
            vec!["no key", "wrong", "own", "foreign", "host", "durable", "master"],
        ),
        ("/api/keyed", vec!["own", "host", "master"]),
        ("/api/master", vec!["master"]),
        ("/admin/functions", vec!["master"]),
        ("/admin/host/status", vec!["master"]),
        ("/admin/host/keys", vec!["master"]),
        ("/admin/durable/instances/order-7/history", vec!["master"]),
        ("/runtime/webhooks/durabletask/instances", vec!["durable", "master"]),
        (
            "/",
            vec!["no key", "wrong", "own", "foreign", "host", "durable", "master"],
        ),
    ] {
        for (caller, key) in &callers {
            let expected = if allowed.contains(caller) { 200 } else { 401 };
            let by_header = fixture
                .send(&format!("GET {path}"), &[&format!("x-functions-key: {key}")], "")
                .await;
            assert_eq!(by_header.status, expected, "{caller} at {path} by header");
            let by_query = fixture.get(&format!("{path}?code={key}")).await;
            assert_eq!(by_query.status, expected, "{caller} at {path} by query");
            if expected == 401 {
                assert_eq!(by_query.body, "");
            }
        }
    }
    // The header wins, even if it is wrong.
    let master = key("/masterKey");
    let reply = fixture
        .send(&format!("GET /api/master?code={master}"), &["x-functions-key: x"], "")
        .await;
    assert_eq!(reply.status, 401);
    // What is not there is not found, with any key.
    assert_eq!(fixture.get("/api/nothing").await.status, 404);
    let listed: Value =
        serde_json::from_str(&fixture.get(&format!("/admin/host/keys?code={master}")).await.body).unwrap();
    assert_eq!(
        listed["keys"][0],
        json!({"name": "default", "value": key("/hostKeys/default")})
    );
}

#[tokio::test]
async fn the_mcp_server_asks_for_its_own_key_and_takes_post_at_one_path() {
    let fixture = serving(with_auth()).await;
    let file: Value = serde_json::from_str(&std::fs::read_to_string(fixture.keys.path()).unwrap()).unwrap();
    let key = |pointer: &str| file.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    let status = async |request: &str, key: &str| {
        let key = format!("x-functions-key: {key}");
        fixture.send(request, &[&key, "Content-Length: 2"], "{}").await.status
    };
    let path = "POST /runtime/webhooks/mcp";
    for (key, expected) in [
        (String::new(), 401),
        ("x".repeat(64), 401),
        (key("/hostKeys/default"), 401),
        (fixture.keys.durable_system_key(), 401),
        (key("/systemKeys/mcp_extension"), 200),
        (key("/masterKey"), 200),
    ] {
        assert_eq!(status(path, &key).await, expected, "{key}");
    }
    let own = key("/systemKeys/mcp_extension");
    assert_eq!(status("POST /Runtime/webhooks/MCP/", &own).await, 200);
    assert_eq!(status("POST /runtime/webhooks/mcp/sse", &own).await, 404);
    assert_eq!(status("POST /admin/functions/nightly", &own).await, 401);
    let reply = fixture
        .send("GET /runtime/webhooks/mcp", &[&format!("x-functions-key: {own}")], "")
        .await;
    assert_eq!(reply.status, 405);
    assert!(reply.head.contains("allow: post"), "{}", reply.head);
}

/// What the MCP server refuses is told, an error inside a 200 too, and what a function answers is not.
#[tokio::test]
async fn refusals_of_the_mcp_server_reach_the_console() {
    let fixture = serving(FrontDoorOptions::default()).await;
    let send = async |body: &str| {
        let length = format!("Content-Length: {}", body.len());
        fixture
            .send("POST /runtime/webhooks/mcp", &[&length], body)
            .await
            .status
    };
    assert_eq!((send("{}").await, send("refuse").await), (200, 400));
    assert_eq!(send("unknown").await, 200);
    assert_eq!(
        *fixture.door.door.told.lock().unwrap(),
        [
            "POST /runtime/webhooks/mcp: 400, no message",
            "POST /runtime/webhooks/mcp: 200, tools/call of 'multiply': no function has this name",
        ]
    );
}

#[test]
fn keys_are_enforced_beyond_loopback() {
    for (address, enable_auth, expected) in [
        ("127.0.0.1:7071", false, false),
        ("127.0.0.1:7071", true, true),
        ("[::1]:7071", false, false),
        ("[::ffff:127.0.0.1]:7071", false, false),
        ("0.0.0.0:7071", false, true),
        ("[::]:7071", false, true),
        ("192.168.1.5:7071", false, true),
    ] {
        assert_eq!(
            must_enforce(enable_auth, address.parse().unwrap()),
            expected,
            "{address}"
        );
    }
}

#[tokio::test]
async fn preflights_are_answered_and_every_answer_is_marked() {
    let cors = Cors::parse("http://localhost:3000", true).unwrap();
    let fixture = serving(FrontDoorOptions { cors, ..with_auth() }).await;
    let asked = [
        "Origin: http://localhost:3000",
        "Access-Control-Request-Method: PUT",
        "Access-Control-Request-Headers: x-a",
    ];
    let reply = fixture.send("OPTIONS /api/keyed", &asked, "").await;
    assert_eq!(reply.status, 204, "no key is asked of a preflight");
    assert!(
        reply.head.contains("access-control-allow-methods: put"),
        "{}",
        reply.head
    );
    for (path, status) in [("/api/add/1", 200), ("/api/keyed", 401), ("/nothing", 404)] {
        let reply = fixture
            .send(&format!("GET {path}"), &["Origin: http://localhost:3000"], "")
            .await;
        assert_eq!(reply.status, status);
        assert!(
            reply
                .head
                .contains("access-control-allow-origin: http://localhost:3000"),
            "{}",
            reply.head
        );
        assert!(reply.head.contains("access-control-allow-credentials: true"));
        let foreign = fixture.send(&format!("GET {path}"), &["Origin: http://evil"], "").await;
        assert!(!foreign.head.contains("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn web_pages_of_other_origins_cannot_post_to_an_unlocked_host() {
    let fixture = serving(FrontDoorOptions {
        cors: Cors::parse("*", false).unwrap(),
        management_cors: Cors::parse_management("http://tool.example").unwrap(),
        ..FrontDoorOptions::default()
    })
    .await;
    for (origin, status) in [
        ("http://evil.example", 403),
        ("null", 403),
        ("http://localhost:7071", 202),
        ("http://tool.example", 202),
    ] {
        let reply = fixture
            .send("POST /admin/functions/nightly", &[&format!("Origin: {origin}")], "{}")
            .await;
        assert_eq!(reply.status, status, "{origin}");
    }
    let reply = fixture
        .send(
            "POST /runtime/webhooks/durabletask/instances/a/terminate",
            &["Origin: http://evil.example"],
            "",
        )
        .await;
    assert_eq!(reply.status, 403);
    assert_eq!(
        fixture
            .send("POST /api/add/1", &["Origin: http://evil.example"], "")
            .await
            .status,
        200
    );
}

/// A page of evil.example that has its name resolve to 127.0.0.1 is of the same origin as the host.
#[tokio::test]
async fn a_page_that_rebinds_its_name_reaches_nothing() {
    let mut fixture = serving(FrontDoorOptions {
        cors: Cors::parse("*", false).unwrap(),
        host_names: vec!["tunnel.example:443".to_owned()],
        ..FrontDoorOptions::default()
    })
    .await;
    let durable = "/runtime/webhooks/durabletask";
    for request in [
        "GET /",
        "GET /api/add/1",
        "POST /api/add/1",
        "OPTIONS /api/add/1",
        "GET /admin/functions",
        "POST /admin/functions/nightly",
        &format!("POST {durable}/orchestrators/flow"),
        &format!("GET {durable}/instances"),
        &format!("DELETE {durable}/instances/a"),
    ] {
        let send = |head: &str| {
            let text = format!("{request} HTTP/1.1\r\nConnection: close\r\n{head}Content-Length: 0\r\n\r\n");
            let fixture = &fixture;
            async move { fixture.send_raw(&text).await }
        };
        let evil = "Host: evil.example\r\nOrigin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\n";
        let refused = send(evil).await;
        assert_eq!(refused.status, 421, "{request}");
        assert!(refused.body.contains("--allowed-hosts"), "{}", refused.body);
        assert!(!refused.head.contains("access-control"), "{}", refused.head);
        assert_eq!(send("").await.status, 400, "{request} without Host");
        let two = send("Host: localhost\r\nHost: evil.example\r\n").await;
        assert_eq!(two.status, 400, "{request} with two");
    }
    assert!(fixture.bodies.try_recv().is_err() && fixture.backend.fired.lock().unwrap().is_empty());
    for host in ["tunnel.example", "127.0.0.1:7071"] {
        let text = format!("GET /api/add/1 HTTP/1.1\r\nConnection: close\r\nHost: {host}\r\n\r\n");
        assert_eq!(fixture.send_raw(&text).await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn cors_opens_the_functions_and_not_what_manages_them() {
    let tool = "Origin: http://tool.example";
    let page = "Origin: http://page.example";
    for (management, allows_tool) in [("", false), ("http://tool.example", true)] {
        let fixture = serving(FrontDoorOptions {
            cors: Cors::parse("*", false).unwrap(),
            management_cors: Cors::parse_management(management).unwrap(),
            ..FrontDoorOptions::default()
        })
        .await;
        let durable = "/runtime/webhooks/durabletask/instances";
        for path in ["/admin/functions", "/ADMIN/functions", durable, "/runtime/other"] {
            for (origin, allowed) in [(page, false), (tool, allows_tool)] {
                let read = fixture.send(&format!("GET {path}"), &[origin], "").await;
                assert_eq!(
                    read.head.contains("access-control-allow-origin"),
                    allowed,
                    "{path} {origin}"
                );
                let asked = [origin, "Access-Control-Request-Method: POST"];
                let preflight = fixture.send(&format!("OPTIONS {path}"), &asked, "").await;
                let opened = preflight.head.contains("access-control-allow-methods: post");
                assert_eq!(opened, allowed, "{path} {origin}");
            }
        }
        let call = fixture.send("GET /api/add/1", &[page], "").await;
        assert!(call.head.contains("access-control-allow-origin: *"), "{}", call.head);
    }
}

#[tokio::test]
async fn a_refusal_of_the_host_is_one_line_on_the_console_without_the_query() {
    let mut options = with_auth();
    options.body_limit = 8;
    let fixture = serving(options).await;
    for (request, body) in [
        ("GET /api/nothing?code=secret", ""),
        ("PUT /api/add/5", ""),
        ("GET /api/keyed?code=secret", ""),
        ("GET /admin/host/status?code=secret", ""),
        ("GET /runtime/webhooks/durabletask/instances?code=secret", ""),
        ("GET /runtime/x", ""),
        ("POST /api/add/1", "123456789"),
        ("GET /api/add/1", ""),
        ("GET /api/a\u{9b}b", ""),
    ] {
        fixture.send(request, &[], body).await;
    }
    assert_eq!(
        *fixture.door.door.told.lock().unwrap(),
        [
            "GET /api/nothing: 404, no function has this route",
            "PUT /api/add/5: 404, no function takes PUT here: 'add' takes GET, POST",
            "GET /api/keyed: 401, the function 'keyed' asks for a key of its own or of the host",
            "GET /admin/host/status: 401, the admin API asks for the master key",
            "GET /runtime/webhooks/durabletask/instances: 401, the durable HTTP API asks for the master key or its own",
            "GET /runtime/x: 404, below /runtime, only /runtime/webhooks/durabletask and /runtime/webhooks/mcp are served",
            "POST /api/add/1: 413, the body is larger than 8 bytes",
            "GET /api/a\u{fffd}b: 404, no function has this route",
        ]
    );
}
