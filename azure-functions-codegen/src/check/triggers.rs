//! Mistakes about what starts a function.

use crate::{
    errors::Errors,
    known::{OTHER_TRIGGERS, Role, hint_for_own},
    signature::{Parameter, Signature},
};

/// Whether a parameter is, or may be, what starts the function.
pub(crate) fn starts(signature: &Signature) -> bool {
    signature.is_method
        || signature.names_trigger
        || signature.parameters.iter().any(|parameter| match parameter.role() {
            Some(role) => role.is_trigger() || role == Role::HttpBody,
            None => true,
        })
}

pub(crate) fn triggers(signature: &Signature, errors: &mut Errors) {
    let is_activity = signature.activity || signature.has(Role::Activity);
    let mut first: Option<&Parameter> = None;
    let mut body: Option<&Parameter> = None;
    let mut unknown = signature.is_method || signature.names_trigger;
    for parameter in &signature.parameters {
        unknown |= !parameter.readable;
        let is_input = is_activity && parameter.is_data();
        match parameter.role() {
            Some(role) if role.is_trigger() => {}
            None if is_input => {}
            Some(Role::HttpBody) => {
                if body.is_some() {
                    errors.at(&parameter.ty, "a request has one body: remove this parameter");
                }
                body = Some(parameter);
                continue;
            }
            Some(_) => continue,
            None if parameter.is_data() && parameter.readable && signature.has(Role::Entity) => {
                errors.at(
                    &parameter.ty,
                    "this is no binding: read the input of an operation with the context's `input_as`",
                );
                continue;
            }
            None if parameter.is_data() && parameter.readable => {
                if !signature.names_trigger {
                    errors.at(
                        &parameter.ty,
                        format!(
                            "this is no binding: to make it the input of an activity, return `ActivityOutput` or write \
                             `#[func(activity)]`; to read it from a request, use `Route<T>` or `Json<T>`; {OTHER_TRIGGERS}{}",
                            hint_for_own(&parameter.ty)
                        ),
                    );
                }
                unknown = true;
                continue;
            }
            None => {
                unknown = true;
                continue;
            }
        }
        match first {
            None => first = Some(parameter),
            Some(other) if is_input || other.is_data() => errors.at(
                &parameter.ty,
                format!(
                    "an activity has one input, and `{}` is it: put both values into a tuple or a struct",
                    other.name
                ),
            ),
            Some(other) => errors.at(
                &parameter.ty,
                format!(
                    "a function has one trigger, and `{}` is it: remove one of the two",
                    other.name
                ),
            ),
        }
    }
    let http = signature.has(Role::Http) || (first.is_none() && body.is_some());
    if let (Some(_), Some(body), false) = (first, body, signature.has(Role::Http)) {
        errors.at(
            &body.ty,
            "this reads the body of an HTTP request, but another trigger starts the function: remove one of the two",
        );
    }
    let nothing = first.is_none() && body.is_none();
    if !(http || nothing && unknown) {
        for parameter in signature.parameters.iter().filter(|p| p.role() == Some(Role::HttpPart)) {
            errors.at(
                &parameter.ty,
                "this reads an HTTP request: add a parameter `request: HttpRequest`, with the arguments of the binding, or remove it",
            );
        }
    }
    if nothing && !unknown && !signature.has(Role::HttpPart) {
        let message = if is_activity {
            "nothing starts this activity: add its input, for example `context: DurableActivityContext` or `name: String`"
                .to_owned()
        } else {
            format!(
                "nothing starts this function: add a trigger parameter, for example `request: HttpRequest`, `timer: TimerInfo`, \
                 `context: DurableActivityContext` or `context: DurableOrchestrationContext`; {OTHER_TRIGGERS}"
            )
        };
        errors.at(&signature.ident, message);
    }
}
