//! One setting in `local.settings.json`: added, changed or removed in place; the rest of the file stays as it is, comments included.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::project::{
    LocalSettings, ProjectError,
    json_text::{self, Json, Node, Origin},
    normalised,
};

/// Why the setting was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SettingError {
    #[error(
        "a setting cannot be called {0:?}: write letters, digits, `_`, `.` and `-`, and `__` or `:` between the parts of a nested name, \
         as Azure's app settings do"
    )]
    Name(String),
    #[error(transparent)]
    File(#[from] ProjectError),
    #[error("`{section}` in `{}` is no object with plain values: mend it by hand first", .file.display())]
    Shape { file: PathBuf, section: String },
    #[error("`{}` has no setting `{name}`: `cargo func settings list` shows those that it has", .file.display())]
    Unknown { file: PathBuf, name: String },
    #[error("`{}` could not be written", .file.display())]
    Write { file: PathBuf, source: io::Error },
}

/// Writes the setting; gives back whether it is new.
pub(crate) fn set(file: &Path, name: &str, value: &str) -> Result<bool, SettingError> {
    let is_part_of_a_name = |letter: char| letter.is_alphanumeric() || "_.-:".contains(letter);
    if name.is_empty() || !name.chars().all(is_part_of_a_name) {
        return Err(SettingError::Name(name.to_owned()));
    }
    // What was wrong before must not be an error of the next reader of the file.
    let known = LocalSettings::read(file)?;
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            "{\n  \"IsEncrypted\": false,\n  \"Values\": {}\n}\n".into()
        }
        Err(source) => {
            return Err(ProjectError::Unreadable {
                file: file.display().to_string(),
                source,
            }
            .into());
        }
    };
    let written = written(&known, name);
    let edited = edited(&text, written.unwrap_or(name), value).ok_or_else(|| SettingError::Shape {
        file: file.into(),
        section: "Values".into(),
    })?;
    LocalSettings::parse(&file.display().to_string(), &edited)?;
    fs::write(file, edited).map_err(|source| SettingError::Write {
        file: file.into(),
        source,
    })?;
    Ok(written.is_none())
}

/// How a setting of this name is spelt in the file: neither case nor `:` for `__` makes it another one.
fn written<'a>(known: &'a LocalSettings, name: &str) -> Option<&'a str> {
    let name = normalised(name);
    let mut names = known.variables().map(|(other, _)| other);
    names.find(|other| normalised(other) == name)
}

/// Removes the setting; gives back its name as it stood there.
pub(crate) fn remove(file: &Path, name: &str) -> Result<String, SettingError> {
    let known = LocalSettings::read(file)?;
    let Some(found) = written(&known, name).map(str::to_owned) else {
        return Err(SettingError::Unknown {
            file: file.into(),
            name: name.to_owned(),
        });
    };
    let mut text = fs::read_to_string(file).map_err(|source| ProjectError::Unreadable {
        file: file.display().to_string(),
        source,
    })?;
    // Other spellings of the name would take its place.
    let mut left = Some(found.clone());
    while let Some(spelling) = left {
        text = without(&text, &spelling).ok_or_else(|| SettingError::Shape {
            file: file.into(),
            section: "Values".into(),
        })?;
        let known = LocalSettings::parse(&file.display().to_string(), &text)?;
        left = written(&known, name).map(str::to_owned);
    }
    fs::write(file, text).map_err(|source| SettingError::Write {
        file: file.into(),
        source,
    })?;
    Ok(found)
}

/// The text without the setting, its comma, and its line, if nothing else is there; `None` if it cannot be told where they are.
fn without(text: &str, name: &str) -> Option<String> {
    let root = json_text::parse(text).ok()?;
    let Json::Object(members) = &root.member("Values")?.value else {
        return None;
    };
    let ends = |node: &Node| {
        let start = offset(text, node)?;
        Some((start, start + length(&text[start..], &node.value)?))
    };
    // A name that stands there twice goes with both.
    let index = members.iter().position(|(other, _)| other.eq_ignore_ascii_case(name))?;
    let (value_start, value_end) = ends(&members[index].1)?;
    let key = text[..value_start].trim_end().strip_suffix(':')?.trim_end();
    let key_start = key.strip_suffix('"')?.rfind('"')?;
    let (start, end) = match (index.checked_sub(1), comma(text, value_end)) {
        (_, Some(comma)) => (key_start, comma + 1),
        (Some(before), None) => {
            // The last one: the comma before it goes, and what stands between the two stays.
            let before = comma(text, ends(&members[before].1)?.1)?;
            let line = line_of(text, key_start, value_end);
            let edited = [&text[..before], &text[before + 1..line.start], &text[line.end..]].concat();
            return repeat(&edited, name);
        }
        (None, None) => (key_start, value_end),
    };
    let line = line_of(text, start, end);
    repeat(&format!("{}{}", &text[..line.start], &text[line.end..]), name)
}

