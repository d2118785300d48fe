//! What waits: for the worker, for a client that goes, for the end.

use super::*;

#[tokio::test]
async fn a_client_that_goes_away_cancels_the_invocation() {
    let mut options = FrontDoorOptions::default();
    options.limits.patience = Duration::from_millis(10);
    let fixture = serving(options).await;
    let mut stream = TcpStream::connect(fixture.door.local_addr()).await.unwrap();
    stream
        .write_all(b"GET /api/hang HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    fixture.backend.hanging.notified().await;
    drop(stream);
    let dropped = fixture.backend.dropped.notified();
    tokio::time::timeout(Duration::from_secs(10), dropped)
        .await
        .expect("the invocation is dropped");
}

#[tokio::test]
async fn a_client_that_half_closes_gets_its_answer() {
    let fixture = serving(FrontDoorOptions::default()).await;
    let mut stream = TcpStream::connect(fixture.door.local_addr()).await.unwrap();
    let request = b"POST /api/hang HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi";
    stream.write_all(request).await.unwrap();
    stream.shutdown().await.unwrap();
    fixture.backend.hanging.notified().await;
    fixture.backend.release.notify_one();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("late"),
        "{answer}"
    );
}

#[tokio::test]
async fn calls_wait_for_the_worker_and_then_give_up() {
    let options = FrontDoorOptions {
        ready_timeout: Duration::from_millis(50),
        ..FrontDoorOptions::default()
    };
    let fixture = starting(options).await;
    for path in ["/api/add/1", "/runtime/webhooks/durabletask/instances"] {
        let reply = fixture.get(path).await;
        assert_eq!(
            (reply.status, &*reply.body),
            (503, "Function host is not running."),
            "{path}"
        );
    }
    assert_eq!(fixture.get("/admin/host/ping").await.status, 200);
    let status: Value = serde_json::from_str(&fixture.get("/admin/host/status").await.body).unwrap();
    assert_eq!(status["state"], "Starting");

    // The worker dies later: instances can still be managed, functions not called.
    fixture.door.set_functions(functions());
    fixture
        .door
        .set_state(HostState::Error, vec!["the worker does not start".to_owned()]);
    assert_eq!(fixture.get("/runtime/webhooks/durabletask/instances").await.status, 200);
    assert_eq!(fixture.get("/api/add/1").await.status, 503);
    let status: Value = serde_json::from_str(&fixture.get("/admin/host/status").await.body).unwrap();
    assert_eq!(
        (&status["state"], &status["errors"][0]),
        (&json!("Error"), &json!("the worker does not start"))
    );
}

#[tokio::test]
async fn a_waiting_call_is_served_as_soon_as_the_worker_is_ready() {
    let fixture = starting(FrontDoorOptions::default()).await;
    let ready = async {
        fixture.door.set_functions(functions());
        fixture.door.set_state(HostState::Running, Vec::new());
    };
    let (reply, ()) = tokio::join!(fixture.get("/api/add/1"), ready);
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn a_busy_port_is_named() {
    let first = FrontDoorListener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let error = FrontDoorListener::bind(first.local_addr())
        .await
        .unwrap_err()
        .to_string();
    let port = first.local_addr().port();
    assert_eq!(
        error,
        format!("port {port} of 127.0.0.1 is in use: stop the other process, or choose another port with --port")
    );
}

#[tokio::test]
async fn shutting_down_lets_running_requests_finish() {
    let fixture = serving(FrontDoorOptions::default()).await;
    let address = fixture.door.local_addr();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /api/hang HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    fixture.backend.hanging.notified().await;
    let stopping = tokio::spawn(fixture.door.shutdown());
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(10), refused)
        .await
        .expect("no new connection is taken");
    assert!(!stopping.is_finished());
    fixture.backend.release.notify_one();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("late"),
        "{answer}"
    );
    stopping.await.unwrap();
}

#[tokio::test]
async fn shutting_down_drops_what_does_not_finish_in_time() {
    let options = FrontDoorOptions {
        grace: Duration::from_millis(20),
        ..FrontDoorOptions::default()
    };
    let fixture = serving(options).await;
    let mut stream = TcpStream::connect(fixture.door.local_addr()).await.unwrap();
    stream
        .write_all(b"GET /api/hang HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    fixture.backend.hanging.notified().await;
    fixture.door.shutdown().await;
    let dropped = fixture.backend.dropped.notified();
    tokio::time::timeout(Duration::from_secs(10), dropped)
        .await
        .expect("the invocation is dropped");
}
