//! `local.settings.json`: app settings for local runs. Its values are secrets: none is ever put in a message.

use std::{collections::HashMap, fmt, io, path::Path};

use super::{
    ProjectError,
    error::shown,
    json_text::{self, Json, Node},
};

/// What `local.settings.json` holds.
#[derive(Clone, Default)]
pub struct LocalSettings {
    /// In the order of the file; those that another of their name has replaced are gone.
    variables: Vec<Option<(String, String)>>,
    /// Where in `variables` the settings are, by what makes two names one.
    places: HashMap<String, usize>,
    warnings: Vec<String>,
    host: HostSection,
}

/// The `Host` section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostSection {
    /// `LocalHttpPort`.
    pub port: Option<u16>,
    /// `LocalHttpAddress`.
    pub address: Option<String>,
    /// `CORS`, a comma separated list of origins or `*`.
    pub cors: Option<String>,
    /// `CORSCredentials`.
    pub cors_credentials: bool,
}

impl LocalSettings {
    /// Reads the file; a missing file is an empty one.
    ///
    /// # Errors
    /// The file cannot be read, is not JSON, is encrypted, or holds a value of the wrong type.
    pub fn read(path: &Path) -> Result<Self, ProjectError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&shown(path), &text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(ProjectError::Unreadable {
                file: shown(path),
                source,
            }),
        }
    }

    /// Reads text; `file` is the name that errors use.
    ///
    /// # Errors
    /// As [`LocalSettings::read`].
    pub fn parse(file: &str, text: &str) -> Result<Self, ProjectError> {
        let root = json_text::parse(text).map_err(|error| ProjectError::syntax(file, error))?;
        if !matches!(root.value, Json::Object(_)) {
            return Err(ProjectError::value(
                file,
                &root,
                format!("expected an object, found {}", root.kind()),
            ));
        }
        let mut settings = Self::default();
        for section in ["Values", "ConnectionStrings", "Host"] {
            let is_twice = members(file, "", &root)?
                .iter()
                .filter(|(name, _)| name.eq_ignore_ascii_case(section))
                .nth(1)
                .is_some();
            if is_twice {
                settings.warnings.push(format!(
                    "'{section}' stands twice in {file}: the last one counts, join the two"
                ));
            }
        }
        settings.check_not_encrypted(file, &root)?;
        if let Some(values) = root.member("Values") {
            for (name, node) in members(file, "Values", values)? {
                settings.add_value(file, name, node)?;
            }
        }
        if let Some(strings) = root.member("ConnectionStrings") {
            for (name, node) in members(file, "ConnectionStrings", strings)? {
                let text = match &node.value {
                    Json::Object(_) => node.member("ConnectionString").unwrap_or(node),
                    _ => node,
                };
                let Json::Text(text) = &text.value else {
                    let problem = format!(
                        "ConnectionStrings.{name} must be a string, or an object with a string named ConnectionString"
                    );
                    return Err(ProjectError::value(file, text, problem));
                };
                let text = text.clone();
                settings.set(file, format!("ConnectionStrings:{name}"), Some(text));
            }
        }
        if let Some(host) = root.member("Host") {
            settings.host = host_section(file, host)?;
        }
        Ok(settings)
    }

    /// Names and values for the environment, in the order of the file.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables
            .iter()
            .flatten()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What to tell the user; names, never values.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The `Host` section.
    pub fn host(&self) -> &HostSection {
        &self.host
    }

    /// The field's tools take a missing `IsEncrypted` for true; a file that is written by hand does not mean that, so only an
    /// explicit `true` is refused here, and a missing one gets a warning if there is something to decrypt.
    fn check_not_encrypted(&mut self, file: &str, root: &Node) -> Result<(), ProjectError> {
        let Some(node) = root.member("IsEncrypted") else {
            if root.member("Values").is_some() || root.member("ConnectionStrings").is_some() {
                self.warnings.push(format!(
                    "{file} has no \"IsEncrypted\": taken as false here, but Azure Functions Core Tools take it as true; \
                     add \"IsEncrypted\": false"
                ));
            }
            return Ok(());
        };
        match flag(node) {
            Some(false) => Ok(()),
            Some(true) => Err(ProjectError::value(
                file,
                node,
                "IsEncrypted is true: encrypted settings can be read only on the machine and by the tool that wrote them; run \
                 `func settings decrypt`, or write the values in plain text and set \"IsEncrypted\": false",
            )),
            None => Err(ProjectError::value(
                file,
                node,
                format!("IsEncrypted must be false, found {}", node.kind()),
            )),
        }
    }

    fn add_value(&mut self, file: &str, name: &str, node: &Node) -> Result<(), ProjectError> {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(ProjectError::value(
                file,
                node,
                "a name in Values must not be empty nor contain '='",
            ));
        }
        let value = match &node.value {
            Json::Text(text) => {
                if text.contains('\0') {
                    return Err(ProjectError::value(
                        file,
                        node,
                        format!("Values.{name} must not contain U+0000"),
                    ));
                }
                text.clone()
            }
            Json::Bool(value) => self.noted(name, value.to_string()),
            Json::Number(text) => self.noted(name, text.clone()),
            Json::Null => {
                self.warnings
                    .push(format!("Values.{name} in {file} is null: the setting is left out"));
                self.set(file, name.to_owned(), None);
                return Ok(());
            }
            Json::Array(_) | Json::Object(_) => {
                let problem = format!(
                    "Values.{name} must be a string, found {}: Values is flat, write nested settings as \"{name}:key\" or \
                     \"{name}__key\"",
                    node.kind()
                );
                return Err(ProjectError::value(file, node, problem));
            }
        };
        self.set(file, name.to_owned(), Some(value));
        Ok(())
    }

    /// Of two of a name the last counts, as .NET reads JSON and configuration. Names are the same as those of [`Settings`] are.
    ///
    /// [`Settings`]: super::Settings
    fn set(&mut self, file: &str, name: String, value: Option<String>) {
        let key = normalised(&name);
        let place = self.places.remove(&key);
        if let Some((before, _)) = place.and_then(|place| self.variables[place].take()) {
            let same = if before == name {
                format!("'{name}' stands twice in {file}")
            } else {
                format!("'{before}' and '{name}' in {file} are the same setting")
            };
            self.warnings
                .push(format!("{same}: the last one counts, remove the other"));
        }
        if let Some(value) = value {
            self.places.insert(key, self.variables.len());
            self.variables.push(Some((name, value)));
        }
    }

    fn noted(&mut self, name: &str, text: String) -> String {
        self.warnings.push(format!(
            "Values.{name} is not a string: its JSON text is used, put it in double quotes"
        ));
        text
    }
}

