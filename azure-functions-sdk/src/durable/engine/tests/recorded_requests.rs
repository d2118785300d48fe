//! The real extension's requests, made again: the engine is fed with the messages that came in and with the answers that the
//! official .NET worker gave, and must ask for the same with the same history.
//!
//! Different are times at which the host itself did something, and what the host alone makes: ids of executions.

use std::{collections::BTreeMap, path::Path};

use azure_functions_durable::{
    TraceContext,
    protobuf::{
        ExecutionStartedEvent, HistoryEvent, OrchestratorRequest, TaskFailureDetails, history_event::EventType,
    },
};
use base64::{Engine, prelude::BASE64_STANDARD};
use prost::Message as _;
use prost_types::{Timestamp, value::Kind};

use super::*;
use crate::durable::{
    engine::{event::Tags, failure_details::FailureDetails, played::Played},
    work::Wire,
};

/// Left out are those of which not all turns are kept (`long_history`), and those whose history a rewind of the extension has
/// changed in its own way (`client_rewind`).
const SCENARIOS: [&str; 39] = [
    "activity_fails",
    "activity_retried",
    "changed_code_less",
    "changed_code_more",
    "changed_code_other_name",
    "changed_code_timer_for_activity",
    "client_restart",
    "continue_as_new_drops_events",
    "continue_as_new_keeps_events",
    "custom_status",
    "entity_call_fails",
    "entity_called",
    "entity_lock_and_failure",
    "entity_locks",
    "entity_signalled_by_orchestration",
    "event_arrives",
    "event_comes_early",
    "event_in_time",
    "event_times_out",
    "extended_sequence",
    "failure_caught",
    "fan_out",
    "handmade_carried_events",
    "http_get",
    "http_post_polled",
    "no_such_activity",
    "nulls",
    "orchestration_throws",
    "race",
    "sequence",
    "sub_orchestration_fails",
    "sub_orchestration_retried",
    "sub_orchestrations",
    "suspend_resume",
    "terminate",
    "timer",
    "trace_everything_at_once",
    "trace_sub_orchestrations",
    "two_waits",
];

#[test]
fn requests_are_those_of_the_extension_for_the_same_messages_and_answers() {
    for scenario in SCENARIOS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../azure-functions/tests/recorded/protobuf")
            .join(format!("{scenario}.tsv"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut instances = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let mut columns = line.split('\t').skip(1);
            let request = columns.next().unwrap();
            let answer = columns.next().unwrap_or_default();
            let recorded = OrchestratorRequest::decode(&*BASE64_STANDARD.decode(request).unwrap()).unwrap();
            let instance: &mut Recorded = instances.entry(recorded.instance_id.clone()).or_default();
            instance.turn(&recorded, answer, &format!("{scenario}, turn {number}"));
        }
    }
}

#[derive(Default)]
struct Recorded {
    instance: Option<Instance>,
    played: Played,
    /// What a continue-as-new starts.
    next: Option<Message>,
}

impl Recorded {
    fn turn(&mut self, recorded: &OrchestratorRequest, answer: &str, place: &str) {
        let property = |name: &str| recorded.properties.get(name).and_then(|value| value.kind.clone());
        let number = |name: &str| match property(name) {
            Some(Kind::NumberValue(number)) => number as i64,
            other => panic!("{place}: {other:?}"),
        };
        let is = |name: &str| property(name) == Some(Kind::BoolValue(true));
        let settings = Settings {
            http_sleep: TimeDelta::milliseconds(number("HttpDefaultAsyncRequestSleepTimeMilliseconds")),
            session_idle: is("IsExtendedSession")
                .then(|| TimeDelta::seconds(number("ExtendedSessionIdleTimeoutInSeconds"))),
            default_version: match property("defaultVersion") {
                Some(Kind::StringValue(version)) => version,
                _ => String::new(),
            },
            ..Settings::default()
        };
        let mut events = recorded.new_events.iter().map(event);
        let began = events.next().unwrap();
        assert_eq!(began.kind, EventKind::OrchestratorStarted, "{place}");
        let mut batch: Vec<Message> = events
            .filter(|event| event.kind != EventKind::OrchestratorCompleted)
            .map(|event| Message {
                execution_id: None,
                event,
                carried: Vec::new(),
                continues: false,
            })
            .collect();
        if let Some(EventKind::ExecutionStarted(started)) = batch.first().map(|first| first.event.kind.clone()) {
            let mut start = batch.remove(0);
            if let Some(made) = self.next.take() {
                let made_start = made.as_start().unwrap();
                let same = ExecutionStarted {
                    execution_id: made_start.execution_id.clone(),
                    generation: made_start.generation,
                    ..(*started).clone()
                };
                assert_eq!(*made_start, same, "{place}: the next execution");
                start.continues = made.continues;
                start.carried = batch.drain(..made.carried.len()).map(|message| message.event).collect();
                let kinds = |events: &[Event]| events.iter().map(|event| event.kind.clone()).collect::<Vec<_>>();
                assert_eq!(kinds(&made.carried), kinds(&start.carried), "{place}: carried events");
            }
            let instance = Instance::pending(&start).unwrap();
            self.instance = Some(Instance {
                wire: Some(Wire::Protobuf),
                ..instance
            });
            self.played = Played::none(Wire::Protobuf);
            batch.insert(0, start);
        }
        let instance = self.instance.as_mut().unwrap_or_else(|| panic!("{place}: no start"));
        let Begin::Run(episode) = Episode::begin(instance, &settings, batch, began.timestamp) else {
            panic!("{place}: nothing to do");
        };
        for played in [None, Some(&self.played)] {
            let text = episode.payload(played, is("IncludeState"));
            let made = OrchestratorRequest::decode(&*BASE64_STANDARD.decode(text).unwrap()).unwrap();
            assert_eq!(comparable(made), comparable(recorded.clone()), "{place}");
        }
        let mut ids = 0;
        let mut new_id = || {
            ids += 1;
            format!("e{ids}")
        };
        let answer = WorkResult::Succeeded(ReturnValue::Text(answer.to_owned()));
        let decision = episode.finish(&answer, began.timestamp, &mut new_id, &|_| true);
        self.played.add(&decision.appended, "");
        self.next = decision.continued.as_deref().cloned();
        // What is stored reads back the same.
        let mut stored = String::new();
        write_events(&decision.appended, true, &mut stored);
        assert_eq!(parse_events(&stored).unwrap(), decision.appended, "{place}");
        decision.clone().apply(instance);
    }
}

