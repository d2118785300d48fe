//! The exception message that reports a failed orchestration on the JSON wire, so that the host replays the actions
//! first and fails the instance afterwards.

/// What separates the text for people from the answer for the extension.
const LABEL: &str = "\n\n$OutOfProcData$:";

/// The whole message.
pub(crate) fn message(friendly: &str, answer: &str) -> String {
    let mut out = String::with_capacity(friendly.len() + LABEL.len() + answer.len() + 16);
    // The host cuts the message at a line that starts with this.
    out.push_str(&friendly.replace("\nStack:", "\n Stack:"));
    out.push_str(LABEL);
    // The host blanks what looks like a secret (`key=…`, `user:pass@host`) and would eat quotes of the JSON with it.
    // Both signs only ever stand inside strings.
    for c in answer.chars() {
        match c {
            '=' => out.push_str("\\u003d"),
            '@' => out.push_str("\\u0040"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::message;
    use serde_json::{Value, json};

    #[test]
    fn the_answer_survives_the_redaction_of_secrets() {
        let answer = json!({"error": "AccountKey=abc at amqp://u:p@host"}).to_string();
        let text = message("failed\nStack: of cards", &answer);
        let (friendly, data) = text.split_once("\n\n$OutOfProcData$:").unwrap();
        assert_eq!(friendly, "failed\n Stack: of cards");
        assert!(!data.contains(['=', '@']));
        assert_eq!(serde_json::from_str::<Value>(data).unwrap().to_string(), answer);
    }
}
