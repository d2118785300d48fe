//! What a real host asks of our half of the start, before it calls a function. Files are those of Azure/azure-functions-host.

use azure_functions::rpc::{
    FunctionLoadRequestCollection, FunctionLoadResponseCollection, FunctionMetadataResponse, StatusResult,
    WorkerMetadata, status_result::Status,
};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap};

/// The capabilities that hosts know (`RpcWorkerConstants.cs`); keys are compared with their case, and what is not known does
/// nothing.
const CAPABILITIES: [&str; 19] = [
    "AcceptsListOfFunctionLoadRequests",
    "EnableUserCodeException",
    "HandlesInvocationCancelMessage",
    "HandlesWorkerTerminateMessage",
    "HandlesWorkerWarmupMessage",
    "HttpUri",
    "IgnoreEmptyValuedRpcHttpHeaders",
    "IncludeEmptyEntriesInMessagePayload",
    "RawHttpBodyBytes",
    "RequiresRouteParameters",
    "RpcHttpBodyOnly",
    "RpcHttpTriggerMetadataRemoved",
    "SharedMemoryDataTransfer",
    "SupportsLoadResponseCollection",
    "TypedDataCollection",
    "UseNullableValueDictionaryForHttp",
    "WorkerApplicationInsightsLoggingEnabled",
    "WorkerOpenTelemetryEnabled",
    "WorkerStatus",
];

/// `IsFailure` in StatusResultExtensions.cs, which looks into the result without asking whether it is there.
fn succeeds(result: Option<&StatusResult>) -> Result<(), String> {
    match result {
        None => Err("NullReferenceException: no result".to_owned()),
        Some(result) if result.status() == Status::Success => Ok(()),
        Some(result) => Err(format!("{result:?}")),
    }
}

/// `WorkerInitResponse` and `FunctionEnvironmentReloadResponse` in GrpcWorkerChannel.cs, for a worker.config.json without a
/// `defaultRuntimeVersion`.
pub(super) fn takes_the_worker(
    metadata: Option<&WorkerMetadata>,
    capabilities: &HashMap<String, String>,
    result: Option<&StatusResult>,
) -> Result<(), String> {
    // `UpdateWorkerMetadata` in GrpcMessageExtensionUtilities.cs fills in what is empty, with null if the file says nothing.
    if metadata.is_some_and(|metadata| metadata.runtime_version.is_empty()) {
        return Err("ArgumentNullException: WorkerMetadata.RuntimeVersion".to_owned());
    }
    succeeds(result)?;
    match capabilities.keys().find(|key| !CAPABILITIES.contains(&key.as_str())) {
        Some(unknown) => Err(format!("nothing is known by the name of {unknown}")),
        None => Ok(()),
    }
}

/// `ProcessFunctionMetadataResponses` in GrpcWorkerChannel.cs, `ValidateMetadata` in WorkerFunctionMetadataProvider.cs.
pub(super) fn takes_the_functions(response: &FunctionMetadataResponse) -> Result<(), String> {
    succeeds(response.result.as_ref())?;
    let mut ids = BTreeSet::new();
    let mut names = BTreeSet::new();
    for function in &response.function_metadata_results {
        let name = &function.name;
        if function.status.is_some() {
            succeeds(function.status.as_ref()).map_err(|error| format!("{name}: {error}"))?;
        }
        let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let good =
            name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(goes_on) && name.len() <= 128;
        if !good || name.eq_ignore_ascii_case("host") {
            return Err(format!("{name} is not a valid function name"));
        }
        if !names.insert(name.to_lowercase()) || !ids.insert(function.function_id.to_lowercase()) {
            return Err(format!("{name} is there twice"));
        }
        if function.function_id.is_empty() || function.script_file.is_empty() {
            return Err(format!("{name} has no id or script file"));
        }
        takes_the_bindings(&function.raw_bindings).map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(())
}

/// `ValidateBindings` in WorkerFunctionMetadataProvider.cs, `ValidateBinding` in Utility.cs.
fn takes_the_bindings(bindings: &[String]) -> Result<(), String> {
    let mut names = BTreeSet::new();
    let mut triggers = 0;
    for binding in bindings {
        let binding: Map<String, Value> = serde_json::from_str(binding).map_err(|error| error.to_string())?;
        let text = |key: &str| binding.get(key).and_then(Value::as_str).unwrap_or_default();
        let name = text("name");
        let valid = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric())
            && name.len() <= 128;
        if !valid && (name != "$return" || text("direction") != "out") {
            return Err(format!("the binding name {name} is invalid"));
        }
        if !names.insert(name.to_lowercase()) {
            return Err(format!("multiple bindings with name '{name}' discovered"));
        }
        if text("type").is_empty() {
            return Err(format!("the binding {name} has no type"));
        }
        if text("type").to_lowercase().ends_with("trigger") {
            triggers += 1;
        }
    }
    (triggers == 1)
        .then_some(())
        .ok_or_else(|| format!("{triggers} trigger bindings"))
}

/// `LoadResponse` in GrpcWorkerChannel.cs: one answer for each request.
pub(super) fn takes_the_loads(
    requests: &FunctionLoadRequestCollection,
    responses: &FunctionLoadResponseCollection,
) -> Result<(), String> {
    let asked: Vec<_> = requests.function_load_requests.iter().map(|r| &r.function_id).collect();
    let told: Vec<_> = responses
        .function_load_responses
        .iter()
        .map(|r| &r.function_id)
        .collect();
    if asked != told {
        return Err(format!("asked for {asked:?}, told of {told:?}"));
    }
    responses
        .function_load_responses
        .iter()
        .try_for_each(|response| succeeds(response.result.as_ref()))
}
