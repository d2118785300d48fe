//! The protobuf wire: what the real extension sent to the official .NET worker, given to orchestrations that do the same here. They must
//! ask for the same things, in the same order, under the same ids.
//!
//! `tests/recorded/protobuf/SCENARIO.tsv` has a line for each turn: function, request, response. Three differences are meant: activities get
//! their plain input here, since only .NET's runtime takes a list of one; ids of requests and of children are made otherwise; events that
//! nobody took go into the next execution with the completion, and not as messages to oneself.

use super::script::{body, entity, fallible};
use crate::durable::{
    CallError, DurableHttpRequest, DurableOrchestrationContext, Episode, KnownFunctions, Orchestrator, RetryOptions,
    episode::Run, run_episode, seeming_session,
};
use azure_functions_durable::protobuf::{
    CompleteOrchestrationAction, OrchestrationStatus, OrchestratorAction, OrchestratorResponse, SendEventAction,
    orchestrator_action::OrchestratorActionType as Kind,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use prost::Message;
use serde_json::{Value, json};
use std::time::Duration;

/// Runs an orchestration over a request; the answer, and why it failed.
pub(super) fn answer(orchestrator: Orchestrator, request: &str) -> (OrchestratorResponse, Option<String>) {
    let functions = KnownFunctions::any();
    match run_episode(request.to_owned(), "test", "src/test.rs:1", orchestrator, &functions) {
        Episode::Protobuf { answer, failure, .. } => (*answer, failure.map(|(text, _)| text)),
        other => panic!("another wire: {other:?}"),
    }
}

pub(super) fn decode(text: &str) -> OrchestratorResponse {
    OrchestratorResponse::decode(BASE64_STANDARD.decode(text).unwrap().as_slice()).unwrap()
}

/// Plays a recording: each turn of a function that is given here.
fn play(recording: &str, functions: &[(&str, Orchestrator)]) {
    let mut turns = 0;
    for (number, line) in recording.lines().enumerate() {
        let mut columns = line.split('\t');
        let (function, request, response) = (
            columns.next().unwrap(),
            columns.next().unwrap(),
            columns.next().unwrap(),
        );
        let Some((_, orchestrator)) = functions.iter().find(|(name, _)| *name == function) else {
            continue;
        };
        if response == "-" {
            continue;
        }
        turns += 1;
        let (ours, _) = answer(*orchestrator, request);
        compare(&ours, &decode(response), &format!("turn {number} of {function}"));
    }
    assert!(turns > 0, "no turn was played");
}

pub(super) fn compare(ours: &OrchestratorResponse, theirs: &OrchestratorResponse, turn: &str) {
    assert_eq!(ours.instance_id, theirs.instance_id, "{turn}");
    assert_eq!(text(&ours.custom_status), text(&theirs.custom_status), "{turn}");
    let completes =
        |action: &&OrchestratorAction| matches!(action.orchestrator_action_type, Some(Kind::CompleteOrchestration(_)));
    let continues = ours.actions.iter().find(completes).is_some_and(|action| {
        matches!(&action.orchestrator_action_type, Some(Kind::CompleteOrchestration(completion))
            if !completion.carryover_events.is_empty())
    });
    let mut expected = theirs.actions.clone();
    if continues {
        // Their events to themselves.
        expected.retain(|action| completes(&action));
        expected[0].id = ours.actions[0].id;
    }
    assert_eq!(ours.actions.len(), expected.len(), "{turn}: {ours:#?}");
    for (ours, theirs) in ours.actions.iter().zip(&expected) {
        assert_eq!(ours.id, theirs.id, "{turn}");
        let kinds = (
            ours.orchestrator_action_type.as_ref().unwrap(),
            theirs.orchestrator_action_type.as_ref().unwrap(),
        );
        match kinds {
            (Kind::ScheduleTask(ours), Kind::ScheduleTask(theirs)) => {
                assert_eq!(ours.name, theirs.name, "{turn}");
                let (ours_input, theirs_input) = (text(&ours.input), text(&theirs.input));
                if ours.name == "BuiltIn::HttpActivity" {
                    for member in ["method", "uri", "content"] {
                        assert_eq!(ours_input[0][member], theirs_input[0][member], "{turn}");
                    }
                } else {
                    assert_eq!(ours_input, theirs_input[0], "{turn}");
                }
            }
            (Kind::CreateTimer(ours), Kind::CreateTimer(theirs)) => assert_eq!(ours, theirs, "{turn}"),
            (Kind::CreateSubOrchestration(ours), Kind::CreateSubOrchestration(theirs)) => {
                assert_eq!(ours.name, theirs.name, "{turn}");
                assert_eq!(text(&ours.input), text(&theirs.input), "{turn}");
                let is_made = |id: &str| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
                match is_made(&theirs.instance_id) {
                    true => assert!(is_made(&ours.instance_id), "{turn}: {}", ours.instance_id),
                    false => assert_eq!(ours.instance_id, theirs.instance_id, "{turn}"),
                }
            }
            (Kind::SendEvent(ours), Kind::SendEvent(theirs)) => compare_messages(ours, theirs, turn),
            (Kind::CompleteOrchestration(ours), Kind::CompleteOrchestration(theirs)) => {
                compare_completions(ours, theirs, turn);
            }
            (ours, theirs) => panic!("{turn}: {ours:?} is not {theirs:?}"),
        }
    }
}

fn compare_messages(ours: &SendEventAction, theirs: &SendEventAction, turn: &str) {
    assert_eq!(
        ours.instance.as_ref().map(|instance| &instance.instance_id),
        theirs.instance.as_ref().map(|instance| &instance.instance_id),
        "{turn}"
    );
    assert_eq!(ours.name, theirs.name, "{turn}");
    let (ours, mut theirs) = (text(&ours.data), text(&theirs.data));
    let members = theirs.as_object_mut().unwrap();
    // Only for traces.
    members.remove("createTrace");
    members.remove("requestTime");
    assert!(ours["id"].as_str().unwrap().len() == 36, "{turn}");
    members.insert("id".to_owned(), ours["id"].clone());
    assert_eq!(ours, theirs, "{turn}");
}

fn compare_completions(ours: &CompleteOrchestrationAction, theirs: &CompleteOrchestrationAction, turn: &str) {
    assert_eq!(ours.orchestration_status(), theirs.orchestration_status(), "{turn}");
    match ours.orchestration_status() {
        OrchestrationStatus::Failed => {
            let mut level = ours.failure_details.as_ref();
            assert!(level.is_some(), "{turn}");
            while let Some(details) = level {
                assert!(
                    !details.error_type.is_empty() && !details.error_message.is_empty(),
                    "{turn}: {details:?}"
                );
                level = details.inner_failure.as_deref();
            }
        }
        _ => assert_eq!(text(&ours.result), text(&theirs.result), "{turn}"),
    }
}

/// A JSON text as its value.
fn text(json: &Option<String>) -> Value {
    json.as_deref()
        .map_or(Value::Null, |json| serde_json::from_str(json).unwrap())
}

async fn say(context: &DurableOrchestrationContext, what: &str) -> Result<Value, CallError> {
    context.call_activity("Say", what).await
}

pub(super) const SEQUENCE: Orchestrator = |c| {
    fallible(async move {
        let mut greetings = Vec::new();
        for city in ["Tokyo", "Zürich", "東京 😀"] {
            greetings.push(say(&c, city).await?);
        }
        Ok(greetings.into())
    })
};

#[test]
fn a_sequence_of_activities() {
    play(recorded!("sequence"), &[("Sequence", SEQUENCE)]);
}

#[test]
fn a_fan_out() {
    let fan_out: Orchestrator = |c| {
        fallible(async move {
            let squares = (1..=c.input().as_i64().unwrap()).map(|n| c.call_activity("Square", n));
            let squares = c.try_join_all(squares).await?;
            Ok(squares.iter().filter_map(Value::as_i64).sum::<i64>().into())
        })
    };
    play(recorded!("fan_out"), &[("FanOut", fan_out)]);
}

#[test]
fn a_long_history() {
    let rounds: Orchestrator = |c| {
        fallible(async move {
            let mut sum = 0;
            for _ in 0..3 {
                let squares = c.try_join_all((1..=40).map(|n| c.call_activity("Square", n))).await?;
                sum += squares.iter().filter_map(Value::as_i64).sum::<i64>();
            }
            Ok(sum.into())
        })
    };
    play(recorded!("long_history"), &[("Rounds", rounds)]);
}

#[test]
fn inputs_are_lists_of_one_where_the_host_takes_the_worker_for_dotnet_isolated() {
    let first = recorded!("sequence").lines().next().unwrap();
    let run = Run {
        makes_span: false,
        function: "test",
        place: "src/test.rs:1",
        orchestrator: |c| fallible(async move { Ok(say(&c, "Tokyo").await?) }),
        functions: &KnownFunctions::any(),
        max_actions: 10,
        lists: true,
    };
    let Episode::Protobuf { answer, .. } = run.on_either_wire(first.split('\t').nth(1).unwrap().to_owned(), None)
    else {
        panic!("another wire");
    };
    let input = |answer: &OrchestratorResponse| match &answer.actions[0].orchestrator_action_type {
        Some(Kind::ScheduleTask(task)) => task.input.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(input(&answer), input(&decode(first.split('\t').nth(2).unwrap())));
}

const ACTIVITY_FAILS: Orchestrator = |c| fallible(async move { Ok(c.call_activity("Broken", "for good").await?) });

#[test]
fn an_activity_that_fails_fails_the_orchestration_with_what_it_reported() {
    play(recorded!("activity_fails"), &[("ActivityFails", ACTIVITY_FAILS)]);
    let last = recorded!("activity_fails").lines().last().unwrap();
    let (response, _) = answer(ACTIVITY_FAILS, last.split('\t').nth(1).unwrap());
    let Some(Kind::CompleteOrchestration(completion)) = &response.actions[0].orchestrator_action_type else {
        panic!("{response:?}");
    };
    let details = completion.failure_details.as_ref().unwrap();
    assert!(details.error_message.contains("outer: for good"), "{details:?}");
    let cause = details.inner_failure.as_ref().unwrap();
    assert_eq!(cause.error_type, "IsoApp.SomeTrouble");
    let middle = cause.inner_failure.as_ref().unwrap();
    assert_eq!(middle.error_message, "middle");
    assert!(
        middle
            .inner_failure
            .as_ref()
            .unwrap()
            .error_message
            .starts_with("innermost")
    );
}

#[test]
fn an_orchestration_that_fails_says_so_in_an_answer() {
    let throws: Orchestrator = |c| {
        fallible(async move {
            say(&c, "before").await?;
            Err("the orchestration's own".into())
        })
    };
    play(recorded!("orchestration_throws"), &[("Throws", throws)]);
}

#[test]
fn a_caught_failure_has_type_message_and_chain() {
    let catches: Orchestrator = |c| {
        fallible(async move {
            let Err(CallError::Activity(failure)) = c.call_activity("Broken", "caught").await else {
                panic!("it fails");
            };
            let details = failure.cause.as_ref().unwrap();
            let middle = details.inner_failure.as_deref().unwrap();
            let innermost = middle.inner_failure.as_deref().unwrap();
            Ok(json!([
                failure.function,
                "0",
                details.error_type,
                failure.message(),
                middle.error_type,
                innermost.error_message
            ]))
        })
    };
    play(recorded!("failure_caught"), &[("Catches", catches)]);
}

#[test]
fn a_failure_may_come_without_details() {
    let calls: Orchestrator = |c| fallible(async move { Ok(c.call_activity("IsNotThere", "x").await?) });
    play(recorded!("no_such_activity"), &[("NoSuchActivity", calls)]);
}

#[test]
fn nulls() {
    let nulls: Orchestrator = |c| {
        fallible(async move {
            c.call_activity("Nothing", ()).await?;
            Ok(c.call_activity("Nothing", "no result wanted").await?)
        })
    };
    let no_result: Orchestrator = |c| fallible(async move { Ok(c.call_activity("Nothing", ()).await?) });
    play(recorded!("nulls"), &[("Nulls", nulls), ("NoResult", no_result)]);
}

fn policy(attempts: u32) -> RetryOptions {
    RetryOptions::new(Duration::from_secs(1), attempts).backoff_coefficient(2.0)
}

/// Each attempt and each pause is an action with an id of its own. (.NET makes one pause more, after the last attempt.)
#[test]
fn retries() {
    let retried: Orchestrator = |c| {
        fallible(async move {
            let input = json!({"Key": c.instance_id(), "Failures": c.input()});
            Ok(c.call_activity("Flaky", input).retry(&policy(4)).await?)
        })
    };
    play(recorded!("activity_retried"), &[("Retried", retried)]);
    let parent: Orchestrator = |c| {
        fallible(async move {
            let (id, input) = ("parent-retries-kid", json!({"Key": "parent-retries", "Failures": 1}));
            Ok(c.call_sub_orchestrator("FlakyChild", Some(id), input)
                .retry(&policy(3))
                .await?)
        })
    };
    let functions = [("ParentRetries", parent), ("FlakyChild", FLAKY_CHILD)];
    play(recorded!("sub_orchestration_retried"), &functions);
}

const FLAKY_CHILD: Orchestrator = |c| fallible(async move { Ok(c.call_activity("Flaky", c.input()).await?) });

#[test]
fn timers() {
    let timer: Orchestrator = |c| {
        body(async move {
            let begun = c.current_time();
            c.create_timer_after(Duration::from_secs_f64(c.input().as_f64().unwrap()))
                .await;
            (c.current_time() - begun).num_nanoseconds().unwrap() as f64 / 1e9
        })
    };
    play(recorded!("timer"), &[("Timer", timer)]);
    // Steps of three days; terminated on the way.
    play(recorded!("timer_of_ten_days"), &[("Timer", timer)]);
}

pub(super) const EVENT_ARRIVES: Orchestrator = |c| body(async move { event_text(&c.wait_for_event("go").await) });

/// What .NET made of an event: its JSON as text, if it is no text.
fn event_text(event: &Value) -> Value {
    match event {
        Value::String(_) => event.clone(),
        other => Value::String(other.to_string()),
    }
}

#[test]
fn events() {
    let limited: Orchestrator = |c| {
        body(async move {
            let limit = Duration::from_secs(c.input().as_u64().unwrap());
            match c.wait_for_event_with_timeout("go", limit).await {
                Some(_) => "in time",
                None => "timed out",
            }
        })
    };
    let early: Orchestrator = |c| {
        fallible(async move {
            c.call_activity("Slow", 3000).await?;
            let first = c.wait_for_event("go").await;
            Ok(json!([first, c.wait_for_event("go").await]))
        })
    };
    let race: Orchestrator = |c| {
        body(async move {
            let timer = c.create_timer_after(Duration::from_secs(3600));
            match c.select((timer, c.wait_for_event("go"))).await {
                crate::durable::Either::First(()) => json!("too late"),
                crate::durable::Either::Second(event) => event,
            }
        })
    };
    play(recorded!("event_times_out"), &[("EventTimesOut", limited)]);
    play(recorded!("event_in_time"), &[("EventTimesOut", limited)]);
    play(recorded!("event_comes_early"), &[("EventComesEarly", early)]);
    play(recorded!("race"), &[("Race", race)]);
    play(recorded!("suspend_resume"), &[("EventArrives", EVENT_ARRIVES)]);
    play(recorded!("terminate"), &[("EventArrives", EVENT_ARRIVES)]);
}

/// The oldest wait gets the oldest event; .NET serves the last wait first.
#[test]
fn two_waits_of_one_name() {
    let waits: Orchestrator = |c| {
        body(async move {
            let (first, second, other) = (
                c.wait_for_event("go"),
                c.wait_for_event("go"),
                c.wait_for_event("other"),
            );
            let (first, second, other) = c.join((first, second, other)).await;
            json!([second, first, other])
        })
    };
    let last = recorded!("two_waits").lines().last().unwrap();
    let (response, _) = answer(waits, last.split('\t').nth(1).unwrap());
    let Some(Kind::CompleteOrchestration(completion)) = &response.actions[0].orchestrator_action_type else {
        panic!("{response:?}");
    };
    assert_eq!(text(&completion.result), json!(["2", "1", "o"]));
}

#[test]
fn children() {
    let parent: Orchestrator = |c| {
        fallible(async move {
            let given = c.call_sub_orchestrator("Child", Some("parent-child"), "given").await?;
            Ok(json!([given, c.call_sub_orchestrator("Child", None, "made").await?]))
        })
    };
    let child: Orchestrator = |c| {
        fallible(async move {
            let greeting = say(&c, c.input().as_str().unwrap()).await?;
            let parent = if c.parent_instance_id().is_some() {
                "Parent"
            } else {
                "nobody"
            };
            Ok(format!("{} of {parent}", greeting.as_str().unwrap()).into())
        })
    };
    play(recorded!("sub_orchestrations"), &[("Parent", parent), ("Child", child)]);
    let parent: Orchestrator =
        |c| fallible(async move { Ok(c.call_sub_orchestrator("ActivityFails", None, ()).await?) });
    let functions = [("ParentFails", parent), ("ActivityFails", ACTIVITY_FAILS)];
    play(recorded!("sub_orchestration_fails"), &functions);
}

pub(super) const COLLECTS: Orchestrator = |c| {
    fallible(async move {
        let mut items = c.input().as_array().cloned().unwrap_or_default();
        items.push(c.wait_for_event("item").await);
        if items.len() == 3 {
            return Ok(items.into());
        }
        c.call_activity("Slow", 2000).await?;
        c.set_custom_status(format!("have {}", items.len()));
        c.continue_as_new(items, true).await;
        Ok(Value::Null)
    })
};

#[test]
fn continue_as_new_hands_on_what_was_not_taken() {
    play(recorded!("continue_as_new_keeps_events"), &[("Collects", COLLECTS)]);
    let carried = |turn: usize| {
        let line = recorded!("continue_as_new_keeps_events").lines().nth(turn).unwrap();
        let (response, _) = answer(COLLECTS, line.split('\t').nth(1).unwrap());
        let Some(Kind::CompleteOrchestration(completion)) = response.actions[0].orchestrator_action_type.clone() else {
            panic!("{response:?}");
        };
        completion.carryover_events
    };
    let events = carried(4);
    let inputs: Vec<_> = events
        .into_iter()
        .map(|event| match event.event_type {
            Some(azure_functions_durable::protobuf::history_event::EventType::EventRaised(raised)) => {
                (raised.name, text(&raised.input))
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        inputs,
        [("item".to_owned(), json!("b")), ("item".to_owned(), json!("c"))]
    );
    // As the host gives them to the next execution: with its first turn, before the turn ends.
    let second = recorded!("handmade_carried_events").lines().nth(1).unwrap();
    let takes: Orchestrator =
        |c| body(async move { json!([c.wait_for_event("go").await, c.wait_for_event("other").await]) });
    let (response, _) = answer(takes, second.split('\t').nth(1).unwrap());
    let Some(Kind::CompleteOrchestration(completion)) = &response.actions[0].orchestrator_action_type else {
        panic!("{response:?}");
    };
    assert_eq!(text(&completion.result), json!(["carried", null]));
    let forgets: Orchestrator = |c| {
        fallible(async move {
            let round = c.input().as_i64().unwrap();
            if round == 2 {
                return Ok(round.into());
            }
            c.call_activity("Slow", 1500).await?;
            c.continue_as_new(round + 1, false).await;
            Ok(Value::Null)
        })
    };
    play(recorded!("continue_as_new_drops_events"), &[("Forgets", forgets)]);
}

#[test]
fn the_custom_status_goes_with_every_answer() {
    let statuses: Orchestrator = |c| {
        fallible(async move {
            c.set_custom_status("begun");
            c.set_custom_status(json!({"step": 2, "text": "ü"}));
            say(&c, "a").await?;
            say(&c, "b").await?;
            c.set_custom_status(Value::Null);
            say(&c, "c").await?;
            c.set_custom_status(4);
            c.wait_for_event("go").await;
            Ok("done".into())
        })
    };
    play(recorded!("custom_status"), &[("Statuses", statuses)]);
}

#[test]
fn calls_of_entities_are_dated_and_know_the_call_before() {
    let calls: Orchestrator = |c| {
        fallible(async move {
            let counter = entity("@counter@called");
            c.call_entity(&counter, "add", 5).await?;
            Ok(json!([c.call_entity(&counter, "get", ()).await?]))
        })
    };
    play(recorded!("entity_called"), &[("CallsEntity", calls)]);
    let fails: Orchestrator = |c| {
        fallible(async move {
            let counter = entity("@counter@called-in-vain");
            let Err(CallError::Entity(failure)) = c.call_entity(&counter, "fail", "why").await else {
                panic!("it fails");
            };
            let cause = failure.cause.unwrap();
            c.set_custom_status(format!("fail: {}: {}", cause.error_type, cause.error_message));
            Ok(c.call_entity(&counter, "nosuchoperation", ()).await?)
        })
    };
    play(recorded!("entity_call_fails"), &[("CallsEntityInVain", fails)]);
}

#[test]
fn locks_are_given_back_before_the_end_whatever_it_is() {
    let locks: Orchestrator = |c| {
        fallible(async move {
            let (one, two) = (entity("@counter@locked-1"), entity("@counter@locked-2"));
            let section = c.lock([two.clone(), one.clone()]).await;
            section.call_entity(&two, "get", ()).await?;
            section.call_entity(&one, "add", 1).await?;
            say(&c, "inside").await?;
            section.release();
            Ok(c.call_entity(&one, "get", ()).await?)
        })
    };
    play(recorded!("entity_locks"), &[("Locks", locks)]);
    let fails: Orchestrator = |c| {
        fallible(async move {
            let _section = c.lock([entity("@counter@locked-by-failure")]).await;
            Err("with a lock".into())
        })
    };
    play(recorded!("entity_lock_and_failure"), &[("LocksAndFails", fails)]);
}

#[test]
fn signals() {
    let signals: Orchestrator = |c| {
        fallible(async move {
            let counter = entity("@counter@by-orchestration");
            c.signal_entity(&counter, "add", 1)?;
            c.signal_entity_at(&counter, "add", 10, c.current_time() + chrono::TimeDelta::seconds(2))?;
            Ok(say(&c, "after signals").await?)
        })
    };
    play(
        recorded!("entity_signalled_by_orchestration"),
        &[("SignalsEntity", signals)],
    );
}

#[test]
fn http_requests_are_polled_by_the_worker() {
    let http: Orchestrator = |c| {
        fallible(async move {
            let input = c.input();
            let (method, url) = (input["method"].as_str().unwrap(), input["url"].as_str().unwrap());
            let mut request = DurableHttpRequest::new(method, url);
            if let Some(content) = input["content"].as_str() {
                request = request.body(content);
            }
            let response = c.call_http(request).await?;
            let mut names: Vec<_> = response.headers().map(|(name, _)| name).collect();
            names.dedup();
            Ok(json!({"status": response.status(), "Content": response.text(), "headers": names}))
        })
    };
    play(recorded!("http_get"), &[("Http", http)]);
    play(recorded!("http_post_polled"), &[("Http", http)]);
}

/// The generic event that a rewind leaves has the id of what it replaced.
#[test]
fn a_rewound_instance_schedules_again_what_failed() {
    play(recorded!("client_rewind"), &[("FlakyChild", FLAKY_CHILD)]);
}

#[test]
fn changed_code_fails_the_instance_with_a_report() {
    let other_name: Orchestrator = |c| fallible(async move { Ok(c.call_activity("Nothing", "first").await?) });
    let timer: Orchestrator = |c| {
        fallible(async move {
            c.create_timer_after(Duration::from_secs(1)).await;
            Ok(Value::Null)
        })
    };
    let more: Orchestrator = |c| {
        fallible(async move {
            say(&c, "first").await?;
            Ok(say(&c, "inserted").await?)
        })
    };
    for (recording, orchestrator) in [
        (recorded!("changed_code_other_name"), other_name),
        (recorded!("changed_code_timer_for_activity"), timer),
        (recorded!("changed_code_less"), timer),
        (recorded!("changed_code_more"), more),
    ] {
        let last = recording.lines().last().unwrap().split('\t').nth(1).unwrap();
        let (response, failure) = answer(orchestrator, last);
        assert!(failure.unwrap().starts_with("Non-deterministic orchestration 'test'"));
        let [
            OrchestratorAction {
                orchestrator_action_type: Some(Kind::CompleteOrchestration(completion)),
                ..
            },
        ] = response.actions.as_slice()
        else {
            panic!("nothing but the end counts: {response:?}");
        };
        assert_eq!(completion.orchestration_status(), OrchestrationStatus::Failed);
        assert_eq!(
            completion.failure_details.as_ref().unwrap().error_type,
            "non-deterministic orchestration"
        );
    }
}

#[test]
fn new_events_alone_ask_for_the_history() {
    let second = recorded!("extended_sequence").lines().nth(1).unwrap();
    let (response, failure) = answer(EVENT_ARRIVES, second.split('\t').nth(1).unwrap());
    assert!(response.requires_history && response.actions.is_empty() && failure.is_none());
    assert!(!response.instance_id.is_empty());
}

#[test]
fn a_session_shows_at_the_end_of_a_request() {
    let of = |recording: &'static str| {
        let lines = recording.lines().map(|line| line.split('\t').nth(1).unwrap());
        let sessions = lines.map(|text| {
            let session = seeming_session(text);
            (session.is_in_session, session.is_without_history)
        });
        sessions.collect::<Vec<_>>()
    };
    let (whole, new) = ((true, false), (true, true));
    assert_eq!(of(recorded!("extended_sequence")), [whole, new, new, new]);
    assert_eq!(of(recorded!("extended_continue_as_new_keeps_events"))[0], whole);
    assert!(
        of(recorded!("sequence"))
            .iter()
            .all(|session| *session == (false, false))
    );
    for text in ["", "AA", "????", "Zm9v"] {
        let session = seeming_session(text);
        assert!(!session.is_in_session && !session.is_without_history);
    }
}

#[test]
fn what_cannot_be_read_is_answered_with_a_failure() {
    let recording = recorded!("sequence").lines().next().unwrap();
    let request = BASE64_STANDARD.decode(recording.split('\t').nth(1).unwrap()).unwrap();
    let cut = BASE64_STANDARD.encode(&request[..request.len() - 3]);
    for payload in ["AAA", "????", "Zm9v", cut.as_str()] {
        let functions = KnownFunctions::any();
        let episode = run_episode(payload.to_owned(), "test", "src/test.rs:1", EVENT_ARRIVES, &functions);
        let (Episode::Protobuf { .. } | Episode::Failed { .. }) = &episode else {
            panic!("{payload}: {episode:?}");
        };
        if let Episode::Protobuf { answer, failure, .. } = episode {
            let response = *answer;
            assert!(failure.is_some());
            assert!(matches!(
                &response.actions[0].orchestrator_action_type,
                Some(Kind::CompleteOrchestration(completion))
                    if completion.orchestration_status() == OrchestrationStatus::Failed
            ));
        }
    }
}

/// A length-delimited field with a number below 16.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2, u8::try_from(content.len()).unwrap()];
    bytes.extend(content);
    bytes
}

#[test]
fn a_field_that_a_newer_host_adds_to_an_event_hides_nothing_of_it() {
    // instanceId; orchestratorStarted; executionStarted with its name; eventRaised `go`, and field 200 in it.
    let mut raised = vec![0x8a, 0x01, 9];
    raised.extend(field(1, b"go"));
    raised.extend(field(2, &field(1, b"1")));
    raised.extend([0xc2, 0x0c, 3]);
    raised.extend(b"new");
    let request = [
        field(1, b"i"),
        field(4, &[0x72, 0]),
        field(4, &field(3, &field(1, b"f"))),
        field(4, &raised),
    ]
    .concat();
    let (response, _) = answer(EVENT_ARRIVES, &BASE64_STANDARD.encode(request));
    let Some(Kind::CompleteOrchestration(completion)) = &response.actions[0].orchestrator_action_type else {
        panic!("{response:?}");
    };
    assert_eq!(text(&completion.result), json!("1"));
}

crate::bindings::shown::shows!(ORCHESTRATION_TRIGGER, Decoding: a_sequence_of_activities, a_fan_out);
