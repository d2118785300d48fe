//! The rules for values that are names: queues, blobs, tables, resources, types of bindings.

use super::argument::ArgumentKind;

/// What is wrong with the value of an argument that is a name, if something is. What a setting or an expression stands for is not
/// known.
pub(crate) const fn wrong_name(kind: ArgumentKind, text: &str) -> Option<&'static str> {
    match kind {
        ArgumentKind::QueueName => wrong_queue_name(text.as_bytes()),
        ArgumentKind::BlobPath => wrong_blob_path(text.as_bytes(), false),
        ArgumentKind::BlobPattern => wrong_blob_path(text.as_bytes(), true),
        ArgumentKind::ResourceUri => wrong_resource_uri(text.as_bytes()),
        ArgumentKind::TableName => wrong_table_name(text.as_bytes()),
        ArgumentKind::TriggerType => wrong_trigger_type(text.as_bytes()),
        ArgumentKind::BindingType if ends_with_trigger(text.as_bytes()) => {
            Some("this is the type of a trigger: take a `GenericTrigger` parameter")
        }
        _ => None,
    }
}

/// A host tells triggers by their names.
const fn wrong_trigger_type(name: &[u8]) -> Option<&'static str> {
    const OWN: [&[u8]; 4] = [
        b"httptrigger",
        b"orchestrationtrigger",
        b"activitytrigger",
        b"entitytrigger",
    ];
    let mut i = 0;
    while i < OWN.len() {
        if name.eq_ignore_ascii_case(OWN[i]) {
            return Some("this trigger has a type of its own: `HttpRequest`, or the context of a durable function");
        }
        i += 1;
    }
    if ends_with_trigger(name) {
        None
    } else {
        Some("the type of a trigger ends with `Trigger`")
    }
}

const fn ends_with_trigger(name: &[u8]) -> bool {
    match name.split_last_chunk::<7>() {
        Some((_, last)) => last.eq_ignore_ascii_case(b"trigger"),
        None => false,
    }
}

/// The rule of the storage service. Capital letters are no mistake: the extension writes them small.
const fn wrong_queue_name(name: &[u8]) -> Option<&'static str> {
    if has(name, b'%') || has(name, b'{') {
        return None;
    }
    if name.len() < 3 || name.len() > 63 {
        return Some("the name of a queue has 3 to 63 characters");
    }
    let mut i = 0;
    while i < name.len() {
        if !name[i].is_ascii_alphanumeric() && name[i] != b'-' {
            return Some("the name of a queue has letters, digits and `-`, and nothing else");
        }
        if name[i] == b'-' && (i == 0 || i + 1 == name.len() || name[i - 1] == b'-') {
            return Some("in the name of a queue, `-` stands between letters or digits");
        }
        i += 1;
    }
    None
}

/// The rule of the storage service.
const fn wrong_table_name(name: &[u8]) -> Option<&'static str> {
    if has(name, b'%') || has(name, b'{') {
        return None;
    }
    if name.len() < 3 || name.len() > 63 {
        return Some("the name of a table has 3 to 63 characters");
    }
    let mut i = 0;
    while i < name.len() {
        if !name[i].is_ascii_alphanumeric() {
            return Some("the name of a table has letters and digits, and nothing else");
        }
        i += 1;
    }
    if name[0].is_ascii_digit() {
        return Some("the name of a table begins with a letter");
    }
    None
}

/// A host on which one function names a container that cannot be does not start at all.
const fn wrong_blob_path(path: &[u8], container_alone: bool) -> Option<&'static str> {
    if path.is_empty() || path[0] == b'/' {
        return Some("write `container/blob`, with the container first and no slash before it");
    }
    let mut end = 0;
    while end < path.len() && path[end] != b'/' {
        end += 1;
    }
    let (container, blob) = path.split_at(end);
    if !has(path, b'%') && (blob.len() == 1 || blob.is_empty() && !container_alone) {
        return Some("the name of the blob is missing: write `container/blob`");
    }
    let mut i = 0;
    let mut open = false;
    while i < path.len() {
        match path[i] {
            b'{' if open => return Some("a `{` is not closed"),
            b'}' if !open => return Some("a `}` has no `{` before it"),
            b'{' => open = true,
            b'}' => open = false,
            _ => {}
        }
        i += 1;
    }
    if open {
        return Some("a `{` is not closed");
    }
    if has(container, b'%') || has(container, b'{') || container[0] == b'$' {
        return None;
    }
    wrong_container(container)
}

