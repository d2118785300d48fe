//! The worker as a process of its own: this test binary starts itself.

use crate::{
    failure,
    host::{Connection, DEADLINE, Host, invocation},
    recorded::{Start, play},
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

/// A file, with which a thread of the app's `main` ends the process.
const EXITS_WHEN_THERE_IS: &str = "TEST_WORKER_EXITS_WHEN_THERE_IS";

/// The app's `main` in the child process; no test in its own right.
#[test]
fn app() {
    if let Ok(arguments) = std::env::var(ARGUMENTS) {
        if let Some(file) = std::env::var_os(EXITS_WHEN_THERE_IS) {
            std::thread::spawn(move || {
                while !std::path::Path::new(&file).exists() {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                std::process::exit(0);
            });
        }
        let arguments: Vec<_> = arguments.lines().map(str::to_owned).collect();
        if std::env::var_os(OWN_HOOK).is_some() {
            std::panic::set_hook(Box::new(|_| eprintln!("the app's own hook")));
        }
        let app = azure_functions::app().durable_wire(azure_functions::durable::Wire::Json);
        std::process::exit(app.run_with(&arguments).into());
    }
}

/// The app with these arguments. One test thread is libtest's way of calling a test on the main thread.
pub(crate) fn app_command(arguments: &[String]) -> Command {
    app_command_of(&std::env::current_exe().unwrap(), arguments)
}

/// The same, of a copy of this test binary.
pub(crate) fn app_command_of(program: &std::path::Path, arguments: &[String]) -> Command {
    let mut command = Command::new(program);
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

/// Nothing can wake the first function, so it is dropped at once, and its caller told; the second one is dropped when the worker stops.
#[tokio::test]
async fn a_function_that_panics_when_it_is_dropped_does_not_end_the_process() {
    let mut host = Host::listen().await;
    let child = app_command(&host.arguments()).spawn().unwrap();
    let mut connection = host.accept().await;
    let ids = connection.start(WorkerInitRequest::default()).await;
    let record = |c| match c {
        Content::RpcLog(log) => Some((log.invocation_id, log.message)),
        _ => None,
    };
    let request = invocation("a", &ids["waits_for_nothing_with_what_panics_when_dropped"], "");
    connection.send("", Content::InvocationRequest(request));
    assert_eq!(connection.expect(record).await.1, ("a".to_owned(), "begun".to_owned()));
    let (id, told) = connection.expect(record).await.1;
    assert_eq!(id, "a", "it is dropped in its invocation");
    assert!(told.starts_with("panicked at ") && told.contains(": dropped"), "{told}");
    let told = answer(&mut connection).await;
    let (status, message) = failure(&told);
    assert_eq!(status, i32::from(Status::Failure));
    assert!(message.contains("all that could wake it is gone"), "{message}");
    let request = invocation("b", &ids["sleeps_with_what_panics_when_dropped"], "");
    connection.send("", Content::InvocationRequest(request));
    assert_eq!(connection.expect(record).await.1, ("b".to_owned(), "begun".to_owned()));
    let terminate = azure_functions::rpc::WorkerTerminate {
        grace_period: Some("0.2s".parse().unwrap()),
    };
    connection.send("", Content::WorkerTerminate(terminate));
    assert_eq!(failure(&answer(&mut connection).await).0, i32::from(Status::Cancelled));
    assert!(connection.receive().await.is_none());
    drop(connection);
    assert_eq!(wait(child).await, 0);
}

/// Exit code and stderr.
async fn ending(child: Child) -> (Option<i32>, String) {
    let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap());
    let output = tokio::time::timeout(DEADLINE, output)
        .await
        .expect("the process ends")
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// The other order, with specialization, is in the test binary `environment`.
#[tokio::test]
async fn the_worker_starts_and_answers_as_it_did_under_a_real_host() {
    play(Start::Plain, |arguments| app_command(arguments).spawn().unwrap()).await;
}

/// The real host takes 0 for an orderly end, and every call hangs.
#[cfg(unix)]
#[tokio::test]
async fn a_process_that_code_of_the_app_ends_with_code_0_ends_with_another() {
    for (function, how) in [
        ("exits", "0"),
        ("exits_async", "0"),
        ("exits", "from another thread"),
        // Of which the system sees 0.
        ("exits", "256"),
    ] {
        let mut host = Host::listen().await;
        let child = app_command(&host.arguments()).spawn().unwrap();
        let mut connection = host.accept().await;
        let ids = connection.start(WorkerInitRequest::default()).await;
        connection.send("", Content::InvocationRequest(invocation("i", &ids[function], how)));
        let (code, told) = ending(child).await;
        assert_eq!(code, Some(70), "{function} {how}: {told}");
        assert!(told.contains("error: code of this app ended the process"), "{told}");
        assert_eq!(told.trim_end().lines().count(), 1, "{told}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_process_that_ends_itself_before_the_handshake_does_not_end_with_code_0() {
    let mut host = Host::listen().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("exit");
    let child = app_command(&host.arguments())
        .env(EXITS_WHEN_THERE_IS, &file)
        .spawn()
        .unwrap();
    let mut connection = host.accept().await;
    connection
        .expect(|c| matches!(c, Content::StartStream(_)).then_some(()))
        .await;
    std::fs::write(file, "").unwrap();
    assert_eq!(ending(child).await.0, Some(70));
}

/// Where the C library tells the code.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[tokio::test]
async fn other_exit_codes_of_the_app_stay() {
    for code in [3, 200] {
        let mut host = Host::listen().await;
        let child = app_command(&host.arguments()).spawn().unwrap();
        let mut connection = host.accept().await;
        let ids = connection.start(WorkerInitRequest::default()).await;
        let request = invocation("i", &ids["exits"], &code.to_string());
        connection.send("", Content::InvocationRequest(request));
        assert_eq!(ending(child).await, (Some(code), String::new()));
    }
}

#[tokio::test]
async fn a_process_that_ends_itself_after_it_was_told_to_end_keeps_code_0() {
    let mut host = Host::listen().await;
    let child = app_command(&host.arguments()).spawn().unwrap();
    let mut connection = host.accept().await;
    let ids = connection.start(WorkerInitRequest::default()).await;
    let request = invocation("i", &ids["exits_when_cancelled"], "0");
    connection.send("", Content::InvocationRequest(request));
    connection
        .expect(|c| matches!(c, Content::RpcLog(_)).then_some(()))
        .await;
    let terminate = azure_functions::rpc::WorkerTerminate {
        grace_period: Some("5s".parse().unwrap()),
    };
    connection.send("", Content::WorkerTerminate(terminate));
    assert_eq!(ending(child).await, (Some(0), String::new()));
}

#[test]
fn an_app_that_is_started_as_a_custom_handler_says_what_it_is() {
    // Hosts add no arguments, `host.json` may.
    for arguments in [&[][..], &["serve".to_owned()][..]] {
        let output = app_command(arguments)
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", "12345")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(
            told.starts_with("error: a Functions host started this app as a custom handler"),
            "{told}"
        );
        for part in [
            "language worker",
            "host.json",
            "FUNCTIONS_WORKER_RUNTIME",
            "worker.config.json",
        ] {
            assert!(told.contains(part), "{told}");
        }
        assert_eq!(told.trim_end().lines().count(), 1, "{told}");
    }
    let output = app_command(&["functions".to_owned()])
        .env("FUNCTIONS_CUSTOMHANDLER_PORT", "12345")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "commands work wherever they are typed");
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
