//! The app settings as the host sees them: the process environment, completed by `local.settings.json`.
//! Names compare as .NET configuration compares them, `A:B` equal to `A__B` and without regard to case.

use std::{collections::BTreeMap, fmt};

use super::local_settings::{LocalSettings, normalised};

/// App settings: what `%NAME%`, `AzureWebJobs.NAME.Disabled` and connection names refer to. Values are never shown.
#[derive(Clone, Default)]
pub struct Settings {
    /// By normalised name; the value comes with the name as it was written.
    values: BTreeMap<String, (String, String)>,
    /// What local settings add to the environment of host and worker, under the names they were written with.
    exported: Vec<(String, String)>,
    warnings: Vec<String>,
}

/// A `%NAME%` that names no setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'%{name}%' does not resolve: add the app setting '{name}' to Values in local.settings.json, or set it in the environment"
)]
pub struct UnresolvedSetting {
    /// The name between the percent signs.
    pub name: String,
}

impl Settings {
    /// Joins the process environment (`std::env::vars()`) with local settings. A variable that is set and not empty
    /// wins over the file, with a warning.
    pub fn new(environment: impl IntoIterator<Item = (String, String)>, local: &LocalSettings) -> Self {
        let mut settings = Self::default();
        for (name, value) in environment {
            settings.values.insert(normalised(&name), (name, value));
        }
        for (name, value) in local.variables() {
            let key = normalised(name);
            let process = settings.values.get(&key).filter(|(_, value)| !value.is_empty());
            if process.is_some() {
                settings.warnings.push(format!(
                    "Skipping '{name}' from local settings as it's already defined in current environment variables."
                ));
            } else {
                settings.values.insert(key, (name.to_owned(), value.to_owned()));
                settings.exported.push((name.to_owned(), value.to_owned()));
            }
        }
        settings
    }

    /// [`Settings::new`] with the environment of this process; variables that are not UTF-8 are left out.
    pub fn of_process(local: &LocalSettings) -> Self {
        let text = |value: std::ffi::OsString| value.into_string().ok();
        Self::new(
            std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?))),
            local,
        )
    }

    /// The value of a setting.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(&normalised(name)).map(|(_, value)| value.as_str())
    }

    /// What to add to the environment of the worker process (which inherits ours).
    pub fn exported(&self) -> &[(String, String)] {
        &self.exported
    }

    /// Which local settings the environment overrides; names, never values. The file's own warnings are
    /// [`LocalSettings::warnings`].
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Replaces every `%NAME%` by that setting's value. A lone `%` stays.
    ///
    /// # Errors
    /// A name between two percent signs that is no setting, or is empty text.
    pub fn resolve(&self, text: &str) -> Result<String, UnresolvedSetting> {
        let mut resolved = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            let Some((name, tail)) = after.split_once('%') else {
                break;
            };
            resolved.push_str(before);
            match self.get(name).filter(|value| !value.is_empty()) {
                Some(value) => resolved.push_str(value),
                None => return Err(UnresolvedSetting { name: name.to_owned() }),
            }
            rest = tail;
        }
        resolved.push_str(rest);
        Ok(resolved)
    }

    /// Whether `AzureWebJobs.NAME.Disabled` (or `AzureWebJobs_NAME_Disabled`, which Linux allows) is `true` or `1`.
    pub fn is_disabled(&self, function: &str) -> bool {
        let value = self
            .get(&format!("AzureWebJobs.{function}.Disabled"))
            .or_else(|| self.get(&format!("AzureWebJobs_{function}_Disabled")));
        value.is_some_and(|value| value.trim() == "1" || value.trim().eq_ignore_ascii_case("true"))
    }

    /// The settings under a section such as `AzureFunctionsJobHost`: the rest of the lower-cased name split at the
    /// separators, the name as it was written, and the value.
    pub(crate) fn section(&self, section: &str) -> impl Iterator<Item = (Vec<&str>, &str, &str)> {
        let prefix = normalised(section) + ":";
        self.values.iter().filter_map(move |(key, (name, value))| {
            let rest = key.strip_prefix(&prefix)?;
            Some((rest.split(':').collect(), name.as_str(), value.as_str()))
        })
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("names", &self.values.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(environment: &[(&str, &str)], local: &str) -> Settings {
        let local = LocalSettings::parse("local.settings.json", local).unwrap();
        Settings::new(
            environment.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())),
            &local,
        )
    }

    #[test]
    fn the_environment_wins_with_a_warning_that_holds_no_value() {
        let settings = settings(
            &[("TOKEN", "from-process"), ("EMPTY", "")],
            r#"{"IsEncrypted": false, "Values": {"Token": "from-file", "EMPTY": "filled", "A:B": "nested"}}"#,
        );
        assert_eq!(settings.get("token"), Some("from-process"));
        assert_eq!(settings.get("A__B"), Some("nested"));
        assert_eq!(
            settings.exported(),
            [
                ("EMPTY".to_owned(), "filled".to_owned()),
                ("A:B".to_owned(), "nested".to_owned())
            ]
        );
        assert_eq!(
            settings.warnings(),
            ["Skipping 'Token' from local settings as it's already defined in current environment variables."]
        );
        assert!(!format!("{settings:?}").contains("from-"));
    }

    #[test]
    fn percent_names_are_replaced() {
        let settings = settings(&[("HUB", "Blue"), ("N", "5")], r#"{"IsEncrypted": false}"#);
        assert_eq!(settings.resolve("a-%hub%-%N%").unwrap(), "a-Blue-5");
        assert_eq!(settings.resolve("100%").unwrap(), "100%");
        assert_eq!(
            settings.resolve("%Nope%").unwrap_err().to_string(),
            "'%Nope%' does not resolve: add the app setting 'Nope' to Values in local.settings.json, or set it in the environment"
        );
    }

    #[test]
    fn functions_are_disabled_by_name() {
        let settings = settings(
            &[
                ("AzureWebJobs.Old.Disabled", "true"),
                ("AzureWebJobs_Older_Disabled", "1"),
                ("AzureWebJobs.New.Disabled", "0"),
            ],
            r#"{"IsEncrypted": false}"#,
        );
        assert!(settings.is_disabled("old") && settings.is_disabled("Older"));
        assert!(!settings.is_disabled("New") && !settings.is_disabled("Other"));
    }
}
