use super::*;
use crate::{
    durable::work::{Begun, ReturnValue, WorkError, WorkItem, WorkKind, WorkResult, Worker},
    host::{
        durable_worker::DurableWorker,
        fake_worker::{ACTIVITY, Captured, DURABLE_CLIENT, FakeLauncher, FakeWorker, HTTP, HTTP_RETURN, metadata},
        function::Function,
        http_request::HttpInvocation,
        invocation::{Failure, TriggerInput},
        metadata::AppSettings,
        rpc::messages::{
            Data, FunctionLoadResponse, FunctionLoadResponseCollection, FunctionMetadataResponse, ParameterBinding,
            RpcHttp, TypedData, WorkerInitResponse, parameter_binding::RpcData, streaming_message::Content,
        },
        rpc::server::{Invitation, Proof},
        runner::FunctionRunner,
    },
    project::{LocalSettings, Settings},
};
use bytes::Bytes;
use std::{
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};
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
            server: RpcServer::start().await.unwrap(),
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
                .invoke(&function, "a test", &TriggerInput::text(text), &Begun::default())
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

#[tokio::test]
async fn a_worker_is_brought_up_invoked_and_ended_in_order() {
    let host = Host::start(FakeLauncher::new(echo)).await;
    let (first, second) = tokio::join!(host.invoke("echo", "one"), host.invoke("ECHO", "two"));
    assert_eq!((first, second), (Ok(text("one")), Ok(text("two"))));
    host.stop.cancel();
    tokio::time::timeout(TEST_LIMIT, host.supervisor)
        .await
        .unwrap()
        .unwrap();
    let after = host.runner.find("echo").await;
    assert_eq!(after.unwrap_err(), InvokeError::ShuttingDown);
    assert!(
        !host.captured.contains("The worker process"),
        "{:?}",
        host.captured.lines()
    );
}

