//! Indents JSON text as .NET's serializer does, keeping the order of members and the spelling of numbers.

/// The deepest that .NET's reader follows, unless it is told otherwise (`JsonReader.MaxDepth` of Newtonsoft.Json 13).
const DEEPEST: usize = 64;

/// `json` with two spaces for every level; text that is no JSON, or that is nested too deeply for .NET, comes back as it is.
pub(crate) fn indented(json: &str) -> String {
    if serde_json::from_str::<serde::de::IgnoredAny>(json).is_err() {
        return json.to_owned();
    }
    let mut text = String::with_capacity(json.len() * 2);
    let mut depth = 0;
    let mut characters = json.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                text.push(character);
                while let Some(inner) = characters.next() {
                    text.push(inner);
                    match inner {
                        '\\' => text.extend(characters.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '{' | '[' => {
                text.push(character);
                while characters.next_if(char::is_ascii_whitespace).is_some() {}
                // One without anything is a level, too.
                if depth == DEEPEST {
                    return json.to_owned();
                }
                if let Some(close) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    text.push(close);
                } else {
                    depth += 1;
                    new_line(&mut text, depth);
                }
            }
            '}' | ']' => {
                depth -= 1;
                new_line(&mut text, depth);
                text.push(character);
            }
            ',' => {
                text.push(character);
                new_line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            space if space.is_ascii_whitespace() => {}
            other => text.push(other),
        }
    }
    text
}

fn new_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::indented;

    #[test]
    fn order_numbers_and_texts_are_kept() {
        let json = r#"{"z":1.50,"a":[ ],"b":{},"t":"x,\"{[:","l":[1,{"m":null}]}"#;
        let expected = "{\n  \"z\": 1.50,\n  \"a\": [],\n  \"b\": {},\n  \"t\": \"x,\\\"{[:\",\n  \"l\": [\n    1,\n    {\n      \"m\": null\n    }\n  ]\n}";
        assert_eq!(indented(json), expected);
    }

    #[test]
    fn what_is_no_json_stays() {
        assert_eq!(indented("{oops"), "{oops");
    }

    #[test]
    fn what_is_nested_too_deeply_stays_and_does_not_grow() {
        let nested = |depth| "[".repeat(depth) + "1" + &"]".repeat(depth);
        assert_eq!(indented(&nested(64)).lines().count(), 129);
        assert_eq!(indented(&nested(65)), nested(65));
        let empty = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(indented(&empty(64)).lines().count(), 127);
        assert_eq!(indented(&empty(65)), empty(65));
        // Indented, it would be 20 gigabytes.
        assert_eq!(indented(&nested(100_000)), nested(100_000));
    }
}
