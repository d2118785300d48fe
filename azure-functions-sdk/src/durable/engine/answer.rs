//! Reads the worker's answer in one pass. Member and enum names match whatever their case; unknown members are ignored.

use std::{borrow::Cow, fmt};

use chrono::{DateTime, Utc};
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{
    action::{Action, Answer, NONE, Node, Plan, Schema},
    entity::EntityId,
    retry::RetryPolicy,
    time::parse_time,
};
use crate::durable::json;

/// Compound actions that an answer may have for each action that is allowed: most workers write one or two.
const COMPOUNDS: usize = 4;

/// Reads an answer of at most so many actions. The error is a text for the user.
pub(super) fn parse(json: &str, max_actions: usize) -> Result<Answer<'_>, String> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let raw = (&mut deserializer)
        .deserialize_map(AnswerVisitor { max_actions })
        .and_then(|raw| deserializer.end().map(|()| raw));
    let raw = raw.map_err(|error| format!("the orchestrator's answer is not valid: {error}"))?;
    let schema = match raw.schema {
        0 => Schema::V1,
        1 => Schema::V2,
        2 => Schema::V3,
        3 => Schema::V4,
        other => {
            return Err(format!(
                "the orchestrator answered with schema version {other}; this host knows 0 to 3"
            ));
        }
    };
    for (what, value) in [("output", raw.output), ("custom status", raw.custom_status)] {
        if let Some(Err(error)) = value.map(|value| json::check(value.get())) {
            return Err(format!("the {what} of the orchestrator cannot be read back: {error}"));
        }
    }
    let Some(mut plan) = raw.plan else {
        return Err("the orchestrator's answer has no actions".to_owned());
    };
    plan.schema = schema;
    plan.steps = if schema == Schema::V1 {
        for node in &mut plan.nodes {
            if matches!(node.action, Action::Group) {
                node.members = 0;
            }
        }
        for index in 0..plan.nodes.len() {
            let parent = plan.nodes[index].parent as usize;
            let counts = !plan.nodes[index].action.is_fire_and_forget();
            if let Some(group) = plan.nodes.get_mut(parent)
                && matches!(group.action, Action::Group)
                && counts
            {
                group.members += 1;
            }
        }
        siblings(&plan.nodes, 0, plan.nodes.len())
    } else {
        let groups = siblings(&plan.nodes, 0, plan.nodes.len());
        if groups.len() != 1 {
            return Err(format!(
                "the orchestrator's answer has {} lists of actions; schema version {} needs exactly one",
                groups.len(),
                raw.schema
            ));
        }
        siblings(&plan.nodes, 1, plan.nodes.len())
    };
    Ok(Answer {
        is_done: raw.is_done,
        plan,
        output: raw.output,
        error: raw.error.filter(|error| !error.is_empty()),
        custom_status: raw.custom_status,
    })
}

/// Indexes of the nodes of one level.
fn siblings(nodes: &[Node<'_>], from: usize, to: usize) -> Vec<u32> {
    let mut found = Vec::new();
    let mut index = from;
    while index < to {
        found.push(index as u32);
        index = nodes[index].end as usize;
    }
    found
}

struct RawAnswer<'t> {
    is_done: bool,
    schema: i64,
    plan: Option<Plan<'t>>,
    output: Option<&'t RawValue>,
    error: Option<Cow<'t, str>>,
    custom_status: Option<&'t RawValue>,
}

struct AnswerVisitor {
    max_actions: usize,
}

impl<'t> Visitor<'t> for AnswerVisitor {
    type Value = RawAnswer<'t>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the orchestrator's state")
    }

    fn visit_map<M: MapAccess<'t>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut raw = RawAnswer {
            is_done: false,
            schema: 0,
            plan: None,
            output: None,
            error: None,
            custom_status: None,
        };
        while let Some(Text(Some(key))) = map.next_key()? {
            let is = |name: &str| key.eq_ignore_ascii_case(name);
            if is("actions") {
                raw.plan = map.next_value_seed(Groups {
                    max_actions: self.max_actions,
                })?;
            } else if is("isDone") {
                raw.is_done = map.next_value()?;
            } else if is("schemaVersion") {
                raw.schema = map.next_value_seed(Enumerated(&SCHEMAS))?;
            } else if is("output") {
                raw.output = map.next_value::<&RawValue>().map(not_null)?;
            } else if is("error") {
                raw.error = map.next_value::<Text<'t>>()?.0;
            } else if is("customStatus") {
                raw.custom_status = map.next_value::<&RawValue>().map(not_null)?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(raw)
    }
}