#[tokio::test]
async fn the_host_says_who_it_is_and_what_it_loads() {
    let host = Host::start(FakeLauncher::new(|mut worker| async move {
        let Some(Content::WorkerInitRequest(init)) = worker.next().await else {
            panic!("no init")
        };
        assert!(init.host_version.starts_with("4.") && init.host_version.split('.').count() == 4);
        assert_eq!(init.function_app_directory, "/app");
        worker.send(Content::WorkerInitResponse(WorkerInitResponse {
            capabilities: [("SupportsLoadResponseCollection".to_owned(), "true".to_owned())].into(),
            result: crate::host::fake_worker::success(),
            ..Default::default()
        }));
        assert!(matches!(
            worker.next().await,
            Some(Content::FunctionsMetadataRequest(_))
        ));
        let mut good = metadata("good", &[HTTP, HTTP_RETURN]);
        good.properties.insert("worker_indexed".to_owned(), "True".to_owned());
        worker.send(Content::FunctionMetadataResponse(FunctionMetadataResponse {
            function_metadata_results: vec![good, metadata("bad", &[]), metadata("sad", &[ACTIVITY])],
            result: crate::host::fake_worker::success(),
            use_default_metadata_indexing: false,
        }));
        let Some(Content::FunctionLoadRequestCollection(loads)) = worker.next().await else {
            panic!("no loads")
        };
        let [good, sad] = loads.function_load_requests.as_slice() else {
            panic!("{loads:?}")
        };
        let metadata = good.metadata.as_ref().unwrap();
        assert_eq!(metadata.bindings["req"].r#type, "httpTrigger");
        assert_eq!(metadata.bindings["$return"].direction, 1);
        assert_eq!(metadata.properties["worker_indexed"], "True");
        let response = |id: &str, result| FunctionLoadResponse {
            function_id: id.to_owned(),
            result,
            is_dependency_downloaded: false,
        };
        worker.send(Content::FunctionLoadResponseCollection(
            FunctionLoadResponseCollection {
                function_load_responses: vec![
                    response(&sad.function_id, crate::host::fake_worker::failure("it has no handler")),
                    response(&good.function_id, crate::host::fake_worker::success()),
                ],
            },
        ));
        worker.until_the_end().await;
        String::new()
    }))
    .await;
    let error = host.invoke("sad", "").await.unwrap_err();
    assert_eq!(error.to_string(), "the function `sad` cannot run: it has no handler");
    let error = host.invoke("bad", "").await.unwrap_err();
    assert!(error.to_string().contains("no trigger"), "{error}");
    let functions = host.runner.functions();
    assert_eq!(functions.iter().filter(|function| function.is_usable()).count(), 1);
}

#[tokio::test]
async fn logs_come_before_the_answer_and_bear_the_function_s_name() {
    let host = Host::start(FakeLauncher::new(|mut worker| async move {
        worker.start(&[], vec![metadata("chatty", &[ACTIVITY])]).await;
        let request = worker.invocation().await;
        for number in 0..100 {
            worker.user_log(&request, &format!("line {number}"));
        }
        worker.answer(&request, None);
        worker.user_log(&request, "too late");
        worker.until_the_end().await;
        String::new()
    }))
    .await;
    assert_eq!(host.invoke("chatty", "").await, Ok(None));
    let lines = host.captured.lines();
    let at = |part: &str| lines.iter().position(|line| line.contains(part)).unwrap();
    assert!(at("Executing 'Functions.chatty'") < at("Information Function.chatty.User chatty: line 0"));
    assert!(at("line 0") < at("line 99") && at("line 99") < at("Executed 'Functions.chatty' (Succeeded"));
    assert!(!host.captured.contains("too late"));
}

#[tokio::test]
async fn failures_keep_their_message() {
    let host = Host::start(FakeLauncher::new(|mut worker| async move {
        worker.start(&[], vec![metadata("fails", &[ACTIVITY])]).await;
        let request = worker.invocation().await;
        worker.fail(&request, "no such city");
        worker.until_the_end().await;
        String::new()
    }))
    .await;
    let error = host.invoke("fails", "").await.unwrap_err();
    assert!(matches!(&error, InvokeError::Failed(Failure { message, .. }) if message == "no such city"));
    assert!(host.captured.contains("no such city"));
}

#[tokio::test]
async fn a_dead_worker_fails_what_it_ran_and_the_next_one_takes_over() {
    let starts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&starts);
    let host = Host::start(FakeLauncher::new(move |mut worker| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            if !first {
                return echo(worker).await;
            }
            worker.start(&[], vec![metadata("echo", &[ACTIVITY])]).await;
            worker.invocation().await;
            "exit code 101".to_owned()
        }
    }))
    .await;
    let lost = host.invoke("echo", "lost").await;
    assert!(
        matches!(&lost, Err(InvokeError::WorkerDied(death)) if death.how == "exit code 101" && death.alone),
        "{lost:?}"
    );
    assert_eq!(host.invoke("echo", "kept").await, Ok(text("kept")));
    assert_eq!(starts.load(Ordering::SeqCst), 2);
    assert!(
        host.captured.contains("The worker process ended: exit code 101"),
        "{:?}",
        host.captured.lines()
    );
}

/// Ends once with each of these, each time in an invocation, and echoes after that.
fn ending(statuses: &'static [&'static str]) -> FakeLauncher {
    let starts = AtomicUsize::new(0);
    FakeLauncher::new(move |mut worker| {
        let status = statuses.get(starts.fetch_add(1, Ordering::SeqCst));
        async move {
            let Some(status) = status else {
                return echo(worker).await;
            };
            worker.start(&[], vec![metadata("echo", &[ACTIVITY])]).await;
            worker.invocation().await;
            (*status).to_owned()
        }
    })
}

#[tokio::test]
async fn the_third_crash_ends_a_host_that_crashes_as_the_real_one() {
    let launcher = ending(&["exit code 134", "exit code 200", "exit code 1", "exit code 139"]);
    let host = Host::with(launcher, None, Some(CrashLimit::default())).await;
    for _ in 0..4 {
        let lost = host.invoke("echo", "").await;
        assert!(matches!(lost, Err(InvokeError::WorkerDied(_))), "{lost:?}");
    }
    assert_eq!(host.invoke("echo", "").await, Err(InvokeError::ShuttingDown));
    assert!(
        host.captured.contains(
            "Exceeded language worker restart retry count for runtime:rust. Shutting down and proactively recycling the \
             Functions Host to recover"
        ),
        "{:?}",
        host.captured.lines()
    );
}

