//! The rules for parameters.

use super::trigger::{ORCHESTRATION, is_bound, is_http, mode};
use crate::binding::{
    Role,
    signature::{Literal, Parameter},
    text::{Text, equal},
};

/// An orchestration is asynchronous.
pub const fn is_async(parameters: &[Parameter], is_async: bool) {
    assert!(
        is_async || mode(parameters) != ORCHESTRATION,
        "an orchestration must be asynchronous: write `async fn`"
    );
}

/// A host starts a warm-up function by its name, and says nothing about one of another.
pub const fn warmup_name(parameters: &[Parameter], index: usize, function: &str) {
    let this = &parameters[index];
    let mut type_name = this.spec.type_name;
    let mut i = 0;
    while i < this.arguments.len() {
        if let Literal::Text(text) = this.arguments[i].value
            && equal(this.arguments[i].name, "type")
        {
            type_name = text;
        }
        i += 1;
    }
    if type_name.eq_ignore_ascii_case("warmupTrigger") && !function.eq_ignore_ascii_case("warmup") {
        panic!(
            "{}",
            Text::new()
                .push("a host starts this function only if it is called `warmup`, and `")
                .push(function)
                .push("` never: rename it")
                .as_str()
        );
    }
}

/// A parameter goes with those before it.
pub const fn parameter(parameters: &[Parameter], index: usize) {
    let this = &parameters[index];
    if mode(parameters) == ORCHESTRATION {
        assert!(
            !matches!(this.spec.role, Role::Shared),
            "an orchestration cannot take what the app shares: it is replayed, and a value that changes between two replays would make it \
             non-deterministic; take it in an activity, and call that"
        );
        assert!(
            matches!(this.spec.role, Role::Orchestration),
            "an orchestration takes its `DurableOrchestrationContext<Input>` and nothing else: call an activity to use other bindings"
        );
        assert!(
            !this.by_reference,
            "an orchestration takes its context by value: remove the `&`"
        );
    }
    if matches!(this.spec.role, Role::Part) && !is_http(parameters) {
        panic!("this reads an HTTP request: add a parameter `request: HttpRequest`, or remove it");
    }
    let mut i = 0;
    while i < index {
        let other = &parameters[i];
        if matches!(this.spec.role, Role::Activity) && matches!(other.spec.role, Role::Activity) {
            panic!(
                "an activity has one input: put both values into a tuple or a struct, or read them from the context's `input`"
            );
        }
        if this.spec.is_trigger() && other.spec.is_trigger() {
            panic!(
                "{}",
                Text::new()
                    .push("a function has one trigger, and `")
                    .push(other.name)
                    .push("` is it: remove one of the two")
                    .as_str()
            );
        }
        if matches!(this.spec.role, Role::TriggerOrPart) && matches!(other.spec.role, Role::TriggerOrPart) {
            panic!("a request has one body: remove this parameter");
        }
        i += 1;
    }
    if matches!(this.spec.role, Role::TriggerOrPart) && !is_http(parameters) {
        panic!(
            "this reads the body of an HTTP request, but another trigger starts the function: remove one of the two"
        );
    }
}

/// The parameter has a binding that arguments can be for.
pub const fn takes_arguments(parameters: &[Parameter], index: usize) {
    assert!(
        is_bound(parameters, index),
        "this parameter has no binding of its own: put the arguments on the trigger's parameter"
    );
}
