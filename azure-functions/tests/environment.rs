//! A worker that has not called a function yet is a process with one thread, and so can take a new environment.
//!
//! Without libtest, which would bring threads of its own: this binary is the test, and with a host's arguments it is the app,
//! whose `main` is really the process's.

#[path = "worker/host.rs"]
mod host;
#[path = "worker/recorded/mod.rs"]
mod recorded;

use azure_functions::{
    __private::{Function, Handler, Outputs, inventory},
    rpc::{
        FunctionEnvironmentReloadRequest, FunctionEnvironmentReloadResponse, TypedData, WorkerInitRequest,
        status_result::Status, streaming_message::Content, typed_data::Data,
    },
};
use host::{Connection, Host, invocation};
use std::{
    collections::HashMap,
    process::{Command, ExitCode},
};

inventory::submit! {
    Function {
        name: "tells_its_surroundings",
        module: module_path!(),
        file: file!(),
        line: line!(),
        bindings: || serde_json::from_str(r#"[{ "name": "input", "type": "queueTrigger", "queueName": "jobs" }]"#).unwrap(),
        parameters: &[],
        retry: None,
        handler: Handler::Blocking(|_| {
            let directory = std::env::current_dir().unwrap();
            let variable = |name| std::env::var(name).ok();
            let told = format!("{:?} {:?} {}", variable("KEPT"), variable("GONE"), directory.display());
            Ok(Outputs { return_value: Some(TypedData { data: Some(Data::String(told)) }), outputs: vec![] })
        }),
    }
}

inventory::submit! {
    Function {
        name: "has_variables",
        module: module_path!(),
        file: file!(),
        line: line!(),
        bindings: || serde_json::from_str(r#"[{ "name": "input", "type": "queueTrigger", "queueName": "jobs" }]"#).unwrap(),
        parameters: &[],
        retry: None,
        handler: Handler::Blocking(|_| {
            let child = Command::new("env").output().unwrap().stdout;
            let told = String::from_utf8_lossy(&child).into_owned();
            Ok(Outputs { return_value: Some(TypedData { data: Some(Data::String(told)) }), outputs: vec![] })
        }),
    }
}

/// Makes the app read a setting before its first function.
const HAS_A_SET_UP: &str = "TEST_WORKER_HAS_A_SET_UP";

/// What the set-up read.
struct Kept(String);

inventory::submit! {
    Function {
        name: "tells_what_the_set_up_read",
        module: module_path!(),
        file: file!(),
        line: line!(),
        bindings: || serde_json::from_str(r#"[{ "name": "input", "type": "queueTrigger", "queueName": "jobs" }]"#).unwrap(),
        parameters: &[],
        retry: None,
        handler: Handler::Blocking(|invocation| {
            let told = invocation.states.get::<Kept>().map(|kept| kept.0.clone()).unwrap_or_default();
            Ok(Outputs { return_value: Some(TypedData { data: Some(Data::String(told)) }), outputs: vec![] })
        }),
    }
}

const DROPS_THE_CODE: &str = "TEST_WORKER_DROPS_THE_CODE";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if std::env::args().any(|a| a == "--functions-uri") {
        let code = match std::env::var_os(HAS_A_SET_UP) {
            None => azure_functions::worker_main(),
            Some(_) => {
                let set_up = async |_| Ok::<_, std::env::VarError>(Kept(std::env::var("KEPT")?));
                azure_functions::app().setup(set_up).run()
            }
        };
        return match std::env::var_os(DROPS_THE_CODE) {
            None => code,
            Some(_) => ExitCode::SUCCESS,
        };
    }
    // cargo-nextest asks for the names of the tests first.
    if arguments.any(|a| a == "--list") {
        println!("environment: test");
        return ExitCode::SUCCESS;
    }
    if cfg!(unix) {
        the_exit_code_of_the_worker_counts_though_main_drops_it();
    }
    if cfg!(target_os = "linux") {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(a_fresh_process_takes_a_new_environment_and_directory());
        runtime.block_on(the_set_up_of_a_placeholder_finds_the_settings_of_the_app());
        runtime.block_on(a_placeholder_of_a_real_host_takes_the_app_s_environment_and_answers_as_it_did_there());
        runtime.block_on(the_secret_of_the_worker_goes_to_the_host_and_not_to_child_processes());
    }
    ExitCode::SUCCESS
}

async fn the_set_up_of_a_placeholder_finds_the_settings_of_the_app() {
    let mut host = Host::listen().await;
    let mut worker = Command::new(std::env::current_exe().unwrap())
        .args(host.arguments())
        .env(HAS_A_SET_UP, "1")
        .spawn()
        .unwrap();
    let mut connection = host.accept().await;
    connection
        .expect(|c| matches!(c, Content::StartStream(_)).then_some(()))
        .await;
    connection.send("", Content::WorkerInitRequest(WorkerInitRequest::default()));
    connection
        .expect(|c| matches!(c, Content::WorkerInitResponse(_)).then_some(()))
        .await;
    let request = FunctionEnvironmentReloadRequest {
        environment_variables: HashMap::from([("KEPT".to_owned(), "of the app".to_owned())]),
        ..FunctionEnvironmentReloadRequest::default()
    };
    let result = reload(&mut connection, &request).await.result.unwrap();
    assert_eq!(result.status(), Status::Success, "{result:?}");
    let load = host::load_request("tells_what_the_set_up_read", "id");
    connection.send("", Content::FunctionLoadRequest(load));
    connection
        .expect(|c| matches!(c, Content::FunctionLoadResponse(_)).then_some(()))
        .await;
    connection.send("", Content::InvocationRequest(invocation("i", "id", "")));
    let pick = |c| match c {
        Content::InvocationResponse(response) => response.return_value?.data,
        _ => None,
    };
    assert_eq!(connection.expect(pick).await.1, Data::String("of the app".to_owned()));
    drop(connection);
    let status = tokio::task::spawn_blocking(move || worker.wait()).await.unwrap();
    assert!(status.unwrap().success());
}

async fn a_fresh_process_takes_a_new_environment_and_directory() {
    let mut host = Host::listen().await;
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path().canonicalize().unwrap();
    let mut worker = Command::new(std::env::current_exe().unwrap())
        .args(host.arguments())
        .env("GONE", "1")
        .spawn()
        .unwrap();
    let mut connection = host.accept().await;
    let ids = connection.start(WorkerInitRequest::default()).await;
    let request = FunctionEnvironmentReloadRequest {
        environment_variables: HashMap::from([
            ("KEPT".to_owned(), "new value".to_owned()),
            ("=".to_owned(), "no name".to_owned()),
        ]),
        function_app_directory: directory.to_str().unwrap().to_owned(),
    };
    let response = reload(&mut connection, &request).await;
    let result = response.result.unwrap();
    assert_eq!(result.status(), Status::Success, "{result:?}");
    assert!(response.capabilities.contains_key("WorkerStatus"));

    let call = invocation("i", &ids["tells_its_surroundings"], "");
    connection.send("", Content::InvocationRequest(call));
    let pick = |c| match c {
        Content::InvocationResponse(response) => response.return_value?.data,
        _ => None,
    };
    let told = format!(r#"Some("new value") None {}"#, directory.display());
    assert_eq!(connection.expect(pick).await.1, Data::String(told));

    // Functions have threads now.
    let response = reload(&mut connection, &request).await;
    assert_eq!(response.result.unwrap().status(), Status::Failure);
    drop(connection);
    let status = tokio::task::spawn_blocking(move || worker.wait())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(status.code(), Some(0));
}

async fn a_placeholder_of_a_real_host_takes_the_app_s_environment_and_answers_as_it_did_there() {
    let spawn = |arguments: &[String]| {
        let mut worker = Command::new(std::env::current_exe().unwrap());
        worker.args(arguments).spawn().unwrap()
    };
    recorded::play(recorded::Start::Placeholder, spawn).await;
}

fn the_exit_code_of_the_worker_counts_though_main_drops_it() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--functions-uri",
            &format!("http://{closed}/"),
            "--functions-worker-id",
            "w",
        ])
        .env(DROPS_THE_CODE, "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("cannot reach the host") && told.contains("azure_functions::worker_main()"),
        "{told}"
    );
}

