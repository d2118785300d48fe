//! What the parameters of functions need of the app, and what of it is missing.

use super::{States, startup::Startup};
use crate::{
    registry::{Function, place},
    state::{Lack, Need},
};
use std::collections::HashSet;

/// Functions take states that the app does not have.
#[derive(Debug, thiserror::Error)]
#[error(
    "{list}, but the app has no such state ({has}): give it with `.state(..)` or `.setup(..)` of `azure_functions::app()`, whose `run` then takes \
     the place of `worker_main` (in a test: `TestHost::builder().app(..)`)"
)]
pub(crate) struct MissingStates {
    list: String,
    has: String,
}

/// Refuses an app whose functions take states that it will not have.
pub(crate) fn check(functions: &[&'static Function], startup: &Startup) -> Result<(), MissingStates> {
    let nothing = States::default();
    let mut list = String::new();
    for function in functions {
        for need in function.needs() {
            if startup.promises((need.type_id)()) {
                continue;
            }
            if let Err(Lack::State(name)) = (need.load)(&nothing) {
                let separator = if list.is_empty() { "" } else { ", " };
                list.push_str(&format!(
                    "{separator}function `{}` ({}) takes `State<{name}>`",
                    function.name,
                    place(function)
                ));
            }
        }
    }
    if list.is_empty() {
        return Ok(());
    }
    let states = startup.promised();
    let has = match states.is_empty() {
        true => "it has none".to_owned(),
        false => format!("it has `{}`", states.join("`, `")),
    };
    Err(MissingStates { list, has })
}

/// The needs of functions, each type once.
pub(crate) fn of_all(functions: &[&'static Function]) -> Vec<&'static Need> {
    let mut seen = HashSet::new();
    let needs = functions.iter().flat_map(|function| function.needs());
    needs.filter(|need| seen.insert((need.type_id)())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        app::State,
        binding::{FromBinding, signature::Parameter},
        invocation::Outputs,
        registry::Handler,
    };

    struct Pool;
    struct Mailer;

    const fn takes<T: FromBinding>(name: &'static str) -> Parameter {
        Parameter {
            name,
            binding: name,
            spec: T::SPEC,
            by_reference: false,
            arguments: &[],
        }
    }

    const fn function(name: &'static str, line: u32, parameters: &'static [Parameter]) -> Function {
        Function {
            name,
            module: "app",
            file: "src/main.rs",
            line,
            bindings: Vec::new,
            parameters,
            retry: None,
            handler: Handler::Blocking(|_| Ok(Outputs::default())),
        }
    }

    static CHARGE: Function = function(
        "charge",
        3,
        &[takes::<State<Pool>>("pool"), takes::<State<Mailer>>("mailer")],
    );
    static REFUND: Function = function("refund", 9, &[takes::<State<Pool>>("pool")]);

    #[test]
    fn one_error_names_every_function_and_type_of_state_that_the_app_does_not_have() {
        let functions = [&CHARGE, &REFUND];
        let error = check(&functions, &crate::app().state(Mailer).startup)
            .unwrap_err()
            .to_string();
        let charge = "function `charge` (src/main.rs:3) takes `State<azure_functions::app::needs::tests::Pool>`";
        let refund = "function `refund` (src/main.rs:9) takes `State<azure_functions::app::needs::tests::Pool>`";
        assert!(
            error.starts_with(&format!("{charge}, {refund}, but the app has no such state (it has `azure_functions::app::needs::tests::Mailer`)")),
            "{error}"
        );
        assert!(
            !error.contains("State<azure_functions::app::needs::tests::Mailer>"),
            "{error}"
        );
    }

    #[test]
    fn a_state_that_a_set_up_will_make_is_not_missing() {
        let app = crate::app()
            .state(Mailer)
            .setup(async |_| Ok::<_, std::io::Error>(Pool));
        check(&[&CHARGE, &REFUND], &app.startup).unwrap();
    }
}