impl fmt::Debug for LocalSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSettings")
            .field("names", &self.variables().map(|(name, _)| name).collect::<Vec<_>>())
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

fn members<'a>(file: &str, section: &str, node: &'a Node) -> Result<&'a [(String, Node)], ProjectError> {
    match &node.value {
        Json::Object(members) => Ok(members),
        Json::Null => Ok(&[]),
        _ => Err(ProjectError::value(
            file,
            node,
            format!("{section} must be an object, found {}", node.kind()),
        )),
    }
}

fn host_section(file: &str, node: &Node) -> Result<HostSection, ProjectError> {
    members(file, "Host", node)?;
    let mut host = HostSection::default();
    if let Some(node) = node.member("LocalHttpPort") {
        let text = match &node.value {
            Json::Number(text) | Json::Text(text) => text.trim(),
            _ => "",
        };
        host.port = Some(text.parse().map_err(|_| {
            ProjectError::value(file, node, "Host.LocalHttpPort must be a port number from 0 to 65535")
        })?);
    }
    if let Some(node) = node.member("CORS") {
        let Json::Text(text) = &node.value else {
            let problem = "Host.CORS must be a string: origins separated by commas, or \"*\"";
            return Err(ProjectError::value(file, node, problem));
        };
        host.cors = Some(text.clone());
    }
    if let Some(node) = node.member("LocalHttpAddress") {
        let Json::Text(text) = &node.value else {
            return Err(ProjectError::value(
                file,
                node,
                "Host.LocalHttpAddress must be a string such as \"127.0.0.1\"",
            ));
        };
        host.address = Some(text.clone());
    }
    if let Some(node) = node.member("CORSCredentials") {
        host.cors_credentials =
            flag(node).ok_or_else(|| ProjectError::value(file, node, "Host.CORSCredentials must be true or false"))?;
    }
    Ok(host)
}

