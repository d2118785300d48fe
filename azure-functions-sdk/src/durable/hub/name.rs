//! Names of task hubs: rules, and the name of a hub that nobody named.

use std::fmt;

/// A valid task hub name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HubName(String);

/// A task hub name that breaks the rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("task hub name '{name}' is not valid: use 3 to 45 letters and digits (A-Z, a-z, 0-9), the first one a letter")]
pub struct HubNameError {
    /// The name that was refused.
    pub name: String,
}

const SHORTEST: usize = 3;
const LONGEST: usize = 45;

impl HubName {
    /// Checks a configured name.
    ///
    /// # Errors
    /// [`HubNameError`], which quotes the rule.
    pub fn new(name: impl Into<String>) -> Result<Self, HubNameError> {
        let name = name.into();
        let valid = (SHORTEST..=LONGEST).contains(&name.len())
            && name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.chars().all(|character| character.is_ascii_alphanumeric());
        if valid {
            Ok(Self(name))
        } else {
            Err(HubNameError { name })
        }
    }

    /// The hub of an app that names none, from the name of its site: what is not a letter or digit is left out.
    #[must_use]
    pub fn derived_from(site: &str) -> Self {
        let mut name: String = site.chars().filter(char::is_ascii_alphanumeric).collect();
        if name.is_empty() {
            return Self("DefaultTaskHub".to_owned());
        }
        if name.starts_with(|first: char| first.is_ascii_digit()) {
            name.insert(0, 't');
        }
        name.truncate(LONGEST);
        if name.len() < SHORTEST {
            name.push_str("Hub");
        }
        Self(name)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for HubName {
    /// The hub of an app that runs locally and names none.
    fn default() -> Self {
        Self("TestHubName".to_owned())
    }
}

impl fmt::Display for HubName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_letters_and_digits_beginning_with_a_letter() {
        for good in ["abc", "TestHubName", "h2o", &"a".repeat(45)] {
            assert_eq!(HubName::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "ab", "1abc", "my-hub", "my hub", "hüb1", &"a".repeat(46)] {
            let error = HubName::new(bad).unwrap_err().to_string();
            assert!(
                error.contains(bad) && error.contains("3 to 45 letters and digits"),
                "{error}"
            );
        }
    }

    #[test]
    fn names_are_derived_as_the_extension_derives_them() {
        for (site, hub) in [
            ("my-app.1", "myapp1"),
            ("7seas", "t7seas"),
            ("a", "aHub"),
            ("--", "DefaultTaskHub"),
            (&"x".repeat(60), &"x".repeat(45)),
        ] {
            assert_eq!(HubName::derived_from(site).as_str(), hub);
        }
    }
}
