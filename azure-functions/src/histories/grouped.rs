//! Files that say the same: a mistake in an orchestration contradicts each of its histories, and is told once.

use super::ReplayError;
use chrono::DateTime;
use std::{fmt::Write as _, path::PathBuf};

/// An error, and the files that have it; the text is that of the first.
pub(crate) struct Group {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) text: String,
}

/// The errors in the order in which they first came.
pub(crate) fn grouped<'a>(errors: impl IntoIterator<Item = (PathBuf, &'a ReplayError)>) -> Vec<Group> {
    let mut groups: Vec<(String, Group)> = Vec::new();
    for (file, error) in errors {
        let text = error.to_string();
        let essence = essence(&text);
        match groups.iter_mut().find(|(known, _)| *known == essence) {
            Some((_, group)) => group.files.push(file),
            None => groups.push((
                essence,
                Group {
                    files: vec![file],
                    text,
                },
            )),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

impl Group {
    /// `first file: error`, and the other files below.
    pub(crate) fn told(&self) -> String {
        let mut text = String::new();
        for (index, file) in self.files.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = match index {
                0 => write!(text, "{}: {}", file.display(), self.text),
                1 => write!(text, "\nThe same in {}", file.display()),
                _ => write!(text, ", {}", file.display()),
            };
        }
        text
    }
}

/// A report without what differs from instance to instance: ids in the first line, numbers, and times. Names, and the lines of the
/// code, count.
fn essence(text: &str) -> String {
    let text = match text.split_once("' records.\n") {
        Some((first, rest)) => {
            let orchestration = first.split('\'').nth(1).unwrap_or_default();
            format!("{orchestration}\n{rest}")
        }
        None => text.to_owned(),
    };
    let mut essence = String::with_capacity(text.len());
    for word in text.split(' ') {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let varies = !bare.is_empty()
            && (bare.bytes().all(|b| b.is_ascii_digit()) || DateTime::parse_from_rfc3339(bare).is_ok());
        essence.push_str(if varies { "…" } else { word });
        essence.push(' ');
    }
    essence
}
