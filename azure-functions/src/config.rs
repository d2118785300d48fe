//! The settings of the app, read from the environment of the process.

mod error;
mod reader;
mod tree;

pub use error::ConfigError;

use serde::de::DeserializeOwned;
use std::{fmt, ops::Deref, sync::Arc};

/// The app's settings as a type: a parameter of a function, or [loaded](Self::load) anywhere else. Cheap to clone.
///
/// `T` derives `serde::Deserialize`. Each field is the app setting of its name, which hosts put into the environment; upper and lower case
/// are the same. A field with fields of its own is a section: its settings are named `Section__Key`, as Azure writes them, and `List__0`,
/// `List__1` are the elements of a list. A list may also stand in one setting, separated by commas.
///
/// ```
/// use azure_functions::prelude::*;
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// #[serde(rename_all = "PascalCase")]
/// struct Settings {
///     /// `Database__Url`, `Database__Connections`.
///     database: Database,
///     /// `Region`, which may be missing.
///     region: Option<String>,
/// }
///
/// #[derive(Deserialize)]
/// #[serde(rename_all = "PascalCase")]
/// struct Database {
///     url: String,
///     #[serde(default)]
///     connections: u16,
/// }
///
/// #[func]
/// fn region(_request: HttpRequest, settings: Config<Settings>) -> HttpResponse {
///     settings.region.as_deref().unwrap_or("unknown").into()
/// }
///
/// let error = Config::<Settings>::load().unwrap_err();
/// assert!(error.to_string().contains("`Database__Url` is missing"), "{error}");
/// ```
///
/// The settings that functions take as parameters are read once, before the first function runs. Where some are missing or cannot be
/// read, the app does not start, and one error names them all, without their values. Locally settings stand in `local.settings.json`
/// under `Values`. A test gives its own: `TestHost::builder().app(app().config(Settings { .. }))`.
///
/// An orchestration cannot take it: settings may change between two replays. `#[serde(flatten)]` reads texts only.
pub struct Config<T>(Arc<T>);

impl<T> Config<T> {
    /// Settings that do not come from the environment: for tests that call a function directly.
    pub fn new(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T: DeserializeOwned> Config<T> {
    /// Reads the settings from the environment of the process.
    ///
    /// # Errors
    /// If some are missing or cannot be read: the error names all of them.
    pub fn load() -> Result<Self, ConfigError> {
        let readable = std::env::vars_os().filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?)));
        Self::read(readable)
    }

    fn read(settings: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        reader::read(&tree::Node::new(settings)).map(Self::new)
    }
}

impl<T> Deref for Config<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Clone for Config<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Without the settings: some of them are secrets.
impl<T> fmt::Debug for Config<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Settings {
        name: String,
        port: u16,
        #[serde(default)]
        verbose: bool,
        region: Option<String>,
        database: Database,
        #[serde(rename = "ALLOWED")]
        allowed: Vec<u32>,
        mode: Mode,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Database {
        url: Address,
        connections: Option<u8>,
        replica: Replica,
    }

    /// A text that not every text is.
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(try_from = "String")]
    struct Address(String);

    impl TryFrom<String> for Address {
        type Error = String;

        fn try_from(text: String) -> Result<Self, String> {
            match text.starts_with("http://") {
                true => Ok(Self(text)),
                false => Err(format!("`{text}` is no address")),
            }
        }
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Replica {
        lag: i64,
        hosts: Vec<String>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        Fast,
        Safe,
    }

    fn read(settings: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        let settings = settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        Config::<Settings>::read(settings).map(|config| Arc::into_inner(config.0).unwrap())
    }

    #[test]
    fn settings_and_sections_are_read_by_their_names_whatever_the_case() {
        let settings = read(&[
            ("NAME", "orders"),
            ("port", " 8080 "),
            ("Verbose", "True"),
            ("Region", ""),
            ("Database__Url", "http://db/"),
            ("DATABASE__CONNECTIONS", "7"),
            ("Database__replica__hosts__1", "b"),
            ("Database__replica__hosts__0", "a"),
            ("ALLOWED", "1, 2,3"),
            ("Mode", "safe"),
            ("PATH", "/bin"),
        ]);
        let replica = Replica {
            lag: 0,
            hosts: vec!["a".to_owned(), "b".to_owned()],
        };
        let expected = Settings {
            name: "orders".to_owned(),
            port: 8080,
            verbose: true,
            region: None,
            database: Database {
                url: Address("http://db/".to_owned()),
                connections: Some(7),
                replica,
            },
            allowed: vec![1, 2, 3],
            mode: Mode::Safe,
        };
        assert_eq!(settings.unwrap(), expected);
    }

    #[test]
    fn one_error_names_all_that_is_missing_or_cannot_be_read_and_no_value() {
        let error = read(&[
            ("Port", "s3cret"),
            ("Verbose", "s3cret"),
            ("Database__Connections", "300"),
            ("Mode", "s3cret"),
            ("ALLOWED", "1,s3cret"),
        ])
        .unwrap_err();
        let text = error.to_string();
        let missing: Vec<_> = error.missing().collect();
        assert_eq!(missing, ["Database__Url", "Name"], "{text}");
        let unreadable: Vec<_> = error.unreadable().collect();
        let expected = ["ALLOWED", "Database__Connections", "Mode", "Port", "Verbose"];
        assert_eq!(unreadable, expected, "{text}");
        assert!(!text.contains("s3cret") && !text.contains("300"), "{text}");
        assert!(text.contains("`Port` must be a whole number from 0 to 65535"), "{text}");
        assert!(text.contains("`Mode` must be one of `fast`, `safe`"), "{text}");
    }

    #[test]
    fn a_value_that_its_own_type_refuses_is_named_without_what_the_type_says() {
        let complete = [("Name", "x"), ("Port", "1"), ("ALLOWED", ""), ("Mode", "fast")];
        let error = read(&[&complete[..], &[("Database__Url", "s3cret")]].concat()).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("`Database__Url` cannot be read") && !text.contains("s3cret"),
            "{text}"
        );
    }
}
