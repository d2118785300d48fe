//! The functions that the recordings call: those of the example apps, and of a probe.

use azure_functions::{
    Context,
    http::{Cookie, SameSite},
    prelude::*,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{error::Error, time::Duration};

#[func]
async fn fan_out(context: DurableOrchestrationContext<Option<u64>>) -> Result<OrchestrationOutput<u64>, CallError> {
    let count = context.input().unwrap_or(10);
    let squares = context
        .try_join_all((1..=count).map(|number| context.call::<square>(number)))
        .await?;
    Ok(squares.into_iter().sum::<u64>().into())
}

#[func]
fn square(number: u64) -> ActivityOutput<u64> {
    (number * number).into()
}

#[func]
async fn orchestrators(
    #[binding(auth_level = "function", methods = "post", route = "orchestrators/{functionName}")] req: HttpRequest,
    function_name: Route<String>,
    input: Json<Value>,
    client: DurableOrchestrationClient,
) -> Result<HttpResponse, HttpError> {
    let instance_id = req.query_params().get("instanceId").map(String::as_str);
    let id = client.start_new(&function_name, instance_id, &*input).await?;
    Ok(client.create_check_status_response(Some(req.url()), &id).into())
}

#[derive(Deserialize)]
struct Service {
    failures: u32,
}

#[func]
fn call_service(service: Service) -> Result<ActivityOutput<String>, Box<dyn Error + Send + Sync>> {
    assert_eq!(service.failures, 2, "it is called once");
    Err("the service is down (failure 1)".into())
}

#[derive(Default, Serialize, Deserialize)]
struct Register(Option<String>);

#[entity]
impl Register {
    fn set(&mut self, value: String) -> String {
        self.0 = Some(value.clone());
        value
    }

    fn get(&self) -> Option<String> {
        self.0.clone()
    }
}

#[derive(Deserialize)]
struct WriteOperation {
    key: String,
    value: String,
}

#[func]
async fn database_put(
    context: DurableOrchestrationContext<WriteOperation>,
) -> Result<OrchestrationOutput<String>, CallError> {
    let WriteOperation { key, value } = context.input();
    Ok(context.entity::<Register>(key).set(value).await?.into())
}

#[func]
fn database(
    #[binding(route = "Database/{key}")] _req: HttpRequest,
    client: DurableOrchestrationClient,
) -> HttpResponse {
    client.task_hub().into()
}

/// What it sees of the request.
#[func]
fn show(
    #[binding(auth_level = "anonymous", route = "show/{a}/{b?}")] req: HttpRequest,
) -> Result<HttpResponse, HttpError> {
    let told = json!({
        "method": req.method().as_str(),
        "url": req.url(),
        "params": req.route_params(),
        "query": req.query_params(),
        "probe": req.header("x-probe"),
        "empty": req.header("x-empty"),
        "flavour": req.cookie("flavour"),
        "body": req.body_as_str()?,
    });
    Ok(HttpResponse::json(&told)?)
}

#[func]
fn order(#[binding(auth_level = "anonymous", methods = "post")] _req: HttpRequest, order: Json<Value>) -> HttpResponse {
    order.to_string().into()
}

#[func]
fn echo_body(#[binding(auth_level = "anonymous")] req: HttpRequest) -> HttpResponse {
    HttpResponse::build().body(req.body().to_vec())
}

#[func]
fn fancy(#[binding(auth_level = "anonymous")] _req: HttpRequest) -> HttpResponse {
    let theme = Cookie::new("theme", "dark")
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .max_age(Duration::from_secs(60));
    let second = Cookie::new("second", "a b;c").secure(true).same_site(SameSite::None);
    HttpResponse::build()
        .status(201)
        .header("x-one", "1")
        .header("x-two", "a")
        .header("x-two", "b")
        .header("etag", "\"v1\"")
        .cookie(theme)
        .cookie(second)
        .body("fäncy ☃")
}

#[func]
fn needs_function_key(#[binding(auth_level = "function")] _req: HttpRequest) -> HttpResponse {
    "with a key".into()
}

/// Until the caller goes away.
#[func]
async fn slow(
    #[binding(auth_level = "anonymous", route = "slow/{ms}")] _req: HttpRequest,
    ms: Route<u64>,
) -> HttpResponse {
    log::info!("begun");
    let context = Context::current().unwrap();
    tokio::select! {
        () = context.cancellation().cancelled() => "cancelled".into(),
        () = tokio::time::sleep(Duration::from_millis(*ms)) => "slept".into(),
    }
}

#[func]
fn tick(#[binding(schedule = "%PROBE_SCHEDULE%", run_on_startup = true)] timer: TimerInfo) {
    std::thread::spawn(|| log::info!(target: "httpprobe", "probe-from-a-thread"))
        .join()
        .unwrap();
    let (late, status) = (timer.is_past_due, &timer.schedule_status);
    log::info!(target: "httpprobe", "tick: past due {late}, status {status:?}");
}

/// Fails unless the time of its next run is known.
#[func]
fn hourly(#[binding(schedule = "0 0 * * * *")] timer: TimerInfo) {
    let status = timer
        .schedule_status
        .expect("the host keeps the status of long schedules");
    log::info!("next at {}", status.next);
}

#[func]
fn cursed(#[binding(schedule = "0 0 0 1 1 *")] _timer: TimerInfo) -> Result<(), Box<dyn Error + Send + Sync>> {
    Err("cursed: on purpose".into())
}

/// What a reload of the environment left.
#[func]
fn surroundings(#[binding(auth_level = "anonymous")] _req: HttpRequest) -> Result<HttpResponse, HttpError> {
    let variables: std::collections::BTreeMap<_, _> = std::env::vars().collect();
    let told = json!({ "variables": variables, "directory": std::env::current_dir().unwrap() });
    Ok(HttpResponse::json(&told)?)
}