#[tokio::test]
async fn no_number_of_crashes_ends_the_local_host() {
    let host = Host::start(ending(&["exit code 134", "exit code 134", "exit code 134"])).await;
    for _ in 0..3 {
        let lost = host.invoke("echo", "").await;
        assert!(matches!(lost, Err(InvokeError::WorkerDied(_))), "{lost:?}");
    }
    assert_eq!(host.invoke("echo", "kept").await, Ok(text("kept")));
}

#[tokio::test]
async fn exit_code_0_and_200_are_named_with_what_the_real_host_makes_of_them() {
    for (ending, expected) in [
        (
            "exit code 0",
            "exit code 0\nIt had not been told to end. The real host takes exit code 0 for an orderly end",
        ),
        (
            "exit code 200",
            "exit code 200\nThe real host would start the next one, too, but the callers",
        ),
        ("exit code 3", "exit code 3\nThe next one is started"),
    ] {
        let host = Host::start(FakeLauncher::new(move |mut worker| async move {
            worker.start(&[], vec![metadata("echo", &[ACTIVITY])]).await;
            worker.invocation().await;
            ending.to_owned()
        }))
        .await;
        // A caller is answered here, unlike there.
        let lost = host.invoke("echo", "lost").await;
        assert!(matches!(lost, Err(InvokeError::WorkerDied(_))), "{lost:?}");
        host.until_logged(&format!("The worker process ended: {expected}"))
            .await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn an_app_whose_main_does_not_run_the_worker_is_started_once_and_told_to() {
    let host = Host::start(shell("echo 'Hello, world!'; exit 0")).await;
    tokio::time::timeout(TEST_LIMIT, host.runner.until_stopped())
        .await
        .unwrap();
    tokio::time::timeout(TEST_LIMIT, host.supervisor)
        .await
        .unwrap()
        .unwrap();
    let lines = host.captured.lines();
    let told = lines
        .iter()
        .filter(|line| line.contains("`main` must return `azure_functions::worker_main()` (exit code 0)"));
    assert_eq!(told.count(), 1, "{lines:?}");
    assert!(
        !lines.iter().any(|line| line.contains("The next one is started")),
        "{lines:?}"
    );
}

/// What the real host answers with an exception, its worker channel never coming up.
#[tokio::test]
async fn a_handshake_that_the_real_host_refuses_is_refused() {
    use crate::host::{
        fake_worker::{failure, success},
        rpc::messages::WorkerMetadata,
    };
    let metadata = |version: &str| {
        Some(WorkerMetadata {
            runtime_name: "rust".to_owned(),
            runtime_version: version.to_owned(),
            ..WorkerMetadata::default()
        })
    };
    let good = WorkerInitResponse {
        result: success(),
        worker_metadata: metadata("1.95.0"),
        ..WorkerInitResponse::default()
    };
    let cases = [
        (
            WorkerInitResponse {
                worker_metadata: metadata(""),
                ..good.clone()
            },
            "it does not say which version of its runtime it has",
        ),
        (
            WorkerInitResponse {
                result: None,
                ..good.clone()
            },
            "its answer to WorkerInitRequest has no result",
        ),
        (
            WorkerInitResponse {
                result: failure("no license"),
                worker_metadata: metadata(""),
                ..good.clone()
            },
            "it failed to start: no license",
        ),
        (
            WorkerInitResponse {
                capabilities: [("HttpUri".to_owned(), "somewhere".to_owned())].into(),
                ..good.clone()
            },
            "its capability `HttpUri` is `somewhere`",
        ),
    ];
    for (response, expected) in cases {
        let host = Host::start(FakeLauncher::new(move |mut worker| {
            let response = response.clone();
            async move {
                worker.next().await;
                worker.send(Content::WorkerInitResponse(response));
                worker.until_the_end().await;
                std::future::pending().await
            }
        }))
        .await;
        host.until_logged(&format!("The worker process did not start: {expected}"))
            .await;
    }
    // No metadata at all is fine there.
    for response in [
        good.clone(),
        WorkerInitResponse {
            worker_metadata: None,
            ..good
        },
    ] {
        let host = Host::start(FakeLauncher::new(move |mut worker| {
            let response = response.clone();
            async move {
                worker.next().await;
                worker.send(Content::WorkerInitResponse(response));
                worker.next().await;
                worker.send(Content::FunctionMetadataResponse(FunctionMetadataResponse::default()));
                worker.until_the_end().await;
                std::future::pending().await
            }
        }))
        .await;
        host.until_logged("its answer to FunctionsMetadataRequest has no result")
            .await;
    }
}

#[tokio::test]
async fn answers_sent_just_before_the_end_count() {
    let host = Host::start(FakeLauncher::new(|mut worker| async move {
        worker.start(&[], vec![metadata("last", &[ACTIVITY])]).await;
        let request = worker.invocation().await;
        worker.answer(&request, text("in time"));
        worker.end_after_last_message();
        "exit code 1".to_owned()
    }))
    .await;
    assert_eq!(host.invoke("last", "").await, Ok(text("in time")));
}

#[tokio::test]
async fn a_function_over_its_time_fails_alone_as_timed_out_and_costs_the_worker() {
    let limit = Duration::from_millis(200);
    let starts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&starts);
    let launcher = FakeLauncher::new(move |mut worker: FakeWorker| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            if !first {
                return echo(worker).await;
            }
            worker.start(&[], vec![metadata("echo", &[ACTIVITY])]).await;
            worker.until_the_end().await;
            String::new()
        }
    });
    let host = Host::with_timeout(launcher, Some(limit)).await;
    assert_eq!(host.invoke("echo", "slow").await, Err(InvokeError::TimedOut(limit)));
    assert_eq!(host.invoke("echo", "again").await, Ok(text("again")));
    assert!(host.captured.contains("functionTimeout"));
}