/// Goes on where the name stands there once more.
fn repeat(text: &str, name: &str) -> Option<String> {
    let root = json_text::parse(text).ok()?;
    match root.member("Values").and_then(|values| values.member(name)) {
        Some(_) => without(text, name),
        None => Some(text.to_owned()),
    }
}

/// The comma behind a value, if there is one before the object ends.
fn comma(text: &str, value_end: usize) -> Option<usize> {
    let mut rest = &text[value_end..];
    loop {
        rest = rest.trim_start();
        if rest.starts_with(',') {
            return Some(text.len() - rest.len());
        }
        rest = match rest.get(..2)? {
            "//" => rest.split_once('\n')?.1,
            "/*" => rest.split_once("*/")?.1,
            _ => return None,
        };
    }
}

/// A part of the text, and all of its lines if nothing else is on them but white space.
fn line_of(text: &str, start: usize, end: usize) -> std::ops::Range<usize> {
    let is_blank = |text: &str| text.chars().all(|sign| sign == ' ' || sign == '\t' || sign == '\r');
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let Some(newline) = text[end..].find('\n') else {
        return start..end;
    };
    if is_blank(&text[line_start..start]) && is_blank(&text[end..end + newline]) {
        line_start..end + newline + 1
    } else {
        start..end
    }
}

/// The text with the setting in it; `None` if there is no place for it.
fn edited(text: &str, name: &str, value: &str) -> Option<String> {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let root = json_text::parse(text).ok()?;
    let Some(values) = root.member("Values").filter(|values| values.value != Json::Null) else {
        return with_member(
            text,
            &root,
            "\"Values\"",
            &format!("{{ {}: {} }}", quoted(name), quoted(value)),
        );
    };
    match values.member(name) {
        Some(node) => {
            let start = offset(text, node)?;
            Some(format!(
                "{}{}{}",
                &text[..start],
                quoted(value),
                &text[start + length(&text[start..], &node.value)?..]
            ))
        }
        None => with_member(text, values, &quoted(name), &quoted(value)),
    }
}

/// The text with one more member at the end of an object.
fn with_member(text: &str, object: &Node, key: &str, value: &str) -> Option<String> {
    let Json::Object(members) = &object.value else {
        return None;
    };
    let start = offset(text, object)?;
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let before_first = &text[start + 1..];
    let space = &before_first[..before_first.len() - before_first.trim_start().len()];
    if let Some((_, last)) = members.last() {
        let last_start = offset(text, last)?;
        let end = last_start + length(&text[last_start..], &last.value)?;
        let space = if space.is_empty() { " " } else { space };
        return Some(format!("{},{space}{key}: {value}{}", &text[..end], &text[end..]));
    }
    let line = text[..start].rsplit('\n').next().unwrap_or_default();
    let indent = &line[..line.len() - line.trim_start().len()];
    let rest = text[start + 1..].trim_start();
    Some(format!(
        "{}{newline}{indent}  {key}: {value}{newline}{indent}{rest}",
        &text[..=start]
    ))
}

/// Where a value starts.
fn offset(text: &str, node: &Node) -> Option<usize> {
    let Origin::File { line, column } = node.origin else {
        return None;
    };
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let line_start = body.split_inclusive('\n').take(line - 1).map(str::len).sum::<usize>();
    let within = body[line_start..].char_indices().nth(column - 1)?.0;
    Some(text.len() - body.len() + line_start + within)
}

