//! `host.json`: what the local host honours of it, with defaults, and one list of what it does not know.
//! Any key can be overridden by an app setting `AzureFunctionsJobHost__section__key`.

use std::{io, path::Path};

pub use self::options::{DurableTaskOptions, FunctionTimeout, HostJson, HttpOptions, McpOptions, OverridableStates};
use self::reader::Reader;
use super::{
    ProjectError, Settings,
    error::shown,
    json_text::{self, Json, Node, Origin},
};

mod options;
mod reader;

impl HostJson {
    /// Reads the file.
    ///
    /// # Errors
    /// The file is missing, cannot be read, is not JSON, or a value that the host honours has the wrong type.
    pub fn read(path: &Path, settings: &Settings) -> Result<Self, ProjectError> {
        let file = shown(path);
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&file, &text, settings),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ProjectError::Missing {
                file,
                minimum: "{\"version\": \"2.0\"}",
            }),
            Err(source) => Err(ProjectError::Unreadable { file, source }),
        }
    }

    /// Reads text; `file` is the name that errors use.
    ///
    /// # Errors
    /// As [`HostJson::read`], but for the missing file.
    pub fn parse(file: &str, text: &str, settings: &Settings) -> Result<Self, ProjectError> {
        let mut root = json_text::parse(text).map_err(|error| ProjectError::syntax(file, error))?;
        if !matches!(root.value, Json::Object(_)) {
            return Err(ProjectError::value(
                file,
                &root,
                format!("expected an object, found {}", root.kind()),
            ));
        }
        for (path, name, value) in settings.section("AzureFunctionsJobHost") {
            override_with(&mut root, &path, name, value);
        }
        Reader::new(file, settings).read(&root)
    }

    /// One sentence about all the settings that the local host does not know or honour, if there are any.
    pub fn warning(&self) -> Option<String> {
        (!self.ignored.is_empty()).then(|| {
            format!(
                "host.json: the local host ignores {} (they may mean something in Azure)",
                self.ignored.join(", ")
            )
        })
    }
}

/// Puts one `AzureFunctionsJobHost__a__b` over the tree. Values of configuration are text; readers convert.
fn override_with(node: &mut Node, path: &[&str], name: &str, value: &str) {
    let origin = || Origin::Variable(name.to_owned());
    let [first, rest @ ..] = path else {
        *node = Node {
            origin: origin(),
            value: Json::Text(value.to_owned()),
        };
        return;
    };
    if let Json::Array(items) = &mut node.value {
        let items = std::mem::take(items);
        node.value = Json::Object(
            items
                .into_iter()
                .enumerate()
                .map(|(index, item)| (index.to_string(), item))
                .collect(),
        );
    }
    if !matches!(node.value, Json::Object(_)) {
        *node = Node {
            origin: origin(),
            value: Json::Object(Vec::new()),
        };
    }
    let Json::Object(members) = &mut node.value else { return };
    let index = members
        .iter()
        .rposition(|(key, _)| key.eq_ignore_ascii_case(first))
        .unwrap_or_else(|| {
            members.push((
                (*first).to_owned(),
                Node {
                    origin: origin(),
                    value: Json::Null,
                },
            ));
            members.len() - 1
        });
    override_with(&mut members[index].1, rest, name, value);
}

#[cfg(test)]
mod tests;
