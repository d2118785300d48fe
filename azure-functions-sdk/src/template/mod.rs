//! What `cargo func new-app`, `cargo func new`, and `cargo func settings` write. The texts are files under `files/`, embedded in the binary; a
//! `{placeholder}` in them is filled in as it is, without escaping.

pub(crate) mod app;
mod crate_names;
mod features;
pub(crate) mod function;
mod module_list;
pub(crate) mod name;
pub(crate) mod setting;

/// Fills in placeholders; a brace that opens no known placeholder stays as it is.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        text.push_str(&rest[..open]);
        rest = &rest[open..];
        // Values are never looked at again: what a user types cannot become a placeholder.
        let filled = values.iter().find_map(|(key, value)| {
            let after = rest[1..].strip_prefix(key)?.strip_prefix('}')?;
            Some((value, after))
        });
        match filled {
            Some((value, after)) => {
                text.push_str(value);
                rest = after;
            }
            None => {
                text.push('{');
                rest = &rest[1..];
            }
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn only_known_placeholders_are_filled() {
        assert_eq!(
            fill("fn {name}() { x::<{other}> }", &[("name", "flow")]),
            "fn flow() { x::<{other}> }"
        );
    }

    #[test]
    fn values_are_taken_as_they_are() {
        assert_eq!(
            fill("\"{schedule}\"{name}", &[("schedule", "{name} & <x>"), ("name", "n")]),
            "\"{name} & <x>\"n"
        );
    }
}
