//! The end of a worker.

use super::{
    super::{served::Served, server::Kind},
    script::{Asked, DRAIN, Playing, Script, Step, activity},
};
use crate::{
    invocation::Outputs,
    registry::{DurableKind, Function, Handler},
};
use std::time::Duration;

pub(super) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// An activity that does not end when it is asked to.
static HANGS: Function = Function {
    name: "hangs",
    module: "test",
    file: "src/test.rs",
    line: 1,
    bindings: Vec::new,
    retry: None,
    parameters: &[],
    handler: Handler::Async(|invocation| {
        Box::pin(async move {
            invocation.cancellation.cancelled().await;
            // Of the functions' own runtime, whose time is real.
            tokio::time::sleep(seconds(100_000)).await;
            Ok(Outputs::default())
        })
    }),
};

pub(super) fn served() -> Served {
    let mut served = Served::default();
    served.add(&HANGS, DurableKind::Activity, "hangs");
    served
}

pub(super) fn is_abandon(token: &'static str) -> impl Fn(&Asked) -> bool {
    move |asked| matches!(asked, Asked::Abandon(Kind::Activity, given) if given == token)
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_stops_takes_nothing_new_and_gives_back_what_does_not_end_in_time() {
    let stream = vec![
        activity(seconds(1), "hangs", "first"),
        // The worker is told to stop after 5 seconds.
        activity(seconds(6), "nope", "late"),
        Step::Silence,
    ];
    let playing = Playing::begin(Script::new(vec![stream]), served());
    let script = playing.after(seconds(5)).await;
    assert_eq!(script.count(|asked| matches!(asked, Asked::Complete(_))), 0);
    assert_eq!(script.at(is_abandon("late")), Some(seconds(7)));
    assert_eq!(script.at(is_abandon("first")), Some(seconds(5) + DRAIN));
    assert_eq!(script.count(|asked| matches!(asked, Asked::Abandon(..))), 2);
    // A server gives out again what a worker has whose stream has ended: it stays open until the last answer.
    let dropped = script.at(|asked| matches!(asked, Asked::StreamDropped)).unwrap();
    assert_eq!(dropped, seconds(5) + DRAIN);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_stops_waits_for_answers_that_are_under_way_and_no_longer() {
    let script = Script::new(vec![vec![activity(seconds(1), "nope", "t"), Step::Silence]]);
    script
        .completions
        .lock()
        .unwrap()
        .push_back((seconds(7), tonic::Code::Ok));
    let script = Playing::begin(script, served()).after(seconds(5)).await;
    let dropped = script.at(|asked| matches!(asked, Asked::StreamDropped)).unwrap();
    assert_eq!(dropped, seconds(8));
    assert_eq!(script.count(|asked| matches!(asked, Asked::Abandon(..))), 0);
}

#[tokio::test(start_paused = true)]
async fn an_idle_worker_stops_at_once_connected_or_not() {
    let script = Playing::begin(Script::new(Vec::new()), served())
        .after(seconds(5))
        .await;
    assert_eq!(
        script.at(|asked| matches!(asked, Asked::StreamDropped)),
        Some(seconds(5))
    );
    let script = Script::new(Vec::new());
    script.hellos.lock().unwrap().extend([tonic::Code::Unavailable; 100]);
    let begun = tokio::time::Instant::now();
    Playing::begin(script, served()).after(seconds(100)).await;
    assert_eq!(begun.elapsed(), seconds(100));
}
