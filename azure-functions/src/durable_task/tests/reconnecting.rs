//! Streams that end, servers that are away, and silence.

use super::{
    super::{
        served::Served,
        server::{Completion, Kind},
    },
    script::{Asked, Playing, Script, Step, activity, ping},
};
use std::time::Duration;
use tonic::Code;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ended_with_any_status_is_opened_again_within_two_seconds() {
    let codes = [
        Code::Ok,
        Code::Unavailable,
        Code::Cancelled,
        Code::Internal,
        Code::Unauthenticated,
        Code::NotFound,
        Code::Unimplemented,
        Code::ResourceExhausted,
    ];
    let streams = codes.map(|code| vec![Step::End(seconds(8), code)]);
    let script = Playing::begin(Script::new(streams.into()), Served::default())
        .after(seconds(100))
        .await;
    let hellos = script.hellos_at();
    assert_eq!(hellos.len(), codes.len() + 1, "{hellos:?}");
    for pair in hellos.windows(2) {
        let pause = pair[1] - pair[0] - seconds(8);
        assert!(pause >= Duration::from_millis(100) && pause <= seconds(2), "{hellos:?}");
    }
    assert_eq!(
        script.count(|asked| matches!(asked, Asked::WorkItems(_))),
        codes.len() + 1
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_every_stream_at_once_is_asked_again_for_ever_and_never_in_a_busy_loop() {
    let streams = (0..10_000).map(|_| vec![Step::End(Duration::ZERO, Code::Internal)]);
    let script = Playing::begin(Script::new(streams.collect()), Served::default())
        .after(seconds(600))
        .await;
    let hellos = script.hellos_at();
    assert!(hellos.len() > 20 && hellos.len() < 100, "{}", hellos.len());
    assert!(hellos.last().unwrap() > &seconds(560), "{:?}", hellos.last());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_is_tried_for_ever_with_random_pauses_of_half_a_minute_at_most() {
    let script = Script::new(Vec::new());
    script.hellos.lock().unwrap().extend([Code::Unavailable; 40]);
    let script = Playing::begin(script, Served::default()).after(seconds(2_000)).await;
    let hellos = script.hellos_at();
    for pair in hellos[..41].windows(2) {
        let pause = pair[1] - pair[0];
        assert!(pause >= Duration::from_millis(100) && pause <= seconds(31), "{pause:?}");
    }
    let opened = script.at(|asked| matches!(asked, Asked::WorkItems(_))).unwrap();
    assert_eq!(opened, hellos[40]);
    // After every fifth failure in a row.
    let asked = script.asked().into_iter();
    let anew = asked.filter(|(at, asked)| *at <= opened && matches!(asked, Asked::Reconnect));
    assert_eq!(anew.count(), 8);
}

#[tokio::test(start_paused = true)]
async fn two_minutes_without_a_message_renew_the_stream_over_a_new_connection_and_a_ping_is_a_message() {
    let stream = vec![
        ping(seconds(100)),
        ping(seconds(100)),
        ping(seconds(100)),
        Step::Silence,
    ];
    let script = Playing::begin(Script::new(vec![stream]), Served::default())
        .after(seconds(430))
        .await;
    let hellos = script.hellos_at();
    assert_eq!(hellos.len(), 2, "{hellos:?}");
    assert!(hellos[1] >= seconds(420) && hellos[1] <= seconds(423), "{hellos:?}");
    assert_eq!(script.count(|asked| matches!(asked, Asked::Reconnect)), 1);
    // Pings are never answered.
    assert_eq!(
        script.count(|asked| matches!(asked, Asked::Complete(_) | Asked::Abandon(..))),
        0
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_open_the_stream_within_two_minutes_is_asked_over_a_new_connection() {
    let script = Script::new(Vec::new());
    script.openings.lock().unwrap().extend([seconds(119), seconds(100_000)]);
    script
        .streams
        .lock()
        .unwrap()
        .push_back(vec![Step::End(seconds(8), Code::Ok)]);
    let script = Playing::begin(script, Served::default()).after(seconds(280)).await;
    // The first stream opens late and ends; the second never opens.
    let hellos = script.hellos_at();
    assert_eq!(hellos.len(), 3, "{hellos:?}");
    assert!(hellos[1] >= seconds(127) && hellos[1] <= seconds(129), "{hellos:?}");
    let silent = hellos[2] - hellos[1];
    assert!(silent >= seconds(120) && silent <= seconds(122), "{hellos:?}");
    assert_eq!(script.count(|asked| matches!(asked, Asked::Reconnect)), 1);
    // It lets go of the stream that did not open.
    assert_eq!(script.count(|asked| matches!(asked, Asked::StreamDropped)), 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_sent_again_with_growing_pauses_until_the_server_has_it() {
    let script = Script::new(vec![vec![activity(seconds(1), "nope", "t"), Step::Silence]]);
    let refused = [Code::Unavailable, Code::Internal, Code::Unavailable].map(|code| (Duration::ZERO, code));
    script.completions.lock().unwrap().extend(refused);
    let script = Playing::begin(script, Served::default()).after(seconds(30)).await;
    let sent: Vec<_> = script
        .asked()
        .into_iter()
        .filter_map(|(at, asked)| match asked {
            Asked::Complete(Completion::Activity(response)) => Some((at, response)),
            _ => None,
        })
        .collect();
    assert_eq!(sent.len(), 4, "{sent:?}");
    for (pair, millis) in sent.windows(2).zip([200, 400, 800]) {
        let (pause, nominal) = (pair[1].0 - pair[0].0, Duration::from_millis(millis));
        assert!(
            pause >= nominal.mul_f64(0.7) && pause <= nominal.mul_f64(1.3),
            "{pause:?}"
        );
        assert_eq!(pair[0].1, pair[1].1);
    }
    assert_eq!(script.count(|asked| matches!(asked, Asked::Abandon(..))), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_the_server_will_not_take_is_given_back_at_once_by_its_token() {
    for code in [
        Code::NotFound,
        Code::FailedPrecondition,
        Code::PermissionDenied,
        Code::Unimplemented,
    ] {
        let script = Script::new(vec![vec![activity(seconds(1), "nope", "t"), Step::Silence]]);
        script.completions.lock().unwrap().push_back((Duration::ZERO, code));
        let script = Playing::begin(script, Served::default()).after(seconds(30)).await;
        assert_eq!(script.count(|asked| matches!(asked, Asked::Complete(_))), 1);
        let given_back = |asked: &Asked| matches!(asked, Asked::Abandon(Kind::Activity, token) if token == "t");
        assert_eq!(script.count(given_back), 1, "{code}");
        assert!(script.at(given_back).unwrap() < Duration::from_millis(1_100));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_for_too_long_gets_the_answer_no_more() {
    let script = Script::new(vec![vec![activity(seconds(1), "nope", "t"), Step::Silence]]);
    script
        .completions
        .lock()
        .unwrap()
        .extend([(Duration::ZERO, Code::Unavailable); 1_000]);
    let script = Playing::begin(script, Served::default()).after(seconds(600)).await;
    let sent = script.count(|asked| matches!(asked, Asked::Complete(_)));
    assert!(sent > 15 && sent < 60, "{sent}");
    let given_back = script.at(|asked| matches!(asked, Asked::Abandon(..))).unwrap();
    assert!(given_back > seconds(290) && given_back < seconds(330), "{given_back:?}");
}
