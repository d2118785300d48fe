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
    assert_eq!(
        fixture.send("PUT /api/add/5", &[], "").await.status,
        404,
        "a wrong verb is not 405"
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
