//! What calls can say on the protobuf wire only: tags, versions of the next execution, events to other instances. On the JSON wire each is
//! an error that says so, and takes no id.

use super::{
    both_wires::run_on_protobuf,
    script::{body, fallible, payload, run_on_json},
};
use crate::durable::{
    CallError, DurableOrchestrationContext, KnownFunctions, OrchestrationOutput, Orchestrator, RetryOptions, Wire,
};
use azure_functions_durable::protobuf::{OrchestratorResponse, orchestrator_action::OrchestratorActionType as Kind};
use serde_json::{Value, json};
use std::time::Duration;

fn protobuf(orchestrator: Orchestrator, script: &str) -> OrchestratorResponse {
    run_on_protobuf(orchestrator, &payload(script, &Value::Null), &KnownFunctions::any()).0
}

fn kinds(response: OrchestratorResponse) -> Vec<Kind> {
    let actions = response.actions.into_iter();
    actions.map(|action| action.orchestrator_action_type.unwrap()).collect()
}

fn tags<'a>(pairs: impl IntoIterator<Item = (&'a String, &'a String)>) -> Vec<(&'a str, &'a str)> {
    let mut pairs: Vec<_> = pairs
        .into_iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    pairs.sort_unstable();
    pairs
}

async fn charge(c: DurableOrchestrationContext) -> Result<Value, CallError> {
    let policy = RetryOptions::new(Duration::from_secs(5), 3);
    c.call_activity("Pay", 1)
        .tag("team", "a")
        .retry(&policy)
        .named("charge card")
        .tag("shop", "1")
        .await
}

const CHARGE: Orchestrator = |c| fallible(async move { Ok(charge(c).await?) });

#[test]
fn the_tags_of_an_activity_and_its_name_go_with_every_attempt() {
    for script in [
        "12 0",
        "12 0 4#0(Pay) 13 12 6>0(Pay)=no 10#1=2031-05-04T10:01:05Z 13 12 11>1",
    ] {
        let kinds = kinds(protobuf(CHARGE, script));
        let [Kind::ScheduleTask(task)] = kinds.as_slice() else {
            panic!("{kinds:?}");
        };
        let wanted = [("name", "charge card"), ("shop", "1"), ("team", "a")];
        assert_eq!(
            (task.name.as_str(), tags(&task.tags)),
            ("Pay", wanted.to_vec()),
            "{script}"
        );
    }
}

#[test]
fn a_sub_orchestration_has_its_version_and_its_tags_but_not_the_name_of_its_call() {
    let parent: Orchestrator = |c| {
        fallible(async move {
            let child = c.call_sub_orchestrator("Child", Some("c-1"), 1);
            Ok(child.version("2.0").tag("team", "a").named("first child").await?)
        })
    };
    let kinds = kinds(protobuf(parent, "12 0"));
    let [Kind::CreateSubOrchestration(child)] = kinds.as_slice() else {
        panic!("{kinds:?}");
    };
    assert_eq!(child.version.as_deref(), Some("2.0"));
    assert_eq!(tags(&child.tags), [("team", "a")]);
}

#[test]
fn on_json_a_sub_orchestration_has_its_version_in_the_action() {
    let parent: Orchestrator =
        |c| fallible(async move { Ok(c.call_sub_orchestrator("Child", None, 1).version("2.0").await?) });
    let turn = run_on_json(parent, &payload("12 0", &Value::Null), &KnownFunctions::any());
    assert_eq!(
        turn.answer["actions"][0][0],
        json!({"actionType": 2, "functionName": "Child", "input": 1, "version": "2.0"})
    );
}

/// Tells an instance, then calls an activity.
const TELLS: Orchestrator = |c| {
    fallible(async move {
        c.send_event("order-2", "shipped", json!({"n": 3}))?;
        Ok(c.call_activity("Next", ()).await?)
    })
};

/// The history of [`TELLS`] after its first turn, with the event under this name.
fn told(name: &str) -> Value {
    let mut payload = payload("12 0 14#0(order-2) 4#1(Next) 13 12 5>1=1", &Value::Null);
    payload["history"][2]["Name"] = json!(name);
    payload["history"][2]["Input"] = json!("{\"n\":3}");
    payload
}

