//! Names that a function may have, and the nearest one that would do.

/// Longest name that a host accepts.
const LONGEST: usize = 127;

/// Strict and reserved words of edition 2024: none of them can name a module.
const KEYWORDS: &[&str] = &[
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super",
    "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// What would not compile as the name of a Rust function with `#[func]`, which makes a type of that name, too.
const TAKEN: &[(&str, &str)] = &[
    ("host", "the host keeps that name for itself"),
    ("tests", "its file has its tests in a module of that name"),
    ("azure_functions", "its file imports the crate of that name"),
    ("str", "it would hide the type of that name"),
];

/// What would not compile as the name of an entity's type.
const TAKEN_TYPES: &[(&str, &str)] = &[
    ("Self", "the type `Self` is a word of the Rust language"),
    ("Serialize", "its file derives the trait of that name"),
    ("Deserialize", "its file derives the trait of that name"),
];

/// Name of a function, and of the module and Rust function that hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FunctionName {
    /// As the host knows it.
    pub(crate) name: String,
    /// As Rust likes it: the same in snake case.
    pub(crate) identifier: String,
}

/// A name that no function can have.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum NameError {
    /// Something that is no Rust identifier, or does not start with a letter.
    #[error(
        "`{name}` cannot name a function: use a letter, then letters, digits, and underscores, at most {LONGEST} in all; `{nearest}` would do"
    )]
    Invalid { name: String, nearest: String },
    /// A word of the language.
    #[error("`{name}` cannot name a function, because it is a word of the Rust language; `{nearest}` would do")]
    Keyword { name: String, nearest: String },
    /// A name that means something else, to the host or in the file that would be written.
    #[error("`{name}` cannot name {what}, because {reason}; `{nearest}` would do")]
    Taken {
        name: String,
        what: &'static str,
        reason: &'static str,
        nearest: String,
    },
}

impl FunctionName {
    /// Whether an entity can have this name: it is the name of a type then.
    pub(crate) fn check_entity(&self) -> Result<(), NameError> {
        match taken(TAKEN_TYPES, &self.type_name()) {
            None => Ok(()),
            Some(reason) => Err(NameError::Taken {
                name: self.name.clone(),
                what: "an entity",
                reason,
                nearest: format!("{}_entity", self.identifier.trim_end_matches('_')),
            }),
        }
    }

    /// The name in camel case, as types have it.
    pub(crate) fn type_name(&self) -> String {
        let words = self.identifier.split('_');
        words
            .map(|word| {
                let (first, rest) = word.split_at(word.len().min(1));
                first.to_ascii_uppercase() + rest
            })
            .collect()
    }
}

impl std::str::FromStr for FunctionName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        let valid = name.len() <= LONGEST
            && name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.chars().all(|other| other.is_ascii_alphanumeric() || other == '_');
        if !valid {
            return Err(NameError::Invalid {
                name: name.into(),
                nearest: nearest(name),
            });
        }
        let identifier = snake_case(name);
        if KEYWORDS.contains(&name) || KEYWORDS.contains(&identifier.as_str()) {
            return Err(NameError::Keyword {
                name: name.into(),
                nearest: format!("{identifier}_function"),
            });
        }
        if let Some(reason) = taken(TAKEN, &identifier) {
            return Err(NameError::Taken {
                name: name.into(),
                what: "a function",
                reason,
                nearest: format!("{identifier}_function"),
            });
        }
        Ok(Self {
            name: name.into(),
            identifier,
        })
    }
}

/// What takes a name, if something does.
fn taken(names: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    names
        .iter()
        .find(|(taken, _)| *taken == name)
        .map(|(_, reason)| *reason)
}

fn nearest(name: &str) -> String {
    let mut nearest: String = name
        .trim()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' })
        .take(LONGEST - 9)
        .collect();
    if nearest.trim_matches('_').is_empty() {
        nearest = "my_function".into();
    } else if !nearest.starts_with(|first: char| first.is_ascii_alphabetic()) {
        nearest = format!("function_{}", nearest.trim_start_matches('_'));
    }
    if KEYWORDS.contains(&nearest.as_str()) || taken(TAKEN, &snake_case(&nearest)).is_some() {
        nearest.push_str("_function");
    }
    nearest
}

/// `HttpTrigger1` becomes `http_trigger1`, `HTTPStart` becomes `http_start`.
fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (i, &c) in chars.iter().enumerate() {
        if c.is_ascii_uppercase() && i > 0 && chars[i - 1] != '_' {
            let after_word = !chars[i - 1].is_ascii_uppercase();
            let starts_word = chars.get(i + 1).is_some_and(char::is_ascii_lowercase);
            if after_word || starts_word {
                snake.push('_');
            }
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identifier(name: &str) -> String {
        name.parse::<FunctionName>().unwrap().identifier
    }

    #[test]
    fn good_names_keep_their_spelling_and_get_a_rust_one() {
        assert_eq!(identifier("say_hello"), "say_hello");
        assert_eq!(identifier("HttpTrigger1"), "http_trigger1");
        assert_eq!(identifier("HTTPStart"), "http_start");
        assert_eq!("HttpTrigger1".parse::<FunctionName>().unwrap().name, "HttpTrigger1");
    }

    #[test]
    fn bad_names_are_refused_with_one_that_would_do() {
        for (bad, good) in [
            ("say-hello", "say_hello"),
            ("1st", "function_1st"),
            ("_x", "function_x"),
            ("", "my_function"),
            ("über", "function_ber"),
            ("../evil", "function_evil"),
            ("match", "match_function"),
            ("Loop", "loop_function"),
            ("gen", "gen_function"),
            ("tests", "tests_function"),
            ("Tests", "tests_function"),
            (" tests", "tests_function"),
            ("host", "host_function"),
            ("azure_functions", "azure_functions_function"),
            ("str", "str_function"),
        ] {
            let error = bad.parse::<FunctionName>().unwrap_err();
            assert!(
                error.to_string().contains(&format!("`{good}` would do")),
                "{bad}: {error}"
            );
            assert!(good.parse::<FunctionName>().is_ok(), "{good}");
        }
        let error = "tests".parse::<FunctionName>().unwrap_err().to_string();
        assert!(
            error.contains("because its file has its tests in a module of that name"),
            "{error}"
        );
        let long = "x".repeat(128);
        assert!(
            matches!(long.parse::<FunctionName>(), Err(NameError::Invalid { nearest, .. }) if nearest.len() <= LONGEST)
        );
    }

    #[test]
    fn an_entity_has_a_type_that_hides_nothing_its_file_needs() {
        for (bad, good) in [
            ("serialize", "serialize_entity"),
            ("Deserialize", "deserialize_entity"),
            ("self_", "self_entity"),
        ] {
            let name = bad.parse::<FunctionName>().unwrap();
            let error = name.check_entity().unwrap_err().to_string();
            assert!(error.contains(&format!("`{good}` would do")), "{bad}: {error}");
            assert_eq!(good.parse::<FunctionName>().unwrap().check_entity(), Ok(()));
        }
    }
}
