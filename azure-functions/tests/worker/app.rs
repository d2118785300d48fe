//! What an app does before its first function and after its last.

use crate::{
    exit_code,
    host::{Connection, Host, invocation, load_request},
};
use azure_functions::{
    __private::{Function, Handler, Outputs, inventory},
    App, app,
    app::States,
    rpc::{
        FunctionLoadRequestCollection, TypedData, WorkerInitRequest, WorkerStatusRequest, WorkerTerminate,
        status_result::Status, streaming_message::Content, typed_data::Data,
    },
};
use std::{
    sync::{Arc, Mutex},
    thread::JoinHandle,
};
use tokio::sync::Semaphore;

struct Shared {
    text: &'static str,
    said: Arc<Mutex<Vec<&'static str>>>,
    gate: Arc<Semaphore>,
}

inventory::submit! {
    Function {
        name: "tells_the_state",
        module: module_path!(),
        file: file!(),
        line: line!(),
        bindings: || serde_json::from_str(r#"[{ "name": "input", "type": "queueTrigger", "queueName": "jobs" }]"#).unwrap(),
        parameters: &[],
        retry: None,
        handler: Handler::Async(|invocation| Box::pin(async move {
            let shared = invocation.states.get::<Shared>().unwrap();
            shared.gate.acquire().await.unwrap().forget();
            shared.said.lock().unwrap().push("function");
            let text = Data::String(shared.text.to_owned());
            Ok(Outputs { return_value: Some(TypedData { data: Some(text) }), outputs: vec![] })
        })),
    }
}

/// Runs an app under a host that has initialised it.
async fn run(app: App) -> (Connection, JoinHandle<u8>) {
    let mut host = Host::listen().await;
    let arguments = host.arguments();
    let thread = std::thread::spawn(move || app.run_with(&arguments));
    let mut connection = host.accept().await;
    connection
        .expect(|c| matches!(c, Content::StartStream(_)).then_some(()))
        .await;
    connection.send("", Content::WorkerInitRequest(WorkerInitRequest::default()));
    connection
        .expect(|c| matches!(c, Content::WorkerInitResponse(_)).then_some(()))
        .await;
    (connection, thread)
}

fn load(connection: &Connection) {
    let function_load_requests = vec![load_request("tells_the_state", "id")];
    let requests = FunctionLoadRequestCollection { function_load_requests };
    connection.send("", Content::FunctionLoadRequestCollection(requests));
}

async fn loaded(connection: &mut Connection) {
    connection
        .expect(|c| matches!(c, Content::FunctionLoadResponseCollection(_)).then_some(()))
        .await;
}

async fn answer(connection: &mut Connection) -> (i32, Option<Data>) {
    let pick = |c| match c {
        Content::InvocationResponse(response) => Some((
            response.result?.status,
            response.return_value.and_then(|value| value.data),
        )),
        _ => None,
    };
    connection.expect(pick).await.1
}

#[tokio::test]
async fn functions_wait_for_the_set_up_and_the_host_is_answered_meanwhile() {
    let opened = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&opened);
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    let app = app().setup(async move |_: States| {
        gate.acquire().await.map_err(|error| error.to_string())?.forget();
        said.lock().unwrap().push("set-up");
        let gate = Arc::new(Semaphore::new(1));
        Ok::<_, String>(Shared {
            text: "made",
            said,
            gate,
        })
    });
    let (mut connection, thread) = run(app).await;
    load(&connection);
    connection.send("", Content::InvocationRequest(invocation("i", "id", "")));
    connection.send("", Content::WorkerStatusRequest(WorkerStatusRequest {}));
    connection
        .expect(|c| matches!(c, Content::WorkerStatusResponse(_)).then_some(()))
        .await;
    opened.add_permits(1);
    loaded(&mut connection).await;
    let (status, text) = answer(&mut connection).await;
    assert_eq!(
        (status, text),
        (Status::Success as i32, Some(Data::String("made".to_owned())))
    );
    assert_eq!(*heard.lock().unwrap(), ["set-up", "function"]);
    drop(connection);
    assert_eq!(exit_code(thread).await, 0);
}

#[tokio::test]
async fn a_set_up_that_fails_ends_the_app_before_any_function_is_loaded() {
    let app = app().setup(async |_: States| Err::<Shared, _>("the database is away"));
    let (mut connection, thread) = run(app).await;
    load(&connection);
    let refused = connection.from_worker.message().await;
    assert!(!matches!(refused, Ok(Some(_))), "{refused:?}");
    assert_eq!(exit_code(thread).await, 1);
}

#[tokio::test]
async fn the_shutdown_runs_after_the_last_function_and_before_the_worker_says_goodbye() {
    let said = Arc::new(Mutex::new(Vec::new()));
    let gate = Arc::new(Semaphore::new(0));
    let shared = Shared {
        text: "given",
        said: Arc::clone(&said),
        gate: Arc::clone(&gate),
    };
    let app = app()
        .state(shared)
        .shutdown(async |states: States| states.get::<Shared>().unwrap().said.lock().unwrap().push("last"))
        .shutdown(async |states: States| {
            tokio::task::yield_now().await;
            states.get::<Shared>().unwrap().said.lock().unwrap().push("shutdown");
        });
    let (mut connection, thread) = run(app).await;
    load(&connection);
    loaded(&mut connection).await;
    connection.send("", Content::InvocationRequest(invocation("i", "id", "")));
    connection.send("", Content::WorkerStatusRequest(WorkerStatusRequest {}));
    connection
        .expect(|c| matches!(c, Content::WorkerStatusResponse(_)).then_some(()))
        .await;
    connection.send("", Content::WorkerTerminate(WorkerTerminate::default()));
    gate.add_permits(1);
    let (status, _) = answer(&mut connection).await;
    assert_eq!(status, Status::Success as i32);
    assert!(connection.receive().await.is_none(), "the worker ends the stream");
    assert_eq!(*said.lock().unwrap(), ["function", "shutdown", "last"]);
    drop(connection);
    assert_eq!(exit_code(thread).await, 0);
}

#[tokio::test]
async fn an_app_that_is_stopped_during_its_set_up_answers_the_invocations_that_wait() {
    let app = app().setup(async |_: States| std::future::pending::<Result<Shared, String>>().await);
    let (mut connection, thread) = run(app).await;
    load(&connection);
    connection.send("", Content::InvocationRequest(invocation("i", "id", "")));
    connection.send("", Content::WorkerTerminate(WorkerTerminate::default()));
    let (status, _) = answer(&mut connection).await;
    assert_eq!(status, Status::Cancelled as i32);
    assert!(connection.receive().await.is_none(), "the worker ends the stream");
    drop(connection);
    assert_eq!(exit_code(thread).await, 0);
}
