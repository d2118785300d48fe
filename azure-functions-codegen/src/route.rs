//! The route template of an HTTP function.

/// What is wrong with a template.
pub(crate) fn wrong(template: &str) -> Option<String> {
    parse(template).err()
}

/// The names of a template's parameters; none if it is wrong.
pub(crate) fn parameters(template: &str) -> Vec<String> {
    parse(template).unwrap_or_default()
}

fn parse(template: &str) -> Result<Vec<String>, String> {
    if template.starts_with('/') || template.starts_with('~') {
        return Err(format!(
            "the route `{template}` must not begin with `{}`: remove it",
            &template[..1]
        ));
    }
    let mut names: Vec<String> = Vec::new();
    let segments = segments(template)?;
    for (index, segment) in segments.iter().enumerate() {
        let last = index + 1 == segments.len();
        if segment.is_empty() && !(last && segments.len() == 1) {
            return Err(format!("the route `{template}` has an empty part: remove one `/`"));
        }
        if index == 0
            && let Some(word) = reserved(segment)
        {
            return Err(format!("routes that begin with `{word}` are reserved by the host"));
        }
        let mut rest = segment.as_str();
        let mut after_parameter = false;
        while let Some(start) = rest.find('{') {
            if after_parameter && start == 0 {
                return Err(format!(
                    "the route `{template}` has two parameters side by side: put something between them"
                ));
            }
            wrong_literal(&rest[..start], template)?;
            let end = end(&rest[start..]).map_or(rest.len(), |end| start + end);
            let name = parameter(&rest[start + 1..end], template)?;
            if rest[start + 1..].starts_with('*') && !last {
                return Err(format!(
                    "`{{*{name}}}` takes the rest of the URL: it must come last in the route"
                ));
            }
            if names.iter().any(|other| other.eq_ignore_ascii_case(&name)) {
                return Err(format!("the route `{template}` has two parameters `{name}`"));
            }
            names.push(name);
            rest = rest.get(end + 1..).unwrap_or_default();
            after_parameter = true;
        }
        wrong_literal(rest, template)?;
    }
    Ok(names)
}

/// Splits at the slashes outside of braces.
fn segments(template: &str) -> Result<Vec<String>, String> {
    let mut segments = vec![String::new()];
    let mut rest = template;
    while let Some(letter) = rest.chars().next() {
        let length = match letter {
            '{' => match end(rest) {
                Some(end) => end + 1,
                None => return Err(format!("the route `{template}` has a `{{` without its `}}`")),
            },
            '}' => return Err(format!("the route `{template}` has a `}}` without its `{{`")),
            letter => letter.len_utf8(),
        };
        if letter == '/' {
            segments.push(String::new());
        } else if let Some(segment) = segments.last_mut() {
            segment.push_str(&rest[..length]);
        }
        rest = &rest[length..];
    }
    Ok(segments)
}

/// The position of the brace that closes the first one. Doubled braces inside stand for themselves.
fn end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut i = 1;
    while i < bytes.len() {
        match bytes[i] {
            b'{' | b'}' if bytes.get(i + 1) == Some(&bytes[i]) => i += 1,
            b'{' => return None,
            b'}' => return Some(i),
            _ => {}
        }
        i += 1;
    }
    None
}

/// The name in `name`, `name?`, `name:constraint`, `name=default`, `*name`.
fn parameter(inside: &str, template: &str) -> Result<String, String> {
    let name = inside
        .strip_prefix("**")
        .or_else(|| inside.strip_prefix('*'))
        .unwrap_or(inside);
    let name = name.split([':', '=']).next().unwrap_or_default();
    let name = name.strip_suffix('?').unwrap_or(name);
    if name.is_empty() {
        return Err(format!(
            "the route `{template}` has a parameter without a name: write `{{id}}`"
        ));
    }
    match name.chars().find(|c| "/{}?*".contains(*c) || c.is_whitespace()) {
        Some(wrong) => Err(format!(
            "the route parameter `{name}` holds `{wrong}`, which cannot stand in its name"
        )),
        None => Ok(name.to_owned()),
    }
}

fn wrong_literal(text: &str, template: &str) -> Result<(), String> {
    match text.chars().find(|c| "?#\\".contains(*c) || c.is_whitespace()) {
        Some('?') => Err(format!("the route `{template}` holds `?`: the query is no part of it")),
        Some(wrong) => Err(format!(
            "the route `{template}` holds {wrong:?}, which cannot stand in a route"
        )),
        None => Ok(()),
    }
}

/// What a route begins with that the host keeps for itself, though the word may go on: `administration` is refused too.
pub(crate) fn reserved(route: &str) -> Option<&str> {
    ["admin", "runtime"].into_iter().find_map(|word| {
        let begins = route.get(..word.len())?;
        begins.eq_ignore_ascii_case(word).then_some(begins)
    })
}

#[cfg(test)]
mod tests {
    use super::{parameters, wrong};

    #[test]
    fn legal_templates_pass_and_give_their_parameters() {
        for (template, names) in [
            ("", vec![]),
            ("orders", vec![]),
            ("orders/{id}", vec!["id"]),
            ("orders/{id:int?}/lines/{line=1}", vec!["id", "line"]),
            ("files/{*path}", vec!["path"]),
            ("files/{name}.{ext?}", vec!["name", "ext"]),
            (r"codes/{code:regex(^\d{{3}}$)}", vec!["code"]),
            ("the-admin", vec![]),
        ] {
            assert_eq!(wrong(template), None, "{template}");
            assert_eq!(parameters(template), names, "{template}");
        }
    }

    #[test]
    fn illegal_ones_are_refused_for_a_reason() {
        for (template, reason) in [
            ("/orders", "must not begin with `/`"),
            ("~/orders", "must not begin with `~`"),
            ("orders//x", "empty part"),
            ("orders/", "empty part"),
            ("orders/{id", "without its `}`"),
            ("orders/id}", "without its `{`"),
            ("orders/{}", "without a name"),
            ("{id}/{ID}", "two parameters `ID`"),
            ("{a}{b}", "side by side"),
            ("{*rest}/x", "must come last"),
            ("Admin/x", "reserved"),
            ("runtime", "reserved"),
            ("x?y=1", "the query is no part"),
        ] {
            let text = wrong(template).unwrap_or_default();
            assert!(text.contains(reason), "{template}: {text}");
        }
    }
}
