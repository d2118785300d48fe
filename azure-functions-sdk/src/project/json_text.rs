//! Reads JSON as people write it in `host.json` and `local.settings.json`: comments and a trailing comma are accepted,
//! as the field's own tools accept them. Every value remembers where it stands, so that an error about its meaning can
//! name line and column just as an error about its form does.

use std::fmt;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// In the file, both counted from 1; columns count characters.
    File { line: usize, column: usize },
    /// In an environment variable that overrides the file.
    Variable(String),
}

/// A JSON value and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) origin: Origin,
    pub(crate) value: Json,
}

/// A JSON value. Numbers keep their text; members keep their order and duplicates.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    /// The member of this name; names compare as configuration does, without regard to case, and the last one wins.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        let Json::Object(members) = &self.value else {
            return None;
        };
        members
            .iter()
            .rev()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, node)| node)
    }

    /// What kind of value this is, for an error message.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::Text(_) => "a string",
            Json::Array(_) => "an array",
            Json::Object(_) => "an object",
        }
    }
}

/// The text is not JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub(crate) struct JsonTextError {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) problem: String,
}

/// Reads one value and nothing after it.
pub(crate) fn parse(text: &str) -> Result<Node, JsonTextError> {
    let mut reader = Reader {
        rest: text.strip_prefix('\u{feff}').unwrap_or(text),
        line: 1,
        column: 1,
    };
    reader.skip_blank()?;
    if reader.peek().is_none() {
        return Err(reader.error("the file is empty: expected '{'"));
    }
    let node = reader.value(0)?;
    reader.skip_blank()?;
    match reader.peek() {
        None => Ok(node),
        Some(found) => Err(reader.error(format!("expected the end of the file, found {}", Shown(found)))),
    }
}

