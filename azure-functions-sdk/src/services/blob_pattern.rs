//! Patterns of blob triggers, `container/{name}.{extension}`: what their variables stand for.
//!
//! Source: recordings of the real host. A variable stands for any text, slashes included; the first takes as much as it can.

/// A path with this pattern: `value` says what goes into the place of each variable. Which text each stands for then says
/// [`captured`]: it may be another.
pub(super) fn filled(pattern: &str, value: impl Fn(&str) -> String) -> String {
    let (first, parts) = parts(pattern);
    let mut path = first.to_owned();
    for (variable, literal) in parts {
        path.push_str(&value(variable));
        path.push_str(literal);
    }
    path
}

/// The pattern with each `%SETTING%` that has no value here replaced by what stands in its place in the path, up to what follows it in
/// the pattern, or to the next slash: most often it names the container. `None` if the path does not tell.
pub(super) fn with_settings_of(pattern: &str, path: &str) -> Option<String> {
    let mut known = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('%')
        && let Some((_, after)) = after.split_once('%')
    {
        known.push_str(before);
        if known.contains('{') {
            return None;
        }
        let at = path.strip_prefix(&known)?;
        let literal = after.split(['{', '%']).next().unwrap_or_default();
        let end = match literal {
            "" => at.find('/').unwrap_or(at.len()),
            literal => at.find(literal)?,
        };
        known.push_str(&at[..end]);
        rest = after;
    }
    Some(known + rest)
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
        assert_eq!(filled("in/{dir}/{name}.txt", str::to_uppercase), "in/DIR/NAME.txt");
        assert_eq!(filled("in", str::to_owned), "in");
    }

    #[test]
    fn a_setting_without_a_value_stands_for_what_the_path_has_in_its_place() {
        for (pattern, path, wanted) in [
            ("%C%/{name}", "in/one/two.txt", Some("in/{name}")),
            ("%C%", "in/one.txt", Some("in")),
            ("%C%-x/%D%{name}", "in-x/one/two", Some("in-x/one{name}")),
            ("in/%D%/{name}", "other/one/two", None),
            ("in/{name}.%EXT%", "in/a.txt", None),
            ("in/100%", "in/100%", Some("in/100%")),
        ] {
            assert_eq!(with_settings_of(pattern, path).as_deref(), wanted, "{pattern} {path}");
        }
    }
}
