//! Mistakes in structs of outputs that only types show.

use azure_functions::{
    Outputs,
    bindings::{DurableOrchestrationContext, HttpRequest, HttpResponse, QueueMessage, QueueTrigger},
    durable::ActivityOutput,
    func,
};

type Message = QueueMessage<String>;
type Answer = HttpResponse;
type Result = ActivityOutput<u8>;

struct NotAnOutput;

#[derive(Outputs)]
struct Unbound {
    it: NotAnOutput,
}

#[derive(Outputs)]
struct Missing {
    order: Message,
}

#[derive(Outputs)]
struct Misspelt {
    #[binding(queue_name = "orders", queue = "x")]
    order: Message,
}

#[derive(Outputs)]
struct HiddenResult {
    result: Result,
}

#[derive(Outputs)]
struct TwoAnswers {
    answer: Answer,
    response: HttpResponse,
}

#[derive(Outputs)]
struct Good {
    #[binding(queue_name = "orders")]
    order: Message,
    answer: Answer,
}

#[func]
fn two_answers(_request: HttpRequest) -> TwoAnswers {
    todo!()
}

#[func]
fn nothing_to_answer(#[binding(queue_name = "orders")] _message: QueueTrigger) -> Good {
    todo!()
}

#[func]
fn same_name(_order: HttpRequest) -> Good {
    todo!()
}

#[func]
#[binding(name = "$return", queue_name = "orders")]
fn arguments_twice(_request: HttpRequest) -> Good {
    todo!()
}

#[func]
async fn orchestrate(_context: DurableOrchestrationContext) -> Good {
    todo!()
}

fn main() {}
