//! Route templates in the classic ASP.NET Core syntax: `orders/{id:int?}`, `{name=world}`, `files/{*rest}`,
//! `img/{name}.{ext?}`. Literals match without regard to case.

mod coverage;

use percent_encoding::percent_decode_str;

use super::constraint::Constraint;

/// A parsed route template.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Template {
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq)]
struct Segment {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Literal(String),
    Parameter(Parameter),
}

#[derive(Clone, Debug, PartialEq)]
struct Parameter {
    name: String,
    constraints: Vec<Constraint>,
    default: Option<String>,
    optional: bool,
    catch_all: bool,
}

/// Decoded values of the parameters that have one.
pub(super) type RouteValues = Vec<(String, String)>;

impl Template {
    /// Reads a template; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix('/').unwrap_or(text);
        let text = text.strip_suffix('/').unwrap_or(text);
        if text.is_empty() {
            return Ok(Self { segments: Vec::new() });
        }
        if text.starts_with('~') {
            return Err("a route must not begin with '~'".to_owned());
        }
        let mut names: Vec<String> = Vec::new();
        let mut segments = Vec::new();
        for segment in split_outside_braces(text, '/') {
            if segment.is_empty() {
                return Err("a route must not contain an empty segment ('//')".to_owned());
            }
            segments.push(Segment {
                parts: parse_segment(segment, &mut names)?,
            });
        }
        let is_catch_all = |part: &Part| matches!(part, Part::Parameter(parameter) if parameter.catch_all);
        let count = segments.len();
        for (index, segment) in segments.iter().enumerate() {
            if segment.parts.iter().any(is_catch_all) && (segment.parts.len() > 1 || index + 1 < count) {
                return Err("a catch-all parameter must be the last segment of the route, alone".to_owned());
            }
        }
        Ok(Self { segments })
    }

    /// The names of the parameters, in order.
    #[cfg(test)]
    fn parameters(&self) -> Vec<&str> {
        let parts = self.segments.iter().flat_map(|segment| &segment.parts);
        parts
            .filter_map(|part| match part {
                Part::Parameter(parameter) => Some(parameter.name.as_str()),
                Part::Literal(_) => None,
            })
            .collect()
    }

    /// Matches path segments that are still percent-encoded, as [`split_path`] gives them.
    pub(super) fn matches(&self, path: &[&str]) -> Option<RouteValues> {
        let mut values = RouteValues::new();
        let mut rest = path;
        for segment in &self.segments {
            if let [Part::Parameter(parameter)] = segment.parts.as_slice()
                && parameter.catch_all
            {
                let text = rest.iter().map(|segment| decode(segment)).collect::<Vec<_>>().join("/");
                let text = if rest.is_empty() {
                    parameter.default.clone().unwrap_or_default()
                } else {
                    text
                };
                rest = &[];
                // The empty rest is no value at all.
                if !text.is_empty() {
                    parameter.accept(text, &mut values)?;
                }
                continue;
            }
            match rest.split_first() {
                Some((text, after)) => {
                    segment.matches(&decode(text), &mut values)?;
                    rest = after;
                }
                None => {
                    // The path has ended: what remains must be able to be absent.
                    let [Part::Parameter(parameter)] = segment.parts.as_slice() else {
                        return None;
                    };
                    match &parameter.default {
                        Some(default) => parameter.accept(default.clone(), &mut values)?,
                        None if parameter.optional => {}
                        None => return None,
                    }
                }
            }
        }
        rest.is_empty().then_some(values)
    }
}

impl Segment {
    /// Matches one decoded segment. As in ASP.NET, separators are sought from the right, so the first parameter of
    /// `{a}-{b}` takes as much as it can.
    fn matches(&self, text: &str, values: &mut RouteValues) -> Option<()> {
        match self.parts.as_slice() {
            [Part::Literal(literal)] => literal.eq_ignore_ascii_case(text).then_some(()),
            [Part::Parameter(parameter)] => (!text.is_empty()).then(|| parameter.accept(text.to_owned(), values))?,
            parts => {
                if let Some(found) = match_parts(parts, text) {
                    return found
                        .into_iter()
                        .try_for_each(|(parameter, value)| parameter.accept(value, values));
                }
                // `{name}.{ext?}`: without the extension, the dot goes too.
                let [shorter @ .., Part::Literal(_), Part::Parameter(last)] = parts else {
                    return None;
                };
                if !last.optional {
                    return None;
                }
                let found = match_parts(shorter, text)?;
                found
                    .into_iter()
                    .try_for_each(|(parameter, value)| parameter.accept(value, values))
            }
        }
    }
}

/// Values of the parameters in their order, each with at least one character.
fn match_parts<'p>(parts: &'p [Part], text: &str) -> Option<Vec<(&'p Parameter, String)>> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut parts = parts.iter().rev().peekable();
    while let Some(part) = parts.next() {
        match part {
            Part::Literal(literal) => {
                let start = rest.len().checked_sub(literal.len())?;
                let tail = rest.get(start..)?;
                if !tail.eq_ignore_ascii_case(literal) {
                    return None;
                }
                rest = &rest[..start];
            }
            Part::Parameter(parameter) => {
                let start = match parts.peek() {
                    None | Some(Part::Parameter(_)) => 0,
                    Some(Part::Literal(literal)) => {
                        // The value keeps at least one character, so the separator ends before the last one.
                        let last = rest.char_indices().next_back()?.0;
                        rfind_ignore_case(&rest[..last], literal)? + literal.len()
                    }
                };
                let value = &rest[start..];
                if value.is_empty() {
                    return None;
                }
                found.push((parameter, value.to_owned()));
                rest = &rest[..start];
            }
        }
    }
    found.reverse();
    rest.is_empty().then_some(found)
}

