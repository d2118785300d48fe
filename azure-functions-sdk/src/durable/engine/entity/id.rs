//! Names of entities.

use std::fmt;

use azure_functions_durable::{MAX_INSTANCE_ID_LENGTH, is_forbidden_in_id};
use serde::{Deserialize, Serialize};

/// An entity: the name of its function, lower-cased, and its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct EntityId {
    /// Lower case.
    pub(crate) name: String,
    /// As it was given; may be empty.
    pub(crate) key: String,
}

impl EntityId {
    /// Checks name and key. The error says what is wrong with them.
    pub(crate) fn new(name: &str, key: &str) -> Result<Self, String> {
        let refused = |why: &str| Err(format!("The entity id '@{name}@{key}' is not valid: {why}."));
        if name.is_empty() {
            return refused("the name must not be empty");
        }
        if name.contains('@') {
            return refused("the name must not contain '@'");
        }
        if name.contains(is_forbidden_in_id) || key.contains(is_forbidden_in_id) {
            return refused("name and key must not contain '/', '\\', '?', '#' or control characters");
        }
        let length = |part: &str| part.encode_utf16().count();
        if length(name) + length(key) + 2 > MAX_INSTANCE_ID_LENGTH {
            return refused(&format!(
                "it must not be longer than {MAX_INSTANCE_ID_LENGTH} characters"
            ));
        }
        Ok(Self {
            name: name.to_lowercase(),
            key: key.to_owned(),
        })
    }

    /// Reads `@name@key`.
    pub(crate) fn parse(id: &str) -> Result<Self, String> {
        // Keys may contain '@', names not.
        match id.strip_prefix('@').and_then(|rest| rest.split_once('@')) {
            Some((name, key)) => Self::new(name, key),
            None => Err(format!("'{id}' is not the id of an entity, which is '@name@key'.")),
        }
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}@{}", self.name, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_case_and_keys_keep_it_and_everything_else() {
        let id = EntityId::parse("@Register@A@b").unwrap();
        assert_eq!((id.name.as_str(), id.key.as_str()), ("register", "A@b"));
        assert_eq!(id.to_string(), "@register@A@b");
        assert_eq!(EntityId::parse("@register@").unwrap().key, "");
    }

    #[test]
    fn ids_that_no_url_can_carry_are_refused() {
        for bad in [
            "",
            "register",
            "@register",
            "@@key",
            "@a/b@c",
            "@a@b/c",
            "@a@b\\c",
            "@a@b?c",
            "@a@b#c",
            "@a@b\nc",
            &format!("@a@{}", "k".repeat(254)),
        ] {
            assert!(EntityId::parse(bad).is_err(), "{bad}");
        }
    }
}