const fn wrong_container(name: &[u8]) -> Option<&'static str> {
    let mut i = 0;
    while i < name.len() {
        if name[i].is_ascii_uppercase() {
            return Some("the name of a container has no capital letters: a host refuses to start with it");
        }
        if !name[i].is_ascii_alphanumeric() && name[i] != b'-' {
            return Some("the name of a container has small letters, digits and `-`, and nothing else");
        }
        if name[i] == b'-' && (i == 0 || i + 1 == name.len() || name[i - 1] == b'-') {
            return Some("in the name of a container, `-` stands between letters or digits");
        }
        i += 1;
    }
    if name.len() < 3 || name.len() > 63 {
        return Some("the name of a container has 3 to 63 characters");
    }
    None
}

/// The rule of the MCP extension. A host on which one resource breaks it does not start at all. A `%` stands for itself: no setting is
/// put into a binding of MCP.
const fn wrong_resource_uri(uri: &[u8]) -> Option<&'static str> {
    let mut colon = 0;
    while colon < uri.len() && (uri[colon].is_ascii_alphanumeric() || matches!(uri[colon], b'+' | b'-' | b'.')) {
        colon += 1;
    }
    if colon == 0 || colon + 1 >= uri.len() || uri[colon] != b':' || !uri[0].is_ascii_alphabetic() {
        return Some("the URI of a resource begins with a scheme: write `docs://readme`, for example");
    }
    let mut i = colon;
    let mut open = None;
    while i < uri.len() {
        match (uri[i], open) {
            (b'{', Some(_)) => return Some("a `{` is not closed"),
            (b'{', None) if uri[i - 1] == b'}' => {
                return Some("between two variables of a URI there is some text: write `{one}/{other}`");
            }
            (b'{', None) => open = Some(i),
            (b'}', None) => return Some("a `}` has no `{` before it"),
            (b'}', Some(start)) if start + 1 == i => return Some("a variable of a URI has a name: write `{name}`"),
            (b'}', Some(_)) => open = None,
            (b'/' | b'?' | b'#' | b'&' | b' ', Some(_)) => {
                return Some("the name of a variable has letters, digits and `_`");
            }
            (byte, _) if byte.is_ascii_whitespace() || byte.is_ascii_control() => {
                return Some("a URI has no white space");
            }
            _ => {}
        }
        i += 1;
    }
    if open.is_some() {
        Some("a `{` is not closed")
    } else if same_variables(uri) {
        Some(
            "two variables of a URI have the same name for a host, which takes no case and reads all but letters and digits as `_`: rename one",
        )
    } else {
        None
    }
}

/// Whether two variables of a URI, all of them closed, become one group of the regular expression that the extension makes of it.
const fn same_variables(uri: &[u8]) -> bool {
    let mut one = 0;
    while one < uri.len() {
        if uri[one] == b'{' {
            let mut other = one + 1;
            while other < uri.len() {
                if uri[other] == b'{' && same_variable(uri, one + 1, other + 1) {
                    return true;
                }
                other += 1;
            }
        }
        one += 1;
    }
    false
}

/// Whether the variables whose names begin at these places are the same.
const fn same_variable(uri: &[u8], mut one: usize, mut other: usize) -> bool {
    while uri[one] != b'}' && uri[other] != b'}' {
        if group_letter(uri[one]) != group_letter(uri[other]) {
            return false;
        }
        one += 1;
        other += 1;
    }
    uri[one] == uri[other]
}

const fn group_letter(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() {
        byte.to_ascii_lowercase()
    } else {
        b'_'
    }
}

const fn has(text: &[u8], wanted: u8) -> bool {
    let mut i = 0;
    while i < text.len() {
        if text[i] == wanted {
            return true;
        }
        i += 1;
    }
    false
}
