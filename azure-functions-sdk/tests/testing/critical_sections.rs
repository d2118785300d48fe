//! Critical sections, from one end to the other: the worker's side and the local host's know each other by the wire only.

use std::{error::Error, time::Duration};

use azure_functions::prelude::*;
use azure_functions_sdk::testing::TestHost;
use serde_json::Value;

type Failure = Box<dyn Error + Send + Sync>;

/// An account. `add` of what it does not have is an error.
#[func]
pub(crate) fn acct(context: DurableEntityContext) -> Result<EntityOutput, Failure> {
    let balance: i64 = context.state()?.unwrap_or_default();
    match context.operation() {
        "balance" => Ok(balance.into()),
        "add" => {
            let amount: i64 = context.input_as()?;
            if balance + amount < 0 {
                return Err(format!("only {balance} left").into());
            }
            context.set_state(&(balance + amount))?;
            Ok((balance + amount).into())
        }
        _ => Err(context.unknown_operation(["balance", "add"]).into()),
    }
}

/// Reads one balance, sleeps, and writes both: nobody may come between.
#[func]
pub(crate) async fn transfer(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, Failure> {
    let (from, to): (String, String) = context.input_as()?;
    let (from, to) = (EntityId::new("acct", from)?, EntityId::new("acct", to)?);
    let section = context.lock([&from, &to]).await;
    let balance = section.call_entity(&from, "balance", Value::Null).await?;
    context.create_timer_after(Duration::from_secs(5)).await;
    let amount = balance.as_i64().unwrap_or_default() / 2;
    let left = section.call_entity(&from, "add", -amount).await?;
    if left != balance.as_i64().unwrap_or_default() - amount {
        return Err("somebody came between".into());
    }
    section.call_entity(&to, "add", amount).await?;
    Ok(amount.into())
}

/// Works on both entities at once, beside other work: more than the wire says in one go.
#[func]
pub(crate) async fn side_by_side(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, Failure> {
    let (a, b) = (EntityId::new("acct", "a")?, EntityId::new("acct", "b")?);
    let locked = async {
        let section = context.lock([&a, &b]).await;
        let chain = async |entity| {
            for _ in 0..3 {
                section.call_entity(entity, "add", 1).await?;
            }
            Ok::<_, CallError>(())
        };
        context.try_join((chain(&a), chain(&b))).await
    };
    let beside = async {
        for _ in 0..3 {
            context.create_timer_after(Duration::from_secs(1)).await;
        }
        Ok(())
    };
    context.try_join((locked, beside)).await?;
    Ok(context.call_entity(&a, "balance", Value::Null).await?.into())
}

/// Fails in the middle.
#[func]
pub(crate) async fn overdraw(context: DurableOrchestrationContext) -> Result<(), Failure> {
    let id = EntityId::new("acct", "a")?;
    let section = context.lock([&id]).await;
    section.call_entity(&id, "add", -1_000_000).await?;
    Ok(())
}

fn deposit(host: &TestHost, key: &str, amount: i64) {
    let id = EntityId::new("acct", key).unwrap();
    host.block_on(host.client().signal_entity(&id, "add", amount)).unwrap();
    host.run_until_idle();
}

#[test]
fn transfers_both_ways_never_come_between_each_other() {
    let host = TestHost::new();
    for key in ["a", "b", "c"] {
        deposit(&host, key, 1_000);
    }
    let pairs = [("a", "b"), ("b", "a"), ("b", "c"), ("c", "a"), ("a", "c")];
    let started: Vec<_> = (0..30).map(|n| host.start("transfer", pairs[n % 5])).collect();
    let moved: i64 = started.iter().map(|transfer| transfer.output::<i64>()).sum();
    assert!(moved > 0);
    let sum: i64 = ["a", "b", "c"].map(|key| host.start("peek", key).output::<i64>()).iter().sum();
    assert_eq!(sum, 3_000);
}

#[func]
pub(crate) async fn peek(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, Failure> {
    let key: String = context.input_as()?;
    let id = EntityId::new("acct", key)?;
    Ok(context.call_entity(&id, "balance", Value::Null).await?.into())
}

#[test]
fn a_section_beside_other_work_comes_to_its_end() {
    let host = TestHost::new();
    assert_eq!(host.start("side_by_side", ()).output::<i64>(), 3);
    assert_eq!(host.start("peek", "b").output::<i64>(), 3);
}

#[test]
fn a_section_that_fails_gives_its_locks_back() {
    let host = TestHost::new();
    let failure = host.start("overdraw", ()).failure();
    assert!(failure.contains("only 0 left"), "{failure}");
    assert_eq!(host.start("side_by_side", ()).output::<i64>(), 3);
}
