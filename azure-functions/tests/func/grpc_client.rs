//! A function whose client binding names the gRPC service of the host.

use azure_functions::{
    in_process::{App, Call, Data, Surroundings, TypedData, http_response},
    prelude::*,
};
use azure_functions_durable::ClientWire;
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use std::convert::Infallible;

#[func]
async fn begins_over_grpc(
    request: HttpRequest,
    client: DurableOrchestrationClient,
) -> Result<HttpResponse, azure_functions_durable::OrchestrationClientError> {
    assert_eq!(client.wire(), ClientWire::Grpc);
    let id = client
        .start_orchestration("checkout", 17)
        .tag("customer", "ada")
        .await?;
    Ok(client.create_check_status_response(Some(request.url()), &id).into())
}

/// Takes every start, and remembers its hub.
async fn host() -> (std::net::SocketAddr, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let (seen, hubs) = tokio::sync::mpsc::unbounded_channel();
    let answer = move |request: axum::extract::Request| async move {
        let hub = request.headers()["durable-taskhub"].to_str().unwrap().to_owned();
        assert_eq!(request.uri().path(), "/TaskHubSidecarService/StartInstance");
        seen.send(hub).unwrap();
        // `CreateInstanceResponse { instance_id: "abc" }` in its frame.
        let message = axum::body::Bytes::from_static(b"\0\0\0\0\x05\x0a\x03abc");
        let trailers = http::HeaderMap::from_iter([("grpc-status".parse().unwrap(), 0.into())]);
        let body = Full::new(message).with_trailers(std::future::ready(Some(Ok::<_, Infallible>(trailers))));
        http::Response::builder()
            .header("content-type", "application/grpc")
            .body(axum::body::Body::new(body))
            .unwrap()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, hubs)
}

#[tokio::test]
async fn a_client_speaks_grpc_where_its_binding_says_so() {
    let (address, mut hubs) = host().await;
    // As the extension 3.19 gave it to a worker that had asked for gRPC.
    let binding =
        include_str!("recorded_grpc_binding.json").replace("http://127.0.0.1:7272", &format!("http://{address}"));
    let app = App::linked().unwrap();
    let function = app.find("begins_over_grpc").unwrap();
    let request = HttpRequest::build().url("https://shop.example/api/begins_over_grpc");
    let mut call = Call::http(function, &request.body("")).unwrap();
    let data = TypedData {
        data: Some(Data::String(binding)),
    };
    call.inputs.push(("client".to_owned(), data));
    let outputs = app.invoke(function, call, &Surroundings::default()).await.unwrap();
    let response = http_response(function, outputs);
    assert_eq!(response.status(), 202);
    assert_eq!(hubs.recv().await.unwrap(), "iso182922");
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(body["id"], "abc");
    assert_eq!(
        body["terminatePostUri"],
        "https://shop.example/runtime/webhooks/durabletask/instances/abc/terminate?reason={text}&taskHub=iso182922&code=realextkey"
    );
}
