//! Work on several entities without other work in between.

use std::time::Duration;

use azure_functions::prelude::*;
use azure_functions_sdk::testing::TestHost;
use serde::{Deserialize, Serialize};
use serde_json::Value;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// An account that remembers who was in it.
#[derive(Default, Serialize, Deserialize)]
struct Vault {
    balance: i64,
    log: Vec<(String, i64)>,
}

#[entity]
impl Vault {
    /// By whom, and how much. A step of none is logged, too.
    fn step(&mut self, (who, amount): (String, i64)) -> i64 {
        self.balance += amount;
        self.log.push((who, amount));
        self.balance
    }
}

/// Moves one at a time, so often, in generations of ten, and then fails in its last section if it is told to.
#[derive(Serialize, Deserialize)]
struct Moves {
    from: String,
    to: String,
    left: u32,
    fails: bool,
}

#[func]
async fn moves(context: DurableOrchestrationContext<Moves>) -> Result<OrchestrationOutput, Failure> {
    let Moves { from, to, left, fails } = context.input();
    let (source, target) = (EntityId::new("vault", &from)?, EntityId::new("vault", &to)?);
    let who = context.instance_id().to_owned();
    let now = left.min(10);
    // All that were started together begin together.
    context.create_timer_after(Duration::from_mins(1)).await;
    for _ in 0..now {
        let section = context.lock([&source, &target]).await;
        for (vault, amount) in [(&source, 0), (&target, 0), (&source, -1), (&target, 1)] {
            section.call_entity(vault, "step", (&who, amount)).await?;
        }
        // The guard is dropped here.
    }
    if left > now {
        let left = left - now;
        context.continue_as_new(Moves { from, to, left, fails }, true).await;
    }
    if fails {
        let section = context.lock([&source, &target]).await;
        section.call_entity(&source, "step", (&who, 0)).await?;
        section.call_entity(&source, "no such operation", Value::Null).await?;
    }
    Ok("done".into())
}

#[test]
fn row_079_a_hundred_transfers_each_way_keep_the_sum_and_do_not_interleave_and_an_error_releases() {
    // Much is done at once, on a machine that may be busy.
    let host = TestHost::builder()
        .check_determinism(false)
        .patience(Duration::from_secs(600))
        .build();
    let moves = |id: &str, from: &str, to: &str, left: u32, fails: bool| {
        let (from, to) = (from.to_owned(), to.to_owned());
        host.start_with_id("moves", id, Moves { from, to, left, fails })
    };
    host.signal_entity("vault", "a", "step", ("start", 1_000));
    let there = moves("there", "a", "b", 100, false);
    let fails = moves("fails", "a", "b", 1, true);
    let back = moves("back", "b", "a", 100, false);
    assert!(fails.failure().contains("no such operation"));
    assert_eq!(
        (there.output::<String>(), back.output::<String>()),
        ("done".into(), "done".into())
    );
    // Who failed in a section holds no locks.
    assert_eq!(moves("after", "a", "b", 1, false).output::<String>(), "done");

    let vault = |key| serde_json::from_value::<Vault>(host.entity_state("vault", key).unwrap()).unwrap();
    let (a, b) = (vault("a"), vault("b"));
    assert_eq!((a.balance, b.balance), (998, 2), "as many there as back, and two more");
    let (mut turns, mut last) = (0, String::new());
    for log in [&a.log[1..], &b.log] {
        // Each section steps into each vault twice.
        let mut rest = log.iter();
        while let Some((who, amount)) = rest.next() {
            assert_eq!(*amount, 0, "a section begins with an empty step: {log:?}");
            if who == "fails" && rest.as_slice().first().is_none_or(|next| &next.0 != who || next.1 == 0) {
                continue; // The section that fails has one step only.
            }
            let next = rest.next().expect("a section has two steps");
            assert_eq!(&next.0, who, "another section came in between: {log:?}");
            turns += u32::from(*who != last);
            last.clone_from(who);
        }
    }
    assert!(turns > 100, "they took turns: {turns}");
}
