//! Every action type, and the ids it takes.

use super::{super::decision::*, super::event::*, *};

#[test]
fn an_activity_is_scheduled_and_its_end_completes_the_instance() {
    let mut run = Run::new();
    let decision = run.asks(&activity("Pack"));
    assert_eq!(run.history(), "12 0 4#0 13");
    assert_eq!(
        decision.activities,
        [ActivityTask {
            version: None,
            tags: Tags::new(),
            trace: None,
            task_id: 0,
            name: "Pack".to_owned(),
            input: Some("\"hi\"".to_owned())
        }]
    );
    assert_eq!(run.status(), RuntimeStatus::Running);

    let decision = run.completed(0, "\"ok\"").state(true, &activity("Pack"));
    assert_eq!(run.history(), "12 0 4#0 13 12 5>0 1#1 13");
    assert_eq!((run.status(), run.output()), (RuntimeStatus::Completed, "\"out\""));
    assert!(decision.ends_execution() && decision.activities.is_empty());
}

#[test]
fn steps_are_taken_one_after_the_other_and_a_failed_one_is_swallowed() {
    let mut run = Run::new();
    let actions = list(&[activity("A"), activity("B"), activity("C")]);
    run.asks(&actions);
    run.failed(0).asks(&actions);
    run.completed(1, "null").asks(&actions);
    assert_eq!(run.history(), "12 0 4#0 13 12 6>0 4#1 13 12 5>1 4#2 13");
}

#[test]
fn a_child_gets_an_id_of_the_execution_and_its_number() {
    let mut run = Run::new();
    let decision = run.asks(&list(&[child("Sub")]));
    assert_eq!(run.history(), "12 0 7#0 13");
    let started = decision.children[0].started().unwrap();
    assert_eq!(started.instance_id, "e0:0");
    assert_eq!(started.execution_id, "e1");
    assert_eq!(started.input.as_deref(), Some("{\"n\":1}"));
    let parent = started.parent.as_ref().unwrap();
    assert_eq!(
        (
            parent.instance_id.as_str(),
            parent.execution_id.as_str(),
            parent.task_id
        ),
        ("order-7f3a", "e0", 0)
    );
    assert_eq!(parent.name, "ShipOrder");
}

#[test]
fn a_child_with_a_forbidden_id_fails_visibly() {
    let long = "x".repeat(300);
    for id in [
        "@x@y",
        "Order-7F3A",
        "a/b",
        "a?b",
        "a#b",
        "a\\b",
        "a\u{1}b",
        ".",
        "..",
        " ",
        long.as_str(),
    ] {
        let mut run = Run::new();
        let action = format!(
            "{{\"actionType\":2,\"functionName\":\"Sub\",\"instanceId\":{}}}",
            serde_json::Value::from(id)
        );
        let decision = run.asks(&action);
        assert!(decision.children.is_empty());
        assert_eq!(decision.messages[0].instance_id, "order-7f3a");
        run.push(decision.messages[0].message.clone());
        run.state(true, &action);
        assert_eq!(run.history(), "12 0 7#0 13 12 9>0 1#1 13");
    }
}

#[test]
fn a_refused_child_tells_its_parent() {
    let mut run = Run::new();
    let decision = run.asks(&child("Sub"));
    let refused = decision.children[0].refused(run.now, "in use".to_owned()).unwrap();
    assert_eq!(refused.instance_id, "order-7f3a");
    run.push(refused.message);
    run.state(true, &child("Sub"));
    assert_eq!(run.history(), "12 0 7#0 13 12 9>0 1#1 13");
}

