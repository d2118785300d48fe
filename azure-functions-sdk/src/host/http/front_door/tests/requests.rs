//! Requests, and which function gets them.

use super::*;

#[tokio::test]
async fn requests_reach_their_function_with_route_values_and_body() {
    let fixture = serving(FrontDoorOptions::default()).await;
    let reply = fixture.send("POST /API/add/5?x=1", &[], "hello").await;
    assert_eq!(
        (reply.status, &*reply.body),
        (200, "0 http://localhost:7071/API/add/5?x=1 [id=5] hello Admin")
    );
    for path in [
        "/api/add/x",
        "/api/nothing",
        "/add/5",
        "/api/off",
        "/runtime",
        "/runtime/webhooks/other/x",
    ] {
        let reply = fixture.get(path).await;
        assert_eq!((reply.status, &*reply.body), (404, ""), "{path}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_404_and_says_which_is_right_even_for_head() {
    let fixture = serving(FrontDoorOptions::default()).await;
    let reply = fixture.send("PUT /api/add/5", &[], "").await;
    assert_eq!(
        (reply.status, &*reply.body),
        (404, "no function takes PUT here: 'add' takes GET, POST\n")
    );
    let reply = fixture.send("HEAD /api/add/5", &[], "").await;
    assert_eq!((reply.status, &*reply.body), (404, ""));
    assert!(reply.head.contains("content-length: 51"), "{}", reply.head);
    assert_eq!(
        fixture.send("HEAD /api/keyed", &[], "").await.status,
        200,
        "it takes all methods"
    );
}

#[tokio::test]
async fn dot_segments_are_gone_before_routing_and_guard_nothing() {
    let fixture = serving(FrontDoorOptions::default()).await;
    for path in ["/api/keyed/../add/5", "/api/keyed/%2e%2E/add/./5", "/../api/add/5"] {
        let reply = fixture.get(path).await;
        assert_eq!(
            (reply.status, &*reply.body),
            (200, "0 http://localhost:7071/api/add/5 [id=5]  Admin"),
            "{path}"
        );
    }
    assert_eq!(fixture.get("/api/add/..").await.status, 404);
    let durable = fixture
        .get("/api/../runtime/webhooks/durabletask/instances/a/../b")
        .await;
    assert_eq!(durable.body, "durable GET /instances/b b\"\"");

    let options = FrontDoorOptions {
        enable_auth: true,
        ..FrontDoorOptions::default()
    };
    let fixture = serving(options).await;
    assert_eq!(fixture.get("/api/../admin/host/status").await.status, 401);
    assert_eq!(fixture.get("/api/add/%2e%2e/../../admin/host/status").await.status, 401);
}

#[tokio::test]
async fn a_header_value_is_utf_8_or_the_request_is_refused() {
    let fixture = serving(FrontDoorOptions::default()).await;
    let reply = fixture.send("GET /api/add/5", &["X-City: Z\u{fc}rich"], "").await;
    assert_eq!(reply.status, 200);
    let mut stream = TcpStream::connect(fixture.door.local_addr()).await.unwrap();
    let latin1 = b"GET /api/add/5 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-City: Z\xfcrich\r\n\r\n";
    stream.write_all(latin1).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 400 ") && answer.ends_with("the value of the header 'x-city' is not UTF-8\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn chunked_bodies_arrive_whole() {
    let fixture = serving(FrontDoorOptions::default()).await;
    let text = "POST /api/add/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
                3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    assert_eq!(
        fixture.send_raw(text).await.body,
        "0 http://localhost/api/add/1 [id=1] abcde Admin"
    );
}

#[tokio::test]
async fn an_empty_prefix_serves_routes_at_the_root() {
    let options = FrontDoorOptions {
        route_prefix: String::new(),
        ..FrontDoorOptions::default()
    };
    let fixture = serving(options).await;
    assert_eq!(fixture.get("/add/1").await.status, 200);
    assert_eq!(fixture.get("/api/add/1").await.status, 404);
    assert!(
        fixture.get("/").await.body.contains("<h1>"),
        "the home page comes before any route"
    );
}

#[tokio::test]
async fn the_durable_api_gets_its_requests_without_the_base() {
    let fixture = serving(FrontDoorOptions::default()).await;
    for (path, expected) in [
        (
            "/runtime/webhooks/durabletask/instances/a%2Fb?x=1",
            "durable GET /instances/a%2Fb?x=1 b\"\"",
        ),
        (
            "/Runtime/WebHooks/DurableTask/instances",
            "durable GET /instances b\"\"",
        ),
        ("/runtime/webhooks/durabletask/", "durable GET / b\"\""),
        ("/runtime/webhooks/durabletask", "durable GET / b\"\""),
        ("/runtime/webhooks/durabletask?x=1", "durable GET /?x=1 b\"\""),
    ] {
        assert_eq!(fixture.get(path).await.body, expected);
    }
    let post = fixture
        .send("POST /runtime/webhooks/durabletask/orchestrators/f", &[], "5")
        .await;
    assert_eq!(post.body, "durable POST /orchestrators/f b\"5\"");
    assert_eq!(
        fixture.get("/runtime/webhooks/durabletaskx/instances").await.status,
        404
    );
}

#[tokio::test]
async fn bodies_beyond_the_limit_are_refused() {
    let options = FrontDoorOptions {
        body_limit: 8,
        ..FrontDoorOptions::default()
    };
    let mut fixture = serving(options).await;
    assert_eq!(fixture.send("POST /api/add/1", &[], "12345678").await.status, 200);
    assert_eq!(fixture.bodies.recv().await, Some(8));
    for path in [
        "/api/add/1",
        "/admin/functions/nightly",
        "/runtime/webhooks/durabletask/orchestrators/f",
    ] {
        assert_eq!(
            fixture.send(&format!("POST {path}"), &[], "123456789").await.status,
            413,
            "{path}"
        );
    }
    let chunked = "POST /api/add/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
                   5\r\n12345\r\n5\r\n67890\r\n0\r\n\r\n";
    assert_eq!(fixture.send_raw(chunked).await.status, 413);
    assert!(
        fixture.bodies.try_recv().is_err(),
        "no function saw a body that was too large"
    );
}

#[tokio::test]
async fn codings_expectations_and_targets_that_it_does_not_know_are_501_417_and_400() {
    let mut fixture = serving(FrontDoorOptions::default()).await;
    for (target, line, status) in [
        ("/api/add/1", "Transfer-Encoding: gzip, chunked", 501),
        ("/api/add/1", "Expect: 200-ok", 417),
        ("ftp://localhost/api/add/1", "X: y", 400),
        ("http://user:word@localhost/api/add/1", "X: y", 400),
    ] {
        let text = format!("POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{line}\r\n\r\n");
        let reply = fixture.send_raw(&text).await;
        assert_eq!(reply.status, status, "{target} {line}");
        assert!(reply.body.starts_with("the request "), "{}", reply.body);
    }
    assert!(fixture.bodies.try_recv().is_err(), "no function saw one of them");
    let reply = fixture.send("GET http://localhost/api/add/1", &[], "").await;
    assert_eq!(reply.status, 200);
}