#[tokio::test]
async fn a_caller_that_goes_away_cancels() {
    let (events, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let host = Host::start(FakeLauncher::new(move |mut worker| {
        let events = events.clone();
        async move {
            worker
                .start(
                    &["HandlesInvocationCancelMessage"],
                    vec![metadata("waits", &[ACTIVITY])],
                )
                .await;
            let request = worker.invocation().await;
            events.send(request.invocation_id).unwrap();
            let Some(Content::InvocationCancel(cancel)) = worker.next().await else {
                panic!("not cancelled")
            };
            events.send(cancel.invocation_id).unwrap();
            worker.until_the_end().await;
            String::new()
        }
    }))
    .await;
    let invoked = tokio::select! {
        _ = host.invoke("waits", "") => panic!("it never answers"),
        invoked = seen.recv() => invoked,
    };
    assert!(invoked.is_some());
    assert_eq!(tokio::time::timeout(TEST_LIMIT, seen.recv()).await.unwrap(), invoked);
}

#[tokio::test]
async fn durable_work_arrives_as_text_with_the_client_beside_it() {
    let host = Host::start(FakeLauncher::new(|mut worker| async move {
        worker
            .start(&[], vec![metadata("say_hello", &[ACTIVITY, DURABLE_CLIENT])])
            .await;
        let request = worker.invocation().await;
        assert_eq!(data(&request.input_data, 0), ("context", text("\"Tokyo\"").as_ref()));
        assert_eq!(
            data(&request.input_data, 1),
            ("client", text("Some(\"Blue\") None").as_ref())
        );
        let metadata = |name: &str| request.trigger_metadata[name].data.clone();
        assert_eq!(metadata("instanceId"), text("i1"));
        assert_eq!(
            (metadata("context"), metadata("data")),
            (text("\"Tokyo\""), text("\"Tokyo\""))
        );
        worker.answer(&request, Some(Data::Json("\"Hello\"".to_owned())));
        let request = worker.invocation().await;
        assert_eq!(data(&request.input_data, 0), ("context", None));
        worker.fail(&request, "no input");
        worker.invocation().await;
        "exit code 9".to_owned()
    }))
    .await;
    let worker = DurableWorker::new(host.runner.clone(), None);
    let item = |payload: Option<&str>| WorkItem {
        kind: WorkKind::Activity,
        function: "say_hello".to_owned(),
        instance_id: "i1".to_owned(),
        payload: payload.map(str::to_owned),
        solitude: None,
        begun: Begun::default(),
    };
    let done = worker.run(item(Some("\"Tokyo\""))).await.unwrap();
    assert_eq!(done, WorkResult::Succeeded(ReturnValue::Json("\"Hello\"".to_owned())));
    assert_eq!(
        worker.run(item(None)).await.unwrap(),
        WorkResult::Failed("no input".to_owned())
    );
    let lost = worker.run(item(None)).await;
    assert!(
        matches!(&lost, Err(WorkError::WorkerDied(death)) if death.exited == "app exited with code 9"),
        "{lost:?}"
    );
}

#[tokio::test]
async fn callers_wait_while_an_activity_that_may_end_the_process_runs_alone() {
    let solitude = Duration::from_millis(50);
    let host = Host::start(FakeLauncher::new(move |mut worker| async move {
        let functions = vec![
            metadata("suspect", &[ACTIVITY]),
            metadata("greet", &[HTTP, HTTP_RETURN]),
        ];
        worker.start(&[], functions).await;
        let first = worker.invocation().await;
        let began = Instant::now();
        let second = worker.invocation().await;
        assert!(began.elapsed() >= solitude, "{:?}", began.elapsed());
        assert_eq!(
            (first.function_id.as_str(), second.function_id.as_str()),
            ("id-of-suspect", "id-of-greet")
        );
        worker.answer(&first, None);
        worker.answer(&second, None);
        worker.until_the_end().await;
        String::new()
    }))
    .await;
    let worker = DurableWorker::new(host.runner.clone(), None);
    let (begun, mut processes) = tokio::sync::mpsc::unbounded_channel();
    let suspect = worker.run(WorkItem {
        kind: WorkKind::Activity,
        function: "suspect".to_owned(),
        instance_id: "i1".to_owned(),
        payload: None,
        solitude: Some(solitude),
        begun: Begun::new(move |process| begun.send(process).unwrap()),
    });
    let caller = async {
        assert!(processes.recv().await.is_some());
        host.get("greet").await
    };
    let (suspect, answer) = tokio::time::timeout(TEST_LIMIT, async { tokio::join!(suspect, caller) })
        .await
        .unwrap();
    assert_eq!(suspect, Ok(WorkResult::Succeeded(ReturnValue::None)));
    assert!(answer.status().is_success(), "{answer:?}");
}

#[tokio::test]
async fn an_http_caller_waits_for_work_that_runs_alone_no_longer_than_for_a_worker() {
    let host = Host::start(FakeLauncher::new(|mut worker| async move {
        worker.start(&[], vec![metadata("greet", &[HTTP, HTTP_RETURN])]).await;
        worker.until_the_end().await;
        String::new()
    }))
    .await;
    host.runner.find("greet").await.unwrap();
    let closed = host.runner.keep_away().await;
    tokio::time::pause();
    let begun = Instant::now();
    let answer = tokio::time::timeout(Duration::from_secs(300), host.get("greet")).await;
    let answer = answer.expect("an answer in time");
    assert_eq!(
        (answer.status().as_u16(), answer.body().as_ref()),
        (503, b"Function host is not running.".as_slice())
    );
    assert_eq!(begun.elapsed().as_secs(), 30);
    drop(closed);
}

#[tokio::test]
async fn work_that_is_to_run_alone_keeps_nothing_away_while_there_is_no_worker() {
    let starts = Arc::new(tokio::sync::Notify::new());
    let waits = Arc::clone(&starts);
    let host = Host::start(FakeLauncher::new(move |mut worker| {
        let waits = Arc::clone(&waits);
        async move {
            waits.notified().await;
            worker.start(&[], vec![metadata("suspect", &[ACTIVITY])]).await;
            let request = worker.invocation().await;
            worker.answer(&request, None);
            worker.until_the_end().await;
            String::new()
        }
    }))
    .await;
    let suspect = tokio::spawn(DurableWorker::new(host.runner.clone(), None).run(WorkItem {
        kind: WorkKind::Activity,
        function: "suspect".to_owned(),
        instance_id: "i1".to_owned(),
        payload: None,
        solitude: Some(Duration::from_millis(1)),
        begun: Begun::default(),
    }));
    tokio::task::yield_now().await;
    let open = tokio::time::timeout(TEST_LIMIT, host.runner.keep_away()).await;
    drop(open.expect("the gate is open"));
    starts.notify_one();
    assert_eq!(
        tokio::time::timeout(TEST_LIMIT, suspect).await.unwrap().unwrap(),
        Ok(WorkResult::Succeeded(ReturnValue::None))
    );
}

#[tokio::test]
async fn an_http_function_answers_its_caller_and_fails_with_a_bare_500() {
    let host = Host::start(FakeLauncher::new(|mut worker| async move {
        let capabilities = ["RpcHttpBodyOnly", "RawHttpBodyBytes", "RpcHttpTriggerMetadataRemoved"];
        worker
            .start(&capabilities, vec![metadata("greet", &[HTTP, HTTP_RETURN])])
            .await;
        let request = worker.invocation().await;
        let (name, Some(Data::Http(http))) = data(&request.input_data, 0) else {
            panic!("{request:?}")
        };
        assert_eq!(
            (name, http.method.as_str(), http.query["name"].as_str()),
            ("req", "POST", "Ada")
        );
        assert_eq!(
            http.body.as_ref().unwrap().data,
            Some(Data::Bytes(Bytes::from_static(b"hi")))
        );
        worker.answer(
            &request,
            Some(Data::Http(Box::new(RpcHttp {
                status_code: "201".to_owned(),
                body: Some(Box::new(TypedData { data: text("Hello") })),
                ..Default::default()
            }))),
        );
        let request = worker.invocation().await;
        worker.fail(&request, "oh");
        worker.until_the_end().await;
        String::new()
    }))
    .await;
    let function: Arc<Function> = host.runner.find("greet").await.unwrap();
    let request = || {
        let url = "http://localhost:7071/api/greet?name=Ada";
        HttpInvocation::new(
            http::Method::POST,
            url,
            http::HeaderMap::new(),
            Vec::new(),
            Bytes::from_static(b"hi"),
        )
    };
    let response = host.runner.invoke_http(&function, request()).await;
    assert_eq!(
        (response.status().as_u16(), response.body().as_ref()),
        (201, b"Hello".as_slice())
    );
    let response = host.runner.invoke_http(&function, request()).await;
    assert_eq!((response.status().as_u16(), response.body().len()), (500, 0));
}

/// A worker that cannot even be started.
struct Broken(Arc<AtomicUsize>);

impl Launch for Broken {
    fn launch(&self, _: &Invitation, _: &Log) -> io::Result<Box<dyn Running>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Err(io::Error::new(io::ErrorKind::NotFound, "no such file"))
    }
}