const SCHEMAS: [(&str, i64); 5] = [("Original", 0), ("V1", 0), ("V2", 1), ("V3", 2), ("V4", 3)];

const ACTIONS: [(&str, i64); 15] = [
    ("CallActivity", 0),
    ("CallActivityWithRetry", 1),
    ("CallSubOrchestrator", 2),
    ("CallSubOrchestratorWithRetry", 3),
    ("ContinueAsNew", 4),
    ("CreateTimer", 5),
    ("WaitForExternalEvent", 6),
    ("CallEntity", 7),
    ("CallHttp", 8),
    ("SignalEntity", 9),
    ("ScheduledSignalEntity", 10),
    ("WhenAny", 11),
    ("WhenAll", 12),
    ("LockEntities", 13),
    ("ReleaseEntities", 14),
];

fn not_null(value: &RawValue) -> Option<&RawValue> {
    (value.get() != "null").then_some(value)
}

/// A string that is borrowed if it has no escapes; null is `None`.
struct Text<'t>(Option<Cow<'t, str>>);

impl<'t> Deserialize<'t> for Text<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'t> Visitor<'t> for TextVisitor {
            type Value = Text<'t>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or null")
            }

            fn visit_borrowed_str<E>(self, text: &'t str) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(text.to_owned()))))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Text(None))
            }
        }
        deserializer.deserialize_any(TextVisitor)
    }
}

/// An enum as its number or its name.
struct Enumerated(&'static [(&'static str, i64)]);

impl<'t> DeserializeSeed<'t> for Enumerated {
    type Value = i64;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<i64, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Enumerated {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a name")
    }

    fn visit_i64<E>(self, value: i64) -> Result<i64, E> {
        Ok(value)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<i64, E> {
        i64::try_from(value).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<i64, E> {
        let known = self
            .0
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text))
            .map(|(_, number)| *number);
        known
            .or_else(|| text.parse().ok())
            .ok_or_else(|| E::custom(format_args!("unknown name '{text}'")))
    }
}

/// What may still come: counted as it is read, so that a large answer takes no more memory than an allowed one.
struct Left {
    actions: usize,
    nodes: usize,
    allowed: usize,
}

impl Left {
    fn action<E: de::Error>(&mut self) -> Result<(), E> {
        let left = self.actions.checked_sub(1);
        self.actions = left.ok_or_else(|| self.too_many())?;
        Ok(())
    }

    fn node<E: de::Error>(&mut self) -> Result<(), E> {
        let left = self.nodes.checked_sub(1);
        self.nodes = left.ok_or_else(|| self.too_many())?;
        Ok(())
    }

    fn too_many<E: de::Error>(&self) -> E {
        E::custom(format_args!(
            "the orchestration asked for more than {} actions, which is the limit (maxOrchestrationActions)",
            self.allowed
        ))
    }
}

/// `actions`: an array of arrays.
struct Groups {
    max_actions: usize,
}

impl<'t> DeserializeSeed<'t> for Groups {
    type Value = Option<Plan<'t>>;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'t> Visitor<'t> for Groups {
    type Value = Option<Plan<'t>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of arrays of actions")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<S: SeqAccess<'t>>(self, mut groups: S) -> Result<Self::Value, S::Error> {
        let mut plan = Plan::default();
        let mut left = Left {
            actions: self.max_actions,
            nodes: self.max_actions.saturating_mul(1 + COMPOUNDS),
            allowed: self.max_actions,
        };
        loop {
            left.node::<S::Error>()?;
            let index = plan.nodes.len() as u32;
            plan.nodes.push(Node {
                action: Action::Group,
                parent: NONE,
                end: index + 1,
                members: 0,
            });
            let Some(members) = groups.next_element_seed(Members {
                plan: &mut plan,
                left: &mut left,
                parent: index,
            })?
            else {
                plan.nodes.pop();
                return Ok(Some(plan));
            };
            let end = plan.nodes.len() as u32;
            let group = &mut plan.nodes[index as usize];
            group.members = members;
            group.end = end;
        }
    }
}

