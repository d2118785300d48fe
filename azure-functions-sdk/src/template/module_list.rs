//! The user's list of modules (`src/functions/mod.rs`): finds what it declares, and adds one line to it. Everything else
//! in the file, comments, order, and line endings included, stays as it is, byte for byte.

use std::cmp::Ordering;

/// A `mod` item at the top level of a file.
#[derive(Debug, PartialEq, Eq)]
struct Module<'a> {
    name: &'a str,
    /// Offset of the first line that belongs to it: its attributes and the comments right above count.
    start: usize,
    /// Offset after its line.
    end: usize,
    /// `mod x { .. }` has no file and no place in the list.
    inline: bool,
}

/// Whether `source` declares a module of this name.
pub(super) fn declares(source: &str, name: &str) -> bool {
    modules(source).iter().any(|module| module.name == name)
}

/// `source` with `pub mod NAME;` in it, where `cargo fmt` would put it.
pub(super) fn with_module(source: &str, name: &str) -> String {
    let newline = if source.split_once('\n').is_some_and(|(first, _)| first.ends_with('\r')) {
        "\r\n"
    } else {
        "\n"
    };
    let line = format!("pub mod {name};");
    let modules = modules(source);
    let declared: Vec<_> = modules.iter().filter(|module| !module.inline).collect();
    let mut result = String::with_capacity(source.len() + line.len() + 4);
    if let Some(last) = declared.last() {
        // Only lines without a gap between them are one list to `cargo fmt`.
        let group = declared.iter().rev().scan(last.end, |end, module| {
            let touches = module.end == *end;
            *end = module.start;
            touches.then_some(module)
        });
        let at = group
            .filter(|module| in_fmt_order(name, module.name) == Ordering::Less)
            .last()
            .map_or(last.end, |m| m.start);
        result.push_str(&source[..at]);
        if at > 0 && !source[..at].ends_with('\n') {
            result.push_str(newline);
        }
        result.push_str(&line);
        result.push_str(newline);
        result.push_str(&source[at..]);
    } else {
        let at = header_end(source);
        result.push_str(&source[..at]);
        if !source[..at].trim_start_matches('\u{feff}').is_empty() {
            result.push_str(if source[..at].ends_with('\n') { "" } else { newline });
            result.push_str(newline);
        }
        result.push_str(&line);
        result.push_str(newline);
        if !source[at..].trim().is_empty() && !source[at..].starts_with(['\n', '\r']) {
            result.push_str(newline);
        }
        result.push_str(&source[at..]);
    }
    result
}

/// Offset after the comments and attributes that are about the whole file.
fn header_end(source: &str) -> usize {
    let mut end = if source.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    let mut offset = end;
    for line in source[end..].split_inclusive('\n') {
        let text = line.trim();
        offset += line.len();
        if text.starts_with("//!") || text.starts_with("#![") {
            end = offset;
        } else if !text.is_empty() {
            break;
        }
    }
    end
}

