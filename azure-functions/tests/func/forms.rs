//! Every form that `#[func]` accepts, without a warning.

#![deny(warnings)]

use azure_functions::{
    BindingError,
    binding::{Argument, BindingData, BindingSpec, FromBinding, Input, IntoBinding},
    bindings::{
        DurableActivityContext, DurableClient, DurableOrchestrationClient, DurableOrchestrationContext, HttpRequest,
        HttpResponse, OrchestrationClient, TimerInfo,
    },
    durable::{ActivityOutput, OrchestrationOutput},
    func,
    http::{Json, Route},
};
use serde::{Deserialize, Serialize};

// HTTP.

#[func]
fn sync_http(_req: HttpRequest) -> HttpResponse {
    "hello".into()
}

#[func(name = "another-Name_1")]
pub(crate) async fn async_http(req: &HttpRequest) -> Result<HttpResponse, std::io::Error> {
    Ok(req.url().into())
}

#[func]
#[binding(name = "req", auth_level = "anonymous", methods = "get|post", route = "x/{id}")]
async fn on_the_function(req: HttpRequest, id: Route<u32>) -> HttpResponse {
    format!("{} {id}", req.method()).into()
}

#[func]
async fn on_the_parameter(
    #[binding(auth_level = "anonymous", methods = ["get", "post"], route = "orders/{orderId:int}")]
    mut req: HttpRequest,
    order_id: &Route<u32>,
) -> Option<HttpResponse> {
    req = req.clone();
    let taken = req;
    (order_id.0 > 0).then(|| taken.url().into())
}

#[derive(Deserialize, Serialize)]
struct Order {
    pieces: u32,
}

#[func]
fn body(#[binding(methods = "post")] order: Json<Order>) -> Json<u32> {
    Json(order.pieces)
}

#[func]
fn body_beside_request(_order: JsonAlias, _req: HttpRequest) -> (HttpResponse,) {
    ("ok".into(),)
}

type JsonAlias = Json<Order>;

#[func]
fn no_answer(_req: HttpRequest) {}

#[func]
#[expect(clippy::unused_unit, reason = "a form that people write")]
fn says_unit(_req: HttpRequest) -> () {}

// Timers.

#[func]
fn timer(#[binding(schedule = "0 */5 * * * *", run_on_startup = true, use_monitor = false)] timer: TimerInfo) {
    let _ = timer.is_past_due;
}

#[func]
async fn failing_timer(
    #[binding(schedule = "%SCHEDULE%")] _timer: TimerInfo,
    #[binding(task_hub = "other", connection = "Store")] _client: DurableOrchestrationClient,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    Err("no".into())
}

// Orchestrations.

#[func]
async fn orchestration(mut context: DurableOrchestrationContext) -> OrchestrationOutput {
    context = context.clone();
    let taken = context;
    taken.instance_id().into()
}

#[func]
async fn silent(_context: DurableOrchestrationContext) {}

type Ctx = DurableOrchestrationContext;
type Failing = Result<OrchestrationOutput, std::num::ParseIntError>;

#[func]
#[binding(name = "context", orchestration = "renamed")]
pub(crate) async fn aliased(context: Ctx) -> Failing {
    Ok(context.instance_id().parse::<i32>()?.into())
}

// Activities.

#[func]
fn activity(context: DurableActivityContext) -> ActivityOutput {
    context.input.into()
}

#[func]
async fn referenced(context: &DurableActivityContext) -> Result<ActivityOutput, BindingError> {
    Ok(context.input_as::<String>()?.into())
}

#[func]
async fn plain(id: String, _client: OrchestrationClient) -> ActivityOutput {
    id.into()
}

#[func]
fn pair(numbers: (i32, i32), _client: &DurableClient) -> Option<ActivityOutput> {
    Some((numbers.0 + numbers.1).into())
}

#[func(activity)]
fn structure(order: &Order) {
    let _ = order.pieces;
}

type Input2 = Vec<u8>;
type Context2 = DurableActivityContext;

#[func(activity)]
fn aliased_input(input: Input2) -> ((), Alarm) {
    ((), Alarm(input.len().to_string()))
}

#[func]
fn aliased_context(context: Context2) -> Result<(ActivityOutput, Option<Alarm>), std::fmt::Error> {
    Ok((context.input.into(), None))
}

// Names.

#[func]
fn r#match(r#type: HttpRequest) -> HttpResponse {
    r#type.url().into()
}

#[func]
fn call(source: HttpRequest) -> HttpResponse {
    source.url().into()
}

// A binding type of one's own.

struct Reading(f64);

impl FromBinding for Reading {
    const SPEC: BindingSpec = BindingSpec::trigger("mqttTrigger").arguments(&[
        Argument::text("topic").required(),
        Argument::integer("offset"),
        Argument::number("factor"),
        Argument::any("levels"),
    ]);

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        input.take_data().parse().map(Reading)
    }
}

struct Alarm(String);

impl IntoBinding for Alarm {
    const SPEC: BindingSpec = BindingSpec::output("mqtt").any_argument();

    fn into_binding(self) -> Result<BindingData, BindingError> {
        Ok(BindingData::String(self.0))
    }
}

#[func]
#[binding(name = "$return", topic = "alarms")]
#[binding(name = "output1", topic = "more", retain = true)]
fn own_type(
    #[binding(topic = "cellar", offset = -3, factor = 0.5, levels = [1, -2, "x", [true]])] reading: Reading,
) -> (Option<Alarm>, Alarm) {
    (None, Alarm(reading.0.to_string()))
}

#[test]
fn functions_stay_what_they_were() {
    structure(&Order { pieces: 1 });
    #[func]
    fn inside_a_function(_req: HttpRequest) -> HttpResponse {
        "inner".into()
    }
    let _: fn(HttpRequest) -> HttpResponse = inside_a_function;
}

#[func(allow_non_deterministic = "only measures")]
async fn allowed_as_a_whole(_context: DurableOrchestrationContext) {
    let _ = std::time::Instant::now();
}

#[func]
#[allow_non_deterministic = "only measures"]
async fn allowed_by_an_attribute(_context: DurableOrchestrationContext) {
    let _ = std::time::Instant::now();
}

#[func]
async fn allowed_in_places(context: DurableOrchestrationContext) {
    #[allow_non_deterministic = "only measures"]
    let begun = std::time::Instant::now();
    let mut last;
    #[allow_non_deterministic = "only measures"]
    {
        last = std::time::Instant::now();
    }
    #[allow_non_deterministic = "only measures"]
    if last < begun {
        last = std::time::Instant::now();
    }
    let _ = context.is_replaying().then(
        #[allow_non_deterministic = "only measures"]
        std::time::Instant::now,
    );
    let _ = match context.is_replaying() {
        #[allow_non_deterministic = "only measures"]
        true => std::time::Instant::now(),
        false => last,
    };
}
