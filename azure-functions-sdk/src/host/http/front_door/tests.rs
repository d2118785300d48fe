//! The front door over real sockets, with a backend that records what reaches it.

use super::*;
use crate::host::http::FrontTrigger;
use http::Method;
use serde_json::{Value, json};
use std::sync::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Notify, mpsc},
};

/// Answers functions with what it was called with; the function `hang` never answers.
struct Recorder {
    hanging: Notify,
    dropped: Arc<Notify>,
    release: Arc<Notify>,
    fired: Mutex<Vec<(usize, Option<String>)>>,
    bodies: mpsc::UnboundedSender<usize>,
}

struct Guard(Arc<Notify>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Backend for Recorder {
    fn invoke(&self, call: HttpCall) -> Answer {
        let _ = self.bodies.send(call.body.len());
        if call.function == HANG {
            self.hanging.notify_one();
            let guard = Guard(Arc::clone(&self.dropped));
            let release = Arc::clone(&self.release);
            return Box::pin(async move {
                release.notified().await;
                drop(guard);
                Response::new(Bytes::from_static(b"late"))
            });
        }
        let values: Vec<String> = call
            .route_values
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let body = String::from_utf8_lossy(&call.body).into_owned();
        let text = format!(
            "{} {} [{}] {body} {:?}",
            call.function,
            call.url,
            values.join(","),
            call.level
        );
        Box::pin(async { Response::new(text.into()) })
    }

    fn fire(&self, function: usize, input: Option<String>) -> Result<(), String> {
        self.fired.lock().unwrap().push((function, input));
        Ok(())
    }

    fn durable(&self, request: Request<Bytes>) -> Answer {
        let text = format!("durable {} {} {:?}", request.method(), request.uri(), request.body());
        Box::pin(async { Response::new(text.into()) })
    }

    fn history(&self, instance_id: String) -> Answer {
        Box::pin(async move { Response::new(format!("history of {instance_id}").into()) })
    }
}

const HANG: usize = 3;

fn http_function(name: &str, level: AuthLevel, methods: &[Method], route: Option<&str>) -> FrontFunction {
    let methods = (!methods.is_empty()).then(|| methods.to_vec());
    FrontFunction::new(
        name,
        FrontTrigger::Http {
            auth_level: level,
            methods,
            route: route.map(str::to_owned),
        },
    )
}

fn functions() -> Vec<FrontFunction> {
    let mut off = http_function("off", AuthLevel::Anonymous, &[], None);
    off.disabled = true;
    let mut broken = FrontFunction::new("broken", FrontTrigger::Other("queueTrigger".to_owned()));
    broken.error = Some("no such queue".to_owned());
    let mut nightly = FrontFunction::new("nightly", FrontTrigger::Other("timerTrigger".to_owned()));
    nightly.config = json!({"name": "nightly", "language": "rust", "bindings": []});
    vec![
        http_function(
            "add",
            AuthLevel::Anonymous,
            &[Method::GET, Method::POST],
            Some("Add/{id:int}"),
        ),
        http_function("keyed", AuthLevel::Function, &[], None),
        http_function("master", AuthLevel::Admin, &[], None),
        http_function("hang", AuthLevel::Anonymous, &[], None),
        nightly,
        FrontFunction::new("flow", FrontTrigger::Orchestration),
        FrontFunction::new("counter", FrontTrigger::Entity),
        off,
        broken,
        http_function("other", AuthLevel::Function, &[], None),
    ]
}

struct Fixture {
    door: FrontDoor,
    keys: Arc<Keys>,
    backend: Arc<Recorder>,
    bodies: mpsc::UnboundedReceiver<usize>,
    _folder: tempfile::TempDir,
}

async fn serving(options: FrontDoorOptions) -> Fixture {
    let fixture = starting(options).await;
    assert_eq!(fixture.door.set_functions(functions()), []);
    fixture.door.set_state(HostState::Running, Vec::new());
    fixture
}

async fn starting(options: FrontDoorOptions) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let keys = Arc::new(Keys::open(folder.path()).unwrap());
    let (send, bodies) = mpsc::unbounded_channel();
    let backend = Arc::new(Recorder {
        hanging: Notify::new(),
        dropped: Arc::default(),
        release: Arc::default(),
        fired: Mutex::default(),
        bodies: send,
    });
    let listener = FrontDoorListener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let door = FrontDoor::serve(
        listener,
        options,
        Arc::clone(&keys),
        Arc::clone(&backend) as Arc<dyn Backend>,
    );
    Fixture {
        door,
        keys,
        backend,
        bodies,
        _folder: folder,
    }
}