fn rfind_ignore_case(text: &str, wanted: &str) -> Option<usize> {
    let starts = (0..=text.len().checked_sub(wanted.len())?).rev();
    starts.into_iter().find(|start| {
        text.get(*start..*start + wanted.len())
            .is_some_and(|part| part.eq_ignore_ascii_case(wanted))
    })
}

impl Parameter {
    fn accept(&self, value: String, values: &mut RouteValues) -> Option<()> {
        let accepted = self.constraints.iter().all(|constraint| constraint.accepts(&value));
        accepted.then(|| values.push((self.name.clone(), value)))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let shown = text;
        let (catch_all, text) = match text.strip_prefix("**").or_else(|| text.strip_prefix('*')) {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        // The name ends at the first ':', '=' or, at the very end, '?'; parentheses protect constraint arguments.
        let name_end = text.find([':', '=', '?']).unwrap_or(text.len());
        let (name, tail) = text.split_at(name_end);
        if name.is_empty() || name.contains(['/', '{', '}', '*']) {
            return Err(format!("'{{{shown}}}' has no valid parameter name"));
        }
        let (tail, default) = match split_default(tail) {
            (constraints, Some(default)) => (constraints, Some(default.to_owned())),
            (constraints, None) => (constraints, None),
        };
        let (tail, optional) = match tail.strip_suffix('?') {
            Some(tail) if default.is_none() => (tail, true),
            _ => (tail, false),
        };
        if optional && catch_all {
            return Err(format!(
                "'{{{shown}}}': a catch-all parameter cannot be optional, it may be empty anyway"
            ));
        }
        if default.as_ref().is_some_and(|default| default.ends_with('?')) {
            return Err(format!(
                "'{{{shown}}}': an optional parameter cannot have a default value, drop the '?'"
            ));
        }
        let mut constraints = Vec::new();
        if let Some(list) = tail.strip_prefix(':') {
            for constraint in split_outside_parentheses(list) {
                constraints.push(Constraint::parse(constraint).map_err(|error| format!("'{{{shown}}}': {error}"))?);
            }
        } else if !tail.is_empty() {
            return Err(format!("'{{{shown}}}' is not a valid parameter: '?' stands at the end"));
        }
        Ok(Self {
            name: name.to_owned(),
            constraints,
            default,
            optional,
            catch_all,
        })
    }
}

fn parse_segment(segment: &str, names: &mut Vec<String>) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = segment;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}")) {
            literal.push(c);
            rest = after;
        } else if c == '{' {
            let end = rest.find('}').ok_or_else(|| format!("'{segment}' lacks a '}}'"))?;
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            } else if matches!(parts.last(), Some(Part::Parameter(_))) {
                return Err(format!("'{segment}': two parameters need text between them"));
            }
            let parameter = Parameter::parse(&rest[1..end])?;
            if names.iter().any(|name| name.eq_ignore_ascii_case(&parameter.name)) {
                return Err(format!("the parameter '{}' occurs twice", parameter.name));
            }
            names.push(parameter.name.clone());
            parts.push(Part::Parameter(parameter));
            rest = &rest[end + 1..];
        } else if c == '}' {
            return Err(format!("'{segment}' has a '}}' without '{{'"));
        } else if c == '?' {
            return Err("a route must not contain '?' outside of a parameter".to_owned());
        } else {
            literal.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    if parts.len() > 1 {
        for (index, part) in parts.iter().enumerate() {
            let Part::Parameter(parameter) = part else { continue };
            let last = index + 1 == parts.len();
            let after_dot = index > 0 && matches!(&parts[index - 1], Part::Literal(text) if text == ".");
            if parameter.optional && !(last && after_dot) {
                return Err(format!(
                    "'{segment}': inside a segment, an optional parameter must come last, after a '.'"
                ));
            }
        }
    }
    Ok(parts)
}

/// Splits at `separator`, but not within braces.
fn split_outside_braces(text: &str, separator: char) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(move |c: char| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == separator && depth == 0
    })
    .collect()
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(move |c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ':' && depth == 0
    })
    .collect()
}

/// Splits `:int=5` at the first `=` that is not inside parentheses.
fn split_default(text: &str) -> (&str, Option<&str>) {
    let mut depth = 0_usize;
    for (index, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '=' if depth == 0 => return (&text[..index], Some(&text[index + 1..])),
            _ => {}
        }
    }
    (text, None)
}

/// The segments of a request path, still percent-encoded; one slash at the end does not count.
pub(super) fn split_path(path: &str) -> Vec<&str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        Vec::new()
    } else {
        path.split('/').collect()
    }
}

/// Decodes one segment. The real host's server leaves `%2F` alone, and what is not UTF-8.
fn decode(segment: &str) -> String {
    if !segment.contains('%') {
        return segment.to_owned();
    }
    let kept = segment.replace("%2f", "%252f").replace("%2F", "%252F");
    match percent_decode_str(&kept).decode_utf8() {
        Ok(text) => text.into_owned(),
        Err(_) => segment.to_owned(),
    }
}

#[cfg(test)]
mod tests;
