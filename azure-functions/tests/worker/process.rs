//! The worker as a process of its own: this test binary starts itself.

use crate::{
    failure,
    host::{Connection, DEADLINE, Host, invocation},
};
use azure_functions::rpc::{
    InvocationResponse, WorkerInitRequest, rpc_log::Level, status_result::Status, streaming_message::Content,
};
use std::{
    collections::HashMap,
    net::TcpListener,
    process::{Child, Command, Output, Stdio},
    time::Instant,
};

const ARGUMENTS: &str = "TEST_WORKER_ARGUMENTS";
/// Makes the app set a panic hook before it runs.
pub(crate) const OWN_HOOK: &str = "TEST_WORKER_OWN_HOOK";

/// The app's `main` in the child process; no test in its own right.
#[test]
fn app() {
    if let Ok(arguments) = std::env::var(ARGUMENTS) {
        let arguments: Vec<_> = arguments.lines().map(str::to_owned).collect();
        if std::env::var_os(OWN_HOOK).is_some() {
            std::panic::set_hook(Box::new(|_| eprintln!("the app's own hook")));
        }
        std::process::exit(azure_functions::__private::run(&arguments).into());
    }
}

/// The app with these arguments. One test thread is libtest's way of calling a test on the main thread.
pub(crate) fn app_command(arguments: &[String]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "process::app", "--nocapture", "--test-threads=1"])
        .env(ARGUMENTS, arguments.join("\n"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(crate) fn run_app(arguments: &[&str]) -> Output {
    let arguments: Vec<_> = arguments.iter().map(|a| (*a).to_owned()).collect();
    app_command(&arguments).output().unwrap()
}

pub(crate) async fn wait(mut child: Child) -> i32 {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap();
        }
        assert!(begun.elapsed() < DEADLINE, "the process ends");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

async fn answer(connection: &mut Connection) -> InvocationResponse {
    let pick = |c| match c {
        Content::InvocationResponse(response) => Some(response),
        _ => None,
    };
    connection.expect(pick).await.1
}

#[test]
fn a_host_that_is_not_there_is_one_clear_sentence() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = run_app(&[
        "--functions-uri",
        &format!("http://{closed}/"),
        "--functions-worker-id",
        "w",
    ]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains(&format!("cannot reach the host at http://{closed}/")),
        "{told}"
    );
    assert!(told.contains("cargo func run"), "{told}");
    assert_eq!(told.trim_end().lines().count(), 1, "{told}");
}

#[test]
fn arguments_that_make_no_sense_are_told_with_the_usage() {
    for arguments in [
        &["frobnicate"][..],
        &[],
        &["--functions-uri", "http://127.0.0.1:1/"],
        &["init"],
    ] {
        let output = run_app(arguments);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.starts_with("error: "), "{told}");
    }
}

#[tokio::test]
async fn a_process_ends_though_a_function_still_blocks() {
    let mut host = Host::listen().await;
    let child = app_command(&host.arguments()).spawn().unwrap();
    let mut connection = host.accept().await;
    let ids = connection.start(WorkerInitRequest::default()).await;
    let request = invocation("i", &ids["waits_at_a_gate"], "never opened");
    connection.send("", Content::InvocationRequest(request));
    connection
        .expect(|c| matches!(c, Content::RpcLog(_)).then_some(()))
        .await;
    let terminate = azure_functions::rpc::WorkerTerminate {
        grace_period: Some("0.2s".parse().unwrap()),
    };
    connection.send("", Content::WorkerTerminate(terminate));
    let response = answer(&mut connection).await;
    assert_eq!(failure(&response).0, i32::from(Status::Cancelled));
    assert!(connection.receive().await.is_none());
    drop(connection);
    assert_eq!(wait(child).await, 0);
}

/// In a process of its own, because the `log` facade has one level for all.
#[tokio::test]
async fn the_host_decides_which_records_it_gets() {
    let mut host = Host::listen().await;
    let child = app_command(&host.arguments())
        .env("AzureFunctionsJobHost__logging__logLevel__default", "Trace")
        .env("AzureFunctionsJobHost__logging__logLevel__Function.logs.User", "Debug")
        .spawn()
        .unwrap();
    let mut connection = host.accept().await;
    let init = WorkerInitRequest {
        log_categories: HashMap::from([("default".to_owned(), Level::Error.into())]),
        ..Default::default()
    };
    let ids = connection.start(init).await;
    let mut seen = Vec::new();
    for function in ["logs", "logs_blocking"] {
        connection.send("", Content::InvocationRequest(invocation(function, &ids[function], "")));
        loop {
            match connection.receive().await.unwrap().content.unwrap() {
                Content::RpcLog(log) => seen.push(log.message),
                Content::InvocationResponse(_) => break,
                other => panic!("unexpected {other:?}"),
            }
        }
    }
    assert_eq!(seen, ["first ", "second", "detail", "from a thread"]);
    drop(connection);
    assert_eq!(wait(child).await, 0);
}
