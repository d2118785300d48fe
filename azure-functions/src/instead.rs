//! What messages say of a name that there is not.

use crate::similar::{SHOWN, similar};

/// The end of the sentence that there is no `name`: which of `known` was probably meant, or else what there is.
pub fn instead(name: &str, known: &[impl AsRef<str>]) -> String {
    let near = similar(name, known.iter().map(AsRef::as_ref));
    if let Some((last, rest)) = near.split_last() {
        let rest: String = rest.iter().map(|name| format!("'{name}' or ")).collect();
        return format!("did you mean {rest}'{last}'?");
    }
    let shown: Vec<_> = known
        .iter()
        .take(SHOWN)
        .map(|name| format!("'{}'", name.as_ref()))
        .collect();
    match known.len() {
        0 => "it has none".to_owned(),
        count if count > SHOWN => format!("it has {count}, such as {}", shown.join(", ")),
        _ => format!("it has {}", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_gets_the_nearest_and_a_strange_one_a_handful() {
        let few = ["say_hello", "pack", "unpack"];
        assert_eq!(instead("sayHelo", &few), "did you mean 'say_hello'?");
        assert_eq!(instead("pakc", &few), "did you mean 'pack'?");
        assert_eq!(instead("hello", &few), "did you mean 'say_hello'?");
        assert_eq!(instead("PACK-", &few), "did you mean 'pack' or 'unpack'?");
        assert_eq!(instead("ship", &few), "it has 'say_hello', 'pack', 'unpack'");
        assert_eq!(instead("ship", &[""; 0]), "it has none");
        let many: Vec<_> = (10..100).map(|n| format!("function_{n}")).collect();
        assert_eq!(
            instead("zebra", &many),
            "it has 90, such as 'function_10', 'function_11', 'function_12', 'function_13', 'function_14'"
        );
        assert_eq!(instead("functoin_42", &many), "did you mean 'function_42'?");
    }
}
