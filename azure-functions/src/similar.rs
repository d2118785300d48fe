//! What a misspelt name was meant to be, for messages.

/// Names to show at most: a list of ninety tells nothing.
pub(crate) const SHOWN: usize = 5;
/// A longer name is not a misspelt one, and comparing takes time for each pair of letters.
const LONGEST: usize = 256;

/// The names among `known` that are spelt nearly like `name`, or that hold it, the nearest first.
pub(crate) fn similar<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    if name.len() > LONGEST {
        return Vec::new();
    }
    let name = plain(name);
    let limit = (name.chars().count() / 3).max(1);
    let mut near: Vec<_> = known
        .into_iter()
        .filter_map(|candidate| {
            let other = plain(candidate);
            let distance = strsim::osa_distance(&name, &other);
            let holds = name.len() >= 4 && other.contains(&name) || other.len() >= 4 && name.contains(&other);
            (distance <= limit || holds).then_some((distance, holds, candidate))
        })
        .collect();
    near.sort_unstable();
    let nearest = near.first().map_or(0, |(distance, ..)| *distance);
    near.retain(|(distance, holds, _)| *distance == nearest || *holds);
    near.truncate(3);
    near.into_iter().map(|(.., candidate)| candidate).collect()
}

/// A name without what is easily mixed up: case, `_` and `-`.
fn plain(name: &str) -> String {
    name.to_lowercase().replace(['_', '-'], "")
}

#[cfg(test)]
mod tests {
    use super::similar;

    #[test]
    fn the_nearest_names_come_first_and_strange_ones_get_none() {
        let known = ["say_hello", "pack", "unpack"];
        assert_eq!(similar("PACK", known), ["pack", "unpack"]);
        assert_eq!(similar("sayHelo", known), ["say_hello"]);
        assert!(similar("ship", known).is_empty());
        assert!(similar(&"x".repeat(100_000), known).is_empty());
    }
}
