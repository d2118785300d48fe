//! Entities written as types and as functions, from one end to the other.

use std::time::Duration;

use azure_functions::{durable::EntityQuery, prelude::*};
use azure_functions_sdk::testing::TestHost;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Default, Serialize, Deserialize)]
struct BankAccount {
    balance: i64,
}

#[entity]
impl BankAccount {
    fn deposit(&mut self, amount: i64) -> i64 {
        self.balance += amount;
        self.balance
    }

    fn withdraw(&mut self, amount: i64, context: &DurableEntityContext) -> Result<i64, String> {
        self.balance -= amount;
        context
            .entity::<Statistics>("")
            .withdrawn(context.entity_id().key().to_owned())
            .map_err(|error| error.to_string())?;
        match self.balance {
            ..0 => Err("there is not enough".to_owned()),
            balance => Ok(balance),
        }
    }

    fn balance(&self) -> i64 {
        self.balance
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Statistics {
    withdrawals: Vec<String>,
}

#[entity]
impl Statistics {
    async fn withdrawn(&mut self, account: String) {
        tokio::task::yield_now().await;
        self.withdrawals.push(account);
    }

    fn empty(&mut self) {
        self.withdrawals.clear();
    }
}

/// The register of the key-value database.
#[func]
fn register(context: DurableEntityContext) -> Result<EntityOutput, EntityError> {
    match context.operation() {
        "set" => {
            let value: String = context.input_as()?;
            context.set_state(&value)?;
            Ok(value.into())
        }
        "get" => Ok(context.state::<String>()?.into()),
        _ => Err(context.unknown_operation(["set", "get"])),
    }
}

#[func]
async fn put(
    context: DurableOrchestrationContext<(String, String)>,
) -> Result<OrchestrationOutput, Box<dyn std::error::Error + Send + Sync>> {
    let (key, value) = context.input();
    let entity = EntityId::new("Register", key)?;
    let before = context.call_entity(&entity, "get", ()).await?;
    let after = context.call_entity(&entity, "set", value).await?;
    Ok(vec![before, after].into())
}

#[func]
async fn withdraw(context: DurableOrchestrationContext<i64>) -> OrchestrationOutput {
    let account = context.entity::<BankAccount>("a");
    match account.withdraw(context.input()).await {
        Ok(left) => left.into(),
        Err(error) => error.to_string().into(),
    }
}

#[func]
async fn bank_transfer(
    context: DurableOrchestrationContext<i64>,
) -> Result<OrchestrationOutput<(i64, i64)>, CallError> {
    let section = context
        .lock([BankAccount::entity_id("a")?, BankAccount::entity_id("b")?])
        .await;
    section.entity::<BankAccount>("a").withdraw(context.input()).await?;
    section.entity::<BankAccount>("b").deposit(context.input()).await?;
    let balances = (
        section.entity::<BankAccount>("a").balance().await?,
        section.entity::<BankAccount>("b").balance().await?,
    );
    Ok(balances.into())
}

#[func]
async fn empties_later(context: DurableOrchestrationContext) -> Result<(), CallError> {
    let tomorrow = context.current_time() + Duration::from_hours(24);
    context.signal_at::<Statistics>(tomorrow, "").empty()
}

fn read<E: Entity>(host: &TestHost, key: &str) -> Option<E> {
    let id = E::entity_id(key).unwrap();
    let read = host.block_on(host.client().read_entity_state::<E>(&id)).unwrap();
    assert_eq!(read.exists, read.state.is_some());
    read.state
}

#[test]
fn row_122_a_register_is_made_by_its_first_operation_and_keeps_its_value() {
    let host = TestHost::new();
    assert_eq!(
        host.start("put", ("1", "first")).output::<Value>(),
        json!([null, "first"])
    );
    assert_eq!(
        host.start("put", ("1", "second")).output::<Value>(),
        json!(["first", "second"])
    );
    host.restart();
    assert_eq!(
        host.start("put", ("1", "third")).output::<Value>(),
        json!(["second", "third"])
    );
    assert_eq!(
        host.start("put", ("2", "other")).output::<Value>(),
        json!([null, "other"])
    );
}

#[test]
fn what_clients_signal_is_done_in_order_and_an_error_takes_back_state_and_signals() {
    let host = TestHost::new();
    let client = host.client();
    let account = client.entity::<BankAccount>("a");
    host.block_on(async {
        for amount in 1..=100 {
            account.deposit(amount).await.unwrap();
        }
    });
    host.run_until_idle();
    assert_eq!(read::<BankAccount>(&host, "a").unwrap().balance, 5050);
    assert_eq!(host.start("withdraw", 50).output::<i64>(), 5000);
    let refused = host.start("withdraw", 5001).output::<String>();
    assert_eq!(
        refused,
        "operation 'withdraw' of entity '@bankaccount@a' failed: there is not enough"
    );
    host.run_until_idle();
    assert_eq!(read::<BankAccount>(&host, "a").unwrap().balance, 5000);
    assert_eq!(read::<Statistics>(&host, "").unwrap().withdrawals, ["a"]);

    host.block_on(account.delete()).unwrap();
    host.run_until_idle();
    assert!(read::<BankAccount>(&host, "a").is_none());
}

#[test]
fn a_transfer_has_both_accounts_to_itself() {
    let host = TestHost::new();
    let client = host.client();
    host.block_on(client.entity::<BankAccount>("a").deposit(100)).unwrap();
    let transfers: Vec<_> = (0..10).map(|_| host.start("bank_transfer", 10)).collect();
    let mut balances: Vec<_> = transfers
        .iter()
        .map(|transfer| transfer.output::<(i64, i64)>())
        .collect();
    balances.sort_unstable();
    assert_eq!(balances, (0..10).map(|n| (n * 10, 100 - n * 10)).collect::<Vec<_>>());
}

#[test]
fn a_signal_for_later_comes_then_and_entities_are_listed() {
    let host = TestHost::new();
    let client = host.client();
    host.block_on(client.entity::<Statistics>("").withdrawn("a".to_owned()))
        .unwrap();
    host.start("empties_later", ()).wait();
    host.advance(Duration::from_hours(23));
    assert_eq!(read::<Statistics>(&host, "").unwrap().withdrawals, ["a"]);
    host.advance(Duration::from_hours(2));
    assert!(read::<Statistics>(&host, "").unwrap().withdrawals.is_empty());

    let query = EntityQuery::new().name(Statistics::NAME).fetch_state(true);
    let listed = host.block_on(client.list_entities(&query)).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].entity_id, Statistics::entity_id("").unwrap());
    assert_eq!(listed[0].state, json!({"withdrawals": []}));
}
