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
/// `List__1` are the elements of a list or tuple. They may also stand in one setting, separated by commas. An enum is the name of
/// its variant, in upper or lower case; a variant with fields is a section: `Store__Blob__Container` is the field `container` of the
/// variant `Blob`.
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
/// under `Values`. A test gives its own: `TestHost::builder().app(|| app().config(Settings { .. }))`.
///
/// An orchestration cannot take it: settings may change between two replays.
///
/// # Limits
/// * What serde reads before it knows the type has only texts, and its names must have the case of the environment:
///   `#[serde(flatten)]`, `#[serde(untagged)]`, and enums with `#[serde(tag)]`. Write sections and plain enums instead, or take two
///   `Config`s.
/// * `#[serde(deny_unknown_fields)]` finds nothing: the environment always has settings of others.
/// * What a whole section must be, as a type with `#[serde(try_from)]` may ask, is looked at when all its settings can be read.
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

    fn load<T: DeserializeOwned>(settings: &[(&str, &str)]) -> Result<T, String> {
        let settings = settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        let read = Config::<T>::read(settings).map_err(|error| error.to_string())?;
        Arc::into_inner(read.0).ok_or_else(|| "shared".to_owned())
    }

    #[test]
    fn names_that_differ_in_case_are_one_setting_and_other_names_of_it_are_not_set_together() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Aliased {
            #[serde(rename = "Db:Url", alias = "DB:URL", alias = "db_url")]
            url: String,
        }
        let url = |url: &str| Aliased { url: url.to_owned() };
        assert_eq!(load(&[("DB__URL", "a")]), Ok(url("a")));
        assert_eq!(load(&[("Db:Url", "a")]), Ok(url("a")));
        assert_eq!(load(&[("DB_URL", "b")]), Ok(url("b")));
        let error = load::<Aliased>(&[("DB__URL", "a"), ("DB_URL", "b")]).unwrap_err();
        assert!(
            error.contains("`Db__Url` must be set under one of its names only"),
            "{error}"
        );
        let error = load::<Aliased>(&[]).unwrap_err();
        assert!(error.contains("`Db__Url` is missing"), "{error}");
    }

    #[test]
    fn a_variant_with_fields_is_a_section_whose_numbers_are_numbers() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Settings {
            store: Store,
        }
        #[derive(Debug, PartialEq, Deserialize)]
        enum Store {
            Memory,
            Blob { container: String, retries: u8 },
            Pair(u8, u8),
        }
        let blob = Store::Blob {
            container: "c".to_owned(),
            retries: 3,
        };
        let read = load(&[("STORE__BLOB__CONTAINER", "c"), ("Store__Blob__Retries", "3")]);
        assert_eq!(read, Ok(Settings { store: blob }));
        let read = load(&[("Store", "memory")]);
        assert_eq!(read, Ok(Settings { store: Store::Memory }));
        let read = load(&[("Store__Pair", "1,2")]);
        assert_eq!(
            read,
            Ok(Settings {
                store: Store::Pair(1, 2)
            })
        );
        for (settings, said) in [
            (
                &[("Store__Blob__Container", "c")][..],
                "`store__Blob__retries` is missing",
            ),
            (
                &[("Store", "Blob")],
                "`store` must be a section, with the settings of `Blob` within it",
            ),
            (
                &[("Store", "s3cret")],
                "`store` must be one of `Memory`, `Blob`, `Pair`",
            ),
            (
                &[("Store__Blub__X", "1")],
                "`store` must be a section with one of `Memory`, `Blob`, `Pair`",
            ),
            (&[], "`store` is missing"),
        ] {
            let error = load::<Settings>(settings).unwrap_err();
            assert!(error.contains(said) && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn what_stands_in_for_a_missing_setting_accuses_no_other() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only read")]
        struct Settings {
            range: Range,
            port: std::num::NonZeroU16,
            pair: (u8, String),
            last: u8,
        }
        #[derive(Debug, Deserialize)]
        #[serde(try_from = "Ends")]
        #[expect(dead_code, reason = "only read")]
        struct Range(u8, u8);
        #[derive(Debug, Deserialize)]
        struct Ends {
            from: u8,
            to: u8,
        }
        impl TryFrom<Ends> for Range {
            type Error = &'static str;

            fn try_from(ends: Ends) -> Result<Self, &'static str> {
                match ends.from < ends.to {
                    true => Ok(Self(ends.from, ends.to)),
                    false => Err("the range is empty"),
                }
            }
        }
        let error = load::<Settings>(&[("range__from", "7")]).unwrap_err();
        assert!(
            error.contains("`range__to` is missing") && !error.contains("cannot be read"),
            "{error}"
        );
        let error = load::<Settings>(&[("range__from", "7"), ("range__to", "9")]).unwrap_err();
        for name in ["port", "pair", "last"] {
            assert!(error.contains(&format!("`{name}` is missing")), "{error}");
        }
        assert!(!error.contains("must be"), "{error}");
        let complete = [("port", "1"), ("pair", "1,x"), ("last", "3")];
        let error = load::<Settings>(&[&complete[..], &[("range__from", "7"), ("range__to", "7")]].concat());
        assert!(error.unwrap_err().contains("`range` cannot be read"));
    }

    #[test]
    fn a_number_is_finite() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only read")]
        struct Settings {
            rate: f64,
        }
        assert!(load::<Settings>(&[("RATE", "0.5")]).is_ok());
        for text in ["NaN", "inf", "-infinity", "1e999"] {
            let error = load::<Settings>(&[("RATE", text)]).unwrap_err();
            assert!(error.contains("`rate` must be a number that is finite"), "{error}");
        }
    }
}
