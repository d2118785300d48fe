//! What a test can do with a test host.

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use azure_functions::prelude::*;
use azure_functions_durable::OrchestrationRuntimeStatus as Status;
use azure_functions_sdk::testing::{TestHost, Wire};
use serde_json::{Value, json};

const DAY: Duration = Duration::from_hours(24);

/// The message of the panic.
fn panics(work: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(work).expect_err("it should panic");
    panic
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_else(|| (*panic.downcast_ref::<&str>().unwrap()).to_owned())
}

#[test]
fn a_sequence_has_completed_when_start_returns() {
    let host = TestHost::new();
    let instance = host.start("sequence", ());
    assert_eq!(instance.runtime_status(), Status::Completed);
    assert_eq!(
        instance.output::<Vec<String>>(),
        ["Hello Tokyo!", "Hello London!", "Hello Seattle!"]
    );
    assert_eq!(host.calls("say_hello").len(), 3);
}

#[tokio::test]
async fn it_works_in_an_asynchronous_test() {
    let host = TestHost::new();
    let instance = host.start("approval", ());
    host.client()
        .raise_event(instance.id(), "approved", true)
        .await
        .unwrap();
    assert_eq!(instance.output::<Value>(), json!({ "approved": true }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn other_tasks_of_the_test_go_on_while_the_host_works() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let host = TestHost::new();
    host.try_fake("say_hello", move |_: String| {
        receiver.recv_timeout(Duration::from_secs(30))
    });
    tokio::spawn(async move { sender.send("from a task").unwrap() });
    // The fake holds the world's thread, and the host this one, until the task has run.
    assert_eq!(host.start("stubborn", "you").output::<String>(), "from a task");
}

#[test]
fn three_days_pass_in_milliseconds() {
    let start = Instant::now();
    let host = TestHost::new();
    let instance = host.start("approval", ());
    host.advance(3 * DAY - Duration::from_secs(1));
    assert_eq!(instance.runtime_status(), Status::Running);
    assert_eq!(instance.custom_status::<String>(), "waiting");
    host.advance(Duration::from_secs(1));
    assert_eq!(instance.output::<String>(), "Hello boss!");
    assert_eq!(host.calls("say_hello")[0].time, host.now());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn time_stands_still_until_something_waits() {
    let host = TestHost::new();
    let (before, instance) = (host.now(), host.start("approval", ()));
    assert_eq!((host.now(), instance.runtime_status()), (before, Status::Running));
    host.run_until_idle();
    assert_eq!(host.now(), before + 3 * DAY);
    assert_eq!(instance.runtime_status(), Status::Completed);
}

#[test]
fn row_055_a_fake_fails_twice_and_the_delays_follow_the_policy() {
    let host = TestHost::new();
    let fake = host.fake("say_hello", |name: String| format!("Hi {name}!"));
    let _ = fake
        .failing_first(2, "the line is busy")
        .taking(Duration::from_secs(30));
    let instance = host.start("stubborn", "you");
    assert_eq!(instance.output::<String>(), "Hi you!");
    let calls = instance.calls();
    assert_eq!(calls.len(), 3);
    assert!(
        calls[1]
            .result
            .as_ref()
            .unwrap()
            .as_ref()
            .is_err_and(|error| error.contains("the line is busy"))
    );
    assert_eq!(calls[2].input_as::<String>(), "you");
    let gaps: Vec<i64> = calls
        .windows(2)
        .map(|pair| (pair[1].time - pair[0].time).num_seconds())
        .collect();
    assert_eq!(
        gaps,
        [630, 1230],
        "ten and twenty minutes after the end of an attempt that took 30 seconds"
    );
    let events = |kind: u8| {
        instance
            .history()
            .iter()
            .filter(|event| event["EventType"] == kind)
            .count()
    };
    assert_eq!(
        (events(4), events(6), events(5)),
        (3, 2, 1),
        "three attempts, two failures, one result"
    );
    assert_eq!((events(10), events(11)), (2, 2), "a timer for each delay");
}

#[test]
fn a_fake_that_panics_fails_its_call_and_the_test() {
    let host = TestHost::new();
    host.fake("say_hello", |name: String| {
        assert_eq!(name, "London", "only London is greeted");
        name
    });
    let message = panics(AssertUnwindSafe(|| drop(host.start_with_id("sequence", "s", ()))));
    assert!(
        message.contains("the fake of activity 'say_hello' panicked") && message.contains("only London is greeted"),
        "{message}"
    );
    assert!(host.instance("s").failure().contains("only London is greeted"));
    assert_eq!(host.calls("say_hello").len(), 1);
}

/// What panics in a child process: set to let it.
const SHOW_PANICS: &str = "TEST_SHOW_PANICS";

#[func]
async fn explodes(context: DurableOrchestrationContext) -> OrchestrationOutput {
    panic!("bang, said {}", context.instance_id());
}

/// No test in its own right: see the next.
#[test]
fn an_orchestration_explodes() {
    if std::env::var_os(SHOW_PANICS).is_some() {
        assert!(
            TestHost::new()
                .start_with_id("explodes", "e", ())
                .failure()
                .contains("bang")
        );
    }
}

/// Though both runs of the episode do.
#[test]
fn an_orchestration_that_panics_shows_its_panic_once() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "host::an_orchestration_explodes", "--nocapture"])
        .env(SHOW_PANICS, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert_eq!(text.matches("bang, said e").count(), 1, "{text}");
}

#[test]
fn a_fake_that_returns_a_result_by_mistake_is_told_so() {
    let host = TestHost::new();
    let message = panics(AssertUnwindSafe(|| {
        drop(host.fake("square", |_: u64| Ok::<u64, String>(1)));
    }));
    assert!(message.contains("write try_fake"), "{message}");
}

#[test]
fn real_activities_that_are_called_together_end_together() {
    let host = TestHost::new();
    let instance = host.start("fan_out", 300);
    assert_eq!(instance.output::<u64>(), 8_955_050);
    let turns = instance
        .history()
        .iter()
        .filter(|event| event["EventType"] == 12)
        .count();
    assert_eq!(turns, 2, "the calls, and all of their results");
}

#[test]
fn ids_are_the_same_in_every_run_of_a_test_and_differ_from_those_of_others() {
    let id =
        |builder: azure_functions_sdk::testing::TestHostBuilder| builder.build().start("sequence", ()).id().to_owned();
    let mine = id(TestHost::builder());
    assert_eq!(mine, id(TestHost::builder()));
    assert_ne!(mine, id(TestHost::builder().id_seed(1)));
    let other = std::thread::Builder::new().name("another test".into());
    let other = other.spawn(move || id(TestHost::builder())).unwrap().join().unwrap();
    assert_ne!(mine, other);
}

#[test]
fn fakes_run_at_the_same_time_and_end_in_virtual_order() {
    let host = TestHost::new();
    let fake = host.fake("square", |n: u64| n);
    fake.taking(Duration::from_hours(1));
    let (start, instance) = (host.now(), host.start("fan_out", 100));
    assert_eq!(instance.output::<u64>(), 4950);
    assert_eq!((host.now() - start).num_minutes(), 60);
}

#[test]
fn real_activities_always_end_in_the_order_of_their_calls() {
    let host = TestHost::new();
    let instance = host.start("fan_out", 7);
    let completed = |event: &Value| (event["EventType"] == 5).then(|| event["TaskScheduledId"].as_i64().unwrap());
    let order: Vec<i64> = instance.history().iter().filter_map(completed).collect();
    assert_eq!(order, (0..7).collect::<Vec<_>>());
    let host = TestHost::builder().parallel_activities(7).build();
    assert_eq!(host.start("fan_out", 7).output::<u64>(), 91);
}

#[test]
fn an_eternal_orchestration_is_advanced_day_by_day_and_its_end_is_not_waited_for() {
    let host = TestHost::builder().most_jumps(100).build();
    let instance = host.start("eternal", 0);
    host.advance(10 * DAY);
    // On the protobuf wire, an execution does not inherit the status of the one before.
    if host.wire() == Wire::Json {
        assert_eq!(instance.custom_status::<u32>(), 10);
    }
    assert_eq!(instance.status().input, 10);
    let message = panics(AssertUnwindSafe(|| host.run_until_idle()));
    assert!(
        message.contains("never ends") && message.contains("advance"),
        "{message}"
    );
}

#[test]
fn one_that_is_stuck_says_what_each_task_waits_for_and_where() {
    let host = TestHost::new();
    let instance = host.start_with_id("waiting", "parent", ());
    let message = panics(AssertUnwindSafe(|| drop(instance.output::<Value>())));
    for part in [
        "instance 'parent' of orchestration 'waiting' waits for",
        "sub-orchestration 'listener', instance 'child' (",
        "the external event 'left' (",
        "instance 'child' of orchestration 'listener' waits for the external event 'east' (",
        "functions.rs:",
    ] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    host.instance("child").raise_event("eats", 0);
    let message = panics(AssertUnwindSafe(|| drop(instance.wait())));
    assert!(
        message.contains("; it keeps the event 'eats', for which nobody waits"),
        "{message}"
    );
    host.instance("child").raise_event("EAST", 1);
    instance.suspend("lunch");
    let message = panics(AssertUnwindSafe(|| drop(instance.wait())));
    assert!(message.contains("is suspended: resume it"), "{message}");
    instance.resume("work");
    instance.raise_event("left", 2);
    assert_eq!(instance.output::<Vec<i32>>(), [1, 2]);
}

#[test]
fn episodes_that_say_two_things_fail_with_both() {
    let host = TestHost::new();
    let message = host.start("undeterministic", ()).failure();
    assert!(
        message.contains("is not deterministic") && message.contains("functions.rs:"),
        "{message}"
    );
    let host = TestHost::builder().check_determinism(false).build();
    let status = host.start("undeterministic", ()).runtime_status();
    assert_eq!(
        status,
        Status::Completed,
        "history has no inputs to compare: only the second run finds it"
    );
}

#[test]
fn an_orchestration_that_blocks_its_thread_is_named() {
    let host = TestHost::builder().patience(Duration::from_millis(50)).build();
    let message = panics(AssertUnwindSafe(|| drop(host.start("blocked", ()))));
    assert!(
        message.contains("orchestration 'blocked'") && message.contains("blocked its thread"),
        "{message}"
    );
}

#[test]
fn an_activity_that_takes_too_long_is_named() {
    let host = TestHost::builder().patience(Duration::from_millis(200)).build();
    let message = panics(AssertUnwindSafe(|| drop(host.start("slowly", ()))));
    assert!(
        message.contains("function 'slow': runs") && message.contains("patience"),
        "{message}"
    );
}

#[test]
fn row_104_http_functions_are_called_as_functions_and_their_waits_pass_virtual_time() {
    let host = TestHost::new();
    let request = |name: &str, input: Value| {
        HttpRequest::build()
            .method("POST")
            .route_param("orchestration", name)
            .json(&input)
            .unwrap()
    };
    let response = host.call("ask", &request("sequence", Value::Null)).unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.body_as_json::<Value>().unwrap()[2], "Hello Seattle!");
    let before = host.now();
    let response = host.call("ask", &request("approval", Value::Null)).unwrap();
    assert_eq!(response.status(), 202);
    assert_eq!((host.now() - before).num_seconds(), 10);
    let error = host.call("ask", &request("nothing", Value::Null)).unwrap_err();
    assert!(error.contains("nothing"), "{error}");
}

