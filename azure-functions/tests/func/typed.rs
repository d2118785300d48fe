//! The types that `#[func]` and `#[event]` write.

use azure_functions::{
    bindings::OrchestrationClient,
    durable::{Activity, Event, Orchestration},
    event,
    prelude::*,
    rpc::Data,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{any::TypeId, collections::BTreeMap, convert::Infallible, num::ParseIntError};

#[derive(Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) items: Vec<u32>,
}

type Lost<T> = Result<T, ParseIntError>;

/// What is seen of it is that it is one: the rest is behind aliases.
#[func(activity)]
fn adds(order: Order, _client: OrchestrationClient) -> Lost<Sum> {
    Ok(order.items.iter().sum::<u32>().into())
}

type Sum = ActivityOutput<u32>;

#[func(name = "In-The-Hub")]
fn renamed(_context: &DurableActivityContext<(u32, String)>) -> Option<ActivityOutput> {
    None
}

#[func]
fn bound(#[binding(activity = "Bound")] _context: DurableActivityContext) -> ActivityOutput<BTreeMap<String, f64>> {
    BTreeMap::new().into()
}

#[func(activity)]
#[allow(non_snake_case)]
fn r#Move(_input: bool) {}

mod shipping {
    use super::*;

    #[func]
    pub(crate) async fn shipping(
        #[binding(orchestration = "Flow3")] context: DurableOrchestrationContext<Order>,
    ) -> Lost<OrchestrationOutput<Vec<u32>>> {
        Ok(context.input().items.into_iter().collect())
    }

    #[func]
    #[cfg(any())]
    pub(crate) async fn not_there(context: Missing) {}
}

#[func]
async fn says_nothing(_context: DurableOrchestrationContext) {}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Receipt {
    pieces: usize,
}

#[func(activity)]
async fn plain_result(order: Order) -> Result<Receipt, ParseIntError> {
    match order.items.len() {
        0 => "none".parse::<usize>().map(|pieces| Receipt { pieces }),
        pieces => Ok(Receipt { pieces }),
    }
}

#[func(activity)]
fn plain_pair(order: Order) -> (usize, String) {
    (order.items.len(), "pieces".to_owned())
}

/// The context names the kind, too. Behind an alias stands an output that is wrapped already.
#[func]
fn plain_alias(_context: DurableActivityContext<Order>) -> Lost<Sum> {
    Ok(3.into())
}

#[func(activity)]
fn plain_nothing(_order: Order) -> Result<(), ParseIntError> {
    Ok(())
}

#[func(orchestration)]
async fn plain_flow(context: DurableOrchestrationContext<Order>) -> Result<Receipt, CallError> {
    context.call::<plain_result>(context.input()).await
}

#[func]
async fn plain_list(context: DurableOrchestrationContext<Order>) -> Vec<u32> {
    context.input().items
}

#[event("Approval")]
struct Approval;

#[event]
#[derive(Debug)]
enum r#Cancelled {}

fn is<A: 'static, B: 'static>() {
    assert_eq!(TypeId::of::<A>(), TypeId::of::<B>(), "{}", std::any::type_name::<A>());
}

fn activity<F: Activity, I: 'static, O: 'static, E: 'static>(name: &str)
where
    F::Input: 'static,
    F::Output: 'static,
    F::Error: 'static,
{
    assert_eq!(F::NAME, name);
    is::<F::Input, I>();
    is::<F::Output, O>();
    is::<F::Error, E>();
}

/// Row 47 of the acceptance table; that a rename fails to build is a test of `azure-functions-codegen`.
#[test]
fn the_type_of_a_function_knows_its_name_input_output_and_error() {
    activity::<adds, Order, u32, ParseIntError>("adds");
    activity::<renamed, (u32, String), Option<Value>, Infallible>("In-The-Hub");
    activity::<bound, Value, BTreeMap<String, f64>, Infallible>("Bound");
    activity::<r#Move, bool, (), Infallible>("Move");
    assert_eq!(shipping::shipping::NAME, "Flow3");
    is::<<shipping::shipping as Orchestration>::Input, Order>();
    is::<<shipping::shipping as Orchestration>::Output, Vec<u32>>();
    activity::<plain_result, Order, Receipt, ParseIntError>("plain_result");
    activity::<plain_pair, Order, (usize, String), Infallible>("plain_pair");
    activity::<plain_alias, Order, u32, ParseIntError>("plain_alias");
    activity::<plain_nothing, Order, (), ParseIntError>("plain_nothing");
    is::<<plain_flow as Orchestration>::Output, Receipt>();
    is::<<plain_list as Orchestration>::Output, Vec<u32>>();
    assert_eq!(says_nothing::NAME, "says_nothing");
    is::<<says_nothing as Orchestration>::Input, Value>();
    is::<<says_nothing as Orchestration>::Output, ()>();
    assert_eq!((Approval::NAME, Cancelled::NAME), ("Approval", "Cancelled"));
}

#[test]
fn where_the_kind_is_named_a_function_returns_any_value_that_serde_can_write() {
    let returned = |name, order: &str| {
        let order = vec![("order", Data::Json(order.to_owned()))];
        super::call_with(name, order, vec![]).map(|outputs| outputs.return_value.and_then(|value| value.data))
    };
    let order = r#"{"items":[7,8]}"#;
    let json = |text: &str| Some(Data::Json(text.to_owned()));
    assert_eq!(returned("plain_result", order).unwrap(), json(r#"{"pieces":2}"#));
    assert_eq!(returned("plain_pair", order).unwrap(), json(r#"[2,"pieces"]"#));
    assert_eq!(returned("plain_nothing", order).unwrap(), None);
    let failed = returned("plain_result", r#"{"items":[]}"#).unwrap_err();
    assert_eq!(failed.to_string(), "invalid digit found in string");
}
