//! Mistakes about what a function returns, unless it is an orchestration.

use crate::{
    check::arguments::{Place, arguments},
    errors::Errors,
    known::{self, Role},
    returned::Kind as Output,
    signature::{Parameter, Signature},
};

pub(crate) fn outputs(signature: &Signature, errors: &mut Errors) {
    let is_activity = signature.has(Role::Activity) || signature.activity;
    // Where only a part of a request is taken, the request is asked for.
    let has_http = [Role::Http, Role::HttpBody, Role::HttpPart]
        .into_iter()
        .any(|role| signature.has(role));
    // With a type that only the compiler knows, nothing is sure.
    let unknown = signature
        .parameters
        .iter()
        .any(|parameter| parameter.known.is_none() && !parameter.is_data());
    for (index, output) in signature.returned.outputs.iter().enumerate() {
        match output.kind {
            Output::Orchestration => errors.at(
                &output.ty,
                "`OrchestrationOutput` is what an orchestration returns: take a `DurableOrchestrationContext`, or return \
                 something else",
            ),
            Output::Entity => errors.at(
                &output.ty,
                "`EntityOutput` is what an entity returns: take a `DurableEntityContext`, or return something else",
            ),
            Output::Activity if index > 0 => {
                errors.at(&output.ty, "`ActivityOutput` comes first: write `(ActivityOutput, ...)`");
            }
            Output::Activity if has_http || signature.has(Role::Trigger) => errors.at(
                &output.ty,
                "`ActivityOutput` is what an activity returns: take a `DurableActivityContext`, or return something else",
            ),
            Output::Data if signature.returned.is_plain => {}
            Output::Http if is_activity && index == 0 => errors.at(
                &output.ty,
                "an activity returns a value that serde can write: write its type here, or `((), ...)` to return other outputs only",
            ),
            // Said of the other one.
            Output::Data if index == 0 && signature.returned.has("ActivityOutput") => {}
            Output::Data if is_activity && index == 0 => errors.at(
                &output.ty,
                "before other outputs an activity returns `()` or `ActivityOutput`: write `(ActivityOutput, ...)`",
            ),
            Output::Http if !has_http && !unknown => errors.at(
                &output.ty,
                format!(
                    "this answers an HTTP request, but another trigger starts the function{}",
                    known::hint_for_own(&output.ty)
                ),
            ),
            // Whether it is one is asked where its input stands.
            Output::Data if signature.parameters.iter().any(Parameter::is_data) => {}
            Output::Data => errors.at(
                &output.ty,
                format!(
                    "this is no output: return `HttpResponse` or `Json<T>` from an HTTP function; write `#[func(activity)]` for an \
                     activity{}",
                    known::hint_for_own(&output.ty)
                ),
            ),
            _ => {}
        }
    }
    if !signature.returned.is_plain {
        for (index, output) in signature.returned.outputs.iter().enumerate() {
            let Some((binding, name)) = output.binding else {
                continue;
            };
            let given = signature.outputs.iter().find(|(other, _)| *other == index);
            let given = given.map_or(&[][..], |(_, arguments)| &arguments.given);
            arguments(given, binding, name, &output.ty, Place::Function, errors);
        }
    }
    for (index, binding) in &signature.outputs {
        let count = signature.returned.outputs.len();
        // The arguments of an unknown type are checked with its trait; a tuple may hide behind one, too.
        match signature.returned.outputs.get(*index) {
            Some(output) if matches!(output.kind, Output::Activity | Output::Nothing) => errors.at(&binding.attribute,
                "this output has no binding, so there is nothing to give arguments to: remove this attribute",
            ),
            Some(output) if output.kind == Output::Http => {
                if let Some(given) = binding.given.first() {
                    let hint = known::hint_for_own(&output.ty);
                    errors.at(&given.key, format!("an HTTP response has no binding arguments: remove this{hint}"));
                }
            }
            Some(_) => {}
            None if count == 1 && signature.returned.outputs[0].kind == Output::Unknown => {}
            None => errors.at(&binding.attribute,
                format!("the function has {count} output{}: `$return` is the first, `output1` the second of a tuple, and so on", if count == 1 { "" } else { "s" }),
            ),
        }
    }
}

pub(crate) fn entity_output(signature: &Signature, errors: &mut Errors) {
    let returned = &signature.returned;
    let allowed = returned.outputs.len() <= 1
        && returned
            .outputs
            .iter()
            .all(|output| matches!(output.kind, Output::Nothing | Output::Entity | Output::Unknown));
    if let (false, Some(ty)) = (allowed, &returned.ty) {
        errors.at(
            ty,
            "an entity returns nothing, `EntityOutput` or `Result<EntityOutput, E>`: write `EntityOutput` and `.into()`",
        );
    }
    for (_, binding) in &signature.outputs {
        errors.at(
            &binding.attribute,
            "the output of an entity has no binding: remove this attribute",
        );
    }
}
