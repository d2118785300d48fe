use azure_functions::{
    bindings::{DurableEntityContext, DurableOrchestrationClient, DurableOrchestrationContext},
    durable::TypedClient,
    entity,
};
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
struct Counter(i64);

#[entity]
impl Counter {
    fn add(&mut self, amount: i64) -> i64 {
        self.0 += amount;
        self.0
    }
}

async fn wrong_operation(client: DurableOrchestrationClient) {
    client.entity::<Counter>("a").ad(1).await.unwrap();
}

async fn wrong_input(client: DurableOrchestrationClient) {
    client.entity::<Counter>("a").add("one").await.unwrap();
}

async fn no_input(client: DurableOrchestrationClient) {
    client.entity::<Counter>("a").add().await.unwrap();
}

fn wrong_operation_from_an_entity(context: &DurableEntityContext) {
    context.entity::<Counter>("a").subtract(1).unwrap();
}

async fn wrong_operation_from_an_orchestration(context: DurableOrchestrationContext) {
    context.entity::<Counter>("a").addd(1).await.unwrap();
}

async fn wrong_answer(context: DurableOrchestrationContext) -> String {
    context.entity::<Counter>("a").add(1).await.unwrap()
}

async fn no_entity(client: DurableOrchestrationClient) {
    client.entity::<String>("a");
}

#[entity]
impl (i64, i64) {
    fn get(&self) {}
}

#[derive(Default)]
struct NotStored;

#[entity]
impl NotStored {
    fn get(&self) {}
}

#[derive(Serialize, Deserialize)]
struct WithoutDefault;

#[entity]
impl WithoutDefault {
    fn get(&self) {}
}

#[derive(Deserialize)]
struct Item;

struct Answer;

type Outcome = Result<i64, std::fmt::Error>;

#[derive(Default, Serialize, Deserialize)]
struct Types;

#[entity]
impl Types {
    fn input(&mut self, _item: Item) {}
    fn answer(&self) -> Answer {
        Answer
    }
    fn error(&self) -> Result<i64, Item> {
        Err(Item)
    }
    fn alias(&self) -> Outcome {
        Ok(1)
    }
}

fn main() {}
