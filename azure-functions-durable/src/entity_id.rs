//! The name of a durable entity, and its other form: the instance id `@name@key`.

use crate::instance_id::is_forbidden_in_id;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Which entity: the name of its function and a key.
///
/// Names do not distinguish case and are kept in lower case; keys do. As an instance id it reads `@name@key`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct EntityId {
    name: String,
    key: String,
}

/// A name, key or text cannot be an entity id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntityIdError {
    /// The text does not have the form `@name@key`.
    #[error("`{0}` is no entity id; write it as `@name@key`")]
    Form(String),
    /// The name is empty, or has a character that the host refuses.
    #[error(
        "`{0}` cannot name an entity; it must not be empty nor have `@`, `/`, `\\`, `?`, `#` or control characters"
    )]
    Name(String),
    /// The key has a character that the host refuses.
    #[error("`{0}` cannot be the key of an entity; it must not have `/`, `\\`, `?`, `#` or control characters")]
    Key(String),
}

impl EntityId {
    /// The entity of function `name` with this key. The key may be empty.
    ///
    /// # Errors
    /// The name is empty, or one of the two has a character that the host refuses.
    pub fn new(name: impl Into<String>, key: impl Into<String>) -> Result<Self, EntityIdError> {
        let (name, key) = (name.into(), key.into());
        if name.is_empty() || name.contains('@') || name.contains(is_forbidden_in_id) {
            return Err(EntityIdError::Name(name));
        }
        if key.contains(is_forbidden_in_id) {
            return Err(EntityIdError::Key(key));
        }
        Ok(Self {
            name: name.to_lowercase(),
            key,
        })
    }

    /// The name, in lower case.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key, as it was given.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}@{}", self.name, self.key)
    }
}

impl FromStr for EntityId {
    type Err = EntityIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The first `@` after the leading one ends the name: a key may have more of them.
        let (name, key) = text
            .strip_prefix('@')
            .and_then(|rest| rest.split_once('@'))
            .ok_or_else(|| EntityIdError::Form(text.to_owned()))?;
        Self::new(name, key)
    }
}

#[derive(Deserialize)]
struct Parts {
    name: String,
    #[serde(default)]
    key: String,
}

impl TryFrom<Parts> for EntityId {
    type Error = EntityIdError;

    fn try_from(parts: Parts) -> Result<Self, Self::Error> {
        Self::new(parts.name, parts.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn row_123_an_id_is_shown_with_its_name_in_lower_case_and_its_key_which_may_be_empty() {
        let id = EntityId::new("Register", "1").unwrap();
        assert_eq!(id.to_string(), "@register@1");
        let id = EntityId::new("Register", "").unwrap();
        assert_eq!((id.key(), id.to_string().as_str()), ("", "@register@"));
    }

    #[test]
    fn the_name_is_lower_cased_and_the_key_kept() {
        let id = EntityId::new("Counter", "Main").unwrap();
        assert_eq!((id.name(), id.key()), ("counter", "Main"));
        assert_eq!(id.to_string(), "@counter@Main");
        assert_eq!("@COUNTER@Main".parse::<EntityId>().unwrap(), id);
    }

    #[test]
    fn a_key_may_be_empty_or_contain_an_at_sign() {
        assert_eq!(
            "@mailbox@me@example.org".parse::<EntityId>().unwrap().key(),
            "me@example.org"
        );
        assert_eq!("@counter@".parse::<EntityId>().unwrap().key(), "");
    }

    #[test]
    fn what_the_host_would_refuse_is_refused() {
        assert!(matches!("counter@a".parse::<EntityId>(), Err(EntityIdError::Form(_))));
        assert!(matches!("@counter".parse::<EntityId>(), Err(EntityIdError::Form(_))));
        assert!(matches!(EntityId::new("", "a"), Err(EntityIdError::Name(_))));
        assert!(matches!(EntityId::new("counter", "a/b"), Err(EntityIdError::Key(_))));
        assert!(matches!(EntityId::new("counter", "a\nb"), Err(EntityIdError::Key(_))));
    }

    #[test]
    fn the_wire_form_is_an_object() {
        let id: EntityId = serde_json::from_value(json!({"name": "Counter", "key": "a"})).unwrap();
        assert_eq!(
            serde_json::to_value(&id).unwrap(),
            json!({"name": "counter", "key": "a"})
        );
    }
}
