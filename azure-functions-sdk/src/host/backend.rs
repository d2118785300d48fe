//! What stands behind the front door: functions on the worker, and the task hub.

use super::{
    function::Function,
    http::{Answer, Backend, GivenTrigger, HttpCall, HungUp, Why},
    http_request::HttpInvocation,
    invocation::TriggerInput,
    mcp,
    runner::FunctionRunner,
    timers::{StatusStore, Timer, Zone},
};
use crate::{
    durable::{Clock as _, SystemClock, TaskHub, Via, hub::request_error::RequestError},
    project::McpOptions,
    services::trigger_input::trigger_input,
};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use serde_json::json;
use std::sync::Arc;

/// The local host, as the front door sees it.
pub(crate) struct HostBackend {
    pub(crate) runner: FunctionRunner,
    pub(crate) hub: Arc<TaskHub>,
    pub(crate) via: Via,
    pub(crate) statuses: StatusStore,
    pub(crate) zone: Zone,
    pub(crate) mcp: Arc<McpOptions>,
}

impl HostBackend {
    fn function(&self, number: usize) -> Option<Arc<Function>> {
        self.runner.functions().iter().nth(number).cloned()
    }

    fn timer_info(&self, function: &Function) -> Result<String, String> {
        let attributes = function
            .trigger()
            .map(|trigger| &trigger.attributes)
            .ok_or("the function has no trigger")?;
        let timer = Timer::from_binding(&function.name, attributes, self.zone).map_err(|error| error.to_string())?;
        Ok(timer.info_by_hand(&self.statuses, SystemClock.now()))
    }
}

impl Backend for HostBackend {
    fn invoke(&self, call: HttpCall) -> Answer {
        let runner = self.runner.clone();
        let function = self.function(call.function);
        Box::pin(async move {
            // The functions may have become fewer since the route was found.
            let Some(function) = function else {
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = StatusCode::NOT_FOUND;
                response.extensions_mut().insert(Why("the function is gone".to_owned()));
                return response;
            };
            let mut parts = call.parts;
            let hung_up = parts.extensions.remove::<HungUp>();
            let mut request = HttpInvocation::new(parts.method, call.url, parts.headers, call.route_values, call.body);
            request.tells_failures = call.is_local;
            if let Some(HungUp(hung_up)) = hung_up {
                request.hung_up = hung_up;
            }
            runner.invoke_http(&function, request).await
        })
    }

    fn fire(&self, function: usize, given: GivenTrigger) -> Result<Answer, String> {
        let function = self.function(function).ok_or("the function is gone")?;
        let trigger = if function.is_triggered_by("timerTrigger") {
            // Whatever was sent, the function gets what timer functions know.
            TriggerInput::json(self.timer_info(&function)?)
        } else {
            let trigger = function.trigger().ok_or("the function has no trigger")?;
            trigger_input(trigger, given, SystemClock.now())?.into()
        };
        let runner = self.runner.clone();
        // It runs whether the caller waits for the answer or not; a failure is in the log, too.
        let run = tokio::spawn(async move {
            let reason = "This function was programmatically called via the host APIs.";
            let fired = runner.fire_for_outputs(&function, &trigger, reason).await;
            let (outputs, response) = fired.map_err(|error| error.to_string())?;
            let mut answer = json!({ "outputs": outputs.json() });
            if let Some(result) = mcp::shown_result(&function, &trigger, &response) {
                answer["result"] = result?;
            }
            Ok::<_, String>(answer)
        });
        Ok(Box::pin(async move {
            let (status, body) = match run.await {
                Ok(Ok(answer)) => (StatusCode::OK, answer),
                Ok(Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, json!({ "error": error })),
                Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, json!({ "error": error.to_string() })),
            };
            let mut response = Response::new(Bytes::from(body.to_string()));
            *response.status_mut() = status;
            let json = HeaderValue::from_static("application/json; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
            response
        }))
    }

    fn durable(&self, request: Request<Bytes>) -> Answer {
        let hub = Arc::clone(&self.hub);
        let via = self.via.clone();
        Box::pin(async move { hub.handle(request, &via).await })
    }

    fn mcp(&self, request: Request<Bytes>) -> Answer {
        let (runner, options) = (self.runner.clone(), Arc::clone(&self.mcp));
        Box::pin(async move {
            let HungUp(hung_up) = request.extensions().get().cloned().unwrap_or_default();
            mcp::answer(&runner, &options, request, hung_up).await
        })
    }

    fn history(&self, instance_id: String) -> Answer {
        history(Arc::clone(&self.hub), instance_id)
    }
}

/// The history file of an instance.
pub(crate) fn history(hub: Arc<TaskHub>, instance_id: String) -> Answer {
    Box::pin(async move {
        let (status, text) = match hub.recorded_history(&instance_id).await {
            Ok(json) => {
                let mut response = Response::new(Bytes::from(json));
                let json = HeaderValue::from_static("application/json; charset=utf-8");
                response.headers_mut().insert(header::CONTENT_TYPE, json);
                return response;
            }
            Err(RequestError::NotFound) => (
                StatusCode::NOT_FOUND,
                format!("There is no instance with the id '{instance_id}'."),
            ),
            Err(error @ RequestError::WrongState(_)) => (StatusCode::CONFLICT, error.to_string()),
            Err(error @ RequestError::Unavailable(_)) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        };
        let mut response = Response::new(Bytes::from(text + "\n"));
        *response.status_mut() = status;
        response
    })
}
