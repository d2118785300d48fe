//! Rows 84 to 106: the orchestration client, which speaks the HTTP API to the task hub of the test host. What the API looks like
//! in HTTP is in `tests/durable`, and what the client sends in `azure-functions-durable`.

use std::{path::Path, process::Command, time::Duration};

use azure_functions::{durable::OrchestrationClientError as Error, prelude::*};
use azure_functions_durable::{OrchestrationRuntimeStatus as Status, StatusQuery};
use azure_functions_sdk::testing::TestHost;
use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;

const HOUR: Duration = Duration::from_hours(1);

/// Is weighed, waits to be stamped, and is sent.
#[func]
async fn parcel(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, CallError> {
    let grams = context.call_activity("weigh", context.input()).await?;
    let stamp = context.wait_for_event("stamped").await;
    context.call_activity("send", &stamp).await?;
    Ok(json!([grams, stamp]).into())
}

#[func]
fn weigh(parcel: String) -> Result<ActivityOutput, String> {
    match parcel.len() {
        0 => Err("there is nothing to weigh".to_owned()),
        grams => Ok(grams.into()),
    }
}

#[func(activity)]
fn send(_stamp: Value) {}

/// Has arrived as soon as it begins.
#[func]
async fn postcard(context: DurableOrchestrationContext) -> OrchestrationOutput {
    context.input().clone().into()
}

/// The newest extension takes any name, and lets the instance fail; this host refuses, as older ones do, so that it is known at
/// once.
#[test]
fn row_084_start_new_gives_the_id_and_refuses_what_the_app_does_not_have() {
    let host = TestHost::new();
    let client = host.client();
    host.block_on(async {
        let given = client.start_new("postcard", Some("from Rome"), "ciao").await.unwrap();
        assert_eq!(given, "from Rome");
        let made = client.start_new("postcard", None, "hello").await.unwrap();
        assert!(
            made.len() == 32 && made.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)),
            "{made}"
        );
        assert_eq!(host.instance(&given).output::<String>(), "ciao");
        assert_eq!(host.instance(&made).output::<String>(), "hello");

        let unknown = client.start_new("telegram", None, ()).await.unwrap_err();
        assert!(matches!(unknown, Error::UnknownOrchestration { .. }), "{unknown:?}");
        assert!(unknown.to_string().contains("'telegram' doesn't exist"), "{unknown}");
        assert_eq!(client.query_all_statuses().await.unwrap().len(), 2);
    });
}

#[test]
fn row_086_each_flag_of_a_query_shows_its_part() {
    let host = TestHost::new();
    let client = host.client();
    let parcel = host.start("parcel", "book");
    parcel.raise_event("stamped", 7);
    assert_eq!(parcel.output::<Value>(), json!([4, 7]));
    let has = |events: &[Value], member: &str| events.iter().any(|event| !event[member].is_null());
    for flags in 0..8_u8 {
        let [history, output, input] = [1, 2, 4].map(|bit| flags & bit != 0);
        let asked = host.block_on(client.query_status(parcel.id(), history, output, input));
        let status = asked.unwrap().unwrap();
        let what = format!("history {history}, output {output}, input {input}: {status:#?}");
        assert_eq!(status.input, if input { json!("book") } else { Value::Null }, "{what}");
        assert_eq!(status.output, json!([4, 7]), "{what}");
        assert_eq!(status.history_events.is_some(), history, "{what}");
        let events = status.history_events.as_deref().unwrap_or_default();
        assert_eq!(has(events, "Result"), history && output, "{what}");
        assert_eq!(has(events, "Input"), history && input, "{what}");
    }
    let none = host.block_on(client.query_status("nothing", true, true, true));
    assert_eq!(none.unwrap(), None);
}

