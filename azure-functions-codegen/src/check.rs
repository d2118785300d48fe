//! Every mistake that the text of a signature shows.

pub(crate) mod arguments;
mod orchestration;
mod outputs;
mod route_parameters;
mod triggers;

use self::{
    arguments::{Place, arguments},
    orchestration::orchestration,
    outputs::{entity_output, outputs},
    route_parameters::route_parameters,
    triggers::{starts, triggers},
};
use crate::{
    arguments::Literal,
    errors::Errors,
    known::{Known, Role},
    names,
    signature::{Parameter, Signature},
    typed,
};

/// Reports the mistakes of a signature.
pub(crate) fn check(signature: &Signature, errors: &mut Errors) {
    function_name(signature, errors);
    binding_names(signature, errors);
    if !kind(signature, errors) {
        return;
    }
    if signature.has(Role::Orchestration) {
        orchestration(signature, errors);
    } else {
        triggers(signature, errors);
        if signature.has(Role::Entity) {
            entity_output(signature, errors);
        } else {
            outputs(signature, errors);
        }
    }
    for parameter in &signature.parameters {
        if let Some(known) = parameter.known {
            // A part of a request without the request is asked for that, with the arguments.
            if known.role != Role::HttpPart || starts(signature) {
                parameter_arguments(parameter, known, signature.docs.is_some(), errors);
            }
        }
    }
    route_parameters(signature, errors);
    default_retry(signature, errors);
    host_retry(signature, errors);
    warmup_name(signature, errors);
}

/// A host never starts a warm-up function of another name, and says nothing.
fn warmup_name(signature: &Signature, errors: &mut Errors) {
    let (name, _) = &signature.name;
    let is_warmup = |parameter: &&Parameter| {
        let given = parameter.arguments.iter().find(|given| given.key == "type");
        let named = match given.map(|given| &given.value) {
            Some(Literal::Text(text)) => text.eq_ignore_ascii_case("warmupTrigger"),
            _ => false,
        };
        let binding = parameter.known.and_then(|known| known.binding);
        named || binding.is_some_and(|binding| binding.type_name == "warmupTrigger")
    };
    if let Some(parameter) = signature.parameters.iter().find(is_warmup)
        && !name.eq_ignore_ascii_case("warmup")
    {
        errors.at(
            &parameter.ty,
            format!("a host starts this function only if it is called `warmup`, and `{name}` never: rename it"),
        );
    }
}

fn host_retry(signature: &Signature, errors: &mut Errors) {
    let Some((_, place)) = &signature.host_retry else {
        return;
    };
    if signature.is_activity() {
        errors.span(
            *place,
            "an activity is called again by its orchestration, not by the host: write `retry = POLICY`",
        );
    } else if signature.has(Role::Orchestration) || signature.has(Role::Entity) {
        errors.span(
            *place,
            "a host does not run an orchestration or an entity again: remove `retry`, and give the calls in it a `RetryOptions`",
        );
    }
}

fn default_retry(signature: &Signature, errors: &mut Errors) {
    let Some(policy) = &signature.retry else { return };
    if !signature.is_activity() {
        errors.at(
            policy,
            "`retry` is for activities: remove it, or say that this is one with `#[func(activity, retry = ..)]`",
        );
    } else if !typed::is_typed(signature) {
        errors.at(
            policy,
            "`retry` is for calls by type, which this activity has none of, because several parameters may be its input: take \
             one of them in a `DurableActivityContext<..>`",
        );
    }
}

fn function_name(signature: &Signature, errors: &mut Errors) {
    let (name, span) = &signature.name;
    if let Some(reason) = names::wrong_function_name(name) {
        let fix = if signature.ident == name {
            "; give it another one with `#[func(name = \"...\")]`"
        } else {
            ""
        };
        errors.span(*span, format!("{reason}{fix}"));
    }
}

/// Whether the kind that `#[func]` names, if it names one, is what the parameters say.
fn kind(signature: &Signature, errors: &mut Errors) -> bool {
    let has_context = signature.has(Role::Orchestration);
    match signature.kind {
        Some((Role::Activity, span)) if has_context => errors.span(
            span,
            "a `DurableOrchestrationContext` makes an orchestration of this function: remove `activity`, or take the input of the \
             activity itself",
        ),
        Some((Role::Orchestration, span)) if !has_context && !signature.is_method => errors.span(
            span,
            "an orchestration takes its context and nothing else: write `context: DurableOrchestrationContext<T>`, where `T` is \
             the type of its input",
        ),
        _ => return true,
    }
    false
}

fn binding_names(signature: &Signature, errors: &mut Errors) {
    for (index, parameter) in signature.parameters.iter().enumerate() {
        let Parameter { name, binding, .. } = parameter;
        if !parameter.readable {
            continue;
        }
        if let Some(reason) = names::wrong_binding_name(binding) {
            errors.span(
                parameter.name_span,
                format!("the host cannot take `{binding}` for the name of a binding: {reason}; rename the parameter"),
            );
        }
        // The host compares names without case.
        let same = signature.parameters[..index]
            .iter()
            .find(|other| other.readable && other.binding.eq_ignore_ascii_case(binding));
        if let Some(other) = same {
            errors.span(
                parameter.name_span,
                format!(
                    "`{name}` and `{}` both name the binding `{binding}`: rename one of them",
                    other.name
                ),
            );
        }
        let output =
            (1..signature.returned.outputs.len()).find(|i| binding.eq_ignore_ascii_case(&format!("output{i}")));
        if output.is_some() {
            errors.span(
                parameter.name_span,
                format!("`{binding}` is the name of an output in the returned tuple: rename the parameter"),
            );
        }
    }
}

fn parameter_arguments(parameter: &Parameter, known: Known, has_docs: bool, errors: &mut Errors) {
    match known.binding {
        Some(binding) => arguments(
            &parameter.arguments,
            binding,
            known.name,
            &parameter.ty,
            Place::Parameter { has_docs },
            errors,
        ),
        None => {
            if let Some(given) = parameter.arguments.first() {
                errors.at(
                    &given.key,
                    "this parameter has no binding of its own: put the arguments on the trigger's parameter",
                );
            }
        }
    }
}
