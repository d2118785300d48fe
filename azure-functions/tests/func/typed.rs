//! The types that `#[func]` and `#[event]` write.

use azure_functions::{
    bindings::OrchestrationClient,
    durable::{Activity, Event, Orchestration},
    event,
    prelude::*,
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
    assert_eq!(says_nothing::NAME, "says_nothing");
    is::<<says_nothing as Orchestration>::Input, Value>();
    is::<<says_nothing as Orchestration>::Output, ()>();
    assert_eq!((Approval::NAME, Cancelled::NAME), ("Approval", "Cancelled"));
}
