//! Structs of outputs.

use azure_functions::{
    Outputs,
    bindings::{Blob, HttpRequest, HttpResponse, QueueMessage},
    durable::{ActivityOutput, OrchestrationOutput},
    entities::EntityOutput,
    func,
};

#[derive(Outputs)]
struct Missing {
    order: QueueMessage<String>,
}

#[derive(Outputs)]
struct Misspelt {
    #[binding(queue_nam = "orders", queue_name = 1)]
    order: Option<QueueMessage<String>>,
    #[binding(path = "Orders/{id}")]
    blob: Blob<String>,
}

#[derive(Outputs)]
struct Named {
    #[binding(name = "order", queue_name = "orders")]
    order: QueueMessage<String>,
    #[binding(queue_name = "a")]
    #[binding(connection = "b")]
    other: QueueMessage<String>,
}

#[derive(Outputs)]
struct TwoOfOneName {
    #[binding(queue_name = "orders")]
    my_order: QueueMessage<String>,
    #[binding(queue_name = "orders")]
    MyOrder: QueueMessage<String>,
    #[binding(queue_name = "orders")]
    größe: QueueMessage<String>,
}

#[derive(Outputs)]
struct TwoReturned {
    response: HttpResponse,
    result: ActivityOutput<u8>,
}

#[derive(Outputs)]
struct NoOutputs {
    text: String,
    orchestration: OrchestrationOutput<u8>,
    entity: EntityOutput,
    #[binding(route = "x")]
    response: HttpResponse,
    #[binding(queue_name = "x")]
    nothing: (),
}

#[derive(Outputs)]
#[binding(queue_name = "x")]
struct OnTheStruct {
    response: HttpResponse,
}

#[derive(Outputs)]
struct Tuple(HttpResponse);

#[derive(Outputs)]
struct Empty {}

#[derive(Outputs)]
struct Generic<T> {
    #[binding(queue_name = "orders")]
    order: QueueMessage<T>,
}

#[derive(Outputs)]
enum Either {
    Response(HttpResponse),
}

// What is wrong with a struct is said once, and not again of the functions that return it.
#[func]
fn misspelt(_request: HttpRequest) -> Misspelt {
    todo!()
}

#[func]
#[binding(name = "order", queue_name = "orders")]
fn arguments_on_the_function(_request: HttpRequest) -> Missing {
    todo!()
}

struct Value;

#[derive(Outputs)]
struct OwnTypeWithTheNameOfAnother {
    #[binding(queue_name = "orders")]
    value: Value,
}

fn main() {}
