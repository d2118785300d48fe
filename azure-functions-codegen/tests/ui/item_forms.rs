use azure_functions::{bindings::*, durable::ActivityOutput, func};

#[func]
struct NotAFunction;

#[func]
const fn constant(_req: HttpRequest) {}

#[func]
unsafe fn dangerous(_req: HttpRequest) {}

#[func]
extern "C" fn foreign(_req: HttpRequest) {}

#[func]
fn generic<T>(_req: HttpRequest) {}

#[func]
fn lifetime<'a>(_req: &'a HttpRequest) {}

#[func]
fn bounded(_req: HttpRequest)
where
    String: Clone,
{
}

struct App;

impl App {
    #[func]
    fn method(&self, _req: HttpRequest) {}

    #[func]
    pub fn associated(_req: HttpRequest) -> HttpResponse {
        "".into()
    }

    #[func]
    fn associated_activity(name: String) -> ActivityOutput {
        name.into()
    }
}

trait Greets {
    #[func]
    async fn greets(_context: DurableOrchestrationContext) {}
}

fn main() {
    // What is refused is still there, so that one mistake stays one.
    constant as fn(HttpRequest);
    foreign as extern "C" fn(HttpRequest);
}