#[test]
fn functions_can_be_called_directly_with_a_client_of_the_host() {
    let host = TestHost::new();
    let request = HttpRequest::build().method("POST").json(&json!("you")).unwrap();
    let route = Route("stubborn".to_owned());
    let response = host
        .block_on(crate::functions::ask(request, route, host.client().into()))
        .unwrap();
    assert_eq!(response.body_as_json::<Value>().unwrap(), "Hello you!");
}

#[test]
fn activities_reach_the_task_hub_through_their_clients() {
    let host = TestHost::new();
    let approval = host.start("approval", ());
    assert_eq!(host.start("teller", approval.id()).output::<String>(), "told");
    assert_eq!(approval.output::<Value>(), json!({ "approved": "by an activity" }));
}

#[test]
fn an_activity_can_be_run_alone() {
    let host = TestHost::new();
    assert_eq!(host.run_activity("say_hello", "you"), Ok("Hello you!".into()));
    let error = host.run_activity("say_hello", "nobody").unwrap_err();
    assert!(error.contains("there is nobody to greet"), "{error}");
    let error = host.run_activity("square", "four").unwrap_err();
    assert!(error.contains("parameter `number`"), "{error}");
}

#[test]
fn logs_are_kept_once_with_their_instance() {
    let host = TestHost::new();
    let (first, second) = (host.start("sequence", ()), host.start("sequence", ()));
    let said = |instance: &azure_functions_sdk::testing::TestInstance<'_>| -> Vec<String> {
        instance.logs().into_iter().map(|record| record.message).collect()
    };
    let expected = [
        "greeting",
        "hello to Tokyo",
        "hello to London",
        "hello to Seattle",
        "greeted",
    ];
    assert_eq!(
        (said(&first), said(&second)),
        (expected.map(String::from).into(), expected.map(String::from).into())
    );
    assert_eq!(host.logs().len(), 10);
}

