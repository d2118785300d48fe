//! Rows 121 to 131: entities, as the app has them, on the task hub of the test host.

use std::{
    collections::BTreeMap,
    fs,
    io::{Error, Write},
    path::PathBuf,
    time::{Duration, SystemTime},
};

use azure_functions::prelude::*;
use azure_functions_sdk::testing::TestHost;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Books on shelves, and who has which.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Library {
    books: Vec<String>,
    lent: BTreeMap<String, Reader>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Reader {
    books: Vec<String>,
    since: Option<u32>,
}

#[entity]
impl Library {
    fn buy(&mut self, book: String) -> usize {
        self.books.push(book);
        self.books.len()
    }

    /// Changes both lists before it knows that it may.
    fn lend(&mut self, (book, reader): (String, String)) -> Result<(), String> {
        let wanted = self.books.len();
        self.books.retain(|other| *other != book);
        self.lent.entry(reader).or_default().books.push(book.clone());
        match self.books.len() < wanted {
            true => Ok(()),
            false => Err(format!("there is no {book}")),
        }
    }

    fn look(&self) -> Self {
        Self {
            books: self.books.clone(),
            lent: self.lent.clone(),
        }
    }
}

/// Keeps a diary in a file of the test's, and stamps each line with the time.
#[derive(Default, Serialize, Deserialize)]
struct Diary {
    written: Vec<SystemTime>,
}

#[entity]
impl Diary {
    async fn write(&mut self, (path, line): (PathBuf, String)) -> Result<u64, Error> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let mut file = fs::File::options().create(true).append(true).open(path)?;
        writeln!(file, "{line}")?;
        self.written.push(SystemTime::now());
        Ok(file.metadata()?.len())
    }
}

/// Looks, buys, tries to lend, looks again, and says what it saw.
#[func]
async fn buys_and_looks(context: DurableOrchestrationContext<String>) -> Result<OrchestrationOutput, CallError> {
    let library = context.entity::<Library>(context.input());
    let first = library.look().await?;
    let count = library.buy("Emma".to_owned()).await?;
    let refused = library.lend(("Ulysses".to_owned(), "Ann".to_owned())).await;
    let last = library.look().await?;
    Ok(json!({"first": first, "count": count, "refused": refused.is_err(), "last": last}).into())
}

#[func]
async fn signals(context: DurableOrchestrationContext<u64>) -> Result<OrchestrationOutput, CallError> {
    let library = context.signal::<Library>("signalled");
    for number in 0..context.input() {
        library.buy(number.to_string())?;
    }
    context.set_custom_status("all sent");
    Ok(().into())
}

#[func]
async fn writes_a_diary(context: DurableOrchestrationContext<PathBuf>) -> Result<OrchestrationOutput<u64>, CallError> {
    let diary = context.entity::<Diary>("");
    diary.write((context.input(), "one".to_owned())).await?;
    Ok(diary.write((context.input(), "two".to_owned())).await?.into())
}

fn library(host: &TestHost, key: &str) -> Option<Library> {
    let id = Library::entity_id(key).unwrap();
    host.block_on(host.client().read_entity_state(&id)).unwrap().state
}

/// The number of episodes in a history.
fn episodes(history: &[Value]) -> usize {
    history.iter().filter(|event| event["EventType"] == 12).count()
}

#[test]
fn row_121_124_a_type_with_methods_is_an_entity_which_begins_with_its_default() {
    let host = TestHost::new();
    assert_eq!(library(&host, "town"), None);
    let saw: Value = host.start("buys_and_looks", "town").output();
    let look = |books: &[&str]| json!({"books": books, "lent": {}});
    assert_eq!(
        saw,
        json!({"first": look(&[]), "count": 1, "refused": true, "last": look(&["Emma"])})
    );
    let saw: Value = host.start("buys_and_looks", "town").output();
    assert_eq!(
        (&saw["first"], &saw["count"]),
        (&look(&["Emma"]), &json!(2)),
        "the next one sees what is there"
    );
    let saw: Value = host.start("buys_and_looks", "village").output();
    assert_eq!(saw["first"], look(&[]), "each key has a state of its own");
}