#[tokio::test(start_paused = true)]
async fn restarts_back_off_from_a_tenth_of_a_second_to_ten() {
    let starts = Arc::new(AtomicUsize::new(0));
    let host = Host::start(Broken(Arc::clone(&starts))).await;
    let after = async |milliseconds| {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        starts.load(Ordering::SeqCst)
    };
    assert_eq!(after(50).await, 1);
    assert_eq!(after(100).await, 2);
    assert_eq!(after(200).await, 3);
    // 400, 800, 1600, 3200, 6400, then 10000 each.
    assert_eq!(after(12_400).await, 8);
    assert_eq!(after(30_000).await, 11);
    assert!(
        host.captured
            .contains("no such file\nThe next one is started in 100 ms."),
        "{:?}",
        host.captured.lines()
    );
    host.stop.cancel();
    host.supervisor.await.unwrap();
}

#[test]
fn a_healthy_worker_starts_the_delays_anew() {
    let mut backoff = Backoff::default();
    assert_eq!(
        [backoff.next(false), backoff.next(false)].map(|delay| delay.as_millis()),
        [100, 200]
    );
    backoff.reset();
    assert_eq!(backoff.next(false).as_millis(), 100);
}

/// The function that ends the process is found out after ten ends, and all others wait meanwhile.
#[test]
fn a_worker_that_starts_is_replaced_within_a_second_however_often_it_ends() {
    let mut backoff = Backoff::default();
    let delays: Vec<_> = (0..10).map(|_| backoff.next(true).as_millis()).collect();
    assert_eq!(delays, [100, 200, 400, 800, 1000, 1000, 1000, 1000, 1000, 1000]);
    assert_eq!(backoff.next(false).as_millis(), 10_000);
}

