//! URIs of resources with variables: `shop://{customer}/terms`.

/// Whether it has variables.
pub(super) fn is_template(uri: &str) -> bool {
    uri.split_once('{').is_some_and(|(_, rest)| rest.contains('}'))
}

/// The variables of a template, with what stands for them in a URI; none if the URI does not fit. A variable stands for some text
/// up to the end of its part of the path, or of the query.
pub(super) fn variables(template: &str, uri: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    fit(template, uri, '\0', &mut found).then(|| {
        found.reverse();
        found
    })
}

/// Fits what is left of both, in any case of the letters. The variables are found from the last to the first.
fn fit(template: &str, uri: &str, before: char, found: &mut Vec<(String, String)>) -> bool {
    let Some((literal, rest)) = template.split_once('{') else {
        return template.eq_ignore_ascii_case(uri);
    };
    let (Some((name, rest)), Some(start)) = (rest.split_once('}'), uri.get(..literal.len())) else {
        return false;
    };
    if !start.eq_ignore_ascii_case(literal) {
        return false;
    }
    let before = literal.chars().next_back().unwrap_or(before);
    let stops: &[char] = if matches!(before, '?' | '&') {
        &['&', '#']
    } else {
        &['/', '?', '#']
    };
    let text = &uri[literal.len()..];
    let most = text.find(stops).unwrap_or(text.len());
    // As much as possible, as a regular expression takes it.
    let ends = text.char_indices().map(|(at, letter)| at + letter.len_utf8());
    let ends: Vec<usize> = ends.take_while(|end| *end <= most).collect();
    for end in ends.into_iter().rev() {
        if fit(rest, &text[end..], before, found) {
            found.push((name.to_owned(), text[..end].to_owned()));
            return true;
        }
    }
    false
}
