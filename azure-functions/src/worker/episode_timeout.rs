//! How long an episode may take before it is given up.

use std::time::Duration;

/// Setting with the time that an episode may take: seconds, or a number with `ms`, `s`, `m` or `h`.
pub(super) const TIMEOUT_SETTING: &str = "AZURE_FUNCTIONS_EPISODE_TIMEOUT";

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// The limit, from the environment.
pub(super) fn timeout_setting() -> Duration {
    let Some(text) = std::env::var_os(TIMEOUT_SETTING) else {
        return DEFAULT_TIMEOUT;
    };
    let text = text.to_string_lossy();
    parse(&text).unwrap_or_else(|| {
        log::warn!(
            "{TIMEOUT_SETTING} is `{text}`, expected seconds or a number with ms, s, m or h: using {DEFAULT_TIMEOUT:?}"
        );
        DEFAULT_TIMEOUT
    })
}

fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[number.len()..].trim() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let seconds = number.trim().parse::<f64>().ok()?;
    Duration::try_from_secs_f64(seconds * unit)
        .ok()
        .filter(|d| !d.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_written_in_seconds_or_with_a_unit() {
        for (text, expected) in [
            ("90", 90_000),
            (" 1.5 ", 1_500),
            ("250ms", 250),
            ("2 m", 120_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(expected)), "{text}");
        }
        for text in ["", "soon", "-1", "0", "1d", "1e400", "NaN"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
