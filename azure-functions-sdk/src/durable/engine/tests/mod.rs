//! Claims about the engine, told as histories: `4#0` is an event of type 4 with the sequence number 0, `5>0` one of type
//! 5 that settles task 0.

mod actions;
mod answers;
mod arbitrary;
mod compounds;
mod critical_sections;
mod entities;
mod entity_batches;
mod events;
mod lifecycle;
mod linear;
mod patches;
mod payload;
mod protobuf_answers;
mod recorded_requests;
mod retries;
mod rewinding;
mod scheduler;
mod stream_answers;
mod stream_entities;
mod timers;
mod vectors;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    decision::Decision,
    episode::{Begin, Episode},
    event::{Event, EventKind, ExecutionStarted, Failure, ParentLink, Tags, parse_events, write_events},
    instance::Instance,
    message::Message,
    runtime_status::RuntimeStatus,
    settings::Settings,
};
use crate::durable::work::{ReturnValue, WorkResult};

/// 2031-05-04T10:00:00Z.
pub(super) fn ten() -> DateTime<Utc> {
    DateTime::from_timestamp(1_935_655_200, 0).unwrap()
}

/// A time as an action has it.
pub(super) fn iso(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// One instance, driven by hand.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) instance: Instance,
    pub(super) settings: Settings,
    pub(super) now: DateTime<Utc>,
    pub(super) inbox: Vec<Message>,
    ids: u32,
}

impl Run {
    pub(super) fn new() -> Self {
        Self::started(None, Some("{\"sku\":\"b-17\"}"))
    }

    pub(super) fn started(parent: Option<ParentLink>, input: Option<&str>) -> Self {
        let start = Message::start(
            ten() - TimeDelta::milliseconds(1100),
            ExecutionStarted {
                instance_id: "order-7f3a".to_owned(),
                execution_id: "e0".to_owned(),
                name: "ShipOrder".to_owned(),
                version: Some(String::new()),
                input: input.map(str::to_owned),
                parent,
                scheduled_start: None,
                generation: 0,
                tags: Tags::new(),
                trace: None,
            },
        );
        Self {
            instance: Instance::pending(&start).unwrap(),
            settings: Settings::default(),
            now: ten(),
            inbox: vec![start],
            ids: 0,
        }
    }

    /// One episode over what is in the inbox.
    pub(super) fn answer(&mut self, answer: &WorkResult) -> Decision {
        let batch = std::mem::take(&mut self.inbox);
        // Whatever is stored reads back the same.
        let stored: Vec<_> = batch
            .iter()
            .map(|message| Message::parse(&message.to_json()).unwrap())
            .collect();
        assert_eq!(stored, batch);
        let now = self.now;
        self.now += TimeDelta::seconds(1);
        let Begin::Run(episode) = Episode::begin(&self.instance, &self.settings, batch, now) else {
            panic!("nothing to do");
        };
        let mut new_id = || {
            self.ids += 1;
            format!("e{}", self.ids)
        };
        let decision = episode.finish(answer, now + TimeDelta::milliseconds(20), &mut new_id, &|name| {
            name != "nobody"
        });
        decision.clone().apply(&mut self.instance);
        let mut text = String::new();
        write_events(self.instance.history.iter(), true, &mut text);
        assert_eq!(parse_events(&text).unwrap(), *self.instance.history);
        if let Some(start) = &decision.continued {
            self.inbox.push(Message::clone(start));
        }
        decision
    }

    /// One episode that the worker answers with this state (V3).
    pub(super) fn state(&mut self, done: bool, actions: &str) -> Decision {
        self.answer(&json(&state_text(done, actions)))
    }

    /// The worker is not done and asked for these actions since the start.
    pub(super) fn asks(&mut self, actions: &str) -> Decision {
        self.state(false, actions)
    }

    pub(super) fn completed(&mut self, task_id: i32, result: &str) -> &mut Self {
        let result = (result != "null").then(|| result.to_owned());
        let message = Message::task_completed(self.now, &self.instance.execution_id, task_id, result);
        self.push(message)
    }

