//! Timers under a clock that the tests turn by hand.

use super::*;
use chrono::TimeDelta;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

#[derive(Clone, Debug)]
struct HandClock(watch::Sender<DateTime<Utc>>);

impl HandClock {
    fn at(text: &str) -> Self {
        Self(watch::Sender::new(text.parse().unwrap()))
    }

    fn set(&self, text: &str) {
        self.0.send_replace(text.parse().unwrap());
    }
}

impl Clock for HandClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.borrow()
    }

    fn sleep_until(&self, due: DateTime<Utc>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut times = self.0.subscribe();
        Box::pin(async move {
            let _ = times.wait_for(|now| *now >= due).await;
        })
    }
}

/// Timers whose runs are handed to the test, which ends them.
struct Bench {
    folder: tempfile::TempDir,
    clock: HandClock,
    runs: mpsc::UnboundedReceiver<Run>,
    send: mpsc::UnboundedSender<Run>,
}

struct Run {
    run: TimerRun,
    end: tokio::sync::oneshot::Sender<()>,
}

impl Bench {
    fn new(now: &str) -> Self {
        let (send, runs) = mpsc::unbounded_channel();
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: HandClock::at(now),
            runs,
            send,
        }
    }

    fn start(&self, timers: &[Timer]) -> Timers {
        let send = self.send.clone();
        let run: RunTimer = Arc::new(move |run| {
            let (end, ended) = tokio::sync::oneshot::channel();
            send.send(Run { run, end }).unwrap();
            Box::pin(async move { drop(ended.await) })
        });
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        Timers::start(timers.to_vec(), &self.store(), &clock, &run)
    }

    fn store(&self) -> StatusStore {
        StatusStore::new(self.folder.path())
    }

    async fn next(&mut self) -> Run {
        tokio::time::timeout(Duration::from_secs(10), self.runs.recv())
            .await
            .expect("a timer runs")
            .unwrap()
    }

    /// Lets every listener come to rest: there is one thread, and listeners wait for nothing but the clock and runs.
    async fn rest(&mut self) {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    async fn nothing_runs(&mut self) {
        self.rest().await;
        assert!(self.runs.try_recv().is_err(), "no timer should run now");
    }
}

fn timer(function: &str, schedule: &str) -> Timer {
    let binding = serde_json::json!({ "schedule": schedule });
    Timer::from_binding(function, binding.as_object().unwrap(), Zone::UTC).unwrap()
}

fn status(run: &TimerRun) -> Value {
    serde_json::from_str::<Value>(&run.info).unwrap()["ScheduleStatus"].clone()
}

fn is_past_due(run: &TimerRun) -> bool {
    serde_json::from_str::<Value>(&run.info).unwrap()["IsPastDue"] == true
}

#[tokio::test]
async fn a_timer_fires_only_after_its_due_time() {
    let mut bench = Bench::new("2026-01-01T00:03:00Z");
    let _timers = bench.start(&[timer("tick", "0 */5 * * * *")]);
    bench.nothing_runs().await;
    bench.clock.set("2026-01-01T00:04:59.999Z");
    bench.nothing_runs().await;
    bench.clock.set("2026-01-01T00:05:00.012Z");
    let Run { run, end } = bench.next().await;
    assert_eq!((run.function.as_str(), is_past_due(&run)), ("tick", false));
    assert_eq!(run.reason, "Timer fired at 2026-01-01T00:05:00.012+00:00");
    assert_eq!(status(&run)["Last"], "0001-01-01T00:00:00");
    assert_eq!(status(&run)["Next"], "2026-01-01T00:05:00+00:00");
    end.send(()).unwrap();
    bench.rest().await;
    let stored = bench.store().read("tick").unwrap();
    assert_eq!(stored.last, Some("2026-01-01T00:05:00.012Z".parse().unwrap()));
    assert_eq!(stored.next, "2026-01-01T00:10:00Z".parse::<DateTime<Utc>>().unwrap());
}

