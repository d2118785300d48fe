//! What of a request and of a response passes a host, whole functions at a time. The rule itself is tested beside it.

use azure_functions::{
    func,
    http::Cookie,
    in_process::{App, Call, LogLine, Surroundings, http_response},
    prelude::*,
};
use std::sync::{Arc, Mutex};

/// Answers with the headers that stand in the request's body, one `name: value` a line.
#[func]
fn headers_of_the_body(req: HttpRequest) -> HttpResponse {
    let body = req.body_as_str().unwrap();
    let lines = body.lines().filter_map(|line| line.split_once(": "));
    let response = lines.fold(HttpResponse::build(), |response, (name, value)| {
        response.header(name, value)
    });
    response.body("fine")
}

#[func]
fn reads_a_body(req: HttpRequest) -> HttpResponse {
    req.body().clone().into()
}

#[func]
fn writes_no_body(_req: HttpRequest) -> (HttpResponse,) {
    ((204, "but a text").into(),)
}

async fn call(function: &str, request: HttpRequest) -> (Result<HttpResponse, String>, Vec<String>) {
    let app = App::linked().unwrap();
    let function = app.find(function).unwrap();
    let lines: Arc<Mutex<Vec<LogLine>>> = Arc::default();
    let log = Arc::clone(&lines);
    let surroundings = Surroundings {
        log: Arc::new(move |line| log.lock().unwrap().push(line)),
        ..Surroundings::default()
    };
    let outputs = app
        .invoke(function, Call::http(function, &request).unwrap(), &surroundings)
        .await;
    let lines = lines.lock().unwrap().iter().map(|line| line.message.clone()).collect();
    (outputs.map(|outputs| http_response(function, outputs)), lines)
}

async fn with_headers(lines: &str) -> (Result<HttpResponse, String>, Vec<String>) {
    let request = HttpRequest::build().method("POST").body(lines.to_owned());
    call("headers_of_the_body", request).await
}

#[tokio::test]
async fn two_set_cookie_headers_of_a_function_are_two_cookies_for_its_caller() {
    let (response, log) = with_headers("set-cookie: a=1; Path=/\nset-cookie: b=2; Secure").await;
    assert_eq!(
        response.unwrap().cookies(),
        [Cookie::new("a", "1").path("/"), Cookie::new("b", "2").secure(true)]
    );
    assert!(log.is_empty(), "{log:?}");
}

#[tokio::test]
async fn a_refused_header_fails_the_invocation_and_names_function_and_header() {
    let (response, _) = with_headers("x-city: Z\u{fc}rich").await;
    let error = response.unwrap_err();
    assert!(
        error
            .starts_with("function `headers_of_the_body` set the header `x-city` to a value that is not visible ASCII"),
        "{error}"
    );
}

#[tokio::test]
async fn a_dropped_header_is_warned_of_once() {
    let lines = "keep-alive: timeout=5\nset-cookie: a=1; Partitioned\nx-kept: 1";
    let (response, log) = with_headers(lines).await;
    let response = response.unwrap();
    assert_eq!(
        (response.header("keep-alive"), response.header("x-kept")),
        (None, Some("1"))
    );
    assert_eq!(
        log,
        [
            "function `headers_of_the_body`: the header `keep-alive` is not sent: it belongs to the connection between host and \
             caller (said once)",
            "function `headers_of_the_body`: the attribute `Partitioned` of its cookie `a` is not sent: it has no place in the \
             message to the host (said once)",
        ]
    );
    assert!(with_headers(lines).await.1.is_empty());
}

#[tokio::test]
async fn the_body_of_a_204_is_dropped_with_a_warning() {
    let (response, log) = call("writes_no_body", HttpRequest::build().finish()).await;
    assert!(response.unwrap().body().is_empty());
    assert_eq!(
        log,
        [
            "function `writes_no_body`: the body of its answer 204 No Content is not sent: such an answer has none (said once)"
        ]
    );
}

#[tokio::test]
async fn a_chunked_request_without_its_body_is_warned_of_once() {
    let chunked = || {
        HttpRequest::build()
            .method("POST")
            .header("Transfer-Encoding", "chunked")
    };
    let (_, log) = call("reads_a_body", chunked().body("delivered")).await;
    assert!(log.is_empty(), "{log:?}");
    let (_, log) = call("reads_a_body", chunked().finish()).await;
    let [line] = &log[..] else { panic!("{log:?}") };
    assert!(
        line.starts_with(
            "function `reads_a_body`: a request came with `transfer-encoding: chunked` and without a body"
        ),
        "{line}"
    );
    assert!(call("reads_a_body", chunked().finish()).await.1.is_empty());
}
