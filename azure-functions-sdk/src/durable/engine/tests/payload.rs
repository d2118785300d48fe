//! Goldens of the trigger payload and of every event.

use super::{
    super::{event::*, failure_details::FailureDetails, played::Played},
    *,
};

fn payload(run: &Run, played: Option<&Played>) -> String {
    let batch = run.inbox.clone();
    let Begin::Run(episode) = Episode::begin(&run.instance, &run.settings, batch, run.now) else {
        panic!()
    };
    episode.payload(played, true)
}

#[test]
fn the_first_payload_is_as_the_extension_writes_it() {
    assert_eq!(
        payload(&Run::new(), None),
        concat!(
            r#"{"history":[{"EventId":-1,"IsPlayed":false,"Timestamp":"2031-05-04T10:00:00Z","EventType":12},"#,
            r#"{"OrchestrationInstance":{"InstanceId":"order-7f3a","ExecutionId":"e0"},"ParentInstance":null,"#,
            r#""Name":"ShipOrder","Version":"","Input":"{\"sku\":\"b-17\"}","Tags":null,"Correlation":null,"#,
            r#""ParentTraceContext":null,"ScheduledStartTime":null,"Generation":0,"GenerateNewTrace":false,"EventId":-1,"IsPlayed":false,"#,
            r#""Timestamp":"2031-05-04T09:59:58.9Z","EventType":0}],"input":{"sku":"b-17"},"instanceId":"order-7f3a","#,
            r#""isReplaying":false,"parentInstanceId":null,"upperSchemaVersion":1,"upperSchemaVersionNew":3,"#,
            r#""longRunningTimerIntervalDuration":"3.00:00:00","maximumShortTimerDuration":"6.00:00:00","#,
            r#""defaultHttpAsyncRequestSleepTimeMillseconds":30000}"#
        )
    );
}

