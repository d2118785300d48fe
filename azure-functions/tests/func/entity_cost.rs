//! How often a batch reads and writes the state of an entity.

use super::entities::{results, run, state};
use azure_functions::prelude::*;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use std::{
    borrow::Cow,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};

static READS: AtomicUsize = AtomicUsize::new(0);
static WRITES: AtomicUsize = AtomicUsize::new(0);
/// The counters are those of one test at a time.
static COUNTING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A list that counts how often it is read and written.
#[derive(Default)]
struct Counted(Vec<u32>);

impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WRITES.fetch_add(1, SeqCst);
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        READS.fetch_add(1, SeqCst);
        Vec::deserialize(deserializer).map(Self)
    }
}

#[entity]
impl Counted {
    fn push(&mut self, item: u32) {
        self.0.push(item);
    }

    fn refuse(&mut self, item: u32) -> Result<(), String> {
        self.0.push(item);
        Err(format!("no {item}"))
    }

    fn explode(&mut self) {
        self.0.clear();
        panic!("bang");
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    /// What is returned may borrow.
    fn last(&self) -> Result<u32, &str> {
        self.0.last().copied().ok_or("empty")
    }

    fn text(&self) -> Cow<'static, str> {
        format!("{:?}", self.0).into()
    }

    fn forget(&self, context: &DurableEntityContext) {
        context.delete();
    }

    fn replace(&self, context: &DurableEntityContext) -> Result<(), EntityError> {
        context.set_state(&[7])
    }

    /// Sets the same again, which is another state all the same.
    fn rewrite(&mut self, context: &DurableEntityContext) -> Result<(), EntityError> {
        context.set_state(&[9, 9])
    }
}

/// Runs operations on a list of three; gives the answer, and how often the list was read and written.
async fn counted(operations: &[(&str, Value)]) -> (Value, (usize, usize)) {
    let _alone = COUNTING.lock().await;
    let before = (READS.load(SeqCst), WRITES.load(SeqCst));
    let answer = run("Counted", Some(json!([1, 2, 3])), operations).await;
    (answer, (READS.load(SeqCst) - before.0, WRITES.load(SeqCst) - before.1))
}

#[tokio::test]
async fn a_batch_reads_the_state_once_and_writes_it_for_each_change() {
    let pushes: Vec<_> = (0..1000).map(|i| ("push", json!(i))).collect();
    let (answer, cost) = counted(&pushes).await;
    assert_eq!(state(&answer).unwrap().as_array().unwrap().len(), 1003);
    assert_eq!(cost, (1, 1000), "a write is what the next operation is rolled back to");
}

#[tokio::test]
async fn operations_that_read_cost_no_write() {
    let (answer, cost) = counted(&[
        ("len", json!(null)),
        ("text", json!(null)),
        ("last", json!(null)),
        ("len", json!(null)),
    ])
    .await;
    assert_eq!(results(&answer), [json!(3), json!("[1, 2, 3]"), json!(3), json!(3)]);
    assert_eq!(cost, (1, 0));
    assert_eq!(state(&answer), Some(json!([1, 2, 3])));
}

#[tokio::test]
async fn what_fails_before_it_changes_anything_costs_nothing() {
    let (answer, cost) = counted(&[
        ("push", json!(4)),
        ("push", json!("four")),
        ("fly", json!(null)),
        ("len", json!(null)),
    ])
    .await;
    assert_eq!(results(&answer)[3], json!(4));
    assert_eq!(cost, (1, 1));
}

#[tokio::test]
async fn after_a_failure_the_state_is_read_again_as_it_was() {
    let (answer, cost) = counted(&[
        ("push", json!(4)),
        ("refuse", json!(5)),
        ("text", json!(null)),
        ("explode", json!(null)),
        ("push", json!(6)),
        ("text", json!(null)),
    ])
    .await;
    let results = results(&answer);
    assert_eq!(results[1], json!({"error": "no 5"}));
    assert_eq!(results[2], json!("[1, 2, 3, 4]"));
    assert!(results[3]["error"].as_str().unwrap().ends_with("bang"));
    assert_eq!(results[5], json!("[1, 2, 3, 4, 6]"));
    assert_eq!(cost, (3, 2));
    assert_eq!(state(&answer), Some(json!([1, 2, 3, 4, 6])));
}

#[tokio::test]
async fn a_state_that_the_context_has_set_is_what_the_next_operation_sees() {
    let (answer, _) = counted(&[
        ("replace", json!(null)),
        ("text", json!(null)),
        ("forget", json!(null)),
        ("text", json!(null)),
        ("last", json!(null)),
        ("push", json!(8)),
        ("rewrite", json!(null)),
        ("text", json!(null)),
    ])
    .await;
    let results = results(&answer);
    assert_eq!(results[1], json!("[7]"));
    assert_eq!(results[3..5], [json!("[]"), json!({"error": "empty"})]);
    // What a method with `&mut self` leaves behind is the state, whatever it said to the context.
    assert_eq!(results[7], json!("[8]"));
    assert_eq!(state(&answer), Some(json!([8])));
}

/// Its end panics, as no good code does.
#[derive(Default, Serialize, Deserialize)]
struct Mine {
    steps: u32,
}

impl Drop for Mine {
    fn drop(&mut self) {
        assert!(self.steps == 0, "boom");
    }
}

#[entity]
impl Mine {
    fn step(&mut self) -> u32 {
        self.steps += 1;
        self.steps
    }
}

#[tokio::test]
async fn a_state_whose_end_panics_does_not_fail_the_batch() {
    let answer = run("Mine", None, &[("step", Value::Null), ("step", Value::Null)]).await;
    assert_eq!(results(&answer), [json!(1), json!(2)]);
    assert_eq!(state(&answer), Some(json!({"steps": 2})));
}