#[test]
fn the_end_of_a_child_is_told_to_the_parent() {
    let parent = ParentLink {
        name: "P".to_owned(),
        instance_id: "p".to_owned(),
        execution_id: "pe".to_owned(),
        task_id: 7,
        version: None,
    };
    let mut run = Run::started(Some(parent.clone()), None);
    let done = run.state(true, "");
    assert_eq!(done.messages[0].instance_id, "p");
    assert_eq!(done.messages[0].message.execution_id.as_deref(), Some("pe"));
    assert_eq!(
        done.messages[0].message.event.kind,
        EventKind::SubOrchestrationCompleted {
            task_id: 7,
            result: Some("\"out\"".to_owned())
        }
    );

    let mut run = Run::started(Some(parent.clone()), None);
    let failed = run.answer(&WorkResult::Failed(
        "oh\n\n$OutOfProcData$:{\"actions\":[[]],\"error\":\"no\"}".to_owned(),
    ));
    assert_eq!(
        failed.messages[0].message.event.kind,
        EventKind::SubOrchestrationFailed {
            task_id: 7,
            failure: failure(
                "Orchestrator function 'ShipOrder' failed: no",
                "Message: no, StackTrace: "
            )
        }
    );

    let mut run = Run::started(Some(parent), None);
    run.push(Message::terminate(run.now, "enough".to_owned()));
    let terminated = run.asks("");
    assert_eq!(
        terminated.messages[0].message.event.kind,
        EventKind::SubOrchestrationFailed {
            task_id: 7,
            failure: failure("enough", "")
        }
    );
}

