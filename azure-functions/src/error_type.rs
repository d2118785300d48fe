//! The name of an error's type, by which telemetry groups failures.

use azure_functions_durable::{EntityIdError, OrchestrationClientError};
use std::{any::type_name, error::Error};

/// What a `Box<dyn Error>` is called whose content is not known.
const ERASED: &str = "Box<dyn Error>";

/// An error that is recognised where its type is lost, too: gives the name of the type, if it is one.
pub(crate) struct KnownError(pub(crate) fn(&(dyn Error + 'static)) -> Option<&'static str>);

inventory::collect!(KnownError);

/// Has an error of this crate recognised, under the path by which users name it. Stands beside the type, so that this module need not
/// know it.
macro_rules! known_error {
    ($error:ty, $path:literal) => {
        inventory::submit! {
            $crate::error_type::KnownError(|error| error.is::<$error>().then_some($path))
        }
    };
}
pub(crate) use known_error;

/// The type of an error that was an `E` before it was boxed: its path, as the compiler writes it. What is called out of the box has
/// lost its type: it is one of a few that are known, or has the name of the box.
pub(crate) fn error_type<E>(error: &(dyn Error + Send + Sync + 'static)) -> &'static str {
    let written = type_name::<E>();
    if written.starts_with("alloc::boxed::Box<dyn ") {
        return known(error);
    }
    match written {
        "alloc::string::String" | "&str" => "String",
        written => of_our_crates(error).unwrap_or(written),
    }
}

fn of_our_crates(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if error.is::<OrchestrationClientError>() {
        return Some("azure_functions_durable::OrchestrationClientError");
    }
    if error.is::<EntityIdError>() {
        return Some("azure_functions_durable::EntityIdError");
    }
    inventory::iter::<KnownError>
        .into_iter()
        .find_map(|KnownError(name)| name(error))
}

/// The type of an error of which nothing but its methods is known.
pub(crate) fn known(error: &(dyn Error + 'static)) -> &'static str {
    macro_rules! one_of {
        ($($error:ty),+ $(,)?) => {$(
            if error.is::<$error>() {
                return type_name::<$error>();
            }
        )+};
    }
    if let Some(name) = of_our_crates(error) {
        return name;
    }
    one_of!(
        serde_json::Error,
        std::io::Error,
        std::fmt::Error,
        std::num::ParseIntError,
        std::num::ParseFloatError,
        std::str::Utf8Error,
        std::string::FromUtf8Error,
        std::env::VarError,
        std::time::SystemTimeError,
    );
    ERASED
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BindingError, FunctionError, error::BoxError};

    #[derive(Debug, thiserror::Error)]
    #[error("declined")]
    struct Declined;

    fn of<E: Into<BoxError>>(error: E) -> &'static str {
        error_type::<E>(error.into().as_ref())
    }

    #[test]
    fn an_error_is_called_by_its_path() {
        assert_eq!(of(Declined), "azure_functions::error_type::tests::Declined");
        assert_eq!(of(BindingError::new("no")), "azure_functions::BindingError");
    }

    #[test]
    fn what_a_box_holds_is_told_if_it_is_known() {
        let parse = "x".parse::<u8>().unwrap_err();
        assert!(of(BoxError::from(parse)).ends_with("ParseIntError"));
        let io: Box<dyn Error + Send + Sync> = std::io::Error::other("gone").into();
        assert!(of(io).ends_with("Error") && of(BoxError::from(Declined)) == ERASED);
    }

    #[test]
    fn plain_text_is_called_what_it_is() {
        assert_eq!((of("oh"), of("oh".to_owned())), ("String", "String"));
    }

    #[test]
    fn an_error_of_ours_has_the_type_of_what_it_is_about() {
        assert_eq!(
            FunctionError::from_error(FunctionError::from_error(Declined)).error_type(),
            of(Declined)
        );
        assert_eq!(
            FunctionError::with_source("cannot pay", Declined).error_type(),
            of(Declined)
        );
        assert_eq!(
            FunctionError::new("cannot pay").error_type(),
            "azure_functions::FunctionError"
        );
        assert_eq!(
            FunctionError::from_error(BoxError::from(FunctionError::with_source("a", Declined))).error_type(),
            of(Declined)
        );
    }
}
