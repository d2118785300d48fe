//! Critical sections beside other work: the worker's side and the local host's know each other by the wire only, and this
//! is where the wire says least.

use std::{error::Error, time::Duration};

use azure_functions::prelude::*;
use azure_functions_sdk::testing::TestHost;
use serde_json::Value;

type Failure = Box<dyn Error + Send + Sync>;

/// An account.
#[func]
pub(crate) fn acct(context: DurableEntityContext) -> Result<EntityOutput, Failure> {
    let balance: i64 = context.state()?.unwrap_or_default();
    match context.operation() {
        "balance" => Ok(balance.into()),
        "add" => {
            let amount: i64 = context.input_as()?;
            context.set_state(&(balance + amount))?;
            Ok((balance + amount).into())
        }
        _ => Err(context.unknown_operation(["balance", "add"]).into()),
    }
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
