//! Which log records the host wants: the worker does not send what the host would throw away.
//!
//! Hosts tell it in three places, the later overriding the earlier: `logging.logLevel` of the app's `host.json`, the environment
//! variables `AzureFunctionsJobHost__logging__logLevel__CATEGORY`, and `WorkerInitRequest.log_categories`. Categories are prefixes, the
//! longest that fits decides; the category of a function's records is `Function.NAME.User`.

use crate::rpc::rpc_log::Level;
use log::LevelFilter;
use std::{collections::BTreeMap, path::Path};

const VARIABLE: &str = "AzureFunctionsJobHost__logging__logLevel__";
const DEFAULT: &str = "default";

/// Level of each category prefix, lower-cased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Levels(BTreeMap<String, LevelFilter>);

impl Levels {
    /// What `host.json` in the app's directory says; nothing if it cannot be read (the host complains about that).
    pub(crate) fn add_host_json(&mut self, app_directory: &Path) {
        let Ok(text) = std::fs::read_to_string(app_directory.join("host.json")) else {
            return;
        };
        let Ok(json) = serde_json::from_str::<serde_json::Value>(&text) else {
            return;
        };
        let Some(levels) = json.pointer("/logging/logLevel").and_then(|l| l.as_object()) else {
            return;
        };
        for (category, level) in levels {
            self.add(category, level.as_str().and_then(named));
        }
    }

    /// What the environment says.
    pub(crate) fn add_variables(&mut self, variables: impl Iterator<Item = (String, String)>) {
        for (name, value) in variables {
            if let Some(category) = strip_prefix_ignoring_case(&name, VARIABLE) {
                self.add(category, named(&value));
            }
        }
    }

    /// What the host says when it initialises the worker.
    pub(crate) fn add_categories<'a>(&mut self, categories: impl Iterator<Item = (&'a String, &'a i32)>) {
        for (category, level) in categories {
            self.add(category, Level::try_from(*level).ok().map(filter));
        }
    }

    fn add(&mut self, category: &str, level: Option<LevelFilter>) {
        if let Some(level) = level {
            self.0.insert(category.to_lowercase(), level);
        }
    }

    /// Level of the records of a function.
    pub(crate) fn of_function(&self, name: &str) -> LevelFilter {
        self.of(&format!("Function.{name}.User"))
    }

    /// Level of the records outside any invocation.
    pub(crate) fn of_worker(&self) -> LevelFilter {
        self.of("Worker")
    }

    fn of(&self, category: &str) -> LevelFilter {
        let category = category.to_lowercase();
        let prefixed = self
            .0
            .iter()
            .filter(|(prefix, _)| category.starts_with(prefix.as_str()));
        let longest = prefixed.max_by_key(|(prefix, _)| prefix.len()).map(|(_, level)| *level);
        longest
            .or_else(|| self.0.get(DEFAULT).copied())
            .unwrap_or(LevelFilter::Info)
    }

    /// The most that anything may send.
    pub(crate) fn most(&self) -> LevelFilter {
        let default = self.0.get(DEFAULT).copied().unwrap_or(LevelFilter::Info);
        self.0.values().copied().fold(default, Ord::max)
    }
}

fn named(name: &str) -> Option<LevelFilter> {
    const NAMES: [(&str, LevelFilter); 7] = [
        ("Trace", LevelFilter::Trace),
        ("Debug", LevelFilter::Debug),
        ("Information", LevelFilter::Info),
        ("Warning", LevelFilter::Warn),
        ("Error", LevelFilter::Error),
        ("Critical", LevelFilter::Error),
        ("None", LevelFilter::Off),
    ];
    let found = NAMES.iter().find(|(n, _)| n.eq_ignore_ascii_case(name.trim()));
    found.map(|(_, level)| *level)
}

fn filter(level: Level) -> LevelFilter {
    match level {
        Level::Trace => LevelFilter::Trace,
        Level::Debug => LevelFilter::Debug,
        Level::Information => LevelFilter::Info,
        Level::Warning => LevelFilter::Warn,
        Level::Error | Level::Critical => LevelFilter::Error,
        Level::None => LevelFilter::Off,
    }
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(variables: &[(&str, &str)]) -> Levels {
        let mut levels = Levels::default();
        levels.add_variables(
            variables
                .iter()
                .map(|(c, l)| (format!("{VARIABLE}{c}"), (*l).to_owned())),
        );
        levels
    }

    #[test]
    fn information_is_the_level_if_none_is_chosen() {
        assert_eq!(levels(&[]).of_function("any"), LevelFilter::Info);
        assert_eq!(levels(&[]).most(), LevelFilter::Info);
    }

    #[test]
    fn the_longest_category_decides() {
        let levels = levels(&[
            ("default", "Error"),
            ("Function", "warning"),
            ("Function.Noisy", "Trace"),
            ("x", "none"),
        ]);
        assert_eq!(levels.of_function("noisy"), LevelFilter::Trace);
        assert_eq!(levels.of_function("quiet"), LevelFilter::Warn);
        assert_eq!(levels.of_worker(), LevelFilter::Error);
        assert_eq!(levels.most(), LevelFilter::Trace);
    }

    #[test]
    fn host_json_is_overridden_by_variables_and_they_by_the_host() {
        let app = tempfile::tempdir().unwrap();
        let host_json = r#"{ "logging": { "logLevel": { "default": "Debug", "Function.a": "Error" } } }"#;
        std::fs::write(app.path().join("host.json"), host_json).unwrap();
        let mut levels = levels(&[]);
        levels.add_host_json(app.path());
        assert_eq!(
            (levels.of_function("a"), levels.of_function("b")),
            (LevelFilter::Error, LevelFilter::Debug)
        );
        levels.add_variables([(format!("{VARIABLE}default"), "Warning".to_owned())].into_iter());
        assert_eq!(levels.of_function("b"), LevelFilter::Warn);
        levels.add_categories([("default".to_owned(), Level::None as i32)].iter().map(|(c, l)| (c, l)));
        assert_eq!(levels.of_function("b"), LevelFilter::Off);
    }
}
