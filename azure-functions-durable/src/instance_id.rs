//! The rule for the ids of instances: the same for clients, hosts, and orchestrations that choose an id for a child.

/// The most characters that the id of an instance may have, counted in UTF-16 code units as .NET counts them.
pub const MAX_INSTANCE_ID_LENGTH: usize = 256;

/// A text cannot be the id of a new instance. The message is the rule that it breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InstanceIdError {
    /// URLs drop such a path segment, so the instance could not be addressed.
    #[error("it must not be blank, `.` or `..`")]
    Nowhere,
    /// It has a character that the Durable Task extension does not allow.
    #[error("it must not have `/`, `\\`, `?`, `#` or control characters")]
    Character,
    /// It begins with `@`, as the ids of entities do.
    #[error("it must not start with `@`, which marks entities")]
    Entity,
    /// It is longer than [`MAX_INSTANCE_ID_LENGTH`].
    #[error("it has {0} characters, and may have up to {MAX_INSTANCE_ID_LENGTH}")]
    Length(usize),
}

/// Checks an id that was chosen for a new instance. The rule is the documented one of Durable Functions. Version 3.19 of the
/// extension does not enforce it on starts over HTTP; but clients, servers on the way and the tables of Azure Storage differ in
/// which of the other ids they can address.
///
/// # Errors
/// The id breaks the rule.
///
/// ```
/// use azure_functions_durable::{InstanceIdError, check_instance_id};
///
/// assert_eq!(check_instance_id("order 7"), Ok(()));
/// assert_eq!(check_instance_id("orders/7"), Err(InstanceIdError::Character));
/// ```
pub fn check_instance_id(id: &str) -> Result<(), InstanceIdError> {
    if is_nowhere(id) {
        return Err(InstanceIdError::Nowhere);
    }
    if id.contains(is_forbidden_in_id) {
        return Err(InstanceIdError::Character);
    }
    if id.starts_with('@') {
        return Err(InstanceIdError::Entity);
    }
    match id.encode_utf16().count() {
        length if length > MAX_INSTANCE_ID_LENGTH => Err(InstanceIdError::Length(length)),
        _ => Ok(()),
    }
}

/// Whether a character may stand in no instance id, no entity name and no entity key: `/`, `\`, `?`, `#`, and control characters.
pub fn is_forbidden_in_id(character: char) -> bool {
    matches!(character, '/' | '\\' | '?' | '#') || character.is_control()
}

/// Servers drop such path segments, and the request would mean something else (`DELETE instances/` purges them all).
pub(crate) fn is_nowhere(name: &str) -> bool {
    matches!(name.trim(), "" | "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_cannot_be_addressed_is_refused_with_the_rule() {
        for id in ["", " ", "\u{a0}\t", ".", "..", " .. "] {
            assert_eq!(check_instance_id(id), Err(InstanceIdError::Nowhere), "{id:?}");
        }
        for id in ["a/b", "a\\b", "a?b", "a#b", "a\nb", "a\0b", "a\u{7f}", "a\u{85}b"] {
            assert_eq!(check_instance_id(id), Err(InstanceIdError::Character), "{id:?}");
        }
        assert_eq!(check_instance_id("@counter@a"), Err(InstanceIdError::Entity));
        for id in ["a+b", "a b", "a@b", "\u{e4}", "50%", "...", "5d0c:0003"] {
            assert_eq!(check_instance_id(id), Ok(()), "{id}");
        }
    }

    #[test]
    fn lengths_are_counted_in_utf16_units() {
        for (unit, fits) in [("x", 256), ("\u{e4}", 256), ("\u{1f980}", 128)] {
            assert_eq!(check_instance_id(&unit.repeat(fits)), Ok(()));
            let longer = unit.repeat(fits + 1);
            let length = longer.encode_utf16().count();
            assert_eq!(check_instance_id(&longer), Err(InstanceIdError::Length(length)));
        }
    }
}
