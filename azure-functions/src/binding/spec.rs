//! What a binding type says about itself: its type in `function.json` and the arguments it takes.

use super::table::{self, Argument, Binding, Flow};
use crate::state::Need;
use serde_json::Value;

/// Describes a binding type. Built in a constant, so that `#[func]` can check its use at compile time.
///
/// ```
/// use azure_functions::binding::{Argument, BindingSpec};
///
/// const SPEC: BindingSpec = BindingSpec::trigger("queueTrigger")
///     .arguments(&[Argument::text("queue_name").required(), Argument::text("connection")]);
/// assert_eq!(SPEC.type_name(), "queueTrigger");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BindingSpec {
    pub(crate) need: Option<&'static Need>,
    pub(crate) role: Role,
    pub(crate) type_name: &'static str,
    pub(crate) arguments: &'static [Argument],
    pub(crate) any_argument: bool,
    pub(crate) fixed: &'static [(&'static str, &'static str)],
    pub(crate) choices: &'static [&'static [&'static str]],
    pub(crate) conflicts: &'static [(&'static str, &'static str)],
    pub(crate) many: bool,
    pub(crate) deferred: bool,
    /// Further members of the trigger's binding, which follow from types.
    pub(crate) members: Option<fn() -> Vec<Member>>,
}

/// A member of `function.json`.
pub(crate) type Member = (&'static str, Value);

/// The part a type plays in a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Starts the function.
    Trigger,
    /// Starts the function if nothing else does; otherwise reads the trigger's data.
    TriggerOrPart,
    /// Starts an orchestration: called by the replay core.
    Orchestration,
    /// Starts an activity.
    Activity,
    /// Starts an entity: called once for each operation.
    Entity,
    /// Comes with the trigger's data and has no binding of its own.
    Part,
    /// Comes from the app itself and has no binding.
    Shared,
    /// A further input.
    Input,
    /// An output binding.
    Output,
    /// What the trigger takes for an answer: a return value without a binding.
    Answer,
    /// No output.
    Nothing,
    /// The result of an activity: a return value without a binding.
    ActivityResult,
    /// The result of an orchestration: a return value without a binding.
    OrchestrationResult,
    /// The result of an operation of an entity: a return value without a binding.
    EntityResult,
}

impl BindingSpec {
    const fn new(role: Role, type_name: &'static str) -> Self {
        Self {
            role,
            type_name,
            need: None,
            arguments: &[],
            any_argument: false,
            fixed: &[],
            choices: &[],
            conflicts: &[],
            many: false,
            deferred: false,
            members: None,
        }
    }

    /// The binding of this row.
    pub(crate) const fn of(binding: &'static Binding) -> Self {
        let role = match binding.flow {
            Flow::Trigger => Role::Trigger,
            Flow::Input => Role::Input,
            Flow::Output => Role::Output,
        };
        Self::with_role(role, binding)
    }

    const fn with_role(role: Role, binding: &'static Binding) -> Self {
        Self {
            arguments: binding.arguments,
            fixed: binding.fixed,
            choices: binding.choices,
            conflicts: binding.conflicts,
            any_argument: binding.any_argument,
            ..Self::new(role, binding.type_name)
        }
    }

    /// A trigger of this type, such as `queueTrigger`.
    pub const fn trigger(type_name: &'static str) -> Self {
        Self::new(Role::Trigger, type_name)
    }

    /// An input binding of this type, such as `blob`.
    pub const fn input(type_name: &'static str) -> Self {
        Self::new(Role::Input, type_name)
    }

    /// An output binding of this type, such as `queue`.
    pub const fn output(type_name: &'static str) -> Self {
        Self::new(Role::Output, type_name)
    }

    /// A parameter that reads what came with the trigger and has no binding of its own.
    pub const fn part() -> Self {
        Self::new(Role::Part, "")
    }

    /// A parameter that the app itself gives.
    pub(crate) const fn shared(need: &'static Need) -> Self {
        Self {
            need: Some(need),
            ..Self::new(Role::Shared, "")
        }
    }

    pub(crate) const fn nothing() -> Self {
        Self::new(Role::Nothing, "")
    }

    pub(crate) const fn activity_result() -> Self {
        Self::new(Role::ActivityResult, "")
    }

    pub(crate) const fn orchestration_result() -> Self {
        Self::new(Role::OrchestrationResult, "")
    }

    /// What a trigger of this type takes for an answer.
    pub(crate) const fn answer(trigger: &'static Binding) -> Self {
        Self::new(Role::Answer, trigger.type_name)
    }

    /// Further members of the trigger's binding.
    pub(crate) const fn members(mut self, members: fn() -> Vec<Member>) -> Self {
        self.members = Some(members);
        self
    }

    pub(crate) const fn orchestration() -> Self {
        Self::with_role(Role::Orchestration, &table::ORCHESTRATION_TRIGGER)
    }

    pub(crate) const fn entity_result() -> Self {
        Self::new(Role::EntityResult, "")
    }

    pub(crate) const fn entity() -> Self {
        Self::with_role(Role::Entity, &table::ENTITY_TRIGGER)
    }

    pub(crate) const fn activity() -> Self {
        Self::with_role(Role::Activity, &table::ACTIVITY_TRIGGER)
    }

    /// A trigger that gives way to another one, whose data it then reads.
    pub(crate) const fn or_part(mut self) -> Self {
        self.role = Role::TriggerOrPart;
        self
    }

    /// The arguments that `#[binding(...)]` may give.
    pub const fn arguments(mut self, arguments: &'static [Argument]) -> Self {
        self.arguments = arguments;
        self
    }

    /// Accepts arguments that [`arguments`](Self::arguments) does not list, and passes them on: a name in snake case
    /// becomes camel case in `function.json`.
    pub const fn any_argument(mut self) -> Self {
        self.any_argument = true;
        self
    }

    /// Sets of arguments of which exactly one must be given: `[["queue_name"], ["topic_name", "subscription_name"]]`.
    pub const fn choices(mut self, choices: &'static [&'static [&'static str]]) -> Self {
        self.choices = choices;
        self
    }

    /// Takes or sends several values at once: `cardinality` is `many` for a trigger.
    pub const fn many(mut self) -> Self {
        self.many = true;
        self
    }

    /// Takes a reference instead of the data: [`BindingData::Model`](super::BindingData::Model).
    pub const fn deferred(mut self) -> Self {
        self.deferred = true;
        self
    }

    /// Properties that every binding of this type has, such as `("dataType", "binary")`.
    pub const fn fixed(mut self, properties: &'static [(&'static str, &'static str)]) -> Self {
        self.fixed = properties;
        self
    }

    /// The type in `function.json`; empty if there is no binding.
    pub const fn type_name(&self) -> &'static str {
        self.type_name
    }

    /// Whether it starts the function whatever else the signature holds.
    pub(crate) const fn is_trigger(&self) -> bool {
        matches!(
            self.role,
            Role::Trigger | Role::Orchestration | Role::Activity | Role::Entity
        )
    }

    /// Whether it is an output that a host knows as the return value, whatever else a function returns.
    pub(crate) const fn is_return_value(&self) -> bool {
        matches!(self.role, Role::ActivityResult | Role::Answer) || super::text::equal(self.type_name, "http")
    }

    /// The argument of this name.
    pub(crate) const fn argument(&self, name: &str) -> Option<&'static Argument> {
        let mut i = 0;
        while i < self.arguments.len() {
            if super::text::equal(self.arguments[i].name, name) {
                return Some(&self.arguments[i]);
            }
            i += 1;
        }
        None
    }
}
