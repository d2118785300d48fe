//! What host and worker tell each other of themselves.

use super::Session;
use crate::{
    durable_wire::Spoken,
    rpc::{
        FunctionEnvironmentReloadRequest, FunctionEnvironmentReloadResponse, WorkerInitRequest, WorkerInitResponse,
        status_result::Status, streaming_message::Content,
    },
    runtime, spans,
    worker::{
        call::{result, success},
        environment,
        execution::exception,
        levels::Levels,
        logger::{self, Console},
    },
};
use std::{collections::HashMap, path::Path, sync::Arc};

/// The app exports its telemetry itself: a host that exports telemetry by OpenTelemetry, too, leaves out what functions log.
const OPEN_TELEMETRY: &str = "WorkerOpenTelemetryEnabled";

/// What the worker can do, as the host must know it: a key switches a behaviour on, whatever its value.
const CAPABILITIES: [&str; 12] = [
    "TypedDataCollection",
    "IncludeEmptyEntriesInMessagePayload",
    "RpcHttpBodyOnly",
    "RawHttpBodyBytes",
    "RpcHttpTriggerMetadataRemoved",
    "UseNullableValueDictionaryForHttp",
    "WorkerStatus",
    "HandlesWorkerTerminateMessage",
    "HandlesInvocationCancelMessage",
    "HandlesWorkerWarmupMessage",
    "SupportsLoadResponseCollection",
    "EnableUserCodeException",
];

/// Announced by a host whose users see system records: what they say need not stand on the console as well. The real host does
/// not show them, and announces no such thing.
const SHOWS_SYSTEM_LOGS: &str = "ShowsSystemLogs";

impl Session {
    pub(super) fn initialise(&mut self, request: &WorkerInitRequest) -> Content {
        self.app_directory.clone_from(&request.function_app_directory);
        self.read_levels();
        self.levels.add_categories(request.log_categories.iter());
        self.console = match request.capabilities.contains_key(SHOWS_SYSTEM_LOGS) {
            true => Console::Silent,
            false => Console::Written,
        };
        logger::connect(&self.out, &self.levels, self.console);
        self.listen();
        Content::WorkerInitResponse(WorkerInitResponse {
            worker_version: runtime::WORKER_VERSION.to_owned(),
            capabilities: capabilities(),
            result: Some(success()),
            worker_metadata: Some(runtime::metadata()),
            ..WorkerInitResponse::default()
        })
    }

    /// Begins to find out what the host speaks. The environment has a say in what it is asked for.
    fn listen(&mut self) {
        let is_local = matches!(self.console, Console::Silent);
        self.spoken = Arc::new(Spoken::new(self.wire, is_local));
    }

    fn read_levels(&mut self) {
        let directory = match self.app_directory.as_str() {
            "" => ".",
            directory => directory,
        };
        self.levels = Levels::default();
        self.levels.add_host_json(Path::new(directory));
        let readable = std::env::vars_os().filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?)));
        self.levels.add_variables(readable);
    }

    pub(super) fn reload(&mut self, request: &FunctionEnvironmentReloadRequest) -> Content {
        let outcome = environment::reload(&request.environment_variables, &request.function_app_directory);
        if outcome.is_ok() {
            self.app_directory.clone_from(&request.function_app_directory);
            self.read_levels();
            logger::connect(&self.out, &self.levels, self.console);
            self.listen();
            self.start.again();
        }
        let result = match outcome {
            Ok(()) => success(),
            Err(error) => result(Status::Failure, Some(exception(error.to_string()))),
        };
        Content::FunctionEnvironmentReloadResponse(FunctionEnvironmentReloadResponse {
            worker_metadata: Some(runtime::metadata()),
            capabilities: capabilities(),
            result: Some(result),
            ..FunctionEnvironmentReloadResponse::default()
        })
    }
}

fn capabilities() -> HashMap<String, String> {
    let traces = spans::are_announced().then_some(OPEN_TELEMETRY);
    CAPABILITIES
        .into_iter()
        .chain(traces)
        .map(|capability| (capability.to_owned(), "true".to_owned()))
        .collect()
}
