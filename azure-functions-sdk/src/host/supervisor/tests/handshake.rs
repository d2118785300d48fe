//! From a process to a worker that can be invoked, and who is no worker.

use super::*;
use crate::host::{
    rpc::{
        messages::{
            FunctionLoadResponse, FunctionLoadResponseCollection, FunctionMetadataResponse, WorkerInitResponse,
            WorkerMetadata,
        },
        server::Proof,
    },
    tests::described::{HTTP, HTTP_RETURN, failure, success},
};

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
            result: success(),
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
            result: success(),
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
                    response(&sad.function_id, failure("it has no handler")),
                    response(&good.function_id, success()),
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

/// What the real host answers with an exception, its worker channel never coming up.
#[tokio::test]
async fn a_handshake_that_the_real_host_refuses_is_refused() {
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
async fn a_worker_that_was_not_started_here_is_sent_away_and_so_is_a_second_stream() {
    let server = RpcServer::start(8).await.unwrap();
    let (mine, expected) = server.invite(Proof::Required);
    let connect = |worker_id, secret| FakeWorker::connect(mine.port, worker_id, secret);
    let (id, secret) = (mine.worker_id.as_str(), Some(mine.secret.reveal()));
    let mut stranger = connect("stranger", secret).await;
    assert_eq!(stranger.next().await, None);
    let first = connect(id, secret).await;
    let stream = expected.await.unwrap();
    let mut second = connect(id, secret).await;
    assert_eq!(second.next().await, None);
    drop((first, stream));
}

#[tokio::test]
async fn a_process_that_read_the_worker_id_on_the_command_line_is_not_the_worker() {
    let server = RpcServer::start(8).await.unwrap();
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
