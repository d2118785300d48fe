//! What a binding type says about itself: its type in `function.json` and the arguments it takes.

use crate::state::Need;

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
}

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

    pub(crate) const fn orchestration() -> Self {
        const ARGUMENTS: &[Argument] = &[Argument::text("orchestration")];
        Self::new(Role::Orchestration, "orchestrationTrigger").arguments(ARGUMENTS)
    }

    pub(crate) const fn entity_result() -> Self {
        Self::new(Role::EntityResult, "")
    }

    pub(crate) const fn entity() -> Self {
        const ARGUMENTS: &[Argument] = &[Argument::text("entity").key("entityName")];
        Self::new(Role::Entity, "entityTrigger").arguments(ARGUMENTS)
    }

    pub(crate) const fn activity() -> Self {
        const ARGUMENTS: &[Argument] = &[Argument::text("activity")];
        Self::new(Role::Activity, "activityTrigger").arguments(ARGUMENTS)
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

    /// Accepts arguments that [`arguments`](Self::arguments) does not list, and passes them on as they are.
    pub const fn any_argument(mut self) -> Self {
        self.any_argument = true;
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

/// An argument of `#[binding(...)]`.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    pub(crate) name: &'static str,
    pub(crate) key: Option<&'static str>,
    pub(crate) kind: ArgumentKind,
    pub(crate) required: bool,
}

/// What an argument's value must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ArgumentKind {
    Text,
    Flag,
    Integer,
    Number,
    OneOf(&'static [&'static str]),
    SomeOf(&'static [&'static str]),
    Schedule,
    Route,
    Any,
}

impl Argument {
    const fn new(name: &'static str, kind: ArgumentKind) -> Self {
        Self {
            name,
            key: None,
            kind,
            required: false,
        }
    }

    /// Takes text. The name is in snake case; in `function.json` it is in camel case.
    pub const fn text(name: &'static str) -> Self {
        Self::new(name, ArgumentKind::Text)
    }

    /// Takes `true` or `false`.
    pub const fn flag(name: &'static str) -> Self {
        Self::new(name, ArgumentKind::Flag)
    }

    /// Takes an integer.
    pub const fn integer(name: &'static str) -> Self {
        Self::new(name, ArgumentKind::Integer)
    }

    /// Takes a number.
    pub const fn number(name: &'static str) -> Self {
        Self::new(name, ArgumentKind::Number)
    }

    /// Takes one of these texts.
    pub const fn one_of(name: &'static str, values: &'static [&'static str]) -> Self {
        Self::new(name, ArgumentKind::OneOf(values))
    }

    /// Takes some of these texts: `["a", "b"]`, or `"a|b"`. It is a list in `function.json`.
    pub const fn some_of(name: &'static str, values: &'static [&'static str]) -> Self {
        Self::new(name, ArgumentKind::SomeOf(values))
    }

    /// Takes a timer's schedule: an NCRONTAB expression, a time span, or `%SETTING%`.
    pub const fn schedule(name: &'static str) -> Self {
        Self::new(name, ArgumentKind::Schedule)
    }

    /// Takes an HTTP route template.
    pub const fn route(name: &'static str) -> Self {
        Self::new(name, ArgumentKind::Route)
    }

    /// Takes any literal or a list of them.
    pub const fn any(name: &'static str) -> Self {
        Self::new(name, ArgumentKind::Any)
    }

    /// Must be given.
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Its name in `function.json`, if that is not the name in camel case.
    pub const fn key(mut self, key: &'static str) -> Self {
        self.key = Some(key);
        self
    }
}
