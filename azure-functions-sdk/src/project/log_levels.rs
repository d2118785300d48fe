//! Minimum log levels by category: `logging.logLevel` of `host.json`.

/// The host's log levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// `Trace`.
    Trace,
    /// `Debug`.
    Debug,
    /// `Information`.
    Information,
    /// `Warning`.
    Warning,
    /// `Error`.
    Error,
    /// `Critical`.
    Critical,
    /// `None`: nothing is logged.
    None,
}

impl LogLevel {
    /// Reads a level's name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            ("Trace", Self::Trace),
            ("Debug", Self::Debug),
            ("Information", Self::Information),
            ("Warning", Self::Warning),
            ("Error", Self::Error),
            ("Critical", Self::Critical),
            ("None", Self::None),
        ]
        .into_iter()
        .find_map(|(known, level)| known.eq_ignore_ascii_case(name.trim()).then_some(level))
    }
}

/// Minimum levels by category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLevels {
    default: LogLevel,
    /// Lower-cased categories.
    categories: Vec<(String, LogLevel)>,
}

impl Default for LogLevels {
    fn default() -> Self {
        Self {
            default: LogLevel::Information,
            categories: Vec::new(),
        }
    }
}

impl LogLevels {
    pub(crate) fn set(&mut self, category: &str, level: LogLevel) {
        if category.eq_ignore_ascii_case("default") {
            self.default = level;
        } else {
            self.categories.push((category.to_ascii_lowercase(), level));
        }
    }

    /// The minimum level of a category such as `Host.Startup`, `Function.NAME` or `Function.NAME.User`: that of the
    /// longest configured category that begins it, else the default.
    pub fn minimum(&self, category: &str) -> LogLevel {
        // Asked for every line, so nothing is allocated.
        let begins = |prefix: &str| {
            let start = category.as_bytes().get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
        };
        let rules = self.categories.iter().filter(|(prefix, _)| begins(prefix));
        // Of equals the last wins, as the last of two equal JSON members does.
        rules
            .max_by_key(|(prefix, _)| prefix.len())
            .map_or(self.default, |(_, level)| *level)
    }

    /// Whether a record is to be shown.
    pub fn allows(&self, category: &str, level: LogLevel) -> bool {
        level != LogLevel::None && level >= self.minimum(category)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_matching_category_decides() {
        let mut levels = LogLevels::default();
        levels.set("Default", LogLevel::Warning);
        levels.set("Function", LogLevel::Error);
        levels.set("Function.hello", LogLevel::Trace);
        levels.set("Host.Results", LogLevel::None);
        assert_eq!(levels.minimum("Worker"), LogLevel::Warning);
        assert_eq!(levels.minimum("Function.other.User"), LogLevel::Error);
        assert_eq!(levels.minimum("function.HELLO.user"), LogLevel::Trace);
        assert!(!levels.allows("Host.Results", LogLevel::Critical));
        assert!(levels.allows("Worker", LogLevel::Warning) && !levels.allows("Worker", LogLevel::Information));
    }
}
