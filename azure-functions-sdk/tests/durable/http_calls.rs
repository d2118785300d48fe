//! HTTP calls of orchestrations, by the host's own client.

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{
    scripted::{Scripted, on_both_wires, output_of_failure},
    work::Wire,
    world::World,
};

async fn the_host_makes_the_calls_of_orchestrations(wire: Wire) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"ping") {
            let mut part = [0; 512];
            let count = socket.read(&mut part).await.unwrap();
            assert_ne!(count, 0);
            request.extend_from_slice(&part[..count]);
        }
        let answer = b"HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nContent-Length: 4\r\nX-Trace: 7\r\n\r\npong";
        socket.write_all(answer).await.unwrap();
        String::from_utf8(request).unwrap()
    });
    let world = World::new(Scripted::on(wire).orchestration("ask", |context| {
        let request = context.input.clone();
        context.http(&request)
    }));
    let request = json!({
        "method": "POST",
        "uri": format!("http://{address}/a"),
        "headers": {"X-Key": "k"},
        "content": "ping",
        "asynchronousPatternEnabled": false,
    });
    world.start("ask", "i", &request.to_string()).await;
    assert_eq!(
        world.output("i").await,
        json!({"statusCode": 201, "headers": {"X-Trace": "7"}, "content": "pong"})
    );
    let received = server.await.unwrap();
    assert!(
        received.starts_with("POST /a HTTP/1.1\r\n") && received.contains("x-key: k\r\n"),
        "{received}"
    );
    assert!(received.contains("content-type: text/plain"), "{received}");

    world
        .start(
            "ask",
            "refused",
            &json!({"method": "GET", "uri": format!("http://{address}/")}).to_string(),
        )
        .await;
    let failed = world.until_status("refused", "Failed").await;
    let text = failed["output"].as_str().unwrap_or_default();
    let expected = output_of_failure(wire, "ask", &format!("The HTTP request GET http://{address}/ failed: "));
    assert!(text.starts_with(&expected), "{text}");
}

on_both_wires!(the_host_makes_the_calls_of_orchestrations,);