    pub(super) fn failed(&mut self, task_id: i32) -> &mut Self {
        let message = Message::task_failed(self.now, &self.instance.execution_id, task_id, failure("R", "D"));
        self.push(message)
    }

    pub(super) fn child_failed(&mut self, task_id: i32) -> &mut Self {
        let link = ParentLink {
            name: String::new(),
            instance_id: String::new(),
            execution_id: self.instance.execution_id.clone(),
            task_id,
            version: None,
        };
        let message = Message::child_failed(self.now, &link, failure("R", "D"));
        self.push(message)
    }

    /// The clock goes to the due time.
    pub(super) fn fired(&mut self, timer_id: i32) -> &mut Self {
        let due = self.instance.history.iter().find_map(|event| match event.kind {
            EventKind::TimerCreated { fire_at } if event.event_id == timer_id => Some(fire_at),
            _ => None,
        });
        let due = due.expect("no such timer");
        self.now = self.now.max(due);
        let message = Message::timer_fired(self.now, &self.instance.execution_id, timer_id, due);
        self.push(message)
    }

    pub(super) fn raised(&mut self, name: &str, input: &str) -> &mut Self {
        let message = Message::event_raised(self.now, name.to_owned(), Some(input.to_owned()));
        self.push(message)
    }

    pub(super) fn push(&mut self, message: Message) -> &mut Self {
        self.inbox.push(message);
        self
    }

    pub(super) fn history(&self) -> String {
        brief(&self.instance.history)
    }

    pub(super) fn status(&self) -> RuntimeStatus {
        self.instance.status
    }

    pub(super) fn output(&self) -> &str {
        self.instance.output.as_deref().unwrap_or("")
    }
}

pub(super) fn failure(reason: &str, details: &str) -> Failure {
    Failure {
        reason: reason.to_owned(),
        details: details.to_owned(),
        cause: None,
    }
}

pub(super) fn json(text: &str) -> WorkResult {
    WorkResult::Succeeded(ReturnValue::Json(text.to_owned()))
}

pub(super) fn state_text(done: bool, actions: &str) -> String {
    format!("{{\"isDone\":{done},\"actions\":[[{actions}]],\"output\":\"out\",\"schemaVersion\":2}}")
}

/// A history in short.
pub(super) fn brief(events: &[Event]) -> String {
    let texts: Vec<_> = events
        .iter()
        .map(|event| match event.kind.settles() {
            Some(task) => format!("{}>{task}", event.kind.number()),
            None if event.event_id >= 0 => format!("{}#{}", event.kind.number(), event.event_id),
            None => event.kind.number().to_string(),
        })
        .collect();
    texts.join(" ")
}

pub(super) fn activity(name: &str) -> String {
    format!("{{\"actionType\":0,\"functionName\":\"{name}\",\"input\":\"\\\"hi\\\"\"}}")
}

pub(super) fn child(name: &str) -> String {
    format!("{{\"actionType\":2,\"functionName\":\"{name}\",\"instanceId\":null,\"input\":{{\"n\": 1}}}}")
}

pub(super) fn timer(fire_at: DateTime<Utc>) -> String {
    format!(
        "{{\"actionType\":5,\"fireAt\":\"{}\",\"isCanceled\":false}}",
        iso(fire_at)
    )
}

pub(super) fn cancelled(fire_at: DateTime<Utc>) -> String {
    timer(fire_at).replace("false", "true")
}

pub(super) fn wait(name: &str) -> String {
    format!("{{\"actionType\":6,\"externalEventName\":\"{name}\",\"reason\":\"ExternalEvent\"}}")
}

pub(super) fn any_of(members: &[String]) -> String {
    format!("{{\"actionType\":11,\"compoundActions\":[{}]}}", members.join(","))
}

pub(super) fn all_of(members: &[String]) -> String {
    format!("{{\"actionType\":12,\"compoundActions\":[{}]}}", members.join(","))
}

pub(super) fn list(actions: &[String]) -> String {
    actions.join(",")
}

pub(super) const RESTART: &str = "{\"actionType\":4,\"input\":{\"n\": 2}}";
