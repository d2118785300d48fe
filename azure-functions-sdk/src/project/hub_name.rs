//! Names of task hubs: 3 to 45 letters and digits, first a letter.

use std::fmt;

/// The name of a task hub.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HubName(String);

/// A task hub's name breaks the rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "task hub name '{name}' is not valid: {problem}; a task hub name has 3 to 45 characters, only ASCII letters and digits, \
     and begins with a letter"
)]
pub struct HubNameError {
    name: String,
    problem: &'static str,
}

impl HubName {
    /// Checks an explicit name.
    pub fn new(name: &str) -> Result<Self, HubNameError> {
        let problem = if name.len() < 3 {
            "it is too short"
        } else if let Some(c) = name.chars().find(|c| !c.is_ascii_alphanumeric()) {
            match c {
                '-' => "it contains '-'",
                '_' => "it contains '_'",
                _ => "it contains a character that is neither letter nor digit",
            }
        } else if name.len() > 45 {
            "it is too long"
        } else if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            "it begins with a digit"
        } else {
            return Ok(Self(name.to_owned()));
        };
        Err(HubNameError {
            name: name.to_owned(),
            problem,
        })
    }

    /// The name when none is configured, made from `WEBSITE_SITE_NAME` (or `TestHubName`) as the Durable Task extension
    /// makes it: other characters are dropped, `t` goes before a leading digit, at most 45 are kept, `Hub` is appended
    /// if fewer than 3 remain; `DefaultTaskHub` if none remain.
    pub fn from_site_name(site: Option<&str>) -> Self {
        let mut name: String = site
            .unwrap_or_default()
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        if name.is_empty() {
            return Self("DefaultTaskHub".to_owned());
        }
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            name.insert(0, 't');
        }
        name.truncate(45);
        if name.len() < 3 {
            name.push_str("Hub");
        }
        Self(name)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
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
    fn names_of_3_and_45_letters_pass() {
        assert_eq!(HubName::new("abc").unwrap().as_str(), "abc");
        assert!(HubName::new(&"a".repeat(45)).is_ok());
        assert!(HubName::new("SampleHubVS").is_ok());
    }

    #[test]
    fn bad_names_quote_the_rule() {
        let rule = "a task hub name has 3 to 45 characters, only ASCII letters and digits, and begins with a letter"
            .to_owned();
        for (name, problem) in [
            ("ab", "it is too short"),
            ("", "it is too short"),
            ("1hub", "it begins with a digit"),
            ("my-hub", "it contains '-'"),
            ("hub.a", "it contains a character that is neither letter nor digit"),
            (&*"a".repeat(46), "it is too long"),
        ] {
            let expected = format!("task hub name '{name}' is not valid: {problem}; {rule}");
            assert_eq!(HubName::new(name).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn the_default_name_comes_from_the_site() {
        for (site, name) in [
            (None, "DefaultTaskHub"),
            (Some("--"), "DefaultTaskHub"),
            (Some("my-site.1"), "mysite1"),
            (Some("7up"), "t7up"),
            (Some("x"), "xHub"),
        ] {
            assert_eq!(HubName::from_site_name(site).as_str(), name);
        }
        let long = HubName::from_site_name(Some(&"9".repeat(80)));
        assert_eq!(long.as_str().len(), 45);
        assert!(HubName::new(long.as_str()).is_ok());
    }
}