#[test]
fn row_087_queries_filter_by_time_and_status_and_come_in_pages() {
    let host = TestHost::new();
    let client = host.client();
    let begun = host.now();
    for id in ["p0", "p1", "p2", "p3"] {
        host.start_with_id("postcard", id, ());
        host.start_with_id("parcel", &format!("w{id}"), "pen");
        host.advance(HOUR);
    }
    let at = |hours: i64| begun + TimeDelta::hours(hours);
    let query = |from, to, statuses: &[Status]| -> Vec<String> {
        let found = host.block_on(client.query_statuses(from, to, statuses.iter().copied()));
        found.unwrap().into_iter().map(|status| status.instance_id).collect()
    };
    assert_eq!(query(begun, None, &[]).len(), 8);
    assert_eq!(query(at(1), Some(at(2)), &[Status::Completed]), ["p1", "p2"]);
    assert_eq!(query(at(1), Some(at(2)), &[Status::Running]), ["wp1", "wp2"]);
    assert_eq!(
        query(at(1) + TimeDelta::seconds(1), Some(at(2)), &[]),
        ["p2", "wp2"],
        "from and to are the first and the last moment"
    );
    assert_eq!(query(at(3), None, &[Status::Failed, Status::Running]), ["wp3"]);
    assert_eq!(query(at(4), None, &[]), [""; 0]);
    assert_eq!(host.block_on(client.query_all_statuses()).unwrap().len(), 8);

    let mut pages = Vec::new();
    let mut token = None;
    loop {
        let query = StatusQuery::new().top(3).continuation_token(token);
        let page = host.block_on(client.query_page(&query)).unwrap();
        pages.push(page.statuses.into_iter().map(|status| status.instance_id).collect());
        token = page.continuation_token;
        if token.is_none() {
            break;
        }
    }
    let pages: Vec<Vec<String>> = pages;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 2]);
    let mut ids = pages.concat();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 8, "each is on one page");
}

#[test]
fn row_089_purges_count_what_is_gone_and_leave_what_runs() {
    let host = TestHost::new();
    let client = host.client();
    for id in ["a", "b", "c", "d"] {
        host.start_with_id("postcard", id, ());
    }
    let runs = host.start("parcel", "pen");
    let fails = host.start("parcel", "").id().to_owned();
    assert!(host.instance(&fails).failure().contains("there is nothing to weigh"));
    host.block_on(async {
        assert_eq!(client.purge_history("a").await.unwrap().instances_deleted, 1);
        assert_eq!(client.query_status("a", false, false, false).await.unwrap(), None);
        assert_eq!(client.purge_history("a").await.unwrap().instances_deleted, 0);
        let refused = client.purge_history(runs.id()).await.unwrap_err();
        assert!(matches!(refused, Error::Conflict { .. }), "{refused:?}");

        let from = host.now() - TimeDelta::hours(1);
        let early = client
            .purge_histories(from, Some(from + TimeDelta::seconds(1)), [])
            .await;
        assert_eq!(early.unwrap().instances_deleted, 0);
        let failed = client
            .purge_histories(from, None, [Status::Failed, Status::Running])
            .await;
        assert_eq!(failed.unwrap().instances_deleted, 1);
        assert_eq!(client.query_status(&fails, false, false, false).await.unwrap(), None);
        assert_eq!(
            client.purge_histories(from, None, []).await.unwrap().instances_deleted,
            3
        );
        let left = client.query_all_statuses().await.unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].instance_id, runs.id());
    });
    runs.raise_event("stamped", 1);
    assert_eq!(runs.output::<Value>(), json!([3, 1]));
}

#[test]
fn row_090_an_event_is_taken_by_what_runs_and_by_nothing_else() {
    let host = TestHost::new();
    let client = host.client();
    let parcel = host.start("parcel", "pen");
    host.block_on(client.raise_event(parcel.id(), "stamped", "airmail"))
        .unwrap();
    assert_eq!(parcel.output::<Value>(), json!([3, "airmail"]));
    let ended = host
        .block_on(client.raise_event(parcel.id(), "stamped", "again"))
        .unwrap_err();
    assert!(matches!(ended, Error::AlreadyDone { .. }), "{ended:?}");
    assert_eq!(ended.status_code(), Some(410));
    let unknown = host
        .block_on(client.raise_event("nothing", "stamped", "airmail"))
        .unwrap_err();
    assert!(matches!(unknown, Error::NotFound { .. }), "{unknown:?}");
    assert_eq!(unknown.status_code(), Some(404));
}