#[tokio::test]
async fn a_worker_that_nobody_asked_for_is_sent_away_and_so_is_a_second_stream() {
    let server = RpcServer::start().await.unwrap();
    let (mine, expected) = server.invite(Proof::Required);
    let connect = |worker_id, secret| FakeWorker::connect(mine.port, worker_id, secret);
    let (id, secret) = (mine.worker_id.as_str(), Some(mine.secret.reveal()));
    let mut stranger = connect("somebody", secret).await;
    assert_eq!(stranger.next().await, None);
    let first = connect(id, secret).await;
    let stream = expected.await.unwrap();
    let mut second = connect(id, secret).await;
    assert_eq!(second.next().await, None);
    drop((first, stream));
}

#[tokio::test]
async fn a_process_that_read_the_worker_id_on_the_command_line_is_not_the_worker() {
    let server = RpcServer::start().await.unwrap();
    let (mine, mut expected) = server.invite(Proof::Required);
    let id = mine.worker_id.as_str();
    let guess = "0".repeat(64);
    for secret in [None, Some(""), Some(guess.as_str())] {
        let mut thief = FakeWorker::connect(mine.port, id, secret).await;
        assert_eq!(thief.next().await, None, "{secret:?}");
        assert!(expected.try_recv().is_err(), "{secret:?}");
    }
    // The worker itself is still awaited.
    let worker = FakeWorker::connect(mine.port, id, Some(mine.secret.reveal())).await;
    drop((expected.await.unwrap(), worker));

    let (other, expected) = server.invite(Proof::Id);
    let mut thief = FakeWorker::connect(other.port, &other.worker_id, Some(&guess)).await;
    assert_eq!(thief.next().await, None);
    let worker = FakeWorker::connect(other.port, &other.worker_id, None).await;
    drop((expected.await.unwrap(), worker));
}