fn modules(source: &str) -> Vec<Module<'_>> {
    let code = without_comments_and_strings(source);
    let mut modules = Vec::new();
    let mut depth = 0usize;
    let mut offset = 0;
    let mut attached = None;
    for line in source.split_inclusive('\n') {
        let (start, end) = (offset, offset + line.len());
        offset = end;
        let bare = code[start..end].trim();
        if depth == 0 {
            if let Some((name, inline)) = module_name(source, start, &code[start..end]) {
                modules.push(Module {
                    name,
                    start: attached.unwrap_or(start),
                    end,
                    inline,
                });
                attached = None;
            } else if line.trim().is_empty() || line.trim().starts_with("//!") || bare.starts_with("#!") {
                attached = None;
            } else if bare.is_empty() || bare.starts_with("#[") {
                attached.get_or_insert(start);
            } else {
                attached = None;
            }
        }
        for c in bare.chars() {
            match c {
                '{' | '(' | '[' => depth += 1,
                '}' | ')' | ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
    modules
}

/// The name in `#[attr] pub(crate) mod NAME;` or `mod NAME {`; `code` is the line at `start` without comments and strings.
fn module_name<'a>(source: &'a str, start: usize, code: &str) -> Option<(&'a str, bool)> {
    let mut at = 0;
    loop {
        at += code[at..].len() - code[at..].trim_start().len();
        if code[at..].starts_with("#[") {
            at += code[at..].find(']')? + 1;
        } else if code[at..].starts_with("pub(") {
            at += code[at..].find(')')? + 1;
        } else if code[at..].starts_with("pub ") {
            at += 4;
        } else {
            break;
        }
    }
    at += if code[at..].starts_with("mod ") {
        "mod ".len()
    } else {
        return None;
    };
    at += code[at..].len() - code[at..].trim_start().len();
    at += if code[at..].starts_with("r#") { 2 } else { 0 };
    let length = code[at..]
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(code.len() - at);
    let inline = !code[at + length..].trim_start().starts_with(';');
    (length > 0).then(|| (&source[start + at..start + at + length], inline))
}

/// The source with everything in comments, strings, and character literals blanked out, at the same offsets.
fn without_comments_and_strings(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    let mut blank = |from: usize, to: usize| {
        for byte in &mut code[from..to] {
            if *byte != b'\n' && *byte != b'\r' {
                *byte = b' ';
            }
        }
    };
    while at < bytes.len() {
        let rest = &bytes[at..];
        let length = if rest.starts_with(b"//") {
            rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            block_comment(rest)
        } else if rest[0] == b'"' {
            string(rest)
        } else if let Some(length) = raw_string(bytes, at) {
            length
        } else if rest[0] == b'\'' {
            // A character literal, not a lifetime: it closes after one character, or is escaped.
            let text = &source[at + 1..];
            match text.chars().next() {
                Some('\\') => {
                    2 + text[1..]
                        .char_indices()
                        .skip(1)
                        .find(|&(_, c)| c == '\'')
                        .map_or(0, |(i, _)| i + 1)
                }
                Some(c) if text[c.len_utf8()..].starts_with('\'') => c.len_utf8() + 2,
                _ => 0,
            }
        } else {
            0
        };
        let end = (at + length).min(bytes.len());
        blank(at, end);
        at = end.max(at + 1);
    }
    // Only whole characters were replaced, each byte by a space.
    String::from_utf8(code).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn block_comment(bytes: &[u8]) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

fn string(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn raw_string(bytes: &[u8], at: usize) -> Option<usize> {
    let in_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() && bytes[at - 1] != b'b' || bytes[at - 1] == b'_');
    if bytes[at] != b'r' || in_word {
        return None;
    }
    let hashes = bytes[at + 1..].iter().take_while(|&&b| b == b'#').count();
    let open = at + 1 + hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let body = &bytes[open + 1..];
    let length = body
        .windows(close.len())
        .position(|window| window == close)
        .map_or(body.len(), |i| i + close.len());
    Some(1 + hashes + 1 + length)
}

/// The order in which `cargo fmt` keeps modules (style edition 2024): numbers by value, underscores first.
fn in_fmt_order(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        if a.is_empty() || b.is_empty() {
            return a.len().cmp(&b.len());
        }
        let (kind, other) = (class(a[0]), class(b[0]));
        if kind != other {
            let (chunk, against) = (chunk(a), chunk(b));
            return if kind == 0 || other == 0 {
                kind.cmp(&other)
            } else {
                chunk.cmp(against)
            };
        }
        let (left, right) = (chunk(a), chunk(b));
        let order = if kind == 1 {
            compare_numbers(left, right)
        } else {
            left.cmp(right)
        };
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (&a[left.len()..], &b[right.len()..]);
    }
}

fn class(byte: u8) -> u8 {
    match byte {
        b'_' => 0,
        b'0'..=b'9' => 1,
        _ => 2,
    }
}

fn chunk(bytes: &[u8]) -> &[u8] {
    let kind = class(bytes[0]);
    let length = if kind == 0 {
        1
    } else {
        bytes.iter().take_while(|&&b| class(b) == kind).count()
    };
    &bytes[..length]
}

fn compare_numbers(a: &[u8], b: &[u8]) -> Ordering {
    let significant = |digits: &[u8]| {
        digits
            .iter()
            .position(|&d| d != b'0')
            .map_or(0, |zeros| digits.len() - zeros)
    };
    let (x, y) = (significant(a), significant(b));
    x.cmp(&y)
        .then_with(|| a[a.len() - x..].cmp(&b[b.len() - y..]))
        .then_with(|| b.len().cmp(&a.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(source: &str, names: &[&str]) -> String {
        names
            .iter()
            .fold(source.to_owned(), |text, name| with_module(&text, name))
    }

    #[test]
    fn modules_are_added_in_the_order_of_cargo_fmt() {
        let text = add(
            "//! Functions.\n",
            &["flow", "say_hello", "greet", "a10", "a2", "a_b", "zoo"],
        );
        assert_eq!(
            text,
            "//! Functions.\n\npub mod a_b;\npub mod a2;\npub mod a10;\npub mod flow;\npub mod greet;\npub mod say_hello;\npub mod zoo;\n"
        );
    }

    #[test]
    fn an_empty_file_gets_the_line_alone() {
        assert_eq!(add("", &["flow"]), "pub mod flow;\n");
    }

    #[test]
    fn what_the_user_wrote_stays_where_it_is() {
        let source = "//! Mine.\n#![allow(dead_code)]\n\n// Orchestrations\n#[cfg(feature = \"x\")]\npub mod gated; // keep\n/* and\n this */\nmod zoo;\n\nuse std::fmt; // mod fake;\n\n/// Help.\nfn helper() {\n    mod inner {}\n}\n";
        let text = add(source, &["flow"]);
        assert_eq!(
            text,
            source.replace("// Orchestrations", "pub mod flow;\n// Orchestrations")
        );
        assert_eq!(
            add(source, &["hello"]),
            source.replace("/* and", "pub mod hello;\n/* and")
        );
        assert_eq!(
            add(source, &["zulu"]),
            source.replace("mod zoo;\n", "mod zoo;\npub mod zulu;\n")
        );
    }

    #[test]
    fn a_gap_ends_the_list() {
        assert_eq!(
            add("mod b;\n\nmod d;\nmod f;\n", &["a"]),
            "mod b;\n\npub mod a;\nmod d;\nmod f;\n"
        );
    }

    #[test]
    fn line_endings_and_a_missing_last_one_are_kept() {
        assert_eq!(
            add("pub mod a;\r\npub mod c;\r\n", &["b"]),
            "pub mod a;\r\npub mod b;\r\npub mod c;\r\n"
        );
        assert_eq!(add("pub mod a;", &["b"]), "pub mod a;\npub mod b;\n");
        assert_eq!(add("//! Doc.\r\n", &["b"]), "//! Doc.\r\n\r\npub mod b;\r\n");
    }

    #[test]
    fn code_without_a_list_keeps_its_distance() {
        assert_eq!(
            add("//! Doc.\n\nuse x::y;\n", &["b"]),
            "//! Doc.\n\npub mod b;\n\nuse x::y;\n"
        );
        assert_eq!(add("use x::y;\n", &["b"]), "pub mod b;\n\nuse x::y;\n");
    }

    #[test]
    fn declared_names_are_found_and_others_are_not() {
        let source = "pub(crate) mod a;\nmod r#match;\nmod inline { mod inner; }\n// mod comment;\nconst S: &str = r#\"\nmod string;\n\"#;\nconst C: char = '\"';\nmod b;\n#[path = \"x.rs\"] pub mod c;\n";
        for name in ["a", "match", "inline", "b", "c"] {
            assert!(declares(source, name), "{name}");
        }
        for name in ["inner", "comment", "string", "x"] {
            assert!(!declares(source, name), "{name}");
        }
    }
}
