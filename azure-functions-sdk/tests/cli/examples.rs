//! The sessions in the READMEs of the example apps, followed line by line on the real local host.

use std::{fs, path::PathBuf, thread};

use crate::{
    checkout,
    run::Running,
    session::{follow, sessions},
};

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

    fn sessions(&self) -> Vec<&str> {
        sessions(&self.readme)
    }
}

#[test]
fn row_116_the_gift_registry_does_what_its_readme_says() {
    let example = Example::new("gift-registry");
    let app = example.run();
    let [session] = example.sessions()[..] else {
        panic!("one session: {:?}", example.sessions());
    };
    assert_eq!(follow(&app, session), 10);
}

/// Eight clients, of whom none waits for another.
#[test]
fn row_112_a_thousand_gifts_that_come_at_once_are_all_in_the_list_and_counted() {
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

/// Its sections make one session: what one has set goes for the next.
#[test]
fn row_109_115_the_patterns_do_what_their_readme_says() {
    let example = Example::new("patterns");
    let app = example.run();
    let mut sessions = example.sessions();
    let mut lines = 39;
    if std::env::var("AZURE_FUNCTIONS_DURABLE_WIRE").is_ok_and(|wire| wire == "json") {
        // The start of an orchestration that is not there, which this wire refuses.
        sessions.retain(|session| !session.contains("aproval_workflow"));
        lines -= 2;
    }
    assert_eq!(follow(&app, &sessions.concat()), lines);

    // What the session shows of the asynchronous HTTP API, and the header that tells when to ask again.
    let (code, head, _) = app.request("POST", "/api/orchestrators/budget_approval?instanceId=slow", "");
    let head = head.to_ascii_lowercase();
    assert!(
        code == 202 && head.contains("\r\nretry-after: ") && head.contains("\r\nlocation: "),
        "{head}"
    );
}

/// The host is killed in between.
#[test]
fn row_119_the_key_value_database_does_what_its_readme_says_and_survives_a_restart() {
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

/// Its sections make one session.
#[test]
fn the_order_service_does_what_its_readme_says() {
    let example = Example::new("orders");
    let app = example.run();
    assert_eq!(follow(&app, &example.sessions().concat()), 18);
}
