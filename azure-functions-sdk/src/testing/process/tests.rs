//! A function that always ends the worker process, among others that run for long.

use std::time::Duration;

use azure_functions::prelude::*;

use crate::testing::TestHost;

/// Calls these activities at the same time, and waits for all of them.
#[func]
async fn crowd(context: DurableOrchestrationContext) -> OrchestrationOutput {
    let names: Vec<String> = serde_json::from_value(context.input().clone()).unwrap_or_default();
    let calls = names.iter().map(|name| context.call_activity(name, 1));
    let results = context.join_all(calls).await;
    let texts = results.into_iter().map(|result| match result {
        Ok(_) => "rested".to_owned(),
        Err(error) => error.to_string(),
    });
    texts.collect::<Vec<_>>().into()
}

#[func(activity)]
fn nap(_minutes: u32) {}

#[func(activity)]
fn bomb(_minutes: u32) {}

#[func]
async fn explosive(_context: DurableOrchestrationContext) -> OrchestrationOutput {
    ().into()
}

const INNOCENTS: usize = 20;

/// A host whose `nap` takes a minute, and where each run of `poison` ends the worker process.
fn host(poison: &str) -> TestHost {
    let host = TestHost::new();
    drop(host.fake("nap", |_: u32| ()).taking(Duration::from_mins(1)));
    (0..1000).for_each(|_| host.crash_worker_in(poison));
    host
}

/// Which functions have ended a process that ran nothing else: only those are blamed for it.
fn blamed(host: &TestHost) -> Vec<String> {
    let process = host.worker.process().clone();
    let mut blamed: Vec<_> = process
        .state()
        .culprits
        .iter()
        .filter(|(_, alone)| *alone)
        .cloned()
        .collect();
    blamed.sort();
    blamed.into_iter().map(|(function, _)| function).collect()
}

#[test]
fn one_poison_among_twenty_long_innocents_fails_and_the_others_complete() {
    let host = host("bomb");
    let mut names = vec!["nap"; INNOCENTS];
    names.insert(7, "bomb");
    let results: Vec<String> = host.start("crowd", names).output();
    let failed: Vec<_> = results.iter().filter(|result| *result != "rested").collect();
    assert_eq!(failed.len(), 1, "{results:?}");
    for part in ["bomb", "10 times", "an abort"] {
        assert!(results[7].contains(part), "{}", results[7]);
    }
    assert_eq!(blamed(&host), vec!["bomb"; 10]);
    assert!(host.calls("nap").len() <= INNOCENTS * 7, "{}", host.calls("nap").len());
    assert!(host.elapsed() < Duration::from_mins(2), "{:?}", host.elapsed());
}

#[test]
fn an_episode_that_ends_every_process_fails_alone() {
    let host = host("explosive");
    let crowd = host.start("crowd", vec!["nap"; INNOCENTS]);
    host.advance(Duration::from_secs(5));
    let failure = host.start("explosive", ()).failure();
    for part in ["explosive", "10 times", "an abort"] {
        assert!(failure.contains(part), "{failure}");
    }
    assert_eq!(crowd.output::<Vec<String>>(), vec!["rested"; INNOCENTS]);
    assert_eq!(blamed(&host), vec!["explosive"; 10]);
}

#[test]
fn what_begins_later_is_no_victim_of_a_known_poison() {
    let host = host("explosive");
    let poison = host.start("explosive", ());
    let crowd = host.start("crowd", vec!["nap"; INNOCENTS]);
    assert_eq!(crowd.output::<Vec<String>>(), vec!["rested"; INNOCENTS]);
    assert!(poison.failure().contains("explosive"));
    assert_eq!(crowd.calls().len(), INNOCENTS, "none ran twice");
}
