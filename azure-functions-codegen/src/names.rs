//! Names: of functions and bindings, and what a misspelt one was meant to be.

use crate::table::camel_case;

/// What is wrong with a function's name.
///
/// The host's rule: a letter, then letters, digits, `_` and `-`, at most 127 in all; not `host`.
pub(crate) fn wrong_function_name(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("a function's name cannot be empty".to_owned());
    }
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Some(format!("the function name `{name}` must begin with a letter"));
    }
    if let Some(wrong) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !"_-".contains(*c)) {
        return Some(format!(
            "the function name `{name}` holds `{wrong}`: only the letters a to z, digits, `_` and `-` can stand in one"
        ));
    }
    if name.len() > 127 {
        return Some(format!(
            "the function name is {} characters long, 127 are allowed",
            name.len()
        ));
    }
    name.eq_ignore_ascii_case("host")
        .then(|| format!("the function name `{name}` is reserved by the host"))
}

/// The binding name of a parameter: camel case, without leading underscores.
pub(crate) fn binding_name(parameter: &str) -> String {
    camel_case(parameter)
}

/// What is wrong with a binding's name. The host's rule: a letter, then letters and digits, at most 128 in all.
pub(crate) fn wrong_binding_name(name: &str) -> Option<&'static str> {
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        Some("it does not begin with one of the letters a to z")
    } else if !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        Some("it holds something else than the letters a to z, digits and underscores")
    } else if name.len() > 128 {
        Some("it is longer than 128 characters")
    } else {
        None
    }
}

/// What is wrong with the name of an external event: it stands in a URL.
pub(crate) fn wrong_event_name(name: &str) -> Option<&'static str> {
    if name.trim().is_empty() {
        Some("an event needs a name")
    } else if [".", ".."].contains(&name.trim()) || name.contains(['/', '\\']) {
        Some("this name cannot be sent: it must not be `.` or `..`, nor hold `/` or `\\`")
    } else {
        None
    }
}

/// The one of `candidates` that was probably meant.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.len() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            let distance = strsim::osa_distance(&name.to_lowercase(), &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "; did you mean `x`?", or nothing.
pub(crate) fn hint<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates).map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"))
}

/// `a`, `b` and `c`, each in backticks.
pub(crate) fn list(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binding_names_are_camel_case_without_leading_underscores() {
        assert_eq!(binding_name("_req"), "req");
        assert_eq!(binding_name("my_long__name_"), "myLongName");
        assert_eq!(binding_name("x1"), "x1");
        assert_eq!(binding_name("__"), "");
    }

    #[test]
    fn function_names_follow_the_hosts_rule() {
        for name in ["a", "Say_Hello-2", &"x".repeat(127)] {
            assert_eq!(wrong_function_name(name), None, "{name}");
        }
        for name in ["", "_a", "1a", "a b", "größe", "HOST", &"x".repeat(128)] {
            assert!(wrong_function_name(name).is_some(), "{name}");
        }
    }

    #[test]
    fn the_nearest_spelling_is_found_and_nothing_far_away() {
        let names = ["auth_level", "methods", "route"];
        assert_eq!(nearest("rout", names), Some("route"));
        assert_eq!(nearest("authLevel", names), Some("auth_level"));
        assert_eq!(nearest("mehtods", names), Some("methods"));
        assert_eq!(nearest("connection", names), None);
    }
}
