//! Old histories on new code: an orchestration as it was, and as people change it. The history is always that of
//! `ship`; the code that it is replayed on is that of the function it names.

use crate::process::run_app;
use azure_functions::{
    bindings::DurableOrchestrationContext,
    durable::{ActivityOutput, CallError, DurableHttpRequest, OrchestrationOutput},
    func,
    histories::{ReplayError, Replayed, assert_replay, replay_directory, replay_file},
};
use serde_json::{Value, json};
use std::{fs, path::Path, time::Duration};
use tempfile::TempDir;

type Output = Result<OrchestrationOutput, CallError>;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[func]
fn ship_reserve(item: String) -> ActivityOutput {
    item.into()
}

#[func]
fn ship_charge(item: String) -> ActivityOutput {
    item.into()
}

#[func]
async fn ship(context: DurableOrchestrationContext) -> Output {
    context.call_activity("ship_reserve", "b-17").await?;
    context.create_timer_after(DAY).await;
    Ok(context.call_activity("ship_charge", "b-17").await?.into())
}

#[func]
async fn ship_with_another_name(context: DurableOrchestrationContext) -> Output {
    context.call_activity("ship_reserve", "b-17").await?;
    context.create_timer_after(DAY).await;
    Ok(context.call_activity("ship_reserve", "b-17").await?.into()) // another name
}

#[func]
async fn ship_in_another_order(context: DurableOrchestrationContext) -> Output {
    context.create_timer_after(DAY).await; // another order
    context.call_activity("ship_reserve", "b-17").await?;
    Ok(context.call_activity("ship_charge", "b-17").await?.into())
}

#[func]
async fn ship_without_timer(context: DurableOrchestrationContext) -> Output {
    context.call_activity("ship_reserve", "b-17").await?;
    Ok(context.call_activity("ship_charge", "b-17").await?.into()) // without timer
}

#[func]
async fn ship_without_charge(context: DurableOrchestrationContext) -> Output {
    context.call_activity("ship_reserve", "b-17").await?;
    context.create_timer_after(DAY).await; // without charge
    Ok(().into())
}

#[func]
async fn ship_with_more(context: DurableOrchestrationContext) -> Output {
    context.call_activity("ship_reserve", "b-17").await?;
    context.call_activity("ship_reserve", "more").await?;
    context.create_timer_after(DAY).await; // with more
    Ok(context.call_activity("ship_charge", "b-17").await?.into())
}

#[func]
async fn ship_with_more_at_the_end(context: DurableOrchestrationContext) -> Output {
    context.call_activity("ship_reserve", "b-17").await?;
    context.create_timer_after(DAY).await;
    context.call_activity("ship_charge", "b-17").await?;
    Ok(context.call_activity("ship_reserve", "more").await?.into())
}

#[func]
async fn ship_with_another_output(context: DurableOrchestrationContext) -> Output {
    context.call_activity("ship_reserve", "b-17").await?;
    context.create_timer_after(DAY).await;
    context.call_activity("ship_charge", "b-17").await?;
    Ok("shipped".into())
}

#[func]
async fn ship_with_more_patched_in(context: DurableOrchestrationContext) -> Output {
    if context.patched("weigh") {
        context.call_activity("ship_reserve", "weigh").await?;
    }
    context.call_activity("ship_reserve", "b-17").await?;
    if context.patched("insure") {
        context.call_activity("ship_reserve", "insure").await?;
    }
    context.create_timer_after(DAY).await;
    if context.patched("ask") {
        context.call_activity("ship_reserve", "ask").await?;
    }
    Ok(context.call_activity("ship_charge", "b-17").await?.into())
}

#[func]
async fn ship_that_panics(context: DurableOrchestrationContext) -> Output {
    context.call_activity("ship_reserve", "b-17").await?;
    panic!("no ship")
}

