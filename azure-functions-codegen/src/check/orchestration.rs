//! Mistakes in the signature of an orchestration.

use crate::{
    errors::Errors,
    known::{Known, Role},
    returned::Kind as Output,
    signature::Signature,
};

pub(crate) fn orchestration(signature: &Signature, errors: &mut Errors) {
    if !signature.is_async {
        errors.span(
            signature.fn_span,
            "an orchestration must be asynchronous: write `async fn`",
        );
    }
    let mut contexts = 0;
    for parameter in &signature.parameters {
        if parameter.role() == Some(Role::Orchestration) {
            contexts += 1;
            if let Some(span) = parameter.reference {
                errors.span(span, "an orchestration takes its context by value: remove the `&`");
            }
            if contexts == 1 {
                continue;
            }
        }
        if let Some(Known {
            name,
            role: Role::Shared,
            ..
        }) = parameter.known
        {
            errors.at(
                &parameter.ty,
                format!(
                    "an orchestration cannot take `{name}<T>`: it is replayed, and a value that changes between two replays would make \
                     it non-deterministic; take it in an activity, and call that"
                ),
            );
            continue;
        }
        errors.at(
            &parameter.ty,
            "an orchestration takes its `DurableOrchestrationContext<Input>` and nothing else: call an activity to use other bindings",
        );
    }
    let returned = &signature.returned;
    let allowed = returned.outputs.len() <= 1
        && returned.outputs.iter().all(|output| {
            matches!(
                output.kind,
                Output::Nothing | Output::Orchestration | Output::Data | Output::Unknown
            )
        });
    if let (false, Some(ty)) = (allowed, &returned.ty) {
        errors.at(
            ty,
            "an orchestration returns a value that serde can write, such as `Receipt` or `Vec<String>`, nothing, or a `Result` of these",
        );
    }
    for (_, binding) in &signature.outputs {
        errors.at(
            &binding.attribute,
            "the output of an orchestration has no binding: remove this attribute",
        );
    }
}
