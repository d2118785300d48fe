//! The error of a project file: what is wrong, where, and what to write instead.

use std::{io, path::Path};

use super::json_text::{JsonTextError, Node, Origin};
use crate::durable::HubNameError;

/// A project file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// The file exists and cannot be read.
    #[error("cannot read {file}: {source}")]
    Unreadable {
        /// The file's name.
        file: String,
        /// Why not.
        source: io::Error,
    },
    /// The file is not there.
    #[error("{file} is missing: create it with at least {minimum}")]
    Missing {
        /// The file's name.
        file: String,
        /// The shortest content that works.
        minimum: &'static str,
    },
    /// The file is not JSON.
    #[error("{file}, line {line}, column {column}: {problem}")]
    Syntax {
        /// The file's name.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong and what to write.
        problem: String,
    },
    /// A value has the wrong type or an impossible value.
    #[error("{place}: {problem}")]
    Value {
        /// File, line and column, or the environment variable.
        place: String,
        /// What is wrong and what to write.
        problem: String,
    },
    /// The task hub's name breaks the rules.
    #[error("{place}: {source}")]
    HubName {
        /// Where the name comes from.
        place: String,
        /// Which rule it breaks.
        source: HubNameError,
    },
}

impl ProjectError {
    pub(crate) fn syntax(file: &str, error: JsonTextError) -> Self {
        let JsonTextError { line, column, problem } = error;
        Self::Syntax {
            file: file.to_owned(),
            line,
            column,
            problem,
        }
    }

    pub(crate) fn value(file: &str, node: &Node, problem: impl Into<String>) -> Self {
        Self::Value {
            place: place(file, &node.origin),
            problem: problem.into(),
        }
    }
}

/// Names where a value was written.
pub(crate) fn place(file: &str, origin: &Origin) -> String {
    match origin {
        Origin::File { line, column } => format!("{file}, line {line}, column {column}"),
        Origin::Variable(name) => format!("environment variable {name}"),
    }
}

/// The name that messages use for a file: its last component, which is what people look for.
pub(crate) fn shown(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}
