//! The supervisor with scripted workers, and the parts of the host that reach them through it.

mod ends;
mod gate;
mod handshake;
mod invocations;

use super::*;
use crate::{
    durable::work::Begun,
    host::{
        http_request::HttpInvocation,
        invocation::TriggerInput,
        metadata::AppSettings,
        process::WorkerCommand,
        rpc::messages::{Data, ParameterBinding, parameter_binding::RpcData, streaming_message::Content},
        runner::FunctionRunner,
        tests::{
            captured::Captured,
            described::{ACTIVITY, metadata},
            fake_worker::{FakeLauncher, FakeWorker},
        },
    },
    project::{LocalSettings, Settings},
};
use bytes::Bytes;
use std::path::PathBuf;
use tokio::task::JoinHandle;

/// Ends a test that waits for what never comes.
const TEST_LIMIT: Duration = Duration::from_secs(20);

struct Host {
    runner: FunctionRunner,
    captured: Arc<Captured>,
    stop: CancellationToken,
    supervisor: JoinHandle<()>,
}

impl Host {
    async fn start(launcher: impl Launch) -> Self {
        Self::with_timeout(launcher, None).await
    }

    async fn with_timeout(launcher: impl Launch, function_timeout: Option<Duration>) -> Self {
        Self::with(launcher, function_timeout, None).await
    }

    async fn with(launcher: impl Launch, function_timeout: Option<Duration>, crash_limit: Option<CrashLimit>) -> Self {
        let (captured, log) = Captured::log();
        let (state, states) = watch::channel(WorkerState::Starting(String::new()));
        let (functions, tables) = watch::channel(Arc::default());
        let stop = CancellationToken::new();
        let local = LocalSettings::parse(
            "local.settings.json",
            r#"{"IsEncrypted":false,"Values":{"HUB":"Blue"}}"#,
        );
        let settings = AppSettings {
            settings: Settings::new([], &local.unwrap()),
            allow_list: None,
        };
        let supervisor = Supervisor {
            launcher: Box::new(launcher),
            server: RpcServer::start(8).await.unwrap(),
            startup: Startup {
                app_directory: PathBuf::from("/app"),
                worker_directory: PathBuf::from("/app/bin"),
                settings: Arc::new(settings),
                function_timeout,
                log: log.clone(),
            },
            state,
            functions,
            stop: stop.clone(),
            crash_limit,
            log: log.clone(),
        };
        let runner = FunctionRunner::new(states, tables, log);
        runner.set_client_binding(Box::new(|hub, connection| format!("{hub:?} {connection:?}")));
        Self {
            runner,
            captured,
            stop,
            supervisor: tokio::spawn(supervisor.run()),
        }
    }

    /// Calls an HTTP function.
    async fn get(&self, name: &str) -> http::Response<Bytes> {
        let function = self.runner.find(name).await.unwrap();
        let url = format!("http://localhost:7071/api/{name}");
        let request = HttpInvocation::new(http::Method::GET, url, http::HeaderMap::new(), Vec::new(), Bytes::new());
        self.runner.invoke_http(&function, request).await
    }

    async fn until_logged(&self, part: &str) {
        let deadline = Instant::now() + TEST_LIMIT;
        while !self.captured.contains(part) {
            assert!(Instant::now() < deadline, "no {part}: {:?}", self.captured.lines());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn invoke(&self, name: &str, text: &str) -> Result<Option<Data>, InvokeError> {
        let invoking = async {
            let function = self.runner.find(name).await?;
            self.runner
                .invoke(&function, "a test", TriggerInput::text(text), None, Begun::default())
                .await
        };
        let response = tokio::time::timeout(TEST_LIMIT, invoking)
            .await
            .expect("an answer in time")?;
        Ok(response.return_value.and_then(|value| value.data))
    }
}

fn text(data: &str) -> Option<Data> {
    Some(Data::String(data.to_owned()))
}

fn data(inputs: &[ParameterBinding], place: usize) -> (&str, Option<&Data>) {
    let input = &inputs[place];
    let value = match &input.rpc_data {
        Some(RpcData::Data(value)) => value.data.as_ref(),
        _ => None,
    };
    (&input.name, value)
}

async fn echo(mut worker: FakeWorker) -> String {
    worker
        .start(&["HandlesWorkerTerminateMessage"], vec![metadata("echo", &[ACTIVITY])])
        .await;
    while let Some(content) = worker.next().await {
        match content {
            Content::InvocationRequest(request) => {
                let value = data(&request.input_data, 0).1.cloned();
                worker.answer(&request, value);
            }
            Content::WorkerTerminate(terminate) => {
                assert_eq!(terminate.grace_period.unwrap().seconds, 5);
                return "exit code 0".to_owned();
            }
            other => panic!("unexpected {other:?}"),
        }
    }
    "lost its host".to_owned()
}

#[cfg(unix)]
fn shell(script: &str) -> WorkerCommand {
    WorkerCommand::new("/bin/sh", "/").argument("-c").argument(script)
}