async fn the_secret_of_the_worker_goes_to_the_host_and_not_to_child_processes() {
    let mut host = Host::listen().await;
    let mut worker = Command::new(std::env::current_exe().unwrap())
        .args(host.arguments())
        .env("AZURE_FUNCTIONS_WORKER_SECRET", "s3cret")
        .spawn()
        .unwrap();
    let mut connection = host.accept().await;
    assert_eq!(connection.secret.as_deref(), Some("s3cret"));
    let ids = connection.start(WorkerInitRequest::default()).await;
    let call = invocation("i", &ids["has_variables"], "");
    connection.send("", Content::InvocationRequest(call));
    let pick = |c| match c {
        Content::InvocationResponse(response) => response.return_value?.data,
        _ => None,
    };
    let Data::String(told) = connection.expect(pick).await.1 else {
        panic!("a text was expected");
    };
    assert!(told.contains("PATH") && !told.contains("SECRET"), "{told}");
    drop(connection);
    tokio::task::spawn_blocking(move || worker.wait())
        .await
        .unwrap()
        .unwrap();
}

async fn reload(
    connection: &mut Connection,
    request: &FunctionEnvironmentReloadRequest,
) -> FunctionEnvironmentReloadResponse {
    connection.send("e", Content::FunctionEnvironmentReloadRequest(request.clone()));
    let pick = |c| match c {
        Content::FunctionEnvironmentReloadResponse(response) => Some(response),
        _ => None,
    };
    connection.expect(pick).await.1
}
