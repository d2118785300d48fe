//! Work that runs alone, and callers that wait meanwhile.

use super::*;
use crate::{
    durable::work::{ReturnValue, WorkItem, WorkKind, WorkResult, Worker},
    host::{
        durable_worker::DurableWorker,
        tests::described::{HTTP, HTTP_RETURN},
    },
};
use std::sync::OnceLock;

#[tokio::test]
async fn callers_wait_while_an_activity_that_may_end_the_process_runs_alone() {
    let solitude = Duration::from_millis(50);
    // When the host sent the activity: the worker may look at it later than that.
    let sent = Arc::new(OnceLock::new());
    let known = Arc::clone(&sent);
    let host = Host::start(FakeLauncher::new(move |mut worker| {
        let sent = Arc::clone(&known);
        async move {
            let functions = vec![
                metadata("suspect", &[ACTIVITY]),
                metadata("greet", &[HTTP, HTTP_RETURN]),
            ];
            worker.start(&[], functions).await;
            let first = worker.invocation().await;
            let second = worker.invocation().await;
            let apart = sent.get().map(Instant::elapsed);
            assert!(apart >= Some(solitude), "{apart:?}");
            assert_eq!(
                (first.function_id.as_str(), second.function_id.as_str()),
                ("id-of-suspect", "id-of-greet")
            );
            worker.answer(&first, None);
            worker.answer(&second, None);
            worker.until_the_end().await;
            String::new()
        }
    }))
    .await;
    let worker = DurableWorker::new(host.runner.clone(), None);
    let (begun, mut processes) = tokio::sync::mpsc::unbounded_channel();
    let suspect = worker.run(WorkItem {
        kind: WorkKind::Activity,
        function: "suspect".to_owned(),
        instance_id: "i1".to_owned(),
        payload: None,
        as_json: None,
        whole: None,
        trace: None,
        solitude: Some(solitude),
        begun: Begun::new(move |process| {
            sent.set(Instant::now()).unwrap();
            begun.send(process).unwrap();
        }),
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
        as_json: None,
        whole: None,
        trace: None,
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
