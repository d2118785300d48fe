//! What a gRPC caller says of itself, for people.

use http::HeaderMap;

/// Characters that are shown of it.
const SHOWN: usize = 60;

/// How the libraries of the languages begin the header `user-agent`; clients of the Durable Task Scheduler have an `x-user-agent`.
const LANGUAGES: [(&str, &str); 10] = [
    ("azure-functions-rust", "Rust"),
    ("durabletask-python", "Python"),
    ("durabletask-js", "JavaScript"),
    ("durabletask-dotnet", ".NET"),
    ("grpc-python", "Python"),
    ("grpc-node", "JavaScript"),
    ("grpc-dotnet", ".NET"),
    ("grpc-java", "Java"),
    ("grpc-go", "Go"),
    ("tonic", "Rust"),
];

/// `Python, grpc-python/1.76.0`; empty if it says nothing.
pub(super) fn program(headers: &HeaderMap) -> String {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let said = header("x-user-agent")
        .or_else(|| header("user-agent"))
        .unwrap_or_default();
    let first = said.split_whitespace().next().unwrap_or_default();
    let first: String = first.chars().take(SHOWN).collect();
    let lower = first.to_lowercase();
    match LANGUAGES.iter().find(|(begin, _)| lower.starts_with(begin)) {
        Some((_, language)) => format!("{language}, {first}"),
        None => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_told_by_their_language_and_what_they_call_themselves() {
        for (name, value, shown) in [
            (
                "user-agent",
                "grpc-python/1.76.0 grpc-c/51.0.0 (linux; chttp2)",
                "Python, grpc-python/1.76.0",
            ),
            ("user-agent", "grpc-node-js/1.14.4", "JavaScript, grpc-node-js/1.14.4"),
            (
                "user-agent",
                "grpc-dotnet/2.67.0 (.NET 8.0.11)",
                ".NET, grpc-dotnet/2.67.0",
            ),
            ("user-agent", "my-program", "my-program"),
            (
                "x-user-agent",
                "durabletask-python/1.9.0",
                "Python, durabletask-python/1.9.0",
            ),
            ("other", "unknown", ""),
        ] {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
            assert_eq!(program(&headers), shown);
        }
    }
}