#[func]
async fn ship_that_fails(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, String> {
    drop(context.call_activity("ship_reserve", "b-17").await);
    context.create_timer_after(DAY).await;
    drop(context.call_activity("ship_charge", "b-17").await);
    Err("no harbour".to_owned())
}

#[func]
async fn ship_that_fails_at_once(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, String> {
    drop(context.call_activity("ship_reserve", "b-17").await);
    drop(context.create_timer_after(DAY));
    Err("no harbour".to_owned())
}

#[func]
async fn ship_that_ends_at_once(context: DurableOrchestrationContext) -> Output {
    context.call_activity("ship_reserve", "b-17").await?;
    drop(context.create_timer_after(DAY));
    Ok(().into())
}

#[func]
async fn ship_by_http(context: DurableOrchestrationContext) -> Output {
    context
        .call_http(DurableHttpRequest::get("https://example.org/parcels"))
        .await?;
    Ok(().into())
}

/// All that ever happened to an instance of `ship`.
fn ship_history(orchestration: &str) -> Vec<Value> {
    let event = |number: i32, day: i32, more: Value| {
        let mut event = json!({"EventType": number, "EventId": -1, "IsPlayed": false, "Timestamp": format!("2030-04-0{day}T10:00:00Z")});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    vec![
        event(12, 1, json!({})),
        event(
            0,
            1,
            json!({"Name": orchestration, "Input": null, "OrchestrationInstance": {"InstanceId": "order-7"}, "ParentInstance": null}),
        ),
        event(4, 1, json!({"EventId": 0, "Name": "ship_reserve"})),
        event(13, 1, json!({})),
        event(12, 1, json!({})),
        event(5, 1, json!({"TaskScheduledId": 0, "Result": "\"b-17\""})),
        event(10, 1, json!({"EventId": 1, "FireAt": "2030-04-02T10:00:00Z"})),
        event(13, 1, json!({})),
        event(12, 2, json!({})),
        event(11, 2, json!({"TimerId": 1, "FireAt": "2030-04-02T10:00:00Z"})),
        event(4, 2, json!({"EventId": 2, "Name": "ship_charge"})),
        event(13, 2, json!({})),
        event(12, 2, json!({})),
        event(5, 2, json!({"TaskScheduledId": 2, "Result": "\"b-17\""})),
        event(
            1,
            2,
            json!({"EventId": 3, "OrchestrationStatus": 1, "Result": "\"b-17\"", "FailureDetails": null}),
        ),
        event(13, 2, json!({})),
    ]
}

/// The beginnings of a history at which an instance waits, and the whole.
fn beginnings(history: &[Value]) -> Vec<Vec<Value>> {
    let ends = (0..history.len()).filter(|at| history[*at]["EventType"] == 13);
    ends.map(|end| history[..=end].to_vec()).collect()
}

fn folder(files: &[(&str, Value)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content.to_string()).unwrap();
    }
    folder
}

fn replay(history: &[Value]) -> Result<Replayed, ReplayError> {
    let folder = folder(&[("one.json", json!(history))]);
    replay_file(folder.path().join("one.json"))
}

/// `file:line` of the line of this file that ends in this comment.
fn place(comment: &str) -> String {
    let comment = format!("// {comment}");
    let line = include_str!("histories.rs")
        .lines()
        .position(|line| line.ends_with(&comment));
    format!("{}:{}", file!(), line.unwrap() + 1)
}

#[test]
fn whatever_changes_the_past_is_a_contradiction_that_names_the_line() {
    for (orchestration, comment, hint) in [
        ("ship_with_another_name", "another name", "activity 'ship_charge'"),
        ("ship_in_another_order", "another order", "activity 'ship_reserve'"),
        ("ship_without_timer", "without timer", "a timer"),
        ("ship_without_charge", "without charge", "activity 'ship_charge'"),
        ("ship_with_more", "with more", "a timer"),
    ] {
        let error = replay(&ship_history(orchestration)).unwrap_err();
        let ReplayError::Contradiction(contradiction) = &error else {
            panic!("{orchestration}: {error}");
        };
        assert_eq!(contradiction.orchestration(), orchestration);
        let report = contradiction.report();
        let wanted = if orchestration == "ship_with_more" {
            // The first difference is the call that was put in, one line before.
            report.contains("activity 'ship_reserve' (called at")
        } else {
            report.contains(&format!("{})", place(comment)))
        };
        assert!(
            wanted && report.contains("history: action #") && report.contains(hint),
            "{report}"
        );
        assert!(error.to_string().contains("defined at") && contradiction.place().contains("histories.rs:"));
    }
}

#[test]
fn the_same_code_agrees_with_every_beginning_of_its_history() {
    let whole = ship_history("ship");
    for history in beginnings(&whole) {
        let replayed = replay(&history).unwrap();
        assert_eq!((replayed.orchestration(), replayed.note()), ("ship", None));
        assert_eq!(replayed.instance_id(), "order-7");
    }
    // Payloads end before the answer of their last episode.
    for end in [2, 6, 10, 14] {
        assert_eq!(replay(&whole[..end]).unwrap().note(), None);
    }
}

#[test]
fn more_calls_inside_patched_agree_with_every_beginning() {
    let whole = ship_history("ship_with_more_patched_in");
    for history in beginnings(&whole) {
        assert_eq!(replay(&history).unwrap().note(), None);
    }
    for end in [2, 6, 10, 14] {
        assert_eq!(replay(&whole[..end]).unwrap().note(), None);
    }
}

#[test]
fn a_beginning_that_had_not_got_to_the_change_agrees() {
    let contradicted = |name: &str| {
        let beginnings = beginnings(&ship_history(name));
        let results = beginnings
            .iter()
            .map(|history| matches!(replay(history), Err(ReplayError::Contradiction(_))));
        results.collect::<Vec<_>>()
    };
    assert_eq!(contradicted("ship_with_another_name"), [false, false, true, true]);
    assert_eq!(contradicted("ship_in_another_order"), [true; 4]);
    assert_eq!(contradicted("ship_without_timer"), [false, true, true, true]);
}

#[test]
fn what_comes_after_the_end_of_the_history_is_a_note() {
    let note = |history: &[Value]| replay(history).unwrap().note().unwrap_or_default().to_owned();
    assert!(note(&ship_history("ship_with_more_at_the_end")).contains("completed; the code goes on"));
    assert_eq!(
        note(&ship_history("ship_with_another_output")),
        "the recorded output is \"b-17\", that of the code \"shipped\""
    );
}

#[test]
fn an_instance_that_failed_or_was_terminated_does_not_keep_the_code_from_going_on() {
    // The charge failed, and with it the instance; today's code could handle that.
    let mut failed = ship_history("ship");
    failed[13] = json!({"EventType": 6, "EventId": -1, "Timestamp": "2030-04-02T10:00:00Z", "TaskScheduledId": 2, "Reason": "no money", "Details": ""});
    failed[14]["OrchestrationStatus"] = json!(3);
    failed[14]["Result"] = json!("Orchestrator function 'ship' failed: no money");
    assert_eq!(replay(&failed).unwrap().note(), None);
    for name in [
        "ship_with_more_at_the_end",
        "ship_that_fails",
        "ship_with_another_output",
    ] {
        failed[1]["Name"] = json!(name);
        replay(&failed).unwrap();
    }
    failed[1]["Name"] = json!("ship_without_timer");
    assert!(matches!(replay(&failed), Err(ReplayError::Contradiction(_))));

    // Terminated together with the answer that it waited for: what the code would have done then is not in the history.
    let mut terminated = ship_history("ship");
    terminated.truncate(6);
    terminated.push(json!({"EventType": 3, "EventId": -1, "Timestamp": "2030-04-01T10:00:00Z", "Input": "enough"}));
    terminated.push(json!({"EventType": 1, "EventId": 1, "Timestamp": "2030-04-01T10:00:00Z", "OrchestrationStatus": 5, "Result": "enough"}));
    terminated.push(json!({"EventType": 13, "EventId": -1, "Timestamp": "2030-04-01T10:00:00Z"}));
    assert_eq!(replay(&terminated).unwrap().note(), None);
}

#[test]
fn a_rewound_instance_goes_on_where_it_failed() {
    let mut rewound = ship_history("ship");
    let at = |day| format!("2030-04-0{day}T10:00:00Z");
    // The charge failed: rewinding took it and the end away, and the next turn asked for it again.
    rewound.truncate(14);
    rewound.drain(12..);
    let scheduled = rewound.remove(10);
    assert_eq!(scheduled["Name"], "ship_charge");
    rewound.push(json!({"EventType": 12, "EventId": -1, "Timestamp": at(3)}));
    rewound.push(json!({"EventType": 21, "EventId": -1, "Timestamp": at(3), "Reason": "paid"}));
    rewound.push(scheduled);
    rewound.push(json!({"EventType": 13, "EventId": -1, "Timestamp": at(3)}));
    assert_eq!(replay(&rewound).unwrap().note(), None);
    // Azure Storage leaves empty events behind.
    rewound.insert(
        10,
        json!({"EventType": 17, "EventId": 2, "Timestamp": at(2), "Data": "Rewound: "}),
    );
    assert_eq!(replay(&rewound).unwrap().note(), None);
    rewound[1]["Name"] = json!("ship_with_another_name");
    assert!(matches!(replay(&rewound), Err(ReplayError::Contradiction(_))));
}

#[test]
fn code_that_fails_where_it_did_not_is_told_apart_from_a_contradiction() {
    let error = replay(&ship_history("ship_that_fails")).unwrap_err();
    assert!(
        matches!(&error, ReplayError::Failed { error, place, .. } if error == "no harbour" && place.contains("histories.rs:")),
        "{error}"
    );
    // In flight, an error of the code is an end like any other.
    let payload = &ship_history("ship_that_fails")[..14];
    assert_eq!(replay(payload).unwrap().note(), Some("it fails: no harbour"));
    // An instance that waited for its timer would fail now, or end.
    let waiting = |code: &str| replay(&ship_history(code)[..8]);
    assert_eq!(waiting("ship").unwrap().note(), None);
    let error = waiting("ship_that_fails_at_once").unwrap_err();
    assert!(matches!(error, ReplayError::Failed { .. }), "{error}");
    let replayed = waiting("ship_that_ends_at_once").unwrap();
    assert_eq!(replayed.note(), Some("the recorded instance waited; the code ends"));
    // A panic never is.
    let history = &ship_history("ship_that_panics")[..6];
    assert!(matches!(replay(history), Err(ReplayError::Failed { .. })));
}

#[test]
fn a_directory_is_replayed_in_the_order_of_its_paths_and_what_is_no_history_is_an_error() {
    let folder = folder(&[
        ("b/2.json", json!(ship_history("ship_without_timer"))),
        (
            "a.json",
            json!({"history": ship_history("ship"), "input": null, "instanceId": "x"}),
        ),
        ("b/1.json", json!(ship_history("nobody_ships"))),
        ("b/3.json", json!({"statusCode": 404})),
        ("b/readme.txt", json!("not JSON")),
        ("c.json", json!({"historyEvents": []})),
        ("d.json", json!(ship_history("ship_reserve"))),
    ]);
    fs::write(folder.path().join("e.json"), "[{\"EventType\":12,").unwrap();
    let all = replay_directory(folder.path());
    let names: Vec<_> = all
        .iter()
        .map(|(path, _)| path.strip_prefix(folder.path()).unwrap().to_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "a.json", "b/1.json", "b/2.json", "b/3.json", "c.json", "d.json", "e.json"
        ]
    );
    let results: Vec<_> = all.into_iter().map(|(_, result)| result).collect();
    assert!(results[0].is_ok());
    assert!(
        matches!(&results[1], Err(ReplayError::UnknownOrchestration { name, known }) if name == "nobody_ships" && known.iter().any(|k| k == "ship"))
    );
    assert!(matches!(results[2], Err(ReplayError::Contradiction(_))));
    assert!(matches!(results[3], Err(ReplayError::NoHistory)));
    assert!(matches!(results[4], Err(ReplayError::Lossy)));
    assert!(matches!(results[5], Err(ReplayError::NotAnOrchestration(_))));
    assert!(matches!(results[6], Err(ReplayError::Json(_))));
}

#[test]
fn a_directory_without_histories_is_an_error() {
    let folder = folder(&[("readme.txt", json!("Tokyo"))]);
    let only = |path: &Path| replay_directory(path).pop().unwrap().1;
    assert!(matches!(only(folder.path()), Err(ReplayError::Empty)));
    assert!(matches!(only(&folder.path().join("none")), Err(ReplayError::Read(_))));
}

#[tokio::test]
async fn the_one_line_test_works_inside_a_runtime_and_fails_with_every_difference() {
    let good = folder(&[("1.json", json!(ship_history("ship")))]);
    assert_replay(good.path());
    let bad = folder(&[
        ("1.json", json!(ship_history("ship_without_timer"))),
        ("2.json", json!(ship_history("ship"))),
        ("3.json", json!(ship_history("ship_in_another_order"))),
    ]);
    let panic = std::panic::catch_unwind(|| assert_replay(bad.path())).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.starts_with("2 of 3 histories do not replay:"), "{text}");
    for part in ["1.json: ", "3.json: ", &place("without timer"), &place("another order")] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_replay_command_takes_files_and_folders_and_exits_with_the_worst() {
    let folder = folder(&[
        ("good/1.json", json!(ship_history("ship"))),
        ("good/2.json", json!(ship_history("ship_with_another_output"))),
        ("bad/1.json", json!(ship_history("ship_without_timer"))),
        ("bad/2.json", json!(ship_history("nobody_ships"))),
    ]);
    fs::create_dir(folder.path().join("empty")).unwrap();
    let run = |paths: &[&str]| {
        let paths: Vec<String> = paths
            .iter()
            .map(|path| folder.path().join(path).to_str().unwrap().to_owned())
            .collect();
        let arguments: Vec<&str> = ["replay"].into_iter().chain(paths.iter().map(String::as_str)).collect();
        let output = run_app(&arguments);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let (code, out, err) = run(&["good"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    // libtest begins the first line.
    let lines: Vec<_> = out.lines().filter(|line| line.contains("agrees  ")).collect();
    assert_eq!(lines.len(), 2, "{out}");
    assert!(
        lines[0].ends_with("good/1.json: orchestration 'ship'") && lines[1].contains("(note: the recorded output"),
        "{out}"
    );

    let (code, out, err) = run(&["good/1.json", "bad"]);
    assert_eq!(code, 3, "{out}{err}");
    assert!(
        out.contains("contradicts ") && out.contains("fails ") && out.contains("no orchestration named 'nobody_ships'"),
        "{out}"
    );
    assert!(
        err.contains(&place("without timer")) && err.contains("contradicts 1 of 3 files, and 1 could not"),
        "{err}"
    );

    let other = json!(ship_history("ship_without_timer")).to_string();
    fs::create_dir(folder.path().join("same")).unwrap();
    for (file, id) in [("b.json", "one"), ("c.json", "two"), ("a.json", "three")] {
        fs::write(folder.path().join("same").join(file), other.replace("order-7", id)).unwrap();
    }
    let (code, out, err) = run(&["same", "bad/1.json"]);
    assert_eq!((code, out.matches("contradicts  ").count()), (3, 4), "{out}");
    assert_eq!(err.matches("Non-deterministic").count(), 1, "{err}");
    let first = err.find("a.json: Non-deterministic").unwrap();
    let others = err.find("The same in ").unwrap();
    let last = err.find("bad/1.json").unwrap();
    assert!(
        first < others && others < err.find("b.json, ").unwrap() && others < last,
        "{err}"
    );

    assert_eq!(run(&["good", "bad/2.json"]).0, 1);
    let (code, out, err) = run(&["empty"]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(out.contains("no history file (*.json)"), "{out}");
}

/// The answer of `replay`, with its exit code and what it said.
fn replayed(payload: &Value) -> (i32, Value, String) {
    let folder = folder(&[("payload.json", payload.clone())]);
    let output = run_app(&["replay", folder.path().join("payload.json").to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    // libtest writes a line of its own first.
    let answer = text
        .find('{')
        .map_or(Value::Null, |at| serde_json::from_str(&text[at..]).unwrap());
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), answer, said)
}

#[test]
fn replay_answers_with_the_http_poll_delay_of_the_payload() {
    let accepted = json!({"statusCode": 202, "headers": {"Location": "/parcels/7"}, "content": ""}).to_string();
    let mut history = ship_history("ship_by_http");
    history.truncate(6);
    history[2]["Name"] = json!("BuiltIn::HttpActivity");
    history[5]["Result"] = json!(accepted);
    let mut payload = json!({
        "history": history, "input": null, "instanceId": "order-7", "isReplaying": false, "parentInstanceId": null,
        "upperSchemaVersion": 1, "upperSchemaVersionNew": 2, "maximumShortTimerDuration": "6.00:00:00",
    });
    for (delay, due) in [(5_000, "2030-04-01T10:00:05Z"), (90_000, "2030-04-01T10:01:30Z")] {
        payload["defaultHttpAsyncRequestSleepTimeMillseconds"] = json!(delay);
        let (code, answer, said) = replayed(&payload);
        assert_eq!((code, &answer["actions"][0][1]["fireAt"]), (0, &json!(due)), "{said}");
        assert_eq!(answer["schemaVersion"], 2);
    }
}

#[test]
fn replay_refuses_the_schema_version_that_the_worker_refuses() {
    let mut history = ship_history("ship");
    history.truncate(2);
    for offered in [json!({}), json!({"upperSchemaVersion": 0})] {
        let mut payload = json!({"history": history, "input": null, "instanceId": "order-7", "isReplaying": false});
        payload
            .as_object_mut()
            .unwrap()
            .extend(offered.as_object().unwrap().clone());
        let (code, answer, said) = replayed(&payload);
        assert_eq!((code, &answer["schemaVersion"]), (1, &json!(0)), "{said}");
        assert!(said.contains("only schema V1 of the durable protocol"), "{said}");
    }
}