/// Without what is meant to differ.
fn comparable(mut request: OrchestratorRequest) -> OrchestratorRequest {
    for event in request.past_events.iter_mut().chain(&mut request.new_events) {
        let own = matches!(
            event.event_type,
            Some(
                EventType::TaskScheduled(_)
                    | EventType::TimerCreated(_)
                    | EventType::SubOrchestrationInstanceCreated(_)
                    | EventType::EventSent(_)
                    | EventType::OrchestratorCompleted(_)
            )
        );
        if own {
            event.timestamp = None;
        }
    }
    // The extension makes the orchestration's span itself.
    request.orchestration_trace_context = None;
    request
}

fn event(message: &HistoryEvent) -> Event {
    let time = |time: &Option<Timestamp>| {
        let time = time.as_ref().unwrap();
        DateTime::from_timestamp(time.seconds, time.nanos.cast_unsigned()).unwrap()
    };
    let failure = |details: &Option<TaskFailureDetails>| Failure {
        cause: details.clone().map(|details| Box::new(FailureDetails::from(details))),
        ..Failure::default()
    };
    let kind = match message.event_type.clone().unwrap() {
        EventType::OrchestratorStarted(_) => EventKind::OrchestratorStarted,
        EventType::OrchestratorCompleted(_) => EventKind::OrchestratorCompleted,
        EventType::ExecutionStarted(started) => EventKind::ExecutionStarted(Box::new(start(started))),
        EventType::TaskCompleted(it) => EventKind::TaskCompleted {
            task_id: it.task_scheduled_id,
            result: it.result,
        },
        EventType::TaskFailed(it) => EventKind::TaskFailed {
            task_id: it.task_scheduled_id,
            failure: failure(&it.failure_details),
        },
        EventType::SubOrchestrationInstanceCompleted(it) => EventKind::SubOrchestrationCompleted {
            task_id: it.task_scheduled_id,
            result: it.result,
        },
        EventType::SubOrchestrationInstanceFailed(it) => EventKind::SubOrchestrationFailed {
            task_id: it.task_scheduled_id,
            failure: failure(&it.failure_details),
        },
        EventType::TimerFired(it) => EventKind::TimerFired {
            timer_id: it.timer_id,
            fire_at: time(&it.fire_at),
        },
        EventType::EventRaised(it) => EventKind::EventRaised {
            name: it.name,
            input: it.input,
        },
        EventType::ExecutionTerminated(it) => EventKind::ExecutionTerminated {
            reason: it.input.unwrap_or_default(),
            recurse: it.recurse,
        },
        EventType::ExecutionSuspended(it) => EventKind::ExecutionSuspended {
            reason: it.input.unwrap_or_default(),
        },
        EventType::ExecutionResumed(it) => EventKind::ExecutionResumed {
            reason: it.input.unwrap_or_default(),
        },
        other => panic!("an event that comes in: {other:?}"),
    };
    Event::scheduled(message.event_id, time(&message.timestamp), kind)
}

fn start(started: ExecutionStartedEvent) -> ExecutionStarted {
    let tags = started.tags;
    let instance = started.orchestration_instance.unwrap();
    ExecutionStarted {
        instance_id: instance.instance_id,
        execution_id: instance.execution_id.unwrap(),
        name: started.name,
        version: started.version,
        input: started.input,
        parent: started.parent_instance.map(|parent| {
            let instance = parent.orchestration_instance.unwrap();
            ParentLink {
                name: parent.name.unwrap(),
                instance_id: instance.instance_id,
                execution_id: instance.execution_id.unwrap(),
                task_id: parent.task_scheduled_id,
                version: parent.version,
            }
        }),
        scheduled_start: None,
        generation: 0,
        tags: tags.into_iter().collect::<Tags>(),
        trace: started
            .parent_trace_context
            .and_then(|trace| Some(TraceContext::from_message(&trace)?.into())),
    }
}