#[test]
fn received_events_of_earlier_episodes_are_played() {
    let mut run = Run::new();
    run.asks(&activity("A"));
    run.completed(0, "\"ok\"");
    let text = payload(&run, None);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let flags: Vec<_> = value["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["IsPlayed"].as_bool().unwrap())
        .collect();
    assert_eq!(flags, [false, true, false, false, false, false]);
    assert_eq!(value["isReplaying"], true);
    // What the store keeps is the text of the played history.
    let mut played = String::new();
    write_events(run.instance.history.iter(), true, &mut played);
    assert_eq!(payload(&run, Some(&Played::Json(played))), text);
}

#[test]
fn the_input_is_a_value_and_text_that_is_no_json_is_a_string() {
    for (input, expected) in [
        (None, "null"),
        (Some("[1, 2]"), "[1, 2]"),
        (Some("so \"what\""), r#""so \"what\"""#),
    ] {
        let text = payload(&Run::started(None, input), None);
        assert!(
            text.contains(&format!("],\"input\":{expected},\"instanceId\"")),
            "{text}"
        );
    }
}

#[test]
fn the_parent_is_named() {
    let parent = ParentLink {
        name: "P".to_owned(),
        instance_id: "p".to_owned(),
        execution_id: "pe".to_owned(),
        task_id: 7,
        version: None,
    };
    let text = payload(&Run::started(Some(parent), None), None);
    assert!(text.contains("\"parentInstanceId\":\"p\""));
    assert!(text.contains(concat!(
        r#""ParentInstance":{"Name":"P","OrchestrationInstance":{"InstanceId":"p","ExecutionId":"pe"},"#,
        r#""TaskScheduleId":7,"Version":null}"#
    )));
}

#[test]
fn every_event_has_its_json_and_reads_back() {
    let text = |text: &str| text.to_owned();
    let end = |status| ExecutionEnd {
        status,
        result: Some(text("r")),
        failure: None,
    };
    let why = FailureDetails {
        error_type: text("E"),
        error_message: text("no"),
        ..FailureDetails::default()
    };
    let goldens = [
        (
            EventKind::ExecutionCompleted(end(RuntimeStatus::Completed)),
            1,
            r#""OrchestrationStatus":1,"Result":"r","FailureDetails":null,"#,
        ),
        (
            EventKind::ExecutionCompleted(ExecutionEnd {
                failure: Some(Box::new(why)),
                ..end(RuntimeStatus::Failed)
            }),
            1,
            r#""OrchestrationStatus":3,"Result":"r","FailureDetails":{"ErrorType":"E","ErrorMessage":"no","StackTrace":null,"InnerFailure":null,"IsNonRetriable":false,"Properties":{}},"#,
        ),
        (
            EventKind::ExecutionTerminated {
                reason: text("r"),
                recurse: false,
            },
            3,
            r#""Input":"r","#,
        ),
        (
            EventKind::ExecutionTerminated {
                reason: text("r"),
                recurse: true,
            },
            3,
            r#""Input":"r","Recurse":true,"#,
        ),
        (
            EventKind::TaskScheduled {
                name: text("A"),
                version: Some(text("")),
                input: None,
                tags: Tags::new(),
                trace: None,
            },
            4,
            r#""Name":"A","Version":"","Input":null,"ParentTraceContext":null,"Tags":null,"#,
        ),
        (
            EventKind::TaskCompleted {
                task_id: 3,
                result: Some(text("\"ok\"")),
            },
            5,
            r#""TaskScheduledId":3,"Result":"\"ok\"","#,
        ),
        (
            EventKind::TaskFailed {
                task_id: 3,
                failure: failure("R\n", ""),
            },
            6,
            r#""TaskScheduledId":3,"Reason":"R\n","Details":"","FailureDetails":null,"#,
        ),
        (
            EventKind::SubOrchestrationCreated {
                name: text("S"),
                version: None,
                instance_id: text("i"),
                input: None,
                trace: None,
            },
            7,
            r#""Name":"S","Version":null,"InstanceId":"i","Input":null,"ClientSpanId":null,"Tags":null,"#,
        ),
        (
            EventKind::SubOrchestrationCompleted {
                task_id: 3,
                result: None,
            },
            8,
            r#""TaskScheduledId":3,"Result":null,"#,
        ),
        (
            EventKind::SubOrchestrationFailed {
                task_id: 3,
                failure: failure("R", "D"),
            },
            9,
            r#""TaskScheduledId":3,"Reason":"R","Details":"D","FailureDetails":null,"#,
        ),
        (
            EventKind::TimerCreated { fire_at: ten() },
            10,
            r#""FireAt":"2031-05-04T10:00:00Z","#,
        ),
        (
            EventKind::TimerFired {
                timer_id: 3,
                fire_at: ten(),
            },
            11,
            r#""TimerId":3,"FireAt":"2031-05-04T10:00:00Z","#,
        ),
        (EventKind::OrchestratorStarted, 12, ""),
        (EventKind::OrchestratorCompleted, 13, ""),
        (
            EventKind::EventSent {
                instance_id: text("@a@b"),
                name: text("op"),
                input: Some(text("{}")),
            },
            14,
            r#""InstanceId":"@a@b","Name":"op","Input":"{}","#,
        ),
        (
            EventKind::EventRaised {
                name: text("E\u{1}ä"),
                input: Some(text("5")),
            },
            15,
            "\"Name\":\"E\\u0001ä\",\"Input\":\"5\",\"ParentTraceContext\":null,",
        ),
        (
            EventKind::ContinueAsNew(end(RuntimeStatus::ContinuedAsNew)),
            16,
            r#""OrchestrationStatus":2,"Result":"r","FailureDetails":null,"#,
        ),
        (EventKind::Generic { data: None }, 17, r#""Data":null,"#),
        (
            EventKind::ExecutionSuspended { reason: text("r") },
            19,
            r#""Reason":"r","#,
        ),
        (
            EventKind::ExecutionResumed { reason: text("r") },
            20,
            r#""Reason":"r","#,
        ),
        (
            EventKind::ExecutionRewound { reason: text("r") },
            21,
            r#""Reason":"r","#,
        ),
    ];
    for (kind, number, members) in goldens {
        let event = Event::scheduled(2, ten() + TimeDelta::milliseconds(50), kind);
        let mut json = String::new();
        event.write_json(true, &mut json);
        let played = event.kind.is_received();
        assert_eq!(
            json,
            format!(
                "{{{members}\"EventId\":2,\"IsPlayed\":{played},\"Timestamp\":\"2031-05-04T10:00:00.05Z\",\"EventType\":{number}}}"
            )
        );
        assert_eq!(Event::parse(&json).unwrap(), event);
    }
}

#[test]
fn unknown_events_and_members_are_kept_and_broken_ones_are_errors() {
    let json = r#"{"EventType":18,"EventId":-1,"IsPlayed":false,"Timestamp":"2031-05-04T10:00:00","State":{"a":1}}"#;
    let event = Event::parse(json).unwrap();
    assert_eq!(event.timestamp, ten());
    let mut out = String::new();
    event.write_json(true, &mut out);
    assert_eq!(out, json);
    let raised = r#"{"New":[],"EventType":15,"EventId":-1,"Timestamp":"2031-05-04T10:00:00Z","Name":"E"}"#;
    assert_eq!(
        Event::parse(raised).unwrap().kind,
        EventKind::EventRaised {
            name: "E".to_owned(),
            input: None
        }
    );
    for broken in [
        "",
        "{}",
        r#"{"EventType":5,"EventId":-1,"Timestamp":"2031-05-04T10:00:00Z"}"#,
    ] {
        assert!(Event::parse(broken).is_err());
    }
    assert!(parse_events("").unwrap().is_empty());
}
