//! How much one execution of an orchestration, or one operation of an entity, may ask for: a setting of the worker.

use std::sync::Once;

/// In the environment. The text of the refusal names it, too.
const SETTING: &str = "AZURE_FUNCTIONS_EPISODE_MAX_ACTIONS";
/// As many as the Durable Task extension allows by default (`maxOrchestrationActions`).
const DEFAULT: usize = 100_000;

/// The limit, from the environment.
pub(crate) fn max_actions() -> usize {
    match std::env::var_os(SETTING) {
        None => DEFAULT,
        Some(text) => {
            let text = text.to_string_lossy();
            parse(&text).unwrap_or_else(|| {
                // It is read for each episode.
                static TOLD: Once = Once::new();
                TOLD.call_once(|| {
                    log::warn!("{SETTING} is `{text}`, expected a whole number above zero: using {DEFAULT}");
                });
                DEFAULT
            })
        }
    }
}

fn parse(text: &str) -> Option<usize> {
    text.trim().parse().ok().filter(|limit| *limit > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_a_whole_number_above_zero() {
        for (text, limit) in [
            ("5000", Some(5_000)),
            (" 7 ", Some(7)),
            ("0", None),
            ("-1", None),
            ("1e5", None),
            ("", None),
        ] {
            assert_eq!(parse(text), limit, "{text}");
        }
        assert_eq!(max_actions(), 100_000);
    }
}
