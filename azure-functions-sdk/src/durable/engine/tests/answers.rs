//! What workers may answer: names in any case, nulls, failures, other schemas.

use super::{super::event::json_string, super::outcome, *};

fn fails(answer: &WorkResult, with: &str) {
    let mut run = Run::new();
    run.answer(answer);
    assert_eq!(run.status(), RuntimeStatus::Failed, "{answer:?}");
    let text: String = serde_json::from_str(run.output()).unwrap();
    assert!(
        text.starts_with("Orchestrator function 'ShipOrder' failed: ") && text.contains(with),
        "{text}"
    );
}

#[test]
fn names_match_in_any_case_and_unknown_members_are_ignored() {
    let mut run = Run::new();
    run.answer(&json(
        r#"{"ISDONE":false,"extra":{"a":[1]},"Actions":[[{"ACTIONTYPE":"callactivity","FunctionName":"A","Input":1,"x":null}]],
            "schemaversion":"v3","CustomStatus":{"a" : "b c"}}"#,
    ));
    assert_eq!(run.history(), "12 0 4#0 13");
    assert_eq!(run.instance.custom_status.as_deref(), Some(r#"{"a":"b c"}"#));
}

#[test]
fn text_answers_are_read_as_json() {
    let mut run = Run::new();
    run.answer(&WorkResult::Succeeded(ReturnValue::Text(state_text(true, ""))));
    assert_eq!(run.status(), RuntimeStatus::Completed);
}

#[test]
fn a_null_output_is_none() {
    for member in ["\"output\":null", "\"x\":1"] {
        let mut run = Run::new();
        run.answer(&json(&format!(
            "{{\"isDone\":true,\"actions\":[[]],{member},\"schemaVersion\":1}}"
        )));
        assert_eq!(
            (run.status(), run.instance.output.clone()),
            (RuntimeStatus::Completed, None)
        );
    }
}

#[test]
fn a_missing_type_means_an_activity() {
    let mut run = Run::new();
    run.asks("{\"functionName\":\"A\"}");
    assert_eq!(run.history(), "12 0 4#0 13");
}

#[test]
fn nulls_where_the_extension_has_none_fail_the_run() {
    for answer in [
        r#"{"isDone":null,"actions":[[]]}"#,
        r#"{"schemaVersion":null,"actions":[[]]}"#,
        r#"{"actions":[[{"actionType":null}]]}"#,
        r#"{"actions":[[{"actionType":5,"fireAt":null}]]}"#,
        r#"{"actions":[[{"actionType":5,"fireAt":"2031-05-04T10:00:00Z","isCanceled":null}]]}"#,
        r#"{"actions":[[{"actionType":1,"retryOptions":null}]]}"#,
        r#"{"actions":[[{"actionType":"Dance"}]]}"#,
        r#"{"actions":[[{"actionType":5,"fireAt":"soon"}]]}"#,
        r#"{"actions":[[null]]}"#,
        r#"{"actions":[{}]}"#,
        r#"{"actions":[[]]} trailing"#,
        "[]",
        "",
    ] {
        fails(&json(answer), "not valid");
    }
}

#[test]
fn actions_that_cannot_be_issued_fail_the_run() {
    for (action, text) in [
        ("{\"actionType\":99}", "unknown type 99"),
        ("{\"actionType\":-1}", "unknown type -1"),
        ("{}", "no functionName"),
        ("{\"actionType\":5}", "no fireAt"),
        ("{\"actionType\":6}", "no externalEventName"),
        ("{\"actionType\":8,\"httpRequest\":null}", "no httpRequest"),
    ] {
        fails(&json(&state_text(false, action)), text);
    }
}

#[test]
fn the_schema_must_be_known_and_newer_ones_have_one_list() {
    fails(&json(r#"{"actions":[[]],"schemaVersion":4}"#), "schema version 4");
    let mut newest = Run::new();
    newest.answer(&json(r#"{"actions":[[]],"schemaVersion":"V4"}"#));
    assert_eq!(newest.status(), RuntimeStatus::Running);
    for lists in ["", "[],[]"] {
        fails(
            &json(&format!("{{\"actions\":[{lists}],\"schemaVersion\":1}}")),
            "exactly one",
        );
    }
    fails(&json(r#"{"isDone":true}"#), "no actions");
    fails(&WorkResult::Succeeded(ReturnValue::None), "no state");
}

#[test]
fn a_labelled_failure_still_has_its_actions() {
    let mut run = Run::new();
    run.asks(&activity("A"));
    let text = format!(
        "false\n\n$OutOfProcData$:{{\"isDone\":false,\"actions\":[[{}]],\"error\":\"no\",\"schemaVersion\":2}}\nStack: x",
        activity("A")
    );
    run.completed(0, "1").answer(&WorkResult::Failed(text));
    assert_eq!(run.history(), "12 0 4#0 13 12 5>0 1#1 13");
    assert_eq!(
        run.output(),
        json_string("Orchestrator function 'ShipOrder' failed: no")
    );
}

#[test]
fn a_failure_waits_for_open_tasks_too() {
    let mut run = Run::new();
    let actions = any_of(&[activity("A"), activity("B")]);
    run.asks(&actions);
    let failed = WorkResult::Failed(format!(
        "x\n\n$OutOfProcData$:{{\"actions\":[[{actions}]],\"error\":\"no\",\"schemaVersion\":2}}"
    ));
    run.completed(0, "1").answer(&failed);
    assert_eq!(run.status(), RuntimeStatus::Running);
    run.completed(1, "1").answer(&failed);
    assert_eq!(run.status(), RuntimeStatus::Failed);
}

#[test]
fn an_unlabelled_failure_is_the_failure_of_the_instance() {
    let mut run = Run::new();
    run.asks(&activity("A"));
    run.completed(0, "1")
        .answer(&WorkResult::Failed("panicked at 'x'".to_owned()));
    assert_eq!(
        run.output(),
        json_string("Orchestrator function 'ShipOrder' failed: panicked at 'x'")
    );
    assert_eq!(run.history(), "12 0 4#0 13 12 5>0 1#1 13");
    fails(
        &WorkResult::Failed("x\n\n$OutOfProcData$:{not json".to_owned()),
        "not valid",
    );
}

#[test]
fn a_failure_without_a_text_is_a_failure_nevertheless() {
    fails(
        &WorkResult::Failed("false\n\n$OutOfProcData$:{\"actions\":[[]],\"error\":\"\"}".to_owned()),
        "false",
    );
    fails(
        &WorkResult::Failed("\n\n$OutOfProcData$:{\"actions\":[[]]}".to_owned()),
        "no reason",
    );
    fails(&WorkResult::Failed(String::new()), "no reason");
    fails(&json("{\"actions\":[[]],\"error\":\"no\",\"isDone\":true}"), "no");
}

#[test]
fn a_custom_status_has_a_limit_in_utf16() {
    let status = |length: usize| {
        json(&format!(
            "{{\"actions\":[[]],\"customStatus\":\"{}\"}}",
            "ä".repeat(length)
        ))
    };
    let mut run = Run::new();
    run.answer(&status(8190));
    assert_eq!(run.status(), RuntimeStatus::Running);
    fails(&status(8191), "16386 bytes");
}

#[test]
fn the_custom_status_is_what_the_last_answer_says() {
    let mut run = Run::new();
    run.answer(&json("{\"actions\":[[]],\"customStatus\":0}"));
    assert_eq!(run.instance.custom_status.as_deref(), Some("0"));
    run.raised("x", "1")
        .answer(&json("{\"actions\":[[]],\"customStatus\":null}"));
    assert_eq!(run.instance.custom_status, None);
}

/// JSON that a worker may write and no reader takes: it would make every list of instances unreadable.
fn unreadable() -> [String; 3] {
    let deep = format!("{}{}", "[".repeat(125), "]".repeat(125));
    [r#""\ud83d""#.to_owned(), "[1e400]".to_owned(), deep]
}

#[test]
fn what_cannot_be_read_back_fails_the_function_that_wrote_it() {
    for value in unreadable() {
        fails(
            &json(&format!(r#"{{"isDone":true,"actions":[[]],"output":{value}}}"#)),
            "the output of the orchestrator cannot be read back: ",
        );
        fails(
            &json(&format!(r#"{{"actions":[[]],"customStatus":{value}}}"#)),
            "the custom status of the orchestrator cannot be read back: ",
        );
        for (number, what) in [
            (0, "the input of the activity 'F' cannot be read back: "),
            (2, "the input of the sub-orchestration 'F' cannot be read back: "),
            (7, "the input of the operation 'op' cannot be read back: "),
            (9, "the input of the operation 'op' cannot be read back: "),
        ] {
            let action = format!(
                r#"{{"actionType":{number},"functionName":"F","instanceId":"{}","operation":"op","input":{value}}}"#,
                if number == 2 { "child" } else { "@e@k" }
            );
            fails(&json(&state_text(false, &action)), what);
        }
        fails(
            &json(&state_text(true, &format!(r#"{{"actionType":4,"input":{value}}}"#))),
            "the input of the next execution 'continue_as_new' cannot be read back: ",
        );
        let answer = WorkResult::Succeeded(ReturnValue::Json(value));
        match outcome::activity_ended(ten(), "e", 0, "A", crate::durable::work::Wire::Json, &answer)
            .event
            .kind
        {
            EventKind::TaskFailed { failure, .. } => {
                let expected = "Activity function 'A' failed:  its result cannot be read back: ";
                assert!(failure.reason.starts_with(expected), "{}", failure.reason);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// As the worker hands events on that it has not waited for.
fn envelope(event: &str) -> String {
    format!(r#"{{"$azure-functions-rs":{{"events":[{{"name":"x","input":{event}}}]}},"input":1}}"#)
}

#[test]
fn an_event_of_124_levels_that_came_in_is_handed_on_to_the_next_execution() {
    let event = format!("{}{}", "[".repeat(124), "]".repeat(124));
    let mut run = Run::new();
    run.asks("");
    let input = envelope(&event);
    let answer = json(&state_text(true, &format!(r#"{{"actionType":4,"input":{input}}}"#)));
    let decision = run.raised("x", &event).answer(&answer);
    let next = decision.continued.expect("the next execution").event;
    let EventKind::ExecutionStarted(started) = next.kind else {
        panic!("{next:?}");
    };
    assert_eq!(started.input, Some(input));
}

#[test]
fn an_event_that_cannot_be_read_back_is_not_handed_on_either() {
    for value in unreadable() {
        for input in [
            envelope(&value),
            envelope("1").replace(r#""input":1}"#, &format!(r#""input":{value}}}"#)),
        ] {
            fails(
                &json(&state_text(true, &format!(r#"{{"actionType":4,"input":{input}}}"#))),
                "the input of the next execution 'continue_as_new' cannot be read back: ",
            );
        }
    }
}

#[test]
fn activity_results_become_json_text() {
    let kind = |value| match outcome::activity_ended(
        ten(),
        "e",
        0,
        "A",
        crate::durable::work::Wire::Json,
        &WorkResult::Succeeded(value),
    )
    .event
    .kind
    {
        EventKind::TaskCompleted { result, .. } => result,
        other => panic!("{other:?}"),
    };
    assert_eq!(kind(ReturnValue::None), None);
    assert_eq!(
        kind(ReturnValue::Text("a \"b\"".to_owned())).as_deref(),
        Some(r#""a \"b\"""#)
    );
    assert_eq!(
        kind(ReturnValue::Json("{ \"a\": 1 }".to_owned())).as_deref(),
        Some("{\"a\":1}")
    );
    assert_eq!(
        kind(ReturnValue::Json("no json".to_owned())).as_deref(),
        Some("\"no json\"")
    );
    assert_eq!(kind(ReturnValue::Integer(-5)).as_deref(), Some("-5"));
    assert_eq!(kind(ReturnValue::Double(1.5)).as_deref(), Some("1.5"));
    assert_eq!(kind(ReturnValue::Double(f64::NAN)).as_deref(), Some("null"));
    assert_eq!(
        kind(ReturnValue::Bytes(vec![1, 2, 3].into())).as_deref(),
        Some("\"AQID\"")
    );
}

#[test]
fn activity_failures_read_as_the_extension_writes_them() {
    let failed = |message: &str| outcome::activity_failure("A", message);
    assert_eq!(
        failed("oh\nStack: deep"),
        failure("Activity function 'A' failed:  oh", "")
    );
    assert_eq!(
        failed("oh\n\n$OutOfProcData$:{}").reason,
        "Activity function 'A' failed:  oh"
    );
    assert_eq!(
        outcome::activity_missing("A").reason,
        "Activity function 'A' failed: Activity function 'A' does not exist."
    );
}
