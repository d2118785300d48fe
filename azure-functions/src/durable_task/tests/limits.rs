//! How much runs at a time.

use super::{
    super::{limits::Limits, served::Served, worker},
    script::{Asked, DRAIN, Playing, Script, Step, activity},
    stopping::{is_abandon, seconds, served},
};
use tonic::Code;

#[tokio::test(start_paused = true)]
async fn what_runs_from_streams_that_have_ended_counts_within_the_limit() {
    let streams = vec![
        vec![
            activity(seconds(1), "hangs", "first"),
            activity(seconds(1), "hangs", "second"),
            Step::End(seconds(8), Code::Unavailable),
        ],
        vec![
            activity(seconds(1), "hangs", "lost"),
            Step::End(seconds(8), Code::Unavailable),
        ],
        vec![activity(seconds(1), "hangs", "waiting"), Step::Silence],
    ];
    let limits = Limits::default().activities(2);
    let playing = Playing::limited(Script::new(streams), served(), limits);
    let script = playing.after(seconds(60)).await;
    // What waits does not begin once its stream has ended, or the worker stops.
    let lost = script.at(is_abandon("lost")).unwrap();
    assert!(lost >= seconds(19) && lost < seconds(22), "{lost:?}");
    assert_eq!(script.at(is_abandon("waiting")), Some(seconds(60)));
    // What runs goes on.
    for token in ["first", "second"] {
        assert_eq!(script.at(is_abandon(token)), Some(seconds(60) + DRAIN));
    }
    assert_eq!(script.count(|asked| matches!(asked, Asked::Complete(_))), 0);
}

#[tokio::test(start_paused = true)]
async fn an_item_above_the_limit_begins_when_another_has_been_answered() {
    let stream = vec![
        activity(seconds(1), "nope", "first"),
        activity(seconds(1), "nope", "second"),
        Step::Silence,
    ];
    let script = Script::new(vec![stream]);
    script.completions.lock().unwrap().push_back((seconds(7), Code::Ok));
    let limits = Limits::default().activities(1);
    let script = Playing::limited(script, Served::default(), limits)
        .after(seconds(30))
        .await;
    let asked = script.asked().into_iter();
    let answers: Vec<_> = asked
        .filter(|(_, asked)| matches!(asked, Asked::Complete(_)))
        .map(|(at, _)| at)
        .collect();
    assert_eq!(answers, [seconds(1), seconds(8)]);
}

#[test]
fn a_limit_of_zero_asks_for_none_of_the_kind() {
    let all = worker::request(&served().within(Limits::default()), Limits::default());
    assert_eq!(all.work_item_filters.unwrap().activities.len(), 1);
    let limits = Limits::default().activities(0).entities(3);
    let served = served().within(limits);
    // The filters of an app without functions would let everything through; such a worker does not begin.
    assert_eq!(served.counts(), [0; 3]);
    let request = worker::request(&served, limits);
    assert!(request.work_item_filters.unwrap().activities.is_empty());
    assert_eq!(request.max_concurrent_entity_work_items, 3);
    // Servers take 0 for their own default.
    assert_eq!(request.max_concurrent_activity_work_items, 1);
}