#[test]
fn parallel_hosts_do_not_see_each_other() {
    let threads: Vec<_> = (0..4)
        .map(|number: u64| {
            std::thread::spawn(move || {
                let host = TestHost::new();
                host.fake("say_hello", move |_: Value| number);
                for _ in 0..20 {
                    assert_eq!(host.start("sequence", ()).output::<Vec<u64>>(), [number; 3]);
                }
                (host.instances().len(), host.logs().len(), host.calls("say_hello").len())
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), (20, 40, 60));
    }
}

#[test]
fn instances_live_through_a_restart_of_the_host() {
    let host = TestHost::new();
    let instance = host.start("approval", ());
    host.advance(DAY);
    host.restart();
    assert_eq!(instance.runtime_status(), Status::Running);
    host.advance(2 * DAY);
    assert_eq!(instance.runtime_status(), Status::Completed);
}

#[test]
fn instances_are_managed_as_through_a_client() {
    let host = TestHost::new();
    let instance = host.start_with_id("approval", "a", ());
    instance.terminate("enough");
    assert_eq!(instance.wait().runtime_status, Status::Terminated);
    host.fake("say_hello", |_: String| ()).failing("down");
    let failed = host.start_with_id("sequence", "b", ());
    assert!(failed.failure().contains("down"));
    host.fake("say_hello", |_: String| "up again");
    failed.rewind("mended");
    assert_eq!(failed.output::<Vec<String>>().len(), 3);
    let ids: Vec<_> = host.instances().into_iter().map(|status| status.instance_id).collect();
    assert_eq!(ids, ["a", "b"]);
}

#[test]
fn mistakes_of_a_test_are_told_in_a_sentence() {
    let host = TestHost::new();
    let of = |work: &dyn Fn()| panics(AssertUnwindSafe(work));
    for (message, expected) in [
        (of(&|| drop(host.start("nothing", ()))), "'nothing'"),
        (
            of(&|| drop(host.calls("nothing"))),
            "the app has no activity 'nothing'; it has 12, such as 'charge', 'moody', 'pack_order', 'pay_for', 'restock'",
        ),
        (of(&|| drop(host.instance("x").status())), "there is no instance 'x'"),
        (of(&|| drop(host.instance("x").wait())), "there is no instance 'x'"),
        (
            of(&|| assert_eq!(host.start("sequence", ()).output::<u64>(), 0)),
            "has another shape",
        ),
        (
            of(&|| drop(host.start("sequence", ()).failure())),
            "has not failed, it is Completed",
        ),
        (
            of(&|| drop(host.call("say_hello", &HttpRequest::build().finish()))),
            "has no HTTP trigger",
        ),
        (
            of(&|| host.start("sequence", ()).raise_event("late", ())),
            "has already ended",
        ),
    ] {
        assert!(message.contains(expected), "{expected} is not in: {message}");
    }
}

#[test]
fn saved_histories_replay() {
    let folder = tempfile::tempdir().unwrap();
    let host = TestHost::new();
    host.start("sequence", ())
        .save_history(folder.path().join("sequence.json"));
    host.start("approval", ())
        .save_history(folder.path().join("below/approval.json"));
    azure_functions::histories::assert_replay(folder.path());
}

#[test]
fn a_request_that_is_waiting_when_the_host_restarts_is_answered_by_the_next_one() {
    let host = TestHost::new();
    let instance = host.start("approval", ());
    let client = host.client();
    let waits = std::thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let (timeout, step) = (Duration::from_hours(100), Duration::from_hours(1));
            host.block_on(client.wait_for_completion(instance.id(), timeout, step))
        });
        for _ in 0..3 {
            host.restart();
        }
        waits.join().unwrap()
    });
    assert!(waits.unwrap().is_finished());
}

#[tokio::test]
async fn time_passes_for_a_test_that_waits_for_a_client_on_the_same_thread() {
    let host = TestHost::new();
    let (instance, client) = (host.start("approval", ()), host.client());
    let (timeout, step) = (4 * DAY, Duration::from_hours(1));
    let waiting = client.wait_for_completion(instance.id(), timeout, step);
    let (waited, ()) = tokio::join!(waiting, async { host.advance(5 * DAY) });
    assert!(waited.unwrap().is_finished());
}
