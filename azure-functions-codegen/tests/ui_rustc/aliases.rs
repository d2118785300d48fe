//! The rules hold for aliases and for types that the attribute does not know.

use azure_functions::{
    BindingError,
    app::State,
    binding::{Argument, BindingSpec, FromBinding, Input},
    bindings::*,
    durable::*,
    func,
    http::*,
};

type Context = DurableOrchestrationContext;
type Activity = DurableActivityContext;
type Client = DurableOrchestrationClient;
type Request = HttpRequest;
type Timer = TimerInfo;
type Id = Route<u32>;
type Body = Json<u32>;
type Answer = HttpResponse;
type Done = OrchestrationOutput;
type Data = (i32, i32);
type Pool = State<u32>;

#[func]
fn synchronous(_context: Context) {}

#[func]
async fn more_bindings(_context: Context, _client: Client) {}

#[func]
async fn shared(_context: Context, _pool: Pool) {}

#[func]
async fn by_reference(_context: &Context) {}

#[func]
async fn http(_context: Context) -> Answer {
    "".into()
}

#[func]
fn nothing_starts(_client: Client) {}

#[func]
fn two_triggers(_request: Request, _activity: Activity) {}

#[func]
fn two_inputs(_a: Data, _b: Data) -> ActivityOutput {
    ().into()
}

#[func]
fn activity_answers(_activity: Activity) -> Answer {
    "".into()
}

#[func]
fn request_is_done(_request: Request) -> Done {
    ().into()
}

#[func]
fn timer_answers(#[binding(schedule = "0 0 * * * *")] _timer: Timer) -> Answer {
    "".into()
}

#[func]
fn timer_reads(#[binding(schedule = "0 0 * * * *")] _timer: Timer, _body: Body, _id: Id) {}

#[func]
fn no_schedule(_timer: Timer) {}

#[func]
fn bad_schedule(#[binding(schedule = "0 0 24 * * *")] _timer: Timer) {}

#[func]
fn bad_arguments(
    #[binding(rout = "x", route = "/x", auth_level = "public", methods = "get|fetch")] _request: Request,
    #[binding(task_hub = 3)] _client: Client,
    #[binding(route = "x")] _id: Id,
) {
}

#[func]
#[binding(name = "$return", route = "x")]
fn bad_output(_request: Request) -> Answer {
    "".into()
}

struct Reading;

impl FromBinding for Reading {
    const SPEC: BindingSpec =
        BindingSpec::trigger("mqttTrigger").arguments(&[Argument::text("topic").required(), Argument::integer("offset")]);

    fn from_binding(_: Input<'_>) -> Result<Self, BindingError> {
        Ok(Self)
    }
}

#[func]
fn own_type(#[binding(offset = "x", tipic = "cellar")] _reading: Reading) {}

type Warmup = WarmupTrigger;
const WARMUP: &str = "warmupTrigger";

#[func]
fn warm_up(_trigger: Warmup) {}

#[func]
fn also_warm(#[binding(type = WARMUP)] _trigger: GenericTrigger) {}

fn main() {}