#[tokio::test]
async fn a_timer_never_overlaps_itself_and_skips_what_it_missed_meanwhile() {
    let mut bench = Bench::new("2026-01-01T00:00:30Z");
    let _timers = bench.start(&[timer("slow", "0 * * * * *")]);
    bench.rest().await;
    bench.clock.set("2026-01-01T00:01:00Z");
    let first = bench.next().await;
    for minute in ["02", "03", "04"] {
        bench.clock.set(&format!("2026-01-01T00:{minute}:10Z"));
        bench.nothing_runs().await;
    }
    first.end.send(()).unwrap();
    bench.nothing_runs().await;
    bench.clock.set("2026-01-01T00:05:00Z");
    let second = bench.next().await;
    assert_eq!(status(&second.run)["Last"], "2026-01-01T00:01:00+00:00");
    second.end.send(()).unwrap();
    bench.nothing_runs().await;
}

#[tokio::test]
async fn timers_run_beside_each_other() {
    let mut bench = Bench::new("2026-01-01T00:00:30Z");
    let _timers = bench.start(&[
        timer("a", "0 * * * * *"),
        timer("b", "0 * * * * *"),
        timer("c", "00:00:30"),
    ]);
    bench.rest().await;
    bench.clock.set("2026-01-01T00:01:00Z");
    let runs = [bench.next().await, bench.next().await, bench.next().await];
    let mut names: Vec<&str> = runs.iter().map(|run| run.run.function.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "b", "c"], "none waits for another's end");
}

#[tokio::test]
async fn what_was_missed_while_down_runs_once_and_past_due() {
    let mut bench = Bench::new("2026-01-01T00:00:00Z");
    let timers = bench.start(&[timer("nightly", "0 0 3 * * *")]);
    bench.rest().await;
    timers.stop().await;
    assert_eq!(
        bench.store().read("nightly").unwrap().next,
        "2026-01-01T03:00:00Z".parse::<DateTime<Utc>>().unwrap()
    );

    bench.clock.set("2026-01-04T12:00:00Z");
    let _timers = bench.start(&[timer("nightly", "0 0 3 * * *")]);
    let run = bench.next().await;
    assert!(is_past_due(&run.run));
    assert_eq!(status(&run.run)["Next"], "2026-01-01T03:00:00+00:00");
    run.end.send(()).unwrap();
    bench.nothing_runs().await;
    assert_eq!(
        bench.store().read("nightly").unwrap().next,
        "2026-01-05T03:00:00Z".parse::<DateTime<Utc>>().unwrap()
    );
}

#[tokio::test]
async fn a_host_that_dies_during_a_run_repeats_it() {
    let mut bench = Bench::new("2026-01-01T00:00:00Z");
    let timers = bench.start(&[timer("job", "0 0 * * * *")]);
    bench.rest().await;
    bench.clock.set("2026-01-01T01:00:00Z");
    let _unfinished = bench.next().await;
    drop(timers);
    bench.clock.set("2026-01-01T01:00:20Z");
    let _timers = bench.start(&[timer("job", "0 0 * * * *")]);
    assert!(is_past_due(&bench.next().await.run));
}

#[tokio::test]
async fn a_changed_schedule_counts_from_the_last_run() {
    let mut bench = Bench::new("2026-01-01T00:30:00Z");
    let status = ScheduleStatus {
        last: Some("2026-01-01T00:00:00Z".parse().unwrap()),
        next: "2026-01-02T00:00:00Z".parse().unwrap(),
        last_updated: "2026-01-01T00:00:00Z".parse().unwrap(),
    };
    bench.store().write("job", &status, Zone::UTC);
    // Was daily, is now hourly: not due yet.
    let _timers = bench.start(&[timer("job", "0 0 * * * *")]);
    bench.nothing_runs().await;
    assert_eq!(
        bench.store().read("job").unwrap().next,
        "2026-01-01T01:00:00Z".parse::<DateTime<Utc>>().unwrap()
    );
    // Every ten minutes: overdue since 00:10.
    let _timers = bench.start(&[timer("job", "0 */10 * * * *")]);
    assert!(is_past_due(&bench.next().await.run));
}

#[tokio::test]
async fn run_on_startup_runs_at_once_and_is_not_past_due() {
    let mut bench = Bench::new("2026-01-01T00:00:00Z");
    let mut eager = timer("eager", "0 0 3 * * *");
    eager.run_on_startup = true;
    let _timers = bench.start(&[eager]);
    assert!(!is_past_due(&bench.next().await.run));
}

