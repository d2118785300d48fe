//! The whole service, against a Durable Task server in this process.

use crate::web;
use azure_functions_sdk::{
    durable::HubName,
    host::{HubHost, HubHostOptions},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    time::sleep,
};

const LIMIT: Duration = Duration::from_secs(60);

async fn send(address: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = body.to_string();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let code = head.split(' ').nth(1).unwrap().parse().unwrap();
    (code, serde_json::from_str(body).unwrap_or(Value::Null))
}

/// Asks for an order until it is as wanted.
async fn until(address: &str, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + LIMIT;
    loop {
        let (_, status) = send(address, "GET", &format!("/orders/{id}"), &Value::Null).await;
        if wanted(&status) {
            return status;
        }
        assert!(Instant::now() < deadline, "{what}: {status}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_taken_over_http_and_shipped_by_the_worker_of_the_same_process() {
    let folder = tempfile::tempdir().unwrap();
    let options = HubHostOptions::new(HubName::new("default").unwrap(), folder.path())
        .port(0)
        .grpc_port(Some(0));
    let hub = HubHost::start(options).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (told, stop) = oneshot::channel::<()>();
    let server = hub.grpc_address().parse().unwrap();
    let (finished, service) = oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let served = runtime.block_on(web::serve(server, listener, async {
            let _ = stop.await;
        }));
        let _ = finished.send(served.map_err(|error| error.to_string()));
    });

    let (code, started) = send(&address, "POST", "/orders", &json!({"item": "tea", "count": 4})).await;
    assert_eq!(code, 202);
    let id = started["id"].as_str().unwrap();
    until(&address, id, "it is packed", |status| {
        status["customStatus"] == "packed"
    })
    .await;
    let picked_up = send(&address, "POST", &format!("/orders/{id}/pick-up/Ada"), &Value::Null).await;
    assert_eq!(picked_up.0, 202);
    let ended = until(&address, id, "it is shipped", |status| status["status"] == "Completed").await;
    assert_eq!(ended["output"], "4 tea with Ada");

    let (_, started) = send(&address, "POST", "/orders", &json!({"item": "tea", "count": 7})).await;
    let id = started["id"].as_str().unwrap();
    let ended = until(&address, id, "it ends", |status| status["status"] == "Completed").await;
    assert_eq!(ended["output"], "tea is sold out");
    assert_eq!(send(&address, "GET", "/orders/nothing", &Value::Null).await.0, 404);

    told.send(()).unwrap();
    assert_eq!(service.await.unwrap(), Ok(()));
    drop(hub);
}