/// An array of actions; yields their number. Null is an empty one.
struct Members<'a, 't> {
    plan: &'a mut Plan<'t>,
    left: &'a mut Left,
    parent: u32,
}

impl<'t> DeserializeSeed<'t> for Members<'_, 't> {
    type Value = u32;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<u32, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'t> Visitor<'t> for Members<'_, 't> {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of actions")
    }

    fn visit_unit<E>(self) -> Result<u32, E> {
        Ok(0)
    }

    fn visit_seq<S: SeqAccess<'t>>(self, mut seq: S) -> Result<u32, S::Error> {
        let mut members = 0;
        while seq
            .next_element_seed(One {
                plan: self.plan,
                left: self.left,
                parent: self.parent,
            })?
            .is_some()
        {
            members += 1;
        }
        Ok(members)
    }
}

/// One action with its descendants.
struct One<'a, 't> {
    plan: &'a mut Plan<'t>,
    left: &'a mut Left,
    parent: u32,
}

impl<'t> DeserializeSeed<'t> for One<'_, 't> {
    type Value = ();

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'t> Visitor<'t> for One<'_, 't> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an action")
    }

    fn visit_map<M: MapAccess<'t>>(self, mut map: M) -> Result<(), M::Error> {
        let (plan, left) = (self.plan, self.left);
        left.node::<M::Error>()?;
        let index = plan.nodes.len();
        // Holds the place before the members, which may come before `actionType` in the text.
        plan.nodes.push(Node {
            action: Action::All,
            parent: self.parent,
            end: 0,
            members: 0,
        });
        let mut raw = RawAction::default();
        while let Some(Text(Some(key))) = map.next_key()? {
            let is = |name: &str| key.eq_ignore_ascii_case(name);
            if is("actionType") {
                raw.number = map.next_value_seed(Enumerated(&ACTIONS))?;
            } else if is("functionName") {
                raw.function_name = map.next_value::<Text<'t>>()?.0;
            } else if is("input") {
                raw.input = map.next_value::<&RawValue>().map(not_null)?;
            } else if is("compoundActions") {
                plan.nodes.truncate(index + 1);
                raw.members = map.next_value_seed(Members {
                    plan,
                    left,
                    parent: index as u32,
                })?;
            } else if is("fireAt") {
                let Text(Some(text)) = map.next_value()? else {
                    return Err(de::Error::custom("fireAt is null"));
                };
                let time = parse_time(&text);
                raw.fire_at =
                    Some(time.ok_or_else(|| de::Error::custom(format_args!("fireAt '{text}' is not a time")))?);
            } else if is("isCanceled") {
                raw.is_cancelled = map.next_value()?;
            } else if is("externalEventName") {
                raw.event_name = map.next_value::<Text<'t>>()?.0;
            } else if is("instanceId") {
                raw.instance_id = map.next_value::<Text<'t>>()?.0;
            } else if is("version") {
                raw.version = map.next_value::<Text<'t>>()?.0;
            } else if is("retryOptions") {
                let json: &RawValue = map.next_value()?;
                raw.retry = Some(RetryPolicy::parse(json).map_err(de::Error::custom)?);
            } else if is("operation") {
                raw.operation = map.next_value::<Text<'t>>()?.0;
            } else if is("lockSet") {
                raw.lock_set = map.next_value::<Option<Vec<EntityId>>>()?.unwrap_or_default();
            } else if is("httpRequest") {
                raw.http_request = map.next_value::<&RawValue>().map(not_null)?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        let mut members = raw.members;
        let action = raw.into_action();
        if !matches!(action, Action::Any | Action::All) {
            plan.nodes.truncate(index + 1);
            members = 0;
            left.action::<M::Error>()?;
        }
        let end = plan.nodes.len() as u32;
        plan.nodes[index] = Node {
            action,
            parent: self.parent,
            end,
            members,
        };
        Ok(())
    }
}

