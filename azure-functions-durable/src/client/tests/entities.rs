//! Signals to entities, their states, and lists of them.

use super::*;
use crate::{EntityId, EntityStateResponse};

fn entity(name: &str, key: &str) -> EntityId {
    EntityId::new(name, key).unwrap()
}

/// Calls every method that concerns entities once; the answers do not matter here.
async fn all_of_entities(client: &OrchestrationClient) {
    let id = entity("Counter", "a +@B");
    let none = entity("Counter", "");
    let _ = client.signal_entity(&id, "it's on?", 1).await;
    let _ = client.signal_entity(&none, "add", ()).await;
    let _ = client.read_entity_state::<Value>(&id).await;
    let _ = client.read_entity_state::<Value>(&none).await;
    let _ = client.delete_entity(&id).await;
    let _ = client.delete_entity(&none).await;
    let _ = client.list_entities(&EntityQuery::new()).await;
    let query = EntityQuery::new()
        .name("Counter")
        .last_operation_from(time("2031-05-06T07:08:09Z"))
        .last_operation_to(time("2031-05-07T00:00:00Z"))
        .fetch_state(true)
        .top(0);
    let _ = client.list_entities(&query).await;
}

#[tokio::test]
async fn row_123_requests_name_the_entity_in_lower_case_and_an_empty_key_only_to_read() {
    const B: &str = "http://127.0.0.1:17071/durabletask";
    const Q: &str = "taskHub=MyHub&connection=Storage";
    let expected = [
        format!("POST {B}/entities/counter/a%20%2B%40B?op=it%27s%20on%3F&{Q}"),
        format!("POST {B}/entities/counter?op=add&{Q}"),
        format!("GET {B}/entities/counter/a%20%2B%40B?{Q}"),
        format!("GET {B}/entities/counter/$?{Q}"),
        format!("DELETE {B}/entities/counter/a%20%2B%40B?{Q}"),
        format!("DELETE {B}/entities/counter?{Q}"),
        format!("GET {B}/entities/?fetchState=false&{Q}"),
        format!(
            "GET {B}/entities/counter?lastOperationTimeFrom=2031-05-06T07%3A08%3A09.000000Z&lastOperationTimeTo=2031-05-07T00%3A00%3A00.000000Z&fetchState=true&top=1&{Q}"
        ),
    ];
    let (loopback, recorder) = client(&rpc_binding(), |_| (404, String::new()));
    all_of_entities(&loopback).await;
    assert_eq!(recorder.lines(), expected);

    let (webhook, recorder) = client(&webhook_binding(), |_| (404, String::new()));
    all_of_entities(&webhook).await;
    let expected =
        expected.map(|line| line.replace(B, "http://localhost:7071/runtime/webhooks/durabletask") + "&code=k/==");
    assert_eq!(recorder.lines(), expected);
}

#[tokio::test]
async fn a_signal_without_input_has_no_body() {
    let (client, recorder) = client(&rpc_binding(), |_| (202, String::new()));
    let id = entity("counter", "a");
    client.signal_entity(&id, "add", json!({"n": 1})).await.unwrap();
    client.signal_entity(&id, "set", "text").await.unwrap();
    client.signal_entity(&id, "reset", ()).await.unwrap();
    client.delete_entity(&id).await.unwrap();
    let requests = recorder.requests.lock().unwrap();
    let bodies: Vec<_> = requests.iter().map(|r| r.body().as_ref()).collect();
    assert_eq!(bodies, [b"{\"n\":1}".as_slice(), b"\"text\"", b"", b""]);
    assert!(
        requests
            .iter()
            .all(|r| r.headers()["content-type"] == "application/json")
    );
}

#[tokio::test]
async fn a_state_is_there_or_the_entity_does_not_exist() {
    let answers = [
        (200, "{\"left\":3}"),
        (404, ""),
        (200, "null"),
        (200, ""),
        (200, "[]"),
        (500, "\"no\""),
    ];
    let (client, _) = client(&rpc_binding(), move |n| (answers[n - 1].0, answers[n - 1].1.to_owned()));
    let id = entity("stock", "b-17");
    type Stock = std::collections::BTreeMap<String, u32>;
    let there = client.read_entity_state::<Stock>(&id).await.unwrap();
    assert_eq!(
        there,
        EntityStateResponse::existing(Stock::from([("left".to_owned(), 3)]))
    );
    assert_eq!(
        client.read_entity_state::<Stock>(&id).await.unwrap(),
        EntityStateResponse::missing()
    );
    for _ in 0..2 {
        let without_state = client.read_entity_state::<Stock>(&id).await.unwrap();
        assert_eq!((without_state.exists, without_state.state), (true, None));
    }
    let error = client.read_entity_state::<Stock>(&id).await.unwrap_err();
    assert!(
        matches!(error, OrchestrationClientError::InvalidResponse { .. }),
        "{error}"
    );
    let error = client.read_entity_state::<Stock>(&id).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read the state of entity `@stock@b-17`: unexpected answer with HTTP status 500: no"
    );
}

#[tokio::test]
async fn a_signal_to_an_entity_that_the_app_does_not_have_says_what_the_host_says() {
    let (client, _) = client(&rpc_binding(), |_| {
        (400, r#"{"Message":"no entity function `x`"}"#.to_owned())
    });
    let error = client.signal_entity(&entity("x", "a"), "add", 1).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot signal `add` to entity `@x@a`: no entity function `x`"
    );
    assert_eq!(error.status_code(), Some(400));
}

#[tokio::test]
async fn what_the_http_api_does_not_have_is_refused_before_anything_is_sent() {
    let (http, recorder) = client(&rpc_binding(), |_| (202, String::new()));
    let due = time("2031-05-06T07:08:09Z");
    let error = http
        .signal_entity_at(&entity("counter", "a"), "add", due, 1)
        .await
        .unwrap_err();
    assert!(matches!(error, OrchestrationClientError::Unsupported { .. }));
    assert_eq!(
        error.to_string(),
        "cannot signal `add` to entity `@counter@a` at 2031-05-06T07:08:09.000000Z over HTTP: the durable HTTP API sends signals at once \
         only; start an orchestration that sends it at that time"
    );
    for key in [".", "..", " "] {
        let error = http.signal_entity(&entity("counter", key), "add", 1).await.unwrap_err();
        assert!(
            matches!(error, OrchestrationClientError::InvalidInput { .. }),
            "{error}"
        );
    }
    let error = http
        .read_entity_state::<Value>(&entity("counter", "$"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, OrchestrationClientError::InvalidInput { .. }),
        "{error}"
    );
    let error = http.list_entities(&EntityQuery::new().name("a@b")).await.unwrap_err();
    assert!(
        matches!(error, OrchestrationClientError::InvalidInput { .. }),
        "{error}"
    );
    assert_eq!(recorder.lines(), [""; 0]);

    let (oldest, recorder) = client(&template_binding(), |_| (202, String::new()));
    let error = oldest
        .signal_entity(&entity("counter", "a"), "add", 1)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("use version 2 or newer"), "{error}");
    assert_eq!(recorder.lines(), [""; 0]);
}