/// Deeper files are refused, so that a hostile one cannot exhaust the stack.
const DEEPEST: usize = 64;

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    column: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    fn error(&self, problem: impl Into<String>) -> JsonTextError {
        JsonTextError {
            line: self.line,
            column: self.column,
            problem: problem.into(),
        }
    }

    fn here(&self) -> Origin {
        Origin::File {
            line: self.line,
            column: self.column,
        }
    }

    /// Skips white space and comments.
    fn skip_blank(&mut self) -> Result<(), JsonTextError> {
        loop {
            if self.rest.starts_with("//") {
                while self.peek().is_some_and(|c| c != '\n') {
                    self.next();
                }
            } else if self.rest.starts_with("/*") {
                let open = self.error("this comment is never closed: add '*/'");
                while !self.rest.starts_with("*/") {
                    if self.next().is_none() {
                        return Err(open);
                    }
                }
                self.next();
                self.next();
            } else if self.peek().is_some_and(char::is_whitespace) {
                self.next();
            } else {
                return Ok(());
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, JsonTextError> {
        if depth > DEEPEST {
            return Err(self.error(format!("values are nested deeper than {DEEPEST} levels")));
        }
        let origin = self.here();
        let value = match self.peek() {
            Some('{') => self.object(depth)?,
            Some('[') => self.array(depth)?,
            Some('"') => Json::Text(self.text()?),
            Some('\'') => return Err(self.error("strings are written in double quotes: replace ' by \"")),
            Some(c) if c == '-' || c.is_ascii_digit() => self.number()?,
            Some(c) if c.is_alphabetic() => self.word()?,
            Some(found) => return Err(self.error(format!("expected a value, found {}", Shown(found)))),
            None => return Err(self.error("expected a value, found the end of the file")),
        };
        Ok(Node { origin, value })
    }

    fn object(&mut self, depth: usize) -> Result<Json, JsonTextError> {
        let (line, column) = (self.line, self.column);
        self.next();
        let mut members = Vec::new();
        loop {
            self.skip_blank()?;
            match self.peek() {
                Some('}') => {
                    self.next();
                    return Ok(Json::Object(members));
                }
                Some('"') => {}
                Some(c) if c.is_alphabetic() || c == '_' || c == '\'' => {
                    return Err(self.error("a name is written in double quotes"));
                }
                Some(found) => {
                    let wanted = if members.is_empty() {
                        "a name in double quotes or '}'"
                    } else {
                        "a name or '}'"
                    };
                    return Err(self.error(format!("expected {wanted}, found {}", Shown(found))));
                }
                None => return Err(self.never_closed('{', '}', line, column)),
            }
            let name = self.text()?;
            self.skip_blank()?;
            if self.peek() != Some(':') {
                return Err(self.error(format!("expected ':' after the name \"{name}\"")));
            }
            self.next();
            self.skip_blank()?;
            let value = self.value(depth + 1)?;
            members.push((name, value));
            if self.separator('}', line, column)? {
                return Ok(Json::Object(members));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, JsonTextError> {
        let (line, column) = (self.line, self.column);
        self.next();
        let mut items = Vec::new();
        loop {
            self.skip_blank()?;
            match self.peek() {
                Some(']') => {
                    self.next();
                    return Ok(Json::Array(items));
                }
                None => return Err(self.never_closed('[', ']', line, column)),
                Some(_) => items.push(self.value(depth + 1)?),
            }
            if self.separator(']', line, column)? {
                return Ok(Json::Array(items));
            }
        }
    }

    /// After a value: a comma (false), or the end of the container (true).
    fn separator(&mut self, close: char, line: usize, column: usize) -> Result<bool, JsonTextError> {
        self.skip_blank()?;
        match self.peek() {
            Some(',') => {
                self.next();
                Ok(false)
            }
            Some(c) if c == close => {
                self.next();
                Ok(true)
            }
            None => Err(self.never_closed(if close == '}' { '{' } else { '[' }, close, line, column)),
            Some('}') => Err(self.error(format!("expected ',' or '{close}', found '}}'"))),
            Some(']') => Err(self.error(format!("expected ',' or '{close}', found ']'"))),
            Some(_) => Err(self.error("expected ',' after the previous value")),
        }
    }

    fn never_closed(&self, open: char, close: char, line: usize, column: usize) -> JsonTextError {
        self.error(format!(
            "the file ends too early: expected '{close}' for the '{open}' of line {line}, column {column}"
        ))
    }

    fn text(&mut self) -> Result<String, JsonTextError> {
        let open = self.error("this string is never closed: expected '\"' before the end of the line");
        self.next();
        let mut text = String::new();
        loop {
            let before = self.error("");
            match self.next() {
                None | Some('\n') => return Err(open),
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escape(&before)?),
                Some(c) => text.push(c),
            }
        }
    }

    fn escape(&mut self, at: &JsonTextError) -> Result<char, JsonTextError> {
        let bad = |problem: &str| JsonTextError {
            problem: problem.to_owned(),
            ..at.clone()
        };
        Ok(match self.next() {
            Some('"') => '"',
            Some('\\') => '\\',
            Some('/') => '/',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let high = self.hex4().ok_or_else(|| bad("'\\u' takes four hexadecimal digits"))?;
                let code = if (0xd800..0xdc00).contains(&high) && self.rest.starts_with("\\u") {
                    self.next();
                    self.next();
                    let low = self.hex4().ok_or_else(|| bad("'\\u' takes four hexadecimal digits"))?;
                    if (0xdc00..0xe000).contains(&low) {
                        0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)
                    } else {
                        high
                    }
                } else {
                    high
                };
                char::from_u32(code).ok_or_else(|| bad("this is half of a surrogate pair"))?
            }
            _ => return Err(bad("unknown escape: a backslash in a string is written '\\\\'")),
        })
    }

    fn hex4(&mut self) -> Option<u32> {
        let mut code = 0;
        for _ in 0..4 {
            code = code * 16 + self.peek()?.to_digit(16)?;
            self.next();
        }
        Some(code)
    }

    fn number(&mut self) -> Result<Json, JsonTextError> {
        let at = self.error("");
        let mut text = String::new();
        while let Some(c) = self
            .peek()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
        {
            text.push(c);
            self.next();
        }
        if serde_json::from_str::<serde_json::Number>(&text).is_err() {
            return Err(JsonTextError {
                problem: format!("'{text}' is not a number"),
                ..at
            });
        }
        Ok(Json::Number(text))
    }

    fn word(&mut self) -> Result<Json, JsonTextError> {
        let at = self.error("");
        let mut word = String::new();
        while let Some(c) = self.peek().filter(|c| c.is_alphanumeric() || *c == '_') {
            word.push(c);
            self.next();
        }
        match word.as_str() {
            "true" => Ok(Json::Bool(true)),
            "false" => Ok(Json::Bool(false)),
            "null" => Ok(Json::Null),
            // The word may be a secret that lost its quotes: it is not repeated.
            _ => Err(JsonTextError {
                problem: "expected a value: a string is written in double quotes, other words are true, false and null"
                    .to_owned(),
                ..at
            }),
        }
    }
}

struct Shown(char);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_control() {
            write!(f, "U+{:04X}", self.0 as u32)
        } else {
            write!(f, "'{}'", self.0)
        }
    }
}

#[cfg(test)]
mod tests;
