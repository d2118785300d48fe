//! Ends of workers, and what comes after.

use super::*;
use crate::host::{process::LaunchError, rpc::server::Invitation};
use std::{
    io,
    sync::atomic::{AtomicUsize, Ordering},
};

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
            "Exceeded language worker restart retry count for runtime:native. Shutting down and proactively recycling the \
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

/// A worker that cannot even be started.
struct Broken(Arc<AtomicUsize>);

impl Launch for Broken {
    fn launch(&self, _: &Invitation, _: &Log) -> Result<Box<dyn Running>, LaunchError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Err(io::Error::new(io::ErrorKind::NotFound, "no such file").into())
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

/// What exceeds `MAX_ARG_STRLEN` of Linux.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_setting_too_large_for_the_environment_is_named_once_and_ends_the_host() {
    let worker = shell("exit 0")
        .variable("SMALL", "1")
        .variable("CERTIFICATES", "x".repeat(200_000));
    let host = Host::start(worker).await;
    tokio::time::timeout(TEST_LIMIT, host.runner.until_stopped())
        .await
        .unwrap();
    tokio::time::timeout(TEST_LIMIT, host.supervisor)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        host.captured.lines(),
        [
            "Error Host -: The worker process cannot be started, and trying again would not help: the setting `CERTIFICATES` has \
             200000 bytes, which is more than the environment of a process takes on this system: put the data into a file, and \
             its path into the setting."
        ]
    );
}