#[test]
fn row_091_a_rewound_instance_repeats_what_failed_and_nothing_else() {
    let host = TestHost::new();
    let client = host.client();
    host.fake("send", |_: Value| ()).failing("the van is in the ditch");
    let parcel = host.start("parcel", "pen");
    parcel.raise_event("stamped", 7);
    assert!(parcel.failure().contains("the van is in the ditch"));
    host.fake("send", |_: Value| ());
    host.block_on(client.rewind(parcel.id(), "another van")).unwrap();
    assert_eq!(parcel.output::<Value>(), json!([3, 7]));
    assert_eq!((host.calls("weigh").len(), host.calls("send").len()), (1, 2));
    let again = host.block_on(client.rewind(parcel.id(), "why not")).unwrap_err();
    assert!(matches!(again, Error::Conflict { .. }), "{again:?}");
}

#[test]
fn row_092_a_terminated_instance_has_the_reason_and_is_not_terminated_twice() {
    let host = TestHost::new();
    let client = host.client();
    let parcel = host.start("parcel", "pen");
    host.block_on(client.terminate(parcel.id(), "lost & found")).unwrap();
    let status = parcel.wait();
    assert_eq!(
        (status.runtime_status, status.output),
        (Status::Terminated, json!("lost & found"))
    );
    let again = host.block_on(client.terminate(parcel.id(), "again")).unwrap_err();
    assert!(matches!(again, Error::AlreadyDone { .. }), "{again:?}");
}

#[test]
fn row_096_a_start_waits_for_the_output_or_as_long_as_it_is_told() {
    let host = TestHost::new();
    let client = host.client();
    let (timeout, step) = (Duration::from_secs(5), Duration::from_secs(1));
    let quick = host.block_on(client.start_new_and_wait("postcard", "quick", "ciao", timeout, step));
    assert_eq!(quick.unwrap().finished().unwrap().output, "ciao");
    assert_eq!(host.elapsed(), Duration::ZERO);
    let slow = host.block_on(client.start_new_and_wait("parcel", "slow", "pen", timeout, step));
    let slow = slow.unwrap();
    assert!(!slow.is_finished());
    assert_eq!(slow.status().runtime_status, Status::Running);
    assert_eq!(host.elapsed(), timeout);
}

#[test]
fn row_100_the_client_brings_one_hyper_and_no_openssl() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "-p",
            "azure-functions-durable",
            "-e",
            "normal,build",
            "--prefix",
            "none",
        ])
        .args(["--features", "client", "--offline"])
        .current_dir(workspace)
        .output()
        .unwrap();
    let text = String::from_utf8(tree.stdout).unwrap();
    let mut packages: Vec<_> = text.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    packages.sort_unstable();
    packages.dedup();
    let hypers = packages.iter().filter(|package| package.starts_with("hyper v")).count();
    assert_eq!(hypers, 1, "{text}");
    for unwanted in ["openssl", "native-tls", "reqwest"] {
        assert!(!packages.iter().any(|package| package.starts_with(unwanted)), "{text}");
    }
}

#[test]
fn row_105_an_id_is_made_up_taken_while_it_runs_and_free_after_the_end() {
    let host = TestHost::new();
    let client = host.client();
    let made = host.start("postcard", ()).id().to_owned();
    assert!(Uuid::try_parse(&made).is_ok(), "{made}");
    assert_ne!(host.start("postcard", ()).id(), made);

    let start = |input: &'static str| host.block_on(client.start_new("parcel", Some("mine"), input));
    start("pen").unwrap();
    let taken = start("book").unwrap_err();
    assert!(
        matches!(&taken, Error::AlreadyExists { instance_id, .. } if instance_id == "mine"),
        "{taken:?}"
    );
    let mine = host.instance("mine");
    mine.raise_event("stamped", 1);
    assert_eq!(mine.output::<Value>(), json!([3, 1]), "it has gone on as it was");
    start("book").unwrap();
    assert_eq!(mine.runtime_status(), Status::Running);
    mine.raise_event("stamped", 2);
    assert_eq!(mine.output::<Value>(), json!([4, 2]), "and begins anew");
}