#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Fixture {
    /// Sends one request; `lines` are further header lines.
    async fn send(&self, request: &str, lines: &[&str], body: &str) -> Reply {
        let mut text = format!("{request} HTTP/1.1\r\nHost: localhost:7071\r\nConnection: close\r\n");
        for line in lines {
            text += line;
            text += "\r\n";
        }
        if !body.is_empty() {
            text += &format!("Content-Length: {}\r\n", body.len());
        }
        text += &format!("\r\n{body}");
        self.send_raw(&text).await
    }

    async fn send_raw(&self, text: &str) -> Reply {
        let mut stream = TcpStream::connect(self.door.local_addr()).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A door that refuses a body closes while it still comes: what was read counts.
        let reading = async {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                answer.extend_from_slice(&buffer[..count]);
            }
        };
        tokio::time::timeout(Duration::from_secs(10), reading).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer: {answer:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply {
            status,
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }

    async fn get(&self, path: &str) -> Reply {
        self.send(&format!("GET {path}"), &[], "").await
    }
}

fn with_auth() -> FrontDoorOptions {
    FrontDoorOptions {
        enable_auth: true,
        ..FrontDoorOptions::default()
    }
}

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
    let text = "POST /api/add/1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
                3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    assert_eq!(
        fixture.send_raw(text).await.body,
        "0 http://h/api/add/1 [id=1] abcde Admin"
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
async fn keys_open_what_they_are_for() {
    let fixture = serving(with_auth()).await;
    let keys = &fixture.keys;
    let file: Value = serde_json::from_str(&std::fs::read_to_string(keys.path()).unwrap()).unwrap();
    let key = |pointer: &str| file.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    let callers = [
        ("nobody", String::new()),
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
            vec!["nobody", "wrong", "own", "foreign", "host", "durable", "master"],
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
            vec!["nobody", "wrong", "own", "foreign", "host", "durable", "master"],
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
    // What is not there is not found, whoever asks.
    assert_eq!(fixture.get("/api/nothing").await.status, 404);
    let listed: Value =
        serde_json::from_str(&fixture.get(&format!("/admin/host/keys?code={master}")).await.body).unwrap();
    assert_eq!(
        listed["keys"][0],
        json!({"name": "default", "value": key("/hostKeys/default")})
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
    let chunked = "POST /api/add/1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
                   5\r\n12345\r\n5\r\n67890\r\n0\r\n\r\n";
    assert_eq!(fixture.send_raw(chunked).await.status, 413);
    assert!(
        fixture.bodies.try_recv().is_err(),
        "no function saw a body that was too large"
    );
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_the_invocation() {
    let fixture = serving(FrontDoorOptions::default()).await;
    let mut stream = TcpStream::connect(fixture.door.local_addr()).await.unwrap();
    stream
        .write_all(b"GET /api/hang HTTP/1.1\r\nHost: h\r\n\r\n")
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
    let cors = Cors::parse("http://tool.example", false).unwrap();
    let fixture = serving(FrontDoorOptions {
        cors,
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

#[tokio::test]
async fn any_function_but_http_and_durable_ones_is_fired_by_hand() {
    let fixture = serving(FrontDoorOptions::default()).await;
    for (body, input) in [
        ("{}", None),
        (r#"{"input": null}"#, None),
        (r#"{"Input": "text"}"#, Some("text")),
        (r#"{"input": {"a": 1}}"#, Some(r#"{"a":1}"#)),
    ] {
        let reply = fixture.send("POST /admin/functions/Nightly", &[], body).await;
        assert_eq!((reply.status, &*reply.body), (202, ""), "{body}");
        assert_eq!(
            fixture.backend.fired.lock().unwrap().pop(),
            Some((4, input.map(str::to_owned)))
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
        ("nobody", "{}", 404, ""),
    ] {
        let reply = fixture.send(&format!("POST /admin/functions/{name}"), &[], body).await;
        assert_eq!((reply.status, &*reply.body), (status, text), "{name} {body}");
    }
    assert!(fixture.backend.fired.lock().unwrap().is_empty());
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
        .write_all(b"GET /api/hang HTTP/1.1\r\nHost: h\r\n\r\n")
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
        .write_all(b"GET /api/hang HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .unwrap();
    fixture.backend.hanging.notified().await;
    fixture.door.shutdown().await;
    let dropped = fixture.backend.dropped.notified();
    tokio::time::timeout(Duration::from_secs(10), dropped)
        .await
        .expect("the invocation is dropped");
}
