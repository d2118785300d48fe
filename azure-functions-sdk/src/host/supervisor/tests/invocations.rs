//! What goes to a worker that is ready, and what comes back.

use super::*;
use azure_functions_durable::TraceContext;

use crate::{
    durable::work::{ReturnValue, WorkError, WorkItem, WorkKind, WorkResult, Worker},
    host::{
        durable_worker::DurableWorker,
        function::Function,
        invocation::Failure,
        rpc::messages::{RpcHttp, TypedData},
        tests::described::{DURABLE_CLIENT, HTTP, HTTP_RETURN},
    },
};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

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

/// A queue's function that answers with what the message says, to a queue, a blob, and an output it does not have.
fn forwards() -> FakeLauncher {
    FakeLauncher::new(|mut worker| async move {
        let bindings = [
            r#"{"type":"queueTrigger","name":"message","queueName":"orders"}"#,
            r#"{"type":"blob","name":"stock","direction":"in","path":"stock/all"}"#,
            r#"{"type":"queue","name":"$return","direction":"out","queueName":"shipments"}"#,
        ];
        worker.start(&[], vec![metadata("forward", &bindings)]).await;
        while let Some(content) = worker.next().await {
            let Content::InvocationRequest(request) = content else {
                continue;
            };
            let (name, message) = data(&request.input_data, 0);
            assert_eq!(name, "message");
            assert_eq!(data(&request.input_data, 1), ("stock", None));
            match message {
                Some(Data::String(text)) if text == "stream" => {
                    worker.answer(&request, Some(Data::Stream(Bytes::from_static(b"x"))));
                }
                message => worker.answer(&request, message.cloned()),
            }
        }
        String::new()
    })
}

async fn by_hand(host: &Host, text: &str) -> Result<serde_json::Value, InvokeError> {
    let function = host.runner.find("forward").await.unwrap();
    let input = TriggerInput::text(text);
    let fired = host.runner.fire_for_outputs(&function, &input, "by hand").await?;
    Ok(fired.0.json())
}

#[tokio::test]
async fn what_a_function_writes_is_shown_and_given_to_the_caller() {
    let host = Host::start(forwards()).await;
    assert_eq!(
        by_hand(&host, r#"["one","two"]"#).await.unwrap(),
        serde_json::json!([
            {"name":"$return","type":"queue","to":"shipments","data":"one"},
            {"name":"$return","type":"queue","to":"shipments","data":"two"},
        ])
    );
    let lines = host.captured.lines();
    let shown = lines
        .iter()
        .find(|line| line.contains("Outputs of 'Functions.forward'"))
        .unwrap();
    assert!(shown.starts_with("Information Function.forward forward:"), "{shown}");
    assert!(
        shown.ends_with("\n  $return  queue  shipments  one\n  $return  queue  shipments  two"),
        "{shown}"
    );
}

#[tokio::test]
async fn an_input_without_a_service_is_empty_and_said_once() {
    let host = Host::start(forwards()).await;
    by_hand(&host, "one").await.unwrap();
    by_hand(&host, "two").await.unwrap();
    let told = |line: &String| line.contains("the input 'stock' (blob) is empty here");
    assert_eq!(host.captured.lines().iter().filter(|line| told(line)).count(), 1);
}

#[tokio::test]
async fn an_output_that_the_real_host_cannot_write_fails_the_function() {
    let host = Host::start(forwards()).await;
    let error = by_hand(&host, "stream").await.unwrap_err().to_string();
    assert!(error.contains("the output `$return` is a `stream`"), "{error}");
    assert!(host.captured.contains("Executed 'Functions.forward' (Failed"));
}

#[tokio::test]
async fn durable_work_arrives_as_text_with_the_client_beside_it_and_in_its_trace() {
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
        let trace = request.trace_context.as_ref().unwrap();
        assert_eq!(
            (trace.trace_parent.as_str(), trace.trace_state.as_str()),
            (PARENT, "vendor=1")
        );
        worker.answer(&request, Some(Data::Json("\"Hello\"".to_owned())));
        let request = worker.invocation().await;
        assert_eq!(data(&request.input_data, 0), ("context", None));
        assert_eq!(request.trace_context.as_ref().unwrap().trace_parent, "");
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
        as_json: None,
        whole: None,
        trace: payload.and_then(|_| TraceContext::parse(PARENT, Some("vendor=1"))),
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