#[tokio::test]
async fn the_host_ends_its_half_of_the_stream_when_the_worker_has_ended_its_own() {
    let (events, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let host = Host::start(FakeLauncher::new(move |mut worker| {
        let events = events.clone();
        async move {
            worker
                .start(&["HandlesWorkerTerminateMessage"], vec![metadata("idle", &[ACTIVITY])])
                .await;
            assert!(matches!(worker.next().await, Some(Content::WorkerTerminate(_))));
            worker.end().await;
            events.send(()).unwrap();
            "exit code 0".to_owned()
        }
    }))
    .await;
    host.runner.find("idle").await.unwrap();
    host.stop.cancel();
    tokio::time::timeout(TEST_LIMIT, host.supervisor)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(seen.recv().await, Some(()));
}

#[cfg(unix)]
fn shell(script: &str) -> crate::host::WorkerCommand {
    crate::host::WorkerCommand::new("/bin/sh", "/")
        .argument("-c")
        .argument(script)
}

#[cfg(unix)]
#[tokio::test]
async fn an_app_that_must_be_built_anew_is_started_once_and_its_words_are_told_once() {
    let host = Host::start(shell("echo 'error: two functions are named `a`' >&2; exit 78")).await;
    tokio::time::timeout(TEST_LIMIT, host.runner.until_stopped())
        .await
        .unwrap();
    tokio::time::timeout(TEST_LIMIT, host.supervisor)
        .await
        .unwrap()
        .unwrap();
    let lines = host.captured.lines();
    assert_eq!(
        lines.iter().filter(|line| line.contains("two functions")).count(),
        1,
        "{lines:?}"
    );
    assert!(
        lines.last().unwrap().ends_with("would not help: exit code 78"),
        "{lines:?}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn any_other_failure_to_start_is_tried_again_and_its_words_are_told_once_each_time() {
    let host = Host::start(shell("echo 'error: no such luck' >&2; exit 1")).await;
    host.until_logged("started in 200 ms").await;
    host.stop.cancel();
    host.supervisor.await.unwrap();
    let lines = host.captured.lines();
    assert_eq!(
        lines.iter().filter(|line| line.contains("no such luck")).count(),
        2,
        "{lines:?}"
    );
    assert!(
        lines.contains(
            &"Error Host -: The worker process did not start: exit code 1\nThe next one is started in 100 ms."
                .to_owned()
        ),
        "{lines:?}"
    );
}
