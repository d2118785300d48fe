//! Errors that HTTP functions return: answers, or failed invocations.

use azure_functions::{
    BindingError, FunctionError,
    binding::{BindingData, BindingSpec, IntoBinding},
    func,
    in_process::{App, Call, LogLine, Surroundings, http_response},
    prelude::*,
};
use std::{
    error::Error,
    sync::{Arc, Mutex},
};

type BoxError = Box<dyn Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
enum OrderError {
    #[error("the order cannot be read")]
    Unreadable(#[from] BindingError),
    #[error("there is no such order")]
    Missing(#[source] HttpError),
    #[error("the shop is closed")]
    Closed,
}

impl From<OrderError> for HttpError {
    fn from(error: OrderError) -> Self {
        Self::with_source(503, "come back tomorrow", error)
    }
}

/// What goes wrong stands in the body of the request.
#[func]
fn boxed(req: HttpRequest) -> Result<HttpResponse, BoxError> {
    match req.body_as_str()? {
        "missing" => return Err(HttpError::new(404, "no such order").into()),
        "unreadable" => drop(req.json::<u32>().map_err(OrderError::from)?),
        "missing inside" => Err(OrderError::Missing(HttpError::new(410, "gone")))?,
        "closed" => Err(OrderError::Closed)?,
        "ours" => Err(BindingError::new("our fault"))?,
        "wrapped" => Err(FunctionError::with_source("outer", BindingError::bad_request("inner")))?,
        _ => {}
    }
    Ok("fine".into())
}

#[func]
async fn typed_error(_req: HttpRequest) -> Result<Json<u32>, HttpError> {
    tokio::task::yield_now().await;
    Err(OrderError::Closed)?
}

struct Sent;

impl IntoBinding for Sent {
    const SPEC: BindingSpec = BindingSpec::output("mine");

    fn into_binding(self) -> Result<BindingData, BindingError> {
        BindingData::json(&"sent")
    }
}

#[func]
fn second_output(req: HttpRequest) -> Result<(Sent, HttpResponse), BindingError> {
    req.json::<u32>().map(|number| (Sent, number.to_string().into()))
}

/// No caller waits for an answer of it.
#[func]
fn without_answer_fails(req: HttpRequest) -> Result<(), BindingError> {
    req.json::<u32>().map(drop)
}

/// Status and body, or the message of the failed invocation; and what was logged.
async fn call(function: &str, body: &str) -> (Result<(u16, String), String>, Vec<String>) {
    let app = App::linked().unwrap();
    let function = app.find(function).unwrap();
    let lines: Arc<Mutex<Vec<LogLine>>> = Arc::default();
    let log = Arc::clone(&lines);
    let surroundings = Surroundings {
        log: Arc::new(move |line| log.lock().unwrap().push(line)),
        ..Surroundings::default()
    };
    let call = Call::http(function, &HttpRequest::build().method("POST").body(body.to_owned())).unwrap();
    let outputs = app.invoke(function, call, &surroundings).await;
    let answer = outputs.map(|outputs| {
        let response = http_response(function, outputs);
        (response.status().as_u16(), response.body_as_str().unwrap().to_owned())
    });
    let lines = lines.lock().unwrap().iter().map(|line| line.message.clone()).collect();
    (answer, lines)
}

fn answer(status: u16, body: &str) -> (Result<(u16, String), String>, Vec<String>) {
    (Ok((status, body.to_owned())), Vec::new())
}

#[tokio::test]
async fn an_error_that_is_an_answer_answers() {
    assert_eq!(call("boxed", "").await, answer(200, "fine"));
    assert_eq!(call("boxed", "missing").await, answer(404, "no such order"));
    assert_eq!(call("boxed", "missing inside").await, answer(410, "gone"));
    assert_eq!(call("boxed", "wrapped").await, answer(400, "inner"));
}

#[tokio::test]
async fn what_the_caller_sent_and_cannot_be_read_is_answered_with_400() {
    let (Ok((status, body)), _) = call("boxed", "unreadable").await else {
        panic!("it failed")
    };
    assert_eq!(status, 400);
    assert!(body.starts_with("the body is not as expected: "), "{body}");
    assert_eq!(call("second_output", "7").await, answer(200, "7"));
    assert_eq!(call("second_output", "seven").await.0.unwrap().0, 400);
}

#[tokio::test]
async fn every_other_error_fails_the_invocation() {
    assert_eq!(call("boxed", "closed").await.0, Err("the shop is closed".to_owned()));
    assert_eq!(call("boxed", "ours").await.0, Err("our fault".to_owned()));
    let (failed, _) = call("without_answer_fails", "seven").await;
    assert!(failed.unwrap_err().starts_with("the body is not as expected: "));
}

#[tokio::test]
async fn an_answer_that_blames_the_server_is_logged_with_its_cause() {
    let (answer, log) = call("typed_error", "").await;
    assert_eq!(answer, Ok((503, "come back tomorrow".to_owned())));
    assert_eq!(
        log,
        ["answered with an error: 503 Service Unavailable: come back tomorrow: the shop is closed"]
    );
}
