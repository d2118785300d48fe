//! Types that are no bindings.

use azure_functions::{bindings::*, durable::*, func};

struct Mine;

#[func]
fn parameter(_req: HttpRequest, _mine: Mine) {}

#[func]
fn output(_req: HttpRequest) -> Mine {
    Mine
}

#[func]
fn tuple(_req: HttpRequest) -> (HttpResponse, Mine) {
    ("".into(), Mine)
}

#[func]
fn input(_mine: Mine) -> ActivityOutput {
    ().into()
}

struct NoError;

#[func]
fn failure(_req: HttpRequest) -> Result<HttpResponse, NoError> {
    Err(NoError)
}

#[func]
async fn not_send(_req: HttpRequest) {
    let shared = std::rc::Rc::new(3);
    std::future::ready(()).await;
    drop(shared);
}

#[func]
async fn orchestration(_context: DurableOrchestrationContext) -> Mine {
    Mine
}

#[func(activity)]
fn activity(_name: String) -> Mine {
    Mine
}

fn main() {}