#[tokio::test]
async fn without_monitor_and_below_a_minute_no_status_is_kept() {
    let mut bench = Bench::new("2026-01-01T00:00:00Z");
    let mut plain = timer("plain", "0 * * * * *");
    plain.use_monitor = false;
    let _timers = bench.start(&[plain, timer("fast", "*/30 * * * * *")]);
    bench.rest().await;
    bench.clock.set("2026-01-01T00:01:00Z");
    for _ in 0..2 {
        let run = bench.next().await;
        assert_eq!(status(&run.run), Value::Null);
        run.end.send(()).unwrap();
    }
    bench.rest().await;
    assert!(!bench.folder.path().join("timers").exists());
}

#[tokio::test]
async fn an_interval_goes_on_over_a_restart() {
    let mut bench = Bench::new("2026-01-01T00:00:00.123456789Z");
    let timers = bench.start(&[timer("every", "00:05:00")]);
    bench.rest().await;
    timers.stop().await;
    bench.clock.set("2026-01-01T00:04:00Z");
    let _timers = bench.start(&[timer("every", "00:05:00")]);
    bench.nothing_runs().await;
    bench.clock.set("2026-01-01T00:05:00.2Z");
    let _run = bench.next().await;
    let stored = bench.store().read("every").unwrap();
    assert_eq!(
        stored.next - stored.last_updated,
        TimeDelta::minutes(5),
        "unchanged, so not taken for another schedule"
    );
}

#[tokio::test]
async fn stopping_waits_for_the_run_and_fires_nothing_more() {
    let mut bench = Bench::new("2026-01-01T00:00:30Z");
    let timers = bench.start(&[timer("a", "0 * * * * *")]);
    bench.rest().await;
    bench.clock.set("2026-01-01T00:01:00Z");
    let run = bench.next().await;
    let stopping = tokio::spawn(timers.stop());
    bench.rest().await;
    assert!(!stopping.is_finished());
    bench.clock.set("2026-01-01T00:10:00Z");
    run.end.send(()).unwrap();
    stopping.await.unwrap();
    bench.nothing_runs().await;
}

#[tokio::test]
async fn a_panic_of_one_run_does_not_stop_the_schedule() {
    let clock = HandClock::at("2026-01-01T00:00:30Z");
    let (send, mut runs) = mpsc::unbounded_channel();
    let run: RunTimer = Arc::new(move |_| {
        send.send(()).unwrap();
        Box::pin(async { panic!("as asked") })
    });
    let folder = tempfile::tempdir().unwrap();
    let dyn_clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let _timers = Timers::start(
        [timer("a", "0 * * * * *")],
        &StatusStore::new(folder.path()),
        &dyn_clock,
        &run,
    );
    for minute in ["01", "02"] {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        clock.set(&format!("2026-01-01T00:{minute}:00Z"));
        tokio::time::timeout(Duration::from_secs(10), runs.recv())
            .await
            .unwrap()
            .unwrap();
    }
}

#[test]
fn bindings_are_read_and_mistakes_explained() {
    let read = |binding: Value| Timer::from_binding("t", binding.as_object().unwrap(), Zone::UTC);
    let timer =
        read(serde_json::json!({"Schedule": " 0 0 * * * * ", "runOnStartup": "true", "useMonitor": false})).unwrap();
    assert!(timer.run_on_startup && !timer.use_monitor);
    assert_eq!(read(serde_json::json!({})).unwrap_err(), TimerError::NoSchedule);
    assert_eq!(
        read(serde_json::json!({"schedule": "0 0 * * * *", "useMonitor": 1}))
            .unwrap_err()
            .to_string(),
        "useMonitor must be true or false"
    );
    let error = read(serde_json::json!({"schedule": "0 99 * * * *"}))
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "`0 99 * * * *` is not a schedule: the minute 99 is not between 0 and 59"
    );
}

#[test]
fn a_run_by_hand_tells_the_stored_status() {
    let folder = tempfile::tempdir().unwrap();
    let store = StatusStore::new(folder.path());
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let timer = timer("t", "0 0 * * * *");
    assert_eq!(
        timer.info_by_hand(&store, now),
        r#"{"Schedule":{"AdjustForDST":true},"ScheduleStatus":null,"IsPastDue":false}"#
    );
}