#[test]
fn an_http_call_is_the_built_in_activity() {
    let mut run = Run::new();
    let action = r#"{"actionType":"CallHttp","httpRequest":{"method":"GET","uri":"http://x/"}}"#;
    let decision = run.asks(action);
    assert_eq!(decision.activities[0].name, HTTP_ACTIVITY);
    assert_eq!(
        decision.activities[0].input.as_deref(),
        Some(r#"{"method":"GET","uri":"http://x/"}"#)
    );
    run.completed(0, r#"{"statusCode":200,"headers":{}}"#)
        .state(true, action);
    assert_eq!(run.history(), "12 0 4#0 13 12 5>0 1#1 13");
}

#[test]
fn an_accepted_http_call_polls_the_location_after_the_delay() {
    let mut run = Run::new();
    let action = r#"{"actionType":8,"httpRequest":{"method":"POST","uri":"http://x/start","content":"c",
        "headers":{"X-Functions-Key":"k","A":"b"}}}"#;
    run.asks(action);
    let accepted = r#"{"statusCode":202,"headers":{"location":"/status","Retry-After":["10"]}}"#;
    let decision = run.completed(0, accepted).asks(action);
    let asked_at = run
        .instance
        .history
        .iter()
        .rfind(|e| e.kind == EventKind::OrchestratorStarted)
        .unwrap()
        .timestamp;
    assert_eq!(
        decision.timers,
        [TimerTask {
            timer_id: 1,
            fire_at: asked_at + TimeDelta::seconds(10)
        }]
    );
    let decision = run.fired(1).asks(action);
    assert_eq!(
        decision.activities[0].input.as_deref(),
        Some(r#"{"method":"GET","uri":"http://x/status","headers":{"A":"b"}}"#)
    );
    run.completed(2, r#"{"statusCode":202,"headers":{"Location":"http://y/"}}"#)
        .asks(action);
    let decision = run.fired(3).asks(action);
    assert_eq!(
        decision.activities[0].input.as_deref(),
        Some(r#"{"method":"GET","uri":"http://y/","headers":{"A":"b"}}"#)
    );
    run.completed(4, r#"{"statusCode":200}"#).state(true, action);
    assert_eq!(
        run.history(),
        "12 0 4#0 13 12 5>0 10#1 13 12 11>1 4#2 13 12 5>2 10#3 13 12 11>3 4#4 13 12 5>4 1#5 13"
    );
}

#[test]
fn an_accepted_http_call_is_a_result_without_pattern_or_location() {
    for (request, response) in [
        (
            r#"{"asynchronousPatternEnabled":false}"#,
            r#"{"statusCode":202,"headers":{"Location":"http://y/"}}"#,
        ),
        ("{}", r#"{"statusCode":202,"headers":{}}"#),
        (
            r#"{"uri":"http://x/"}"#,
            r#"{"statusCode":202,"headers":{"Location":""}}"#,
        ),
        (
            r#"{"uri":"http://x/"}"#,
            r#"{"statusCode":202,"headers":{"Location":[" "]}}"#,
        ),
    ] {
        let mut run = Run::new();
        let action = format!(r#"{{"actionType":8,"httpRequest":{request}}}"#);
        run.asks(&action);
        run.completed(0, response).state(true, &action);
        assert_eq!(run.status(), RuntimeStatus::Completed);
    }
}

#[test]
fn a_failing_http_call_with_retry_options_is_made_again() {
    let mut run = Run::new();
    let action = r#"{"actionType":8,"httpRequest":{"uri":"http://x/",
        "retryOptions":{"FirstRetryInterval":"00:00:05","MaxNumberOfAttempts":2}}}"#;
    run.asks(action);
    run.failed(0).asks(action);
    run.fired(1).asks(action);
    run.failed(2).asks(action);
    run.fired(3).state(true, action);
    assert_eq!(
        run.history(),
        "12 0 4#0 13 12 6>0 10#1 13 12 11>1 4#2 13 12 6>2 10#3 13 12 11>3 1#4 13"
    );
}

#[test]
fn the_number_of_actions_is_limited() {
    let mut run = Run::new();
    run.settings.max_actions = 2;
    run.asks(&all_of(&[wait("a"), wait("b")]));
    assert_eq!(run.status(), RuntimeStatus::Running);
    run.raised("x", "1").asks(&all_of(&[wait("a"), wait("b"), wait("c")]));
    assert_eq!(run.status(), RuntimeStatus::Failed);
    assert!(
        run.output().contains("asked for more than 2 actions"),
        "{}",
        run.output()
    );
}

/// It is refused as a whole before memory is taken for it, whatever it consists of.
#[test]
fn one_answer_with_too_many_actions_fails_its_instance_alone() {
    let many = |one: &str, count: usize| vec![one; count].join(",");
    let limit = Settings::default().max_actions;
    for answer in [
        many(&wait("a"), limit + 1),
        all_of(&[many(&cancelled(ten()), limit + 1)]),
        many("{}", 3 * limit),
        many(r#"{"actionType":12}"#, 6 * limit),
    ] {
        let mut run = Run::new();
        run.asks(&answer);
        assert_eq!(run.status(), RuntimeStatus::Failed);
        assert!(
            run.output().contains("asked for more than 100000 actions"),
            "{}",
            run.output()
        );
    }
}

#[test]
fn a_history_that_does_not_match_fails_with_the_three_texts() {
    let start = |first: &str| {
        let mut run = Run::new();
        run.asks(first);
        run
    };
    let text = |mut run: Run, then: &str| {
        let decision = run.raised("wake", "1").asks(then);
        assert_eq!(run.status(), RuntimeStatus::Failed);
        assert!(decision.activities.is_empty() && decision.timers.is_empty());
        assert!(run.history().ends_with("1#1 13"), "{}", run.history());
        serde_json::from_str::<String>(run.output()).unwrap()
    };
    let close = "Was a change made to the orchestrator code after this instance had already started running?";
    assert_eq!(
        text(start(&activity("A")), &wait("x")),
        format!(
            "Non-Deterministic workflow detected: A previous execution of this orchestration scheduled an activity task \
             with sequence ID 0 and name 'A' (version ''), but the current replay execution hasn't (yet?) scheduled this \
             task. {close}"
        )
    );
    assert_eq!(
        text(start(&activity("A")), &timer(ten())),
        format!(
            "Non-Deterministic workflow detected: A previous execution of this orchestration scheduled an activity task \
             with sequence number 0 named 'A', but the current orchestration replay instead produced a CreateTimer action \
             with this sequence number. {close}"
        )
    );
    assert_eq!(
        text(start(&activity("A")), &activity("B")),
        format!(
            "Non-Deterministic workflow detected: A previous execution of this orchestration scheduled an activity task \
             with sequence number 0 named 'A', but the current orchestration replay instead scheduled an activity task \
             named 'B' with this sequence number. {close}"
        )
    );
    assert!(
        text(start(&child("S")), &activity("S")).contains("a sub-orchestration task with sequence number 0 named 'S'")
    );
    assert!(text(start(&timer(ten())), &activity("S")).contains("a timer task with sequence number 0, but"));
    assert!(text(start(&timer(ten())), "").contains("a timer task with sequence ID 0, but"));
}

#[test]
fn names_match_whatever_their_case_and_inputs_and_due_times_are_not_compared() {
    let mut run = Run::new();
    run.asks(&any_of(&[activity("Pack"), timer(ten()), child("Sub"), wait("x")]));
    run.raised("y", "1").asks(&any_of(&[
        "{\"actionType\":0,\"functionName\":\"PACK\",\"input\":5}".to_owned(),
        timer(ten() + TimeDelta::days(1)),
        child("sUB"),
        wait("x"),
    ]));
    assert_eq!(run.status(), RuntimeStatus::Running);
}