#[derive(Default)]
struct RawAction<'t> {
    number: i64,
    function_name: Option<Cow<'t, str>>,
    instance_id: Option<Cow<'t, str>>,
    version: Option<Cow<'t, str>>,
    input: Option<&'t RawValue>,
    retry: Option<RetryPolicy>,
    fire_at: Option<DateTime<Utc>>,
    is_cancelled: bool,
    event_name: Option<Cow<'t, str>>,
    http_request: Option<&'t RawValue>,
    operation: Option<Cow<'t, str>>,
    lock_set: Vec<EntityId>,
    members: u32,
}

impl<'t> RawAction<'t> {
    /// Says what is missing only when the action is issued, as the extension does.
    fn into_action(self) -> Action<'t> {
        let kind = ACTIONS
            .get(usize::try_from(self.number).unwrap_or(usize::MAX))
            .map_or("", |(name, _)| *name);
        let missing = |member: &str| Action::Refused(format!("a {kind} action has no {member}"));
        match self.number {
            0..=3 => {
                let Some(name) = self.function_name.filter(|name| !name.is_empty()) else {
                    return missing("functionName");
                };
                let retry = match self.number {
                    1 | 3 => match self.retry {
                        Some(policy) => Some(policy),
                        None => return missing("retryOptions"),
                    },
                    _ => None,
                };
                if let Some(problem) = retry.as_ref().and_then(RetryPolicy::problem) {
                    return Action::Refused(format!("a {kind} action for '{name}' has retryOptions {problem}"));
                }
                if self.number < 2 {
                    Action::Activity {
                        name,
                        input: self.input,
                        retry,
                    }
                } else {
                    let instance_id = self.instance_id.filter(|id| !id.is_empty());
                    Action::Child {
                        name,
                        instance_id,
                        version: self.version,
                        input: self.input,
                        retry,
                    }
                }
            }
            4 => Action::ContinueAsNew { input: self.input },
            5 => match self.fire_at {
                Some(fire_at) => Action::Timer {
                    fire_at,
                    cancelled: self.is_cancelled,
                },
                None => missing("fireAt"),
            },
            6 => match self.event_name {
                Some(name) => Action::Wait { name },
                None => missing("externalEventName"),
            },
            7 | 9 | 10 => {
                let Some(id) = self.instance_id else {
                    return missing("instanceId");
                };
                let Some(operation) = self.operation else {
                    return missing("operation");
                };
                let target = match EntityId::parse(&id) {
                    Ok(target) => target,
                    Err(problem) => {
                        return Action::Refused(format!("a {kind} action has no usable instanceId: {problem}"));
                    }
                };
                let input = self.input;
                match (self.number, self.fire_at) {
                    (7, _) => Action::CallEntity {
                        target,
                        operation,
                        input,
                    },
                    (10, None) => missing("fireAt"),
                    (number, fire_at) => Action::SignalEntity {
                        target,
                        operation,
                        input,
                        fire_at: fire_at.filter(|_| number == 10),
                    },
                }
            }
            8 => match self.http_request {
                Some(request) => Action::Http { request },
                None => missing("httpRequest"),
            },
            13 => {
                let checked: Result<Vec<_>, _> = self
                    .lock_set
                    .iter()
                    .map(|target| EntityId::new(&target.name, &target.key))
                    .collect();
                match checked {
                    Ok(targets) if targets.is_empty() => missing("lockSet"),
                    Ok(mut targets) => {
                        // All orchestrations lock in one order, so that none waits for another in a circle.
                        targets.sort();
                        targets.dedup();
                        Action::LockEntities { targets }
                    }
                    Err(problem) => Action::Refused(format!("a {kind} action has no usable lockSet: {problem}")),
                }
            }
            14 => Action::ReleaseEntities,
            11 if self.members == 0 => Action::Refused("a WhenAny action has no tasks to wait for".to_owned()),
            11 => Action::Any,
            12 => Action::All,
            other => Action::Refused(format!("an action of the unknown type {other} was asked for")),
        }
    }
}
