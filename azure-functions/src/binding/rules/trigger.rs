//! What starts a function.

use crate::binding::{Role, signature::Parameter, text::equal};

/// How the worker calls a function, as a number that a const generic can take.
pub const PLAIN: u8 = 0;

/// See [`PLAIN`].
pub const ORCHESTRATION: u8 = 1;

/// See [`PLAIN`].
pub const ENTITY: u8 = 2;

/// The mode of a function with these parameters.
pub const fn mode(parameters: &[Parameter]) -> u8 {
    if has(parameters, Role::Orchestration) {
        ORCHESTRATION
    } else if has(parameters, Role::Entity) {
        ENTITY
    } else {
        PLAIN
    }
}

pub(super) const fn has(parameters: &[Parameter], role: Role) -> bool {
    let mut i = 0;
    while i < parameters.len() {
        if parameters[i].spec.role as u8 == role as u8 {
            return true;
        }
        i += 1;
    }
    false
}

/// The position of what starts the function.
pub(super) const fn trigger(parameters: &[Parameter]) -> Option<usize> {
    let mut i = 0;
    while i < parameters.len() {
        if parameters[i].spec.is_trigger() {
            return Some(i);
        }
        i += 1;
    }
    let mut i = 0;
    while i < parameters.len() {
        if matches!(parameters[i].spec.role, Role::TriggerOrPart) {
            return Some(i);
        }
        i += 1;
    }
    None
}

/// The name of the binding that brings the batch of an entity.
pub(crate) const fn entity_trigger(parameters: &[Parameter]) -> &'static str {
    let mut i = 0;
    while i < parameters.len() {
        if matches!(parameters[i].spec.role, Role::Entity) {
            return parameters[i].binding;
        }
        i += 1;
    }
    ""
}

pub(super) const fn is_http(parameters: &[Parameter]) -> bool {
    match trigger(parameters) {
        Some(i) => equal(parameters[i].spec.type_name, "httpTrigger"),
        None => false,
    }
}

pub(super) const fn is_bound(parameters: &[Parameter], index: usize) -> bool {
    match parameters[index].spec.role {
        Role::Part | Role::Shared => false,
        Role::TriggerOrPart => matches!(trigger(parameters), Some(i) if i == index),
        _ => true,
    }
}

/// Something starts the function.
pub const fn has_trigger(parameters: &[Parameter]) {
    assert!(
        trigger(parameters).is_some(),
        "nothing starts this function: add a trigger parameter, for example `request: HttpRequest`, `timer: TimerInfo`, \
         `context: DurableActivityContext` or `context: DurableOrchestrationContext`"
    );
}
