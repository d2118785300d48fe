//! The front door over real sockets, with a backend that records what reaches it.

mod access;
mod admin;
mod limits;
mod requests;
mod waits;

use super::*;
use crate::host::http::{Answer, AuthLevel, Cors, FrontTrigger, GivenTrigger, HttpCall, HungUp, ServerLimits, Why};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Notify, mpsc},
};

/// Answers functions with what it was called with; the function `hang` answers when it is released, or its client hangs up.
/// With the query `stubborn`, it only counts if it is released.
struct Recorder {
    hanging: Notify,
    dropped: Arc<Notify>,
    release: Arc<Notify>,
    fired: Mutex<Vec<(usize, GivenTrigger)>>,
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
            let HungUp(hung_up) = call.parts.extensions.get().cloned().unwrap_or_default();
            let stubborn = call.parts.uri.query() == Some("stubborn");
            return Box::pin(async move {
                tokio::select! {
                    () = release.notified() => {}
                    () = hung_up.cancelled(), if !stubborn => {}
                }
                drop(guard);
                Response::new(Bytes::from_static(b"late"))
            });
        }
        if let Some(length) = call.parts.uri.query().and_then(|query| query.strip_prefix("big=")) {
            let length: usize = length.parse().unwrap();
            let body = (0..length / BLOCK).map(block).collect::<Vec<_>>().concat();
            return Box::pin(async { Response::new(body.into()) });
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

    fn fire(&self, function: usize, given: GivenTrigger) -> Result<Answer, String> {
        self.fired.lock().unwrap().push((function, given));
        Ok(Box::pin(async { Response::new("how it ended".into()) }))
    }

    fn durable(&self, request: Request<Bytes>) -> Answer {
        let text = format!("durable {} {} {:?}", request.method(), request.uri(), request.body());
        Box::pin(async { Response::new(text.into()) })
    }

    fn mcp(&self, request: Request<Bytes>) -> Answer {
        let text = format!("mcp {:?}", request.body());
        let mut response: Response<Bytes> = Response::new(text.into());
        if request.body() == "refuse" {
            *response.status_mut() = StatusCode::BAD_REQUEST;
            response.extensions_mut().insert(Why("no message".to_owned()));
        }
        if request.body() == "unknown" {
            let why = "tools/call of 'multiply': no function has this name";
            response.extensions_mut().insert(Why(why.to_owned()));
        }
        Box::pin(async { response })
    }

    fn history(&self, instance_id: String) -> Answer {
        Box::pin(async move { Response::new(format!("history of {instance_id}").into()) })
    }
}

const HANG: usize = 3;

/// What a big answer consists of, each block with its number all over it.
const BLOCK: usize = 1 << 10;

fn block(number: usize) -> Vec<u8> {
    number.to_le_bytes().repeat(BLOCK / size_of::<usize>())
}

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
    assert_eq!(fixture.door.set_functions(functions()), RouteProblems::default());
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
