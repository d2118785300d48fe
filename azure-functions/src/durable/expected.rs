//! How messages name a type that a value does not fit, and the place in the value.

/// The type with its article and without the paths in it: `a string`, `an Order`, `a Vec<Order>`.
pub(crate) fn a(expected: &str) -> String {
    let name = match expected {
        "alloc::string::String" => "string".to_owned(),
        "()" => return "null".to_owned(),
        path => without_paths(path),
    };
    let mut letters = name.trim_start_matches(|c: char| !c.is_alphanumeric()).chars();
    let (first, second) = (letters.next().map(|c| c.to_ascii_lowercase()), letters.next());
    let number = second.is_some_and(|c| c.is_ascii_digit());
    let an = match first {
        Some('a' | 'e' | 'i' | 'o') => true,
        // `u8` and `User`, but `Update`: as one says them.
        Some('u') => !number && !matches!(second, Some('s' | 'n' | 'u' | 't')),
        Some('f') => number,
        _ => false,
    };
    format!("{} {name}", if an { "an" } else { "a" })
}

fn without_paths(path: &str) -> String {
    let mut short = String::with_capacity(path.len());
    // Where the name begins that is being read.
    let mut name = 0;
    let mut rest = path;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("::") {
            short.truncate(name);
            rest = after;
            continue;
        }
        short.push(c);
        if !c.is_alphanumeric() && c != '_' {
            name = short.len();
        }
        rest = &rest[c.len_utf8()..];
    }
    short
}

/// Where in a value it differs; the whole of it needs no words.
pub(crate) fn at(path: &str) -> String {
    match path {
        "." | "" => String::new(),
        path => format!(", at `{path}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::a;
    use std::{any::type_name, collections::BTreeMap};

    struct Order;

    #[test]
    fn types_are_named_as_one_says_them() {
        for (name, said) in [
            (type_name::<String>(), "a string"),
            (type_name::<u32>(), "a u32"),
            (type_name::<usize>(), "a usize"),
            (type_name::<i64>(), "an i64"),
            (type_name::<f64>(), "an f64"),
            (type_name::<bool>(), "a bool"),
            (type_name::<()>(), "null"),
            (type_name::<Order>(), "an Order"),
            (type_name::<Vec<Order>>(), "a Vec<Order>"),
            (type_name::<Option<Vec<u8>>>(), "an Option<Vec<u8>>"),
            (type_name::<BTreeMap<String, Order>>(), "a BTreeMap<String, Order>"),
            (type_name::<(String, Order)>(), "a (String, Order)"),
            (type_name::<[Order; 2]>(), "an [Order; 2]"),
            ("app::User", "a User"),
            ("app::Update", "an Update"),
        ] {
            assert_eq!(a(name), said);
        }
    }
}
