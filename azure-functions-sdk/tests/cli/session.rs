//! Follows what stands in a README: sends its `curl` lines to a running host, and compares the answers.

use std::{
    collections::HashMap,
    thread,
    time::{Duration, Instant},
};

use crate::run::Running;

/// Long enough for what an answer has set going, a signal or an orchestration.
const LIMIT: Duration = Duration::from_secs(60);

/// What READMEs say where the host listens.
const HOST: &str = "localhost:7071";

/// What stands in a README between one ` ```console ` and its end.
pub(crate) fn sessions(readme: &str) -> Vec<&str> {
    let after = readme.split("```console\n").skip(1);
    after.map(|text| text.split("```").next().unwrap()).collect()
}

/// Sends the `curl` lines of a session, each of which must get the answer that stands below it; gives back how many there
/// were.
pub(crate) fn follow(app: &Running, session: &str) -> usize {
    let mut variables = HashMap::new();
    let mut lines = session.lines().peekable();
    let mut sent = 0;
    while let Some(line) = lines.next() {
        let command = line.strip_prefix("$ ").unwrap_or_else(|| panic!("a command: {line}"));
        let mut answer = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
            answer.push(line);
        }
        if command.starts_with("curl ") {
            answers(app, &Curl::parse(command, &variables), &answer.join("\n"));
            sent += 1;
            continue;
        }
        let (variable, value) = command.split_once('=').unwrap_or_else(|| panic!("{command}"));
        let value = match value.strip_prefix("$(") {
            Some(command) => {
                sent += 1;
                Curl::parse(command.strip_suffix(')').unwrap(), &variables).send(app)
            }
            None => words(value, &variables).concat(),
        };
        variables.insert(variable.to_owned(), value);
    }
    sent
}

/// Sends one command, whose answer must be as expected. One that only looks is sent again until it is: what has been taken
/// when the line before was answered may happen a moment later.
fn answers(app: &Running, command: &Curl, expected: &str) {
    let expected = expected.replace(HOST, &format!("localhost:{}", app.port));
    let deadline = Instant::now() + LIMIT;
    loop {
        let answer = command.send(app);
        if is_like(&answer, &expected) {
            return;
        }
        let again = command.only_looks() && Instant::now() < deadline;
        assert!(again, "{command:?}\nexpected: {expected}\nanswered: {answer}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Compares, with `…` for anything.
fn is_like(answer: &str, expected: &str) -> bool {
    let Some((begin, rest)) = expected.split_once('…') else {
        return answer == expected;
    };
    let Some(mut answer) = answer.strip_prefix(begin) else {
        return false;
    };
    let (parts, end) = rest
        .rsplit_once('…')
        .map_or((None, rest), |(parts, end)| (Some(parts), end));
    for part in parts.iter().flat_map(|parts| parts.split('…')) {
        match answer.split_once(part) {
            Some((_, after)) => answer = after,
            None => return false,
        }
    }
    answer.ends_with(end)
}

/// The words of a command line, as a shell would make them: quotes hold a word together, and single ones keep `$` as it is.
fn words(line: &str, variables: &HashMap<String, String>) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = None::<String>;
    let mut quote = None;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' if quote.is_none() => words.extend(word.take()),
            '"' | '\'' if quote.is_none_or(|quote| quote == letter) => {
                quote = quote.xor(Some(letter));
                word.get_or_insert_default();
            }
            '$' if quote != Some('\'') => {
                let mut name = String::new();
                while let Some(letter) = letters.next_if(|letter| letter.is_ascii_alphanumeric() || *letter == '_') {
                    name.push(letter);
                }
                let value = variables.get(&name).unwrap_or_else(|| panic!("${name}: {line}"));
                word.get_or_insert_default().push_str(value);
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    assert_eq!(quote, None, "{line}");
    words.extend(word);
    words
}

/// What a `curl` line asks for, with the options that the READMEs use.
#[derive(Debug)]
struct Curl {
    method: Option<String>,
    path: String,
    body: Option<String>,
    content_type: Option<String>,
    /// Show the head of the answer, too.
    head: bool,
}

impl Curl {
    fn parse(command: &str, variables: &HashMap<String, String>) -> Self {
        let mut words = words(command, variables).into_iter();
        assert_eq!(words.next().as_deref(), Some("curl"), "{command}");
        let mut curl = Self {
            method: None,
            path: String::new(),
            body: None,
            content_type: None,
            head: false,
        };
        while let Some(word) = words.next() {
            match &*word {
                "-s" => {}
                "-i" => curl.head = true,
                "-X" => curl.method = words.next(),
                "-d" => curl.body = words.next(),
                "-H" => {
                    let header = words.next().unwrap();
                    let value = header.strip_prefix("Content-Type: ");
                    curl.content_type = Some(value.unwrap_or_else(|| panic!("{command}")).to_owned());
                }
                url => {
                    let path = url.strip_prefix(HOST).unwrap_or_else(|| panic!("{word}: {command}"));
                    path.clone_into(&mut curl.path);
                }
            }
        }
        curl
    }

    fn only_looks(&self) -> bool {
        let looks = [
            "/Peek/",
            "/Stats",
            "/api/orders/",
            "/api/report",
            "/api/stock/",
            "/runtime/webhooks/durabletask/",
        ];
        self.method.is_none() && self.body.is_none() && looks.iter().any(|look| self.path.contains(look))
    }

    fn send(&self, app: &Running) -> String {
        let method = self.method.as_deref();
        let (method, content_type) = match (&self.body, &self.content_type) {
            (None, given) => (method.unwrap_or("GET"), given.as_deref()),
            (Some(_), None) => (method.unwrap_or("POST"), Some("application/x-www-form-urlencoded")),
            (Some(_), given) => (method.unwrap_or("POST"), given.as_deref()),
        };
        let body = self.body.as_deref().unwrap_or_default();
        let (_, head, body) = app.send(method, &self.path, content_type, body);
        match self.head {
            true => format!("{}\n\n{body}", head.replace("\r\n", "\n")),
            false => body,
        }
    }
}

#[test]
fn an_answer_is_compared_with_anything_in_its_gaps() {
    assert!(is_like("abc", "abc") && is_like("abc", "a…c") && is_like("abc", "…b…") && is_like("ac", "a…c"));
    assert!(is_like("a1b1c", "a…1c") && is_like("", "…") && is_like("ä\nö", "…\nö"));
    assert!(!is_like("abc", "ab") && !is_like("abc", "…b") && !is_like("a", "a…a") && !is_like("abc", "b…"));
}

#[test]
fn a_line_has_the_words_that_a_shell_would_see() {
    let variables = HashMap::from([("id".to_owned(), "a b".to_owned())]);
    assert_eq!(
        words(r#"curl  -d '"the $id"' "x/$id?y=1" $id/z -H ''"#, &variables),
        ["curl", "-d", r#""the $id""#, "x/a b?y=1", "a b/z", "-H", ""]
    );
}
