//! Patterns of blob triggers, `container/{name}.{extension}`: what their variables stand for.
//!
//! Source: recordings of the real host. A variable stands for any text, slashes included; the first takes as much as it can.

/// A path with this pattern, and its variables: `value` says what each stands for.
pub(super) fn filled(pattern: &str, value: impl Fn(&str) -> String) -> (String, Vec<(&str, String)>) {
    let mut path = String::new();
    let mut variables = Vec::new();
    let (first, parts) = parts(pattern);
    path.push_str(first);
    for (variable, literal) in parts {
        let value = value(variable);
        path.push_str(&value);
        path.push_str(literal);
        variables.push((variable, value));
    }
    (path, variables)
}

/// What the variables of the pattern stand for in this path; nothing if it does not match. A container alone stands for all its
/// blobs.
pub(super) fn captured<'a>(pattern: &'a str, path: &str) -> Option<Vec<(&'a str, String)>> {
    if !pattern.contains('/') {
        return (path.split('/').next() == Some(pattern)).then(Vec::new);
    }
    let (first, parts) = parts(pattern);
    let rest = path.strip_prefix(first)?;
    let Some((_, last)) = parts.last() else {
        return rest.is_empty().then(Vec::new);
    };
    let mut rest = rest.strip_suffix(last)?;
    let mut variables = Vec::with_capacity(parts.len());
    // The literals as far to the right as they can be: so the first variable gets most.
    for (place, (variable, _)) in parts.iter().enumerate().rev() {
        let (before, value) = match place.checked_sub(1).map(|before| parts[before].1) {
            Some(literal) => rest.rsplit_once(literal)?,
            None => ("", rest),
        };
        variables.push((*variable, value.to_owned()));
        rest = before;
    }
    variables.reverse();
    Some(variables)
}

/// What stands before the first variable, and each variable with what follows it.
fn parts(pattern: &str) -> (&str, Vec<(&str, &str)>) {
    let mut parts = pattern.split('{');
    let first = parts.next().unwrap_or_default();
    let variables = parts.map(|part| part.split_once('}').unwrap_or((part, "")));
    (first, variables.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pattern: &str, path: &str) -> Option<String> {
        let variables = captured(pattern, path)?;
        let variables = variables.iter().map(|(name, value)| format!("{name}={value}"));
        Some(variables.collect::<Vec<_>>().join(" "))
    }

    /// Recorded: `path-ext`, `path-dirs`, `path-whole`, `path-nopattern`.
    #[test]
    fn variables_stand_for_what_the_real_host_says() {
        for (pattern, path, wanted) in [
            ("in/{name}.{ext}", "in/a.b.txt", Some("name=a.b ext=txt")),
            ("in/{name}.{ext}", "in/none", None),
            (
                "in/{dir}/{rest}.txt",
                "in/one/two/three.txt",
                Some("dir=one/two rest=three"),
            ),
            ("in/{name}.txt", "in/no.bin", None),
            ("in", "in/any.txt", Some("")),
            ("in", "other/any.txt", None),
            ("in/fixed.txt", "in/fixed.txt", Some("")),
            ("in/fixed.txt", "in/fixed.txt.old", None),
        ] {
            assert_eq!(shown(pattern, path).as_deref(), wanted, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_is_filled_with_values() {
        let (path, variables) = filled("in/{dir}/{name}.txt", str::to_uppercase);
        assert_eq!(path, "in/DIR/NAME.txt");
        assert_eq!(variables, [("dir", "DIR".to_owned()), ("name", "NAME".to_owned())]);
        assert_eq!(filled("in", str::to_owned), ("in".to_owned(), vec![]));
    }
}