#[test]
fn an_event_to_another_instance_is_sent_once() {
    let kinds = kinds(protobuf(TELLS, "12 0"));
    let [Kind::SendEvent(event), Kind::ScheduleTask(_)] = kinds.as_slice() else {
        panic!("{kinds:?}");
    };
    let target = event.instance.as_ref().map(|instance| instance.instance_id.as_str());
    assert_eq!(
        (target, event.name.as_str(), event.data.as_deref()),
        (Some("order-2"), "shipped", Some("{\"n\":3}"))
    );
    let (response, failure) = run_on_protobuf(TELLS, &told("Shipped"), &KnownFunctions::any());
    assert!(failure.is_none());
    assert!(matches!(
        response.actions.as_slice(),
        [action] if matches!(action.orchestrator_action_type, Some(Kind::CompleteOrchestration(_)))
    ));
}

#[test]
fn an_event_under_another_name_is_changed_code() {
    let (_, failure) = run_on_protobuf(TELLS, &told("packed"), &KnownFunctions::any());
    let report = failure.unwrap().1.nondeterminism.unwrap();
    assert!(
        report.contains("history: action #0: event 'packed', sent to instance 'order-2' (event 2 of 7)"),
        "{report}"
    );
    assert!(
        report.contains("code:    action #0: event 'shipped', sent to instance 'order-2' (called at "),
        "{report}"
    );
}

#[test]
fn an_event_to_an_id_that_no_instance_has_is_refused() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let error = c.send_event("@counter@a", "go", 1).unwrap_err();
            error.to_string()
        })
    };
    let kinds = kinds(protobuf(orchestrator, "12 0"));
    let [Kind::CompleteOrchestration(end)] = kinds.as_slice() else {
        panic!("{kinds:?}");
    };
    assert_eq!(
        end.result.as_deref(),
        Some(
            r#""the instance id '@counter@a' for 'go' is not allowed: it must not start with `@`, which marks entities""#
        )
    );
}

#[test]
fn a_tag_of_the_extension_is_refused() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let call = c
                .call_activity("Pay", 1)
                .tag("MS_DurableFunctions_SourceInstanceId", "x");
            call.await.unwrap_err().to_string()
        })
    };
    let kinds = kinds(protobuf(orchestrator, "12 0"));
    assert!(
        matches!(kinds.as_slice(), [Kind::CompleteOrchestration(end)]
            if end.result.as_ref().is_some_and(|text| text.contains("the durable extension uses names that begin with"))),
        "{kinds:?}"
    );
}

#[test]
fn starting_over_can_change_the_version() {
    let orchestrator: Orchestrator =
        |c| body(async move { c.start_over::<OrchestrationOutput>(json!(2)).version("4.1").await });
    let kinds = kinds(protobuf(orchestrator, "12 0"));
    assert!(
        matches!(kinds.as_slice(), [Kind::CompleteOrchestration(end)] if end.new_version.as_deref() == Some("4.1")),
        "{kinds:?}"
    );
    let turn = run_on_json(orchestrator, &payload("12 0", &Value::Null), &KnownFunctions::any());
    assert!(
        turn.failure()
            .contains("started over with another version, which the JSON wire has no place for"),
        "{}",
        turn.failure()
    );
}

#[test]
fn what_json_cannot_say_is_an_error_there_and_takes_no_id() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let tagged = c.call_activity("A", ()).tag("team", "a").await.unwrap_err();
            let child = c
                .call_sub_orchestrator("B", None, ())
                .tag("team", "a")
                .await
                .unwrap_err();
            let sent = c.send_event("order-2", "go", 1).unwrap_err();
            for error in [&tagged, &child, &sent] {
                assert!(
                    matches!(error, CallError::Unsupported(unsupported) if unsupported.wire == Wire::Json),
                    "{error:?}"
                );
            }
            assert_eq!(
                sent.to_string(),
                "an event to another instance: the JSON wire has no words for that; raise it in an activity, with a client, or have \
                 the host speak protobuf"
            );
            c.call_activity("Next", ()).await.unwrap_or_default()
        })
    };
    let turn = run_on_json(
        orchestrator,
        &payload("12 0 4#0(Next) 13 12 5>0=1", &Value::Null),
        &KnownFunctions::any(),
    );
    assert_eq!((turn.actions().as_str(), turn.output()), ("Next", &json!(1)));
}
