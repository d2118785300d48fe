//! Patterns of blob triggers: `container/{name}.{extension}`.
//!
//! The rule is the host's: a variable stands for any text, slashes included, and takes as much as it can.

/// The names of the variables.
pub(super) fn variables(pattern: &'static str) -> impl Iterator<Item = &'static str> {
    pattern
        .split('{')
        .skip(1)
        .filter_map(|part| Some(part.split_once('}')?.0))
}

/// Whether a blob, `container/name`, matches. A container alone stands for all its blobs. What a setting stands for is the value of the
/// environment variable: app settings are environment variables of the worker.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let pattern = resolved(pattern, |name| std::env::var(name).ok());
    match pattern {
        Some(pattern) if pattern.contains('/') => fits(&literals(&pattern), path),
        Some(container) => path.split('/').next() == Some(&container),
        // The host knows a setting that is not here: its word has to do.
        None => true,
    }
}

fn resolved(pattern: &str, setting: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut text = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        match after.split_once('%') {
            Some((name, after)) => {
                text.push_str(&setting(name)?);
                rest = after;
            }
            None => {
                text.push('%');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    Some(text)
}

/// What stands before, between and after the variables.
fn literals(pattern: &str) -> Vec<&str> {
    let mut parts = pattern.split('{');
    let first = parts.next().into_iter();
    first
        .chain(parts.map(|part| part.split_once('}').map_or(part, |(_, after)| after)))
        .collect()
}

fn fits(literals: &[&str], path: &str) -> bool {
    match literals {
        [] => path.is_empty(),
        [only] => path == *only,
        [first, middle @ .., last] => {
            let Some(mut rest) = path.strip_prefix(first) else {
                return false;
            };
            for literal in middle {
                match rest.find(literal) {
                    Some(at) => rest = &rest[at + literal.len()..],
                    None => return false,
                }
            }
            rest.ends_with(last)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_as_the_host_matches() {
        for (pattern, path, wanted) in [
            ("in/{name}.txt", "in/a.txt", true),
            ("in/{name}.txt", "in/no.bin", false),
            ("in/{name}.txt", "other/a.txt", false),
            ("in/{name}.{ext}", "in/a.b.txt", true),
            ("in/{name}.{ext}", "in/none", false),
            ("in/{dir}/{rest}.txt", "in/one/two/three.txt", true),
            ("in/{dir}/{rest}.txt", "in/three.txt", false),
            ("in", "in/any.txt", true),
            ("in", "inn/any.txt", false),
            ("in/fixed.txt", "in/fixed.txt", true),
            ("in/fixed.txt", "in/other.txt", false),
            ("in/{a}aa", "in/a", false),
        ] {
            assert_eq!(matches(pattern, path), wanted, "{pattern} {path}");
        }
    }

    #[test]
    fn a_setting_in_a_pattern_is_that_of_the_process() {
        let setting = |name: &str| (name == "Folder").then(|| "in".to_owned());
        assert_eq!(resolved("%Folder%/{name}", setting).as_deref(), Some("in/{name}"));
        assert_eq!(resolved("%Other%/{name}", setting), None);
        assert_eq!(resolved("in/100%", setting).as_deref(), Some("in/100%"));
        assert!(matches("%A setting that is not there%/x", "in/y"));
    }

    #[test]
    fn the_variables_of_a_pattern_are_those_in_braces() {
        assert_eq!(variables("in/{dir}/{name}.txt").collect::<Vec<_>>(), ["dir", "name"]);
        assert_eq!(variables("in/fixed").count(), 0);
    }
}
