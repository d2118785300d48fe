//! Whole URLs from the host, with places to fill in: `INSTANCEID`, `{functionName}[/{instanceId}]`, `{eventName}`,
//! `{text}`. They are worked on as text, for braces and keys must stay exactly as the host wrote them.

use percent_encoding::percent_decode_str;
use std::ops::Range;

/// Puts another instance id (already encoded), and after it `suffix`, in the place of `id`.
pub(crate) fn replace_instance_id(url: &str, id: &str, new_id: &str, suffix: &str) -> Option<String> {
    let place = instance_id_place(url, id)?;
    Some(format!("{}{new_id}{suffix}{}", &url[..place.start], &url[place.end..]))
}

/// Where the path has the instance id: the segment after `instances`, for an id may itself be called `instances` or
/// `terminate`; on a host with other routes, the last segment that is the id.
fn instance_id_place(url: &str, id: &str) -> Option<Range<usize>> {
    let mut segments: Vec<Range<usize>> = Vec::new();
    let path = path_range(url);
    let mut start = path.start;
    for segment in url[path].split('/') {
        segments.push(start..start + segment.len());
        start += segment.len() + 1;
    }
    let is_id = |segment: &Range<usize>| {
        let text = &url[segment.clone()];
        text == id
            || percent_decode_str(text)
                .decode_utf8()
                .is_ok_and(|decoded| decoded == id)
    };
    segments
        .windows(2)
        .find(|pair| url[pair[0].clone()].eq_ignore_ascii_case("instances") && is_id(&pair[1]))
        .map(|pair| pair[1].clone())
        .or_else(|| segments.iter().rev().find(|segment| is_id(segment)).cloned())
}

/// The path of a URL: after the authority, before the query.
fn path_range(url: &str) -> Range<usize> {
    let start = origin_end(url);
    let end = url[start..].find(['?', '#']).map_or(url.len(), |at| start + at);
    start..end
}

/// The end of scheme and authority.
pub(crate) fn origin_end(url: &str) -> usize {
    let Some(scheme) = url.find("://") else { return 0 };
    let authority = scheme + "://".len();
    url[authority..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| authority + at)
}

/// Fills in a place; `None` if the URL does not have it.
pub(crate) fn fill(url: &str, place: &str, value: &str) -> Option<String> {
    url.contains(place).then(|| url.replacen(place, value, 1))
}

/// Appends parameters, already encoded, to the query of a URL.
pub(crate) fn append_query(url: &mut String, parameters: &str) {
    if parameters.is_empty() {
        return;
    }
    if !url.contains('?') {
        url.push('?');
    } else if !url.ends_with(['?', '&']) {
        url.push('&');
    }
    url.push_str(parameters);
}

/// Gives one query parameter another value (already encoded), and leaves all others exactly as they are.
pub(crate) fn set_query(url: &str, name: &str, value: &str) -> String {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let mut parameters: Vec<String> = query
        .split('&')
        .filter(|parameter| !parameter.is_empty())
        .filter(|parameter| {
            !parameter
                .split('=')
                .next()
                .is_some_and(|n| n.eq_ignore_ascii_case(name))
        })
        .map(str::to_owned)
        .collect();
    parameters.push(format!("{name}={value}"));
    format!("{path}?{}", parameters.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_id_after_instances_is_replaced() {
        assert_eq!(
            replace_instance_id(
                "http://INSTANCEID:1/a/INSTANCEID/instances/INSTANCEID?x=INSTANCEID",
                "INSTANCEID",
                "b",
                ""
            ),
            Some("http://INSTANCEID:1/a/INSTANCEID/instances/b?x=INSTANCEID".to_owned())
        );
        assert_eq!(
            replace_instance_id(
                "http://h/instances/instances/terminate?reason={text}",
                "instances",
                "b",
                ""
            ),
            Some("http://h/instances/b/terminate?reason={text}".to_owned())
        );
        assert_eq!(replace_instance_id("http://h/instances/a", "c", "b", ""), None);
    }

    #[test]
    fn an_id_is_found_in_its_encoded_form_too() {
        assert_eq!(
            replace_instance_id("http://h/Instances/a%20b/restart", "a b", "c", ""),
            Some("http://h/Instances/c/restart".to_owned())
        );
    }

    #[test]
    fn setting_a_parameter_leaves_the_others_verbatim() {
        assert_eq!(
            set_query("http://h/x?reason={text}&TASKHUB=A&code=a/b==", "taskHub", "B"),
            "http://h/x?reason={text}&code=a/b==&taskHub=B"
        );
        assert_eq!(set_query("http://h/x", "taskHub", "B"), "http://h/x?taskHub=B");
    }
}
