//! What callers get of a worker's answers, and what the log says.

use super::*;
use crate::host::rpc::messages::{RpcHttp, TypedData};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The function `answer` answers with the status and the headers that stand in the request, one a line, and with the text
/// `fine`; `fails` fails; `echo` answers with the body; `waits` answers when it is cancelled.
fn app() -> FakeLauncher {
    FakeLauncher::new(|mut worker| async move {
        let functions = ["answer", "fails", "echo", "waits"].map(|name| metadata(name, &[HTTP, HTTP_RETURN]));
        worker
            .start(
                &["RpcHttpBodyOnly", "RawHttpBodyBytes", "HandlesInvocationCancelMessage"],
                functions.to_vec(),
            )
            .await;
        let mut waiting = Vec::new();
        while let Some(content) = worker.next().await {
            let request = match content {
                Content::InvocationRequest(request) => request,
                Content::InvocationCancel(cancel) => {
                    let cancelled = |request: &mut InvocationRequest| request.invocation_id == cancel.invocation_id;
                    for request in waiting.extract_if(.., cancelled) {
                        worker.answer(&request, Some(Data::String("told".to_owned())));
                    }
                    continue;
                }
                _ => continue,
            };
            let body = match &request.input_data[0].rpc_data {
                Some(RpcData::Data(TypedData {
                    data: Some(Data::Http(http)),
                })) => match http.body.as_ref().and_then(|body| body.data.clone()) {
                    Some(Data::Bytes(bytes)) => bytes,
                    _ => Bytes::new(),
                },
                other => panic!("{other:?}"),
            };
            match request.function_id.as_str() {
                "id-of-fails" => worker.fail(&request, "the stock is empty\n\n$OutOfProcData$:{}"),
                "id-of-waits" => waiting.push(request),
                "id-of-echo" => worker.answer(&request, Some(Data::Bytes(body))),
                _ => worker.answer(&request, Some(Data::Http(Box::new(http(&body))))),
            }
        }
        String::new()
    })
}

fn http(text: &[u8]) -> RpcHttp {
    let text = String::from_utf8_lossy(text);
    let (status, headers) = text.split_once('\n').unwrap_or((&text, ""));
    let headers = headers.lines().filter_map(|line| line.split_once(": "));
    RpcHttp {
        status_code: status.to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: Some(Box::new(TypedData {
            data: Some(Data::Bytes(Bytes::from_static(b"fine"))),
        })),
        ..Default::default()
    }
}

fn count(captured: &Captured, part: &str) -> usize {
    captured.lines().iter().filter(|line| line.contains(part)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_the_real_host_cannot_send_are_500_and_a_log_line() {
    let folder = tempfile::tempdir().unwrap();
    let (host, captured) = start_with(options(&folder), app()).await;
    for (answer, why) in [
        ("1000", "the worker answered with the status 1000, which is not between"),
        ("101", "the worker answered with the status 101, which is not between"),
        (
            "200\nx-city: Z\u{fc}rich",
            "the header `x-city`, whose value is not visible ASCII",
        ),
        ("200\nbad name: x", "the header \"bad name\", whose name is illegal"),
        ("200\ntransfer-encoding: chunked", "the header `transfer-encoding`"),
        (
            "200\ncontent-length: 3",
            "the header `content-length: 3` and a body of 4 bytes",
        ),
    ] {
        let (status, body) = send(host.address(), "POST", "/api/answer", answer).await;
        assert_eq!(status, 500, "{answer}");
        assert!(body.contains(why), "{answer}: {body}");
        let lines = captured.lines();
        let lines: Vec<_> = lines.iter().filter(|line| line.contains(why)).collect();
        assert_eq!(lines.len(), 1, "{answer}: {:?}", captured.lines());
        assert!(
            lines[0].starts_with("Error Function.answer answer: the worker"),
            "{lines:?}"
        );
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_dropped_from_an_answer_is_warned_of_once() {
    let folder = tempfile::tempdir().unwrap();
    let (host, captured) = start_with(options(&folder), app()).await;
    for (answer, status, body, why) in [
        ("200\nkeep-alive: x", 200, "fine", "the header `keep-alive`"),
        ("200\nconnection: close", 200, "fine", "the header `connection`"),
        ("204", 204, "", "answered 204 No Content with a body"),
        ("oops", 200, "fine", "the status \"oops\", which is no number"),
    ] {
        for _ in 0..2 {
            let seen = send(host.address(), "POST", "/api/answer", answer).await;
            assert_eq!(seen, (status, body.to_owned()), "{answer}");
        }
        assert_eq!(count(&captured, why), 1, "{answer}: {:?}", captured.lines());
    }
    let seen = send(host.address(), "POST", "/api/answer", "599\nx-one: 1").await;
    assert_eq!(seen, (599, "fine".to_owned()));
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_500_says_what_happened_on_loopback_and_nothing_beyond_it() {
    let folder = tempfile::tempdir().unwrap();
    let (host, _) = start_with(options(&folder), app()).await;
    let (status, body) = send(host.address(), "GET", "/api/fails", "").await;
    assert_eq!(status, 500);
    assert!(
        body.starts_with("The function 'fails' failed: the stock is empty\n"),
        "{body}"
    );
    assert!(!body.contains("OutOfProcData"), "{body}");
    host.shutdown().await;

    let folder = tempfile::tempdir().unwrap();
    let anywhere = options(&folder).address(SocketAddr::from(([0, 0, 0, 0], 0)));
    let (host, _) = start_with(anywhere, app()).await;
    let address = SocketAddr::from(([127, 0, 0, 1], host.address().port()));
    assert_eq!(send(address, "GET", "/api/fails", "").await, (500, String::new()));
    assert_eq!(send(address, "POST", "/api/answer", "101").await, (500, String::new()));
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunked_body_is_delivered_with_one_warning_that_the_real_host_drops_it() {
    let folder = tempfile::tempdir().unwrap();
    let (host, captured) = start_with(options(&folder), app()).await;
    for _ in 0..2 {
        let mut stream = TcpStream::connect(host.address()).await.unwrap();
        let request = format!(
            "POST /api/echo HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            host.address()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(TEST_LIMIT, stream.read_to_string(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.ends_with("abc"),
            "{answer}"
        );
    }
    assert_eq!(
        count(&captured, "the Functions host would not pass its body on"),
        1,
        "{:?}",
        captured.lines()
    );
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_function_of_a_client_that_hung_up_is_told_and_its_answer_still_sent() {
    let folder = tempfile::tempdir().unwrap();
    let (host, captured) = start_with(options(&folder), app()).await;
    let request = format!("GET /api/waits HTTP/1.1\r\nHost: {}\r\n\r\n", host.address());
    // It may still read.
    let mut stream = TcpStream::connect(host.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    timeout(TEST_LIMIT, stream.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("told"),
        "{answer}"
    );
    // It is gone.
    let mut stream = TcpStream::connect(host.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    drop(stream);
    until("the function ends", async || {
        count(&captured, "Executed 'Functions.waits' (Succeeded") == 2
    })
    .await;
    host.shutdown().await;
}