#[test]
fn row_125_lists_and_nested_state_are_there_after_a_restart() {
    let host = TestHost::new();
    let client = host.client();
    let town = client.entity::<Library>("town");
    host.block_on(async {
        for book in ["Emma", "Ulysses", "Dune"] {
            town.buy(book.to_owned()).await.unwrap();
        }
        for (book, reader) in [("Ulysses", "Ann"), ("Dune", "Ann")] {
            town.lend((book.to_owned(), reader.to_owned())).await.unwrap();
        }
    });
    host.restart();
    let reader = Reader {
        books: vec!["Ulysses".to_owned(), "Dune".to_owned()],
        since: None,
    };
    let expected = Library {
        books: vec!["Emma".to_owned()],
        lent: BTreeMap::from([("Ann".to_owned(), reader)]),
    };
    assert_eq!(library(&host, "town"), Some(expected));
}

#[test]
fn row_126_operations_run_one_by_one_and_one_that_fails_changes_nothing() {
    let host = TestHost::new();
    let client = host.client();
    let town = client.entity::<Library>("town");
    let bought = try_join_all((0..1000).map(|number| town.buy(number.to_string())));
    host.block_on(bought).unwrap();
    let before = library(&host, "town").unwrap();
    let mut books: Vec<u32> = before.books.iter().map(|book| book.parse().unwrap()).collect();
    books.sort_unstable();
    assert_eq!(books, (0..1000).collect::<Vec<_>>());

    host.block_on(town.lend(("Emma".to_owned(), "Ann".to_owned()))).unwrap();
    assert_eq!(library(&host, "town"), Some(before), "there is no Emma to lend");
}

#[test]
fn row_127_a_call_waits_for_its_value_and_a_signal_for_nothing() {
    let host = TestHost::new();
    let calls = host.start("buys_and_looks", "town");
    assert_eq!(calls.output::<Value>()["count"], 1);
    assert_eq!(episodes(&calls.history()), 5, "the start, and each answer");
    let signals = host.start("signals", 3);
    assert_eq!(signals.output::<Value>(), Value::Null);
    assert_eq!(
        episodes(&signals.history()),
        1,
        "it has ended before any of them could be answered"
    );
    assert_eq!(library(&host, "signalled").unwrap().books, ["0", "1", "2"]);
}

/// That another name does not compile is shown in `azure-functions-codegen/tests/ui_rustc/entity_types.rs`.
#[test]
fn row_128_a_client_signals_by_method() {
    let host = TestHost::new();
    let client = host.client();
    host.block_on(client.entity::<Library>("").buy("Emma".to_owned()))
        .unwrap();
    assert_eq!(library(&host, "").unwrap().books, ["Emma"]);
}

#[test]
fn row_129_a_read_tells_whether_there_is_a_state() {
    let host = TestHost::new();
    let client = host.client();
    let id = Library::entity_id("town").unwrap();
    let read = || host.block_on(client.read_entity_state::<Library>(&id)).unwrap();
    assert!(!read().exists && read().state.is_none());
    host.block_on(client.entity::<Library>("town").buy("Emma".to_owned()))
        .unwrap();
    assert!(read().exists);
    assert_eq!(read().state.unwrap().books, ["Emma"]);
}

#[test]
fn row_131_an_operation_writes_files_waits_and_reads_the_clock() {
    let (folder, before) = (tempfile::tempdir().unwrap(), SystemTime::now());
    let path = folder.path().join("diary");
    let host = TestHost::new();
    assert_eq!(host.start("writes_a_diary", &path).output::<u64>(), 8);
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    let id = Diary::entity_id("").unwrap();
    let diary = host.block_on(host.client().read_entity_state::<Diary>(&id)).unwrap();
    let written = diary.state.unwrap().written;
    assert_eq!(written.len(), 2);
    assert!(written.iter().all(|time| *time >= before && *time <= SystemTime::now()));
}
