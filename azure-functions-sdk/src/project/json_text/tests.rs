//! JSON as people write it, right and wrong.

use super::*;

fn message(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn comments_and_a_trailing_comma_are_accepted() {
    let node = parse("\u{feff}// top\n{ /* a */ \"a\": [1, 2, ], // b\n \"b\": \"http://x/*y\", }\n").unwrap();
    let Json::Array(items) = &node.member("A").unwrap().value else {
        panic!("an array")
    };
    assert_eq!(items.len(), 2);
    assert_eq!(node.member("b").unwrap().value, Json::Text("http://x/*y".into()));
    assert_eq!(node.member("b").unwrap().origin, Origin::File { line: 3, column: 7 });
}

#[test]
fn a_missing_comma_is_named_where_it_belongs() {
    let text = "{\n  \"IsEncrypted\": false\n\"Values\": {\n  }\n}\n";
    assert_eq!(message(text), "line 3, column 1: expected ',' after the previous value");
}

#[test]
fn errors_name_the_place_and_the_fix() {
    for (text, expected) in [
        ("", "line 1, column 1: the file is empty: expected '{'"),
        (
            "{",
            "line 1, column 2: the file ends too early: expected '}' for the '{' of line 1, column 1",
        ),
        ("{\n\"a\" 1}", "line 2, column 5: expected ':' after the name \"a\""),
        ("{a: 1}", "line 1, column 2: a name is written in double quotes"),
        (
            "{\"a\": 'x'}",
            "line 1, column 7: strings are written in double quotes: replace ' by \"",
        ),
        (
            "{\"a\": \"x\n\"}",
            "line 1, column 7: this string is never closed: expected '\"' before the end of the line",
        ),
        (
            "{\"a\": \"C:\\dir\"}",
            "line 1, column 10: unknown escape: a backslash in a string is written '\\\\'",
        ),
        ("{\"a\": 01}", "line 1, column 7: '01' is not a number"),
        ("{\"a\": [1}", "line 1, column 9: expected ',' or ']', found '}'"),
        ("{} x", "line 1, column 4: expected the end of the file, found 'x'"),
        ("/* never", "line 1, column 1: this comment is never closed: add '*/'"),
        (
            "{\"a\": hunter2}",
            "line 1, column 7: expected a value: a string is written in double quotes, other words are true, false and null",
        ),
    ] {
        assert_eq!(message(text), expected, "for {text:?}");
    }
}

#[test]
fn a_hostile_depth_is_refused() {
    assert!(message(&"[".repeat(100_000)).contains("nested deeper than 64 levels"));
}

proptest::proptest! {
    #[test]
    fn agrees_with_serde_json_on_json(text in "[\\[\\]{}\",:0-9a-e\\\\u \n.-]{0,24}") {
        if let Ok(expected) = serde_json::from_str::<serde_json::Value>(&text) {
            let node = parse(&text);
            proptest::prop_assert!(node.is_ok(), "{expected} was refused: {:?}", node);
        }
    }
}
