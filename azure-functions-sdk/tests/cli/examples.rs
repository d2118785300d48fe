//! The sessions in the READMEs of the example apps, followed line by line on the real local host.

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use crate::{checkout, run::Running};

/// Long enough for a signal to reach its entity.
const LIMIT: Duration = Duration::from_secs(60);

/// An example, its data, and its README.
struct Example {
    app: PathBuf,
    folder: tempfile::TempDir,
    readme: String,
}

impl Example {
    fn new(name: &str) -> Self {
        let app = checkout().join("examples").join(name);
        Self {
            readme: fs::read_to_string(app.join("README.md")).unwrap(),
            folder: tempfile::tempdir().unwrap(),
            app,
        }
    }

    fn run(&self) -> Running {
        let data = self.folder.path().join("data");
        let log = self.folder.path().join("log");
        Running::start(&self.app, log, &["--data-dir", data.to_str().unwrap()])
    }

    /// What stands in the README between one ` ```console ` and its end.
    fn sessions(&self) -> Vec<&str> {
        let after = self.readme.split("```console\n").skip(1);
        after.map(|text| text.split("```").next().unwrap()).collect()
    }
}

/// Row 116 and 118 of the acceptance table.
#[test]
fn the_gift_registry_does_what_its_readme_says() {
    let example = Example::new("gift-registry");
    let app = example.run();
    let [session] = example.sessions()[..] else {
        panic!("one session: {:?}", example.sessions());
    };
    assert_eq!(follow(&app, session), 10);
}

/// Row 112 of the acceptance table: eight clients, of whom none waits for another.
#[test]
fn a_thousand_gifts_that_come_at_once_are_all_in_the_list_and_counted() {
    let example = Example::new("gift-registry");
    let app = example.run();
    let id = app.request("GET", "/api/Open", "").2;
    thread::scope(|scope| {
        for client in 0..8 {
            let (app, id) = (&app, &id);
            scope.spawn(move || {
                for gift in 0..125 {
                    let path = format!("/api/Add/{id}?item={client}-{gift}");
                    assert_eq!(app.request("GET", &path, "").2, "Added");
                }
            });
        }
    });
    app.poll("/api/Stats", |stats| stats["items"].as_u64() >= Some(1000));
    let peeked = app.poll(&format!("/api/Peek/{id}"), |_| true);
    let mut items: Vec<_> = peeked["registry"]["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(items.len(), 1000);
    items.sort_unstable();
    items.dedup();
    assert_eq!(items.len(), 1000, "none is there twice");
    assert_eq!(
        app.poll("/api/Stats", |_| true),
        serde_json::json!({ "registries": 1, "items": 1000 })
    );
}

/// Row 119 of the acceptance table. The host is killed in between.
#[test]
fn the_key_value_database_does_what_its_readme_says_and_survives_a_restart() {
    let example = Example::new("key-value");
    let [before, after] = example.sessions()[..] else {
        panic!("two sessions: {:?}", example.sessions());
    };
    let app = example.run();
    assert_eq!(follow(&app, before), 3);
    drop(app);
    let app = example.run();
    assert_eq!(follow(&app, after), 1);
}

/// Sends the `curl` lines of a session, each of which must get the answer that stands below it; gives back how many there
/// were.
fn follow(app: &Running, session: &str) -> usize {
    let mut variables = HashMap::new();
    let mut lines = session.lines().peekable();
    let mut sent = 0;
    while let Some(line) = lines.next() {
        let command = line.strip_prefix("$ ").unwrap_or_else(|| panic!("a command: {line}"));
        let mut expected = String::new();
        while let Some(answer) = lines.next_if(|line| !line.starts_with("$ ")) {
            expected += answer;
        }
        match command.split_once("=$(") {
            Some((variable, command)) => {
                let command = command.strip_suffix(')').unwrap();
                variables.insert(format!("${variable}"), send(app, command, &variables));
            }
            None => answers(app, command, &variables, &expected),
        }
        sent += 1;
    }
    sent
}

/// Sends one command, whose answer must be as expected. One that only looks is sent again until it is: a signal has been
/// taken when `Add` answers, and runs a moment later.
fn answers(app: &Running, command: &str, variables: &HashMap<String, String>, expected: &str) {
    let deadline = Instant::now() + LIMIT;
    let only_looks = command.contains("/Peek/") || command.contains("/Stats");
    loop {
        let answer = send(app, command, variables);
        if is_like(&answer, expected) {
            return;
        }
        let again = only_looks && Instant::now() < deadline;
        assert!(again, "{command}\nexpected: {expected}\nanswered: {answer}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Compares, with `…` for anything.
fn is_like(answer: &str, expected: &str) -> bool {
    match expected.split_once('…') {
        Some((begin, end)) => {
            answer.starts_with(begin) && answer.ends_with(end) && answer.len() >= begin.len() + end.len()
        }
        None => answer == expected,
    }
}

/// Does what `curl` would, with the options that the READMEs use.
fn send(app: &Running, command: &str, variables: &HashMap<String, String>) -> String {
    let mut words = command.split_whitespace().map(|word| word.trim_matches('"'));
    assert_eq!(words.next(), Some("curl"), "{command}");
    let (mut method, mut body, mut url) = ("GET", "", "");
    while let Some(word) = words.next() {
        match word {
            "-s" => {}
            "-X" => method = words.next().unwrap(),
            "-d" => body = words.next().unwrap(),
            _ => url = word,
        }
    }
    let path = url
        .strip_prefix("localhost:7071")
        .unwrap_or_else(|| panic!("{command}"));
    let path = variables
        .iter()
        .fold(path.to_owned(), |path, (name, value)| path.replace(name, value));
    app.request(method, &path, body).2
}
