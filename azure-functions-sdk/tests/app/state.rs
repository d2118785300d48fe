//! What functions share.

use crate::config::Settings;
use azure_functions::{App, app, app::States, prelude::*};
use azure_functions_sdk::testing::TestHost;
use serde::{Deserialize, Serialize};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

/// What the functions of this binary share.
#[derive(Default)]
pub(crate) struct Journal(Mutex<Vec<String>>);

impl Journal {
    fn note(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }
}

#[func]
fn note_http(_request: HttpRequest, journal: State<Journal>) -> HttpResponse {
    journal.note("http");
    "noted".into()
}

#[func(activity)]
async fn note_activity(text: String, journal: &State<Journal>) -> usize {
    journal.note(text);
    journal.0.lock().unwrap().len()
}

#[func(orchestration)]
async fn note_both(context: DurableOrchestrationContext<String>) -> Result<usize, CallError> {
    context.entity::<Pages>("1").turn(3).await?;
    context.call::<note_activity>(context.input()).await
}

#[derive(Default, Serialize, Deserialize)]
struct Pages(u32);

#[entity]
impl Pages {
    fn turn(&mut self, count: u32, journal: &State<Journal>) -> u32 {
        journal.note(format!("entity {count}"));
        self.0 += count;
        self.0
    }

    async fn read(&self, journal: State<Journal>, context: &DurableEntityContext) -> u32 {
        journal.note(context.operation());
        self.0
    }
}

#[func]
fn plain_pages(context: DurableEntityContext, journal: State<Journal>) -> EntityOutput {
    journal.note(context.operation());
    ().into()
}

fn journal_of(host: &TestHost) -> Vec<String> {
    // The state itself, by a function that returns it.
    let response = host.call("read_journal", &HttpRequest::build().finish()).unwrap();
    response.body_as_json().unwrap()
}

#[func]
fn read_journal(_request: HttpRequest, journal: State<Journal>) -> Json<Vec<String>> {
    Json(journal.0.lock().unwrap().clone())
}

/// An app that has all that the functions of this binary take.
pub(crate) fn with_journal() -> App {
    app().state(Journal::default()).config(Settings::default())
}

#[test]
fn http_functions_activities_and_entities_take_a_state() {
    let host = TestHost::builder().app(with_journal).build();
    host.call("note_http", &HttpRequest::build().finish()).unwrap();
    assert_eq!(host.start("note_both", "activity").output::<usize>(), 3);
    assert_eq!(journal_of(&host), ["http", "entity 3", "activity"]);
}

#[test]
fn a_test_host_without_the_state_says_which_functions_take_it() {
    let panic = catch_unwind(|| drop(TestHost::new())).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.starts_with("the app cannot be tested: function `"), "{text}");
    for function in ["note_http", "note_activity", "plain_pages", "Pages", "read_journal"] {
        assert!(text.contains(&format!("function `{function}` (")), "{function}: {text}");
    }
    assert!(text.contains("takes `State<app::state::Journal>`"), "{text}");
}

#[test]
fn a_test_gives_a_state_in_place_of_what_the_app_would_set_up() {
    fn real() -> App {
        app()
            .config(Settings::default())
            .setup(async |_: States| Err::<Journal, _>("there is no database in a test"))
    }
    let panic = catch_unwind(|| drop(TestHost::builder().app(real).build())).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(
        text.contains("failed: there is no database in a test\nA test gives states"),
        "{text}"
    );
    let fake = Journal::default();
    fake.note("fake");
    let host = TestHost::builder().app(real).state(fake).build();
    assert_eq!(journal_of(&host), ["fake"]);
}

static ENDED: AtomicBool = AtomicBool::new(false);

#[tokio::test]
async fn set_ups_run_when_a_host_is_built_and_shutdowns_when_it_is_dropped() {
    fn whole() -> App {
        app()
            .config(Settings::default())
            .setup(async |_: States| {
                // On a runtime, as in a worker.
                tokio::time::sleep(std::time::Duration::ZERO).await;
                let journal = Journal::default();
                journal.note("set up");
                Ok::<_, std::io::Error>(journal)
            })
            .shutdown(async |states: States| {
                let journal = states.get::<Journal>().unwrap();
                let said = journal.0.lock().unwrap().join(", ");
                ENDED.store(said == "set up, http", Ordering::SeqCst);
            })
    }
    let host = TestHost::builder().app(whole).build();
    host.call("note_http", &HttpRequest::build().finish()).unwrap();
    assert!(!ENDED.load(Ordering::SeqCst));
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(host)));
    assert!(dropped.is_ok() && ENDED.load(Ordering::SeqCst));
}

#[test]
fn a_state_of_a_test_that_nothing_takes_is_refused() {
    let built = catch_unwind(AssertUnwindSafe(|| {
        TestHost::builder().app(with_journal).state(5_u8).build()
    }));
    let told = built.map(drop).unwrap_err();
    let told = told.downcast_ref::<String>().expect("a sentence");
    assert!(
        told.contains("the state `u8` that the test gives replaces none of the app's"),
        "{told}"
    );
}
