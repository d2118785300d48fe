//! URIs of MCP resources with variables: `shop://{customer}/terms`.

/// Whether it has variables.
pub(crate) fn is_template(uri: &str) -> bool {
    uri.split_once('{').is_some_and(|(_, rest)| rest.contains('}'))
}

/// The variables of a template, with what stands for them in a URI; none if the URI does not fit. A variable stands for some text
/// up to the end of its part of the path, or of the query. The case of letters does not matter.
pub(crate) fn variables<'t>(template: &'t str, uri: &str) -> Option<Vec<(&'t str, String)>> {
    let (first, variables) = parts(template)?;
    if variables.is_empty() {
        return first.eq_ignore_ascii_case(uri).then(Vec::new);
    }
    // From the last variable to the first: where one ends that begins at each place, if the rest of the URI fits then. So each
    // place is looked at once for each variable, whatever the URI is.
    let mut all_ends: Vec<Vec<Option<usize>>> = Vec::with_capacity(variables.len());
    for variable in variables.iter().rev() {
        let after = all_ends.last();
        let fits = |place: usize| {
            let end = place + variable.literal.len();
            starts_with(uri, place, variable.literal)
                && match after {
                    Some(ends) => ends[end].is_some(),
                    None => end == uri.len(),
                }
        };
        let ends = ends(uri, variable.stops, fits);
        all_ends.push(ends);
    }
    if !starts_with(uri, 0, first) {
        return None;
    }
    let mut place = first.len();
    let mut found = Vec::with_capacity(variables.len());
    for (variable, ends) in variables.iter().zip(all_ends.iter().rev()) {
        let end = ends[place]?;
        found.push((variable.name, uri[place..end].to_owned()));
        place = end + variable.literal.len();
    }
    Some(found)
}

/// The template with a text for each variable.
pub(crate) fn filled(template: &str, value: impl Fn(&str) -> String) -> String {
    let Some((first, variables)) = parts(template) else {
        return template.to_owned();
    };
    let parts = variables.iter();
    parts.fold(first.to_owned(), |uri, variable| {
        uri + &value(variable.name) + variable.literal
    })
}

struct Variable<'t> {
    name: &'t str,
    /// What it does not stand for.
    stops: &'static [u8],
    /// What follows it, up to the next.
    literal: &'t str,
}

/// What stands before the first variable, and the variables; none if a brace is not closed.
fn parts(template: &str) -> Option<(&str, Vec<Variable<'_>>)> {
    let mut parts = template.split('{');
    let first = parts.next().unwrap_or_default();
    let mut before = first;
    let mut variables = Vec::new();
    for part in parts {
        let (name, literal) = part.split_once('}')?;
        // The real host looks only at what stands right before a variable.
        let stops: &[u8] = if before.ends_with(['?', '&']) { b"&#" } else { b"/?#" };
        variables.push(Variable { name, stops, literal });
        if !literal.is_empty() {
            before = literal;
        }
    }
    Some((first, variables))
}

fn starts_with(uri: &str, place: usize, literal: &str) -> bool {
    let text = uri.as_bytes().get(place..place + literal.len());
    uri.is_char_boundary(place) && text.is_some_and(|text| text.eq_ignore_ascii_case(literal.as_bytes()))
}

/// For each place the farthest at which a text without `stops` that begins there can end, so that what follows it `fits`: as much as
/// possible, as a regular expression takes it.
fn ends(uri: &str, stops: &[u8], fits: impl Fn(usize) -> bool) -> Vec<Option<usize>> {
    let bytes = uri.as_bytes();
    let mut ends = vec![None; bytes.len() + 1];
    let mut farthest = fits(bytes.len()).then_some(bytes.len());
    for place in (0..bytes.len()).rev() {
        if stops.contains(&bytes[place]) {
            farthest = fits(place).then_some(place);
        } else {
            ends[place] = farthest;
            if farthest.is_none() && fits(place) {
                farthest = Some(place);
            }
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn a_variable_takes_its_part_of_the_uri_and_no_more() {
        let found = |template, uri| {
            let found = variables(template, uri)?;
            Some(
                found
                    .into_iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(found("a://{x}/b", "A://1/B").unwrap(), ["x=1"]);
        assert_eq!(found("a://{x}/b", "a:///b"), None);
        assert_eq!(found("a://{x}/b", "a://1/2/b"), None);
        assert_eq!(found("a://{x}/b", "a://1/bc"), None);
        assert_eq!(found("a://{x}-{y}", "a://1-2-3").unwrap(), ["x=1-2", "y=3"]);
        assert_eq!(found("a://{x}-{y}", "a://1-2-").unwrap(), ["x=1", "y=2-"]);
        assert_eq!(found("a://b?{q}&{r}", "a://b?1/2&ä").unwrap(), ["q=1/2", "r=ä"]);
        assert_eq!(found("a://{x}ä", "a://öä").unwrap(), ["x=ö"]);
        // The real host looks only at what stands right before a variable.
        assert_eq!(found("a://b?q={q}", "a://b?q=1/2"), None);
        assert_eq!(found("a://ä{x}", "a://ä"), None);
        assert_eq!(found("a://b", "a://b").unwrap(), [""; 0]);
        assert_eq!(found("a://{x", "a://{x"), None);
        assert!(is_template("a://{x}") && !is_template("a://x"));
        assert_eq!(filled("a://{x}-{y}/z", str::to_uppercase), "a://X-Y/z");
    }

    #[test]
    fn a_long_uri_that_almost_fits_is_no_work() {
        let uri = format!("a://{}", "x-".repeat(50_000));
        let begun = Instant::now();
        assert_eq!(variables("a://{a}-{b}-{c}-{d}-{e}!", &uri), None);
        assert!(variables("a://{a}-{b}-{c}-{d}-{e}-", &uri).is_some());
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}