/// How long the value is that `text` starts with; `None` for lists and objects, which a setting never is.
fn length(text: &str, value: &Json) -> Option<usize> {
    match value {
        Json::Text(_) => {
            let mut escaped = false;
            let inner = text.get(1..)?.find(|c| {
                let closes = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                closes
            })?;
            Some(inner + 2)
        }
        Json::Array(_) | Json::Object(_) => None,
        _ => Some(
            text.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c))
                .unwrap_or(text.len()),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_added_at_the_end_and_the_rest_stays() {
        let text = "{\n  // mine\n  \"IsEncrypted\": false,\n  \"Values\": {\n    \"A\": \"x\\\"}\" // keep\n  }\n}\n";
        let wanted = text.replace("\"A\": \"x\\\"}\"", "\"A\": \"x\\\"}\",\n    \"B\": \"1 & <2>\"");
        assert_eq!(edited(text, "B", "1 & <2>").as_deref(), Some(wanted.as_str()));
    }

    #[test]
    fn a_setting_is_changed_in_place_whatever_its_case() {
        let text = "\u{feff}{\"Values\": {\"é\": \"\", \"a\": 12, \"b\": \"old\\\\\"}}";
        assert_eq!(edited(text, "A", "new"), Some(text.replace("12", "\"new\"")));
        assert_eq!(
            edited(text, "b", "\"q\""),
            Some(text.replace("\"old\\\\\"", "\"\\\"q\\\"\""))
        );
    }

    #[test]
    fn empty_and_missing_values_get_a_place() {
        assert_eq!(
            edited("{\n  \"Values\": {}\n}\n", "A", "1").as_deref(),
            Some("{\n  \"Values\": {\n    \"A\": \"1\"\n  }\n}\n")
        );
        let made = edited("{\n  \"IsEncrypted\": false\n}\n", "A", "1");
        assert_eq!(
            made.as_deref(),
            Some("{\n  \"IsEncrypted\": false,\n  \"Values\": { \"A\": \"1\" }\n}\n")
        );
        assert_eq!(edited("{\"Values\": []}", "A", "1"), None);
    }

    #[test]
    fn a_setting_is_removed_with_its_line_and_its_comma() {
        let text = "{\n  // mine\n  \"Values\": {\n    \"A\": \"1\", // first\n    \"b\": \"x,\\\"}\",\n    \"C\": 3\n  }\n}\n";
        assert_eq!(without(text, "B"), Some(text.replace("    \"b\": \"x,\\\"}\",\n", "")));
        assert_eq!(without(text, "C").unwrap(), text.replace(",\n    \"C\": 3", ""));
        assert_eq!(without(text, "a").unwrap(), text.replace("\"A\": \"1\",", ""));
        assert_eq!(
            without("{\"Values\": {\"A\": \"1\"}}", "A").as_deref(),
            Some("{\"Values\": {}}")
        );
        assert_eq!(
            without("{\"Values\": {\"A\": \"1\", \"B\": \"2\", \"a\": \"3\"}}", "a").as_deref(),
            Some("{\"Values\": { \"B\": \"2\" }}")
        );
        assert_eq!(without(text, "D"), None);
    }

    #[test]
    fn a_setting_that_is_not_there_is_an_error_that_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("local.settings.json");
        set(&file, "A", "1").unwrap();
        let error = remove(&file, "B").unwrap_err().to_string();
        assert!(error.contains("no setting `B`"), "{error}");
        assert_eq!(remove(&file, "a").unwrap(), "A");
        assert_eq!(LocalSettings::read(&file).unwrap().variables().count(), 0);
    }

    #[test]
    fn a_nested_setting_is_one_whichever_separator_it_is_written_with() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("local.settings.json");
        assert!(set(&file, "a__b", "1").unwrap());
        assert!(!set(&file, "A:B", "2").unwrap());
        let settings = LocalSettings::read(&file).unwrap();
        assert_eq!(settings.variables().collect::<Vec<_>>(), [("a__b", "2")]);
        assert_eq!(settings.warnings(), [""; 0]);
        fs::write(
            &file,
            r#"{"IsEncrypted": false, "Values": {"A:b": "1", "c": "2", "a__b": "3"}}"#,
        )
        .unwrap();
        assert_eq!(remove(&file, "A:B").unwrap(), "a__b");
        let settings = LocalSettings::read(&file).unwrap();
        assert_eq!(settings.variables().collect::<Vec<_>>(), [("c", "2")]);
    }

    #[test]
    fn a_name_that_azure_would_not_take_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("local.settings.json");
        for name in ["", "bad name", "A=B", "A\n"] {
            let error = set(&file, name, "1").unwrap_err().to_string();
            let wanted = format!("a setting cannot be called {name:?}: write letters, digits, ");
            assert!(error.starts_with(&wanted), "{error}");
        }
        assert!(!file.exists());
        assert!(set(&file, "Größe_1.x-y", "1").unwrap());
    }

    #[test]
    fn a_broken_file_is_refused_with_its_line_and_never_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("local.settings.json");
        fs::write(&file, "{\n\"IsEncrypted\": false\n\"Values\": {}\n}").unwrap();
        let error = set(&file, "A", "1").unwrap_err().to_string();
        assert!(error.contains("line 3, column 1: expected ','"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 4);
    }
}
