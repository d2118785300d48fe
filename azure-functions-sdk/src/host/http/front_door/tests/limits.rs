//! Clients that are slow, or too many.

use super::*;
use crate::host::http::{AnswerLimits, MinRate};
use tokio::net::TcpSocket;

/// More than the buffers of two sockets take: the host's grows to 4 MiB by default, the client's is limited.
const BIG: usize = 12 << 20;
const CLIENT_BUFFER: u32 = 64 << 10;

fn limits(change: impl FnOnce(&mut ServerLimits)) -> FrontDoorOptions {
    let mut options = FrontDoorOptions::default();
    options.limits.min_rate = MinRate {
        bytes_per_second: 1 << 20,
        grace: Duration::from_millis(200),
        credit: Duration::from_millis(200),
    };
    change(&mut options.limits);
    options
}

async fn connect(fixture: &Fixture, text: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(CLIENT_BUFFER).unwrap();
    let mut stream = socket.connect(fixture.door.local_addr()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// All that comes until the other end closes, in order or not.
async fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let reading = stream.read_to_end(&mut all);
    // A reset ends it, too.
    let _ = tokio::time::timeout(Duration::from_secs(20), reading)
        .await
        .expect("the connection ends");
    all
}

fn big(name: &str) -> String {
    format!("GET /api/add/1?big={BIG} HTTP/1.1\r\nHost: localhost\r\nX-Client: {name}\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_refused() {
    let fixture = serving(limits(|_| {})).await;
    let head = "POST /api/add/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n";
    let (mut reader, mut writer) = connect(&fixture, head).await.into_split();
    let trickle = tokio::spawn(async move {
        while writer.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let mut start = [0; 12];
    tokio::time::timeout(Duration::from_secs(10), reader.read_exact(&mut start))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&start, b"HTTP/1.1 408");
    trickle.await.unwrap();
}

#[tokio::test]
async fn a_head_that_does_not_end_ends_the_connection() {
    let fixture = serving(limits(|limits| limits.header_timeout = Duration::from_millis(200))).await;
    let stream = connect(&fixture, "GET /api/add/1 HTTP/1.1\r\nHost: loc").await;
    assert_eq!(rest(stream).await, b"");
}

#[tokio::test]
async fn an_answer_that_is_not_read_is_given_up() {
    let fixture = serving(limits(|_| {})).await;
    let stream = connect(&fixture, &big("a")).await;
    // Until the door has given up, nothing is read: its end of the stream is the last thing that comes.
    let given_up = async {
        while fixture.door.has_connections() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    while !fixture.door.has_connections() {
        tokio::task::yield_now().await;
    }
    tokio::time::timeout(Duration::from_secs(10), given_up).await.unwrap();
    let came = rest(stream).await.len();
    assert!(came < BIG, "{came}");
}

#[tokio::test]
async fn answers_beyond_the_memory_wait_on_disk_and_arrive_whole() {
    let fixture = serving(limits(|limits| {
        limits.min_rate = MinRate::default();
        limits.answers = AnswerLimits {
            memory: BIG,
            disk: 10 * BIG,
            files: 2,
        };
    }))
    .await;
    let mut streams = Vec::new();
    for name in ["a", "b", "c"] {
        let mut stream = connect(&fixture, &big(name)).await;
        let mut start = [0; 12];
        stream.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"HTTP/1.1 200", "{name}");
        streams.push(stream);
    }
    // No place is left.
    let refused = rest(connect(&fixture, &big("d")).await).await;
    assert!(
        refused.starts_with(b"HTTP/1.1 503"),
        "{}",
        String::from_utf8_lossy(&refused)
    );
    // Small answers need none.
    assert_eq!(fixture.get("/api/add/1").await.status, 200);
    for stream in streams {
        let answer = rest(stream).await;
        let body = &answer[answer.len() - BIG..];
        let mut blocks = body.chunks(BLOCK).enumerate();
        assert!(blocks.all(|(number, found)| found == block(number)));
    }
    // The places are free again.
    let again = rest(connect(&fixture, &big("e")).await).await;
    assert!(again.starts_with(b"HTTP/1.1 200") && again.len() > BIG);
}

#[tokio::test]
async fn bodies_that_come_at_once_take_bounded_memory() {
    let fixture = serving(limits(|limits| {
        limits.min_rate = MinRate::default();
        limits.bodies = 1 << 20;
    }))
    .await;
    // Most of a body of 1,000,000 bytes: there is room for one of these.
    let most = "POST /api/add/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n".to_owned()
        + &"x".repeat(900_000);
    let (mut one, mut other) = tokio::join!(connect(&fixture, &most), connect(&fixture, &most));
    let (mut first, mut second) = ([0; 12], [0; 12]);
    let (one_is_refused, read) = tokio::select! {
        read = one.read_exact(&mut first) => (true, read),
        read = other.read_exact(&mut second) => (false, read),
    };
    let (refused, mut admitted) = if one_is_refused { (first, other) } else { (second, one) };
    // The answer may be lost with the connection, whose body was not read to its end.
    assert!(read.is_err() || &refused == b"HTTP/1.1 503", "{refused:?}");
    assert_eq!(fixture.send("POST /api/add/1", &[], "small").await.status, 200);
    admitted.write_all(&[b'x'; 100_000]).await.unwrap();
    let mut start = [0; 12];
    admitted.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    let body = "x".repeat(1_000_000);
    assert_eq!(fixture.send("POST /api/add/1", &[], &body).await.status, 200);
}

#[tokio::test]
async fn at_the_limit_the_slowest_clients_give_way_and_others_are_answered() {
    let fixture = serving(limits(|limits| {
        limits.connections = 8;
        limits.min_rate = MinRate::default();
    }))
    .await;
    // One that runs a function is never disconnected.
    let hanging = connect(
        &fixture,
        "GET /api/hang HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    )
    .await;
    fixture.backend.hanging.notified().await;
    let mut trickling = Vec::new();
    for number in 0..100 {
        let start = match number % 2 {
            0 => "GET /api/add/1 HTTP/1.1\r\nHost: loc",
            _ => "POST /api/add/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx",
        };
        trickling.push(connect(&fixture, start).await);
        // It does not wait until a client is cut for being slow, which is after 5 seconds.
        let answer = tokio::time::timeout(Duration::from_secs(4), fixture.get("/api/add/1")).await;
        assert_eq!(answer.expect("an answer at once").status, 200, "{number}");
    }
    assert_eq!(rest(trickling.remove(0)).await, b"");
    fixture.backend.release.notify_one();
    assert!(rest(hanging).await.ends_with(b"late"));
}

#[tokio::test]
async fn at_the_limit_clients_that_have_gone_give_way_though_their_functions_run_on() {
    let fixture = serving(limits(|limits| {
        limits.connections = 4;
        limits.patience = Duration::from_millis(10);
    }))
    .await;
    for number in 0..20 {
        let gone = connect(&fixture, "GET /api/hang?stubborn HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        tokio::time::timeout(Duration::from_secs(10), fixture.backend.hanging.notified())
            .await
            .unwrap_or_else(|_| panic!("{number}: there is a place"));
        drop(gone);
    }
    assert_eq!(fixture.get("/api/add/1").await.status, 200);
}