fn flag(node: &Node) -> Option<bool> {
    match &node.value {
        Json::Bool(value) => Some(*value),
        Json::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Json::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// One text for all spellings of a name.
pub(crate) fn normalised(name: &str) -> String {
    name.replace("__", ":").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<LocalSettings, ProjectError> {
        LocalSettings::parse("local.settings.json", text)
    }

    fn message(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn values_connection_strings_and_host_are_read() {
        let settings = parse(
            r#"{
              "IsEncrypted": false, // plain
              "Values": { "AzureWebJobsStorage": "UseDevelopmentStorage=true", "N": 5, "B": true, "Gone": null },
              "ConnectionStrings": { "Sql": "Server=x", "Pg": { "ConnectionString": "Host=y", "ProviderName": "z" } },
              "Host": { "LocalHttpPort": 7072, "CORS": "*", "CORSCredentials": false },
            }"#,
        )
        .unwrap();
        let variables: Vec<_> = settings.variables().collect();
        assert_eq!(
            variables,
            [
                ("AzureWebJobsStorage", "UseDevelopmentStorage=true"),
                ("N", "5"),
                ("B", "true"),
                ("ConnectionStrings:Sql", "Server=x"),
                ("ConnectionStrings:Pg", "Host=y"),
            ]
        );
        assert_eq!(settings.host().port, Some(7072));
        assert_eq!(settings.host().cors.as_deref(), Some("*"));
        assert_eq!(settings.warnings().len(), 3);
        assert_eq!(
            settings.warnings()[0],
            "Values.N is not a string: its JSON text is used, put it in double quotes"
        );
        assert!(!format!("{settings:?}").contains("Server=x"));
    }

    /// With a look at every earlier setting for each, this takes minutes.
    #[test]
    fn a_hundred_thousand_settings_are_read_at_once() {
        let values: Vec<String> = (0..100_000)
            .map(|number| format!("\"Key{number}\": \"{number}\""))
            .collect();
        let begun = std::time::Instant::now();
        let settings = parse(&format!(
            r#"{{"IsEncrypted": false, "Values": {{ {}, "key7": "last" }} }}"#,
            values.join(",")
        ))
        .unwrap();
        assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
        assert_eq!(settings.variables().count(), 100_000);
        assert_eq!(settings.variables().last(), Some(("key7", "last")));
    }

    #[test]
    fn the_seeds_file_without_commas_names_line_and_column() {
        let seed = "{\n        \"IsEncrypted\": false\n        \"Values\": {\n        }\n}\n";
        assert_eq!(
            message(seed),
            "local.settings.json, line 3, column 9: expected ',' after the previous value"
        );
        let flush = "{\n\"IsEncrypted\": false\n\"Values\": {}\n}";
        assert_eq!(
            message(flush),
            "local.settings.json, line 3, column 1: expected ',' after the previous value"
        );
    }

    #[test]
    fn mistakes_say_what_to_write() {
        for (text, expected) in [
            (
                r#"{"IsEncrypted": true}"#,
                "local.settings.json, line 1, column 17: IsEncrypted is true: encrypted settings can be read only on the \
                 machine and by the tool that wrote them; run `func settings decrypt`, or write the values in plain text and \
                 set \"IsEncrypted\": false",
            ),
            (
                r#"{"Values": {"A": {"B": "secret"}}}"#,
                "local.settings.json, line 1, column 18: Values.A must be a string, found an object: Values is flat, write \
                 nested settings as \"A:key\" or \"A__key\"",
            ),
            (
                r#"{"Values": []}"#,
                "local.settings.json, line 1, column 12: Values must be an object, found an array",
            ),
            (
                r#"{"Host": {"LocalHttpPort": 70000}}"#,
                "local.settings.json, line 1, column 28: Host.LocalHttpPort must be a port number from 0 to 65535",
            ),
            (
                "[]",
                "local.settings.json, line 1, column 1: expected an object, found an array",
            ),
        ] {
            assert_eq!(message(text), expected);
        }
    }

    #[test]
    fn of_a_setting_that_is_named_twice_the_last_one_counts_and_a_warning_says_so() {
        let settings = parse(
            r#"{
              "IsEncrypted": false,
              "Values": { "Lost": "0" },
              "Values": { "A": "1", "B__C": "2", "a": "3", "B:C": "4", "D": "5", "D": "6", "E": "7", "E": null,
                          "ConnectionStrings:Sql": "8" },
              "ConnectionStrings": { "Sql": "9" }
            }"#,
        )
        .unwrap();
        let variables: Vec<_> = settings.variables().collect();
        assert_eq!(
            variables,
            [("a", "3"), ("B:C", "4"), ("D", "6"), ("ConnectionStrings:Sql", "9")]
        );
        assert_eq!(
            settings.warnings(),
            [
                "'Values' stands twice in local.settings.json: the last one counts, join the two",
                "'A' and 'a' in local.settings.json are the same setting: the last one counts, remove the other",
                "'B__C' and 'B:C' in local.settings.json are the same setting: the last one counts, remove the other",
                "'D' stands twice in local.settings.json: the last one counts, remove the other",
                "Values.E in local.settings.json is null: the setting is left out",
                "'E' stands twice in local.settings.json: the last one counts, remove the other",
                "'ConnectionStrings:Sql' stands twice in local.settings.json: the last one counts, remove the other",
            ]
        );
        let joined = crate::project::Settings::new([], &settings);
        assert_eq!(joined.get("D"), Some("6"));
        assert!(joined.warnings().is_empty(), "nothing is said of the environment");
    }

    #[test]
    fn a_missing_file_is_an_empty_one_and_a_missing_flag_is_noted() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            LocalSettings::read(&folder.path().join("local.settings.json"))
                .unwrap()
                .variables()
                .count(),
            0
        );
        let settings = parse(r#"{"Values": {"A": "1"}}"#).unwrap();
        assert!(settings.warnings()[0].ends_with("add \"IsEncrypted\": false"));
    }
}
