//! From an open stream to a worker that can be invoked: init, metadata, load.

use super::{
    capabilities::Capabilities,
    channel::{WorkerChannel, message, status, write_log},
    function::{Direction, Function, FunctionTable},
    metadata::{self, AppSettings},
    output::Log,
    rpc::{
        messages::{
            BindingInfo, FunctionLoadRequest, FunctionLoadRequestCollection, FunctionLoadResponse,
            FunctionsMetadataRequest, RpcFunctionMetadata, StatusResult, StreamingMessage, WorkerInitRequest,
            WorkerMetadata, binding_info, streaming_message::Content,
        },
        server::{Inbound, Outbound, WorkerStream},
    },
};
use crate::project::LogLevel;
use futures_util::StreamExt;
use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

/// The host version that workers are told: the major version is what they look at, the rest is ours.
pub(crate) const HOST_VERSION: &str = concat!("4.", env!("CARGO_PKG_VERSION"));

/// Official workers load packages during init, so this is the long limit of the reference.
const INIT_LIMIT: Duration = Duration::from_secs(120);
const METADATA_LIMIT: Duration = Duration::from_secs(60);
const LOAD_LIMIT: Duration = Duration::from_secs(60);

/// Why a worker that has connected did not become ready.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartupError {
    #[error("it ended the connection before it had answered {0}")]
    Ended(&'static str),
    #[error("it did not answer {0} within {1:?}")]
    Silent(&'static str, Duration),
    #[error("it failed to start: {0}")]
    Init(String),
    #[error("its answer to {0} has no result (`StatusResult`), and the real host refuses such a worker")]
    NoResult(&'static str),
    #[error(
        "it does not say which version of its runtime it has (`runtime_version` of `WorkerMetadata` is empty), and the real host \
         refuses such a worker (ArgumentNullException): build the app with the newest `azure-functions`, or say the version \
         in the setting `languageWorkers__{0}__defaultRuntimeVersion`"
    )]
    NoRuntimeVersion(String),
    #[error("its capability `HttpUri` is `{0}`, which is no address, and the real host refuses such a worker")]
    HttpUri(String),
}

/// What every start of a worker has in common.
#[derive(Clone, Debug)]
pub(crate) struct Startup {
    pub(crate) app_directory: PathBuf,
    pub(crate) worker_directory: PathBuf,
    pub(crate) settings: Arc<AppSettings>,
    pub(crate) function_timeout: Option<Duration>,
    pub(crate) log: Log,
}

impl Startup {
    /// Brings a worker that has connected to where it can be invoked.
    pub(crate) async fn run(&self, stream: WorkerStream) -> Result<Arc<WorkerChannel>, StartupError> {
        let mut opening = Opening {
            inbound: stream.inbound,
            outbound: stream.outbound,
            log: &self.log,
        };
        let capabilities = self.init(&mut opening).await?;
        let (metadata, functions) = self.index(&mut opening).await?;
        let functions = self.load(&mut opening, &metadata, functions, capabilities).await?;
        Ok(WorkerChannel::open(
            opening.inbound,
            opening.outbound,
            capabilities,
            Arc::new(FunctionTable::new(functions)),
            self.function_timeout,
            self.log.clone(),
        ))
    }

    async fn init(&self, opening: &mut Opening<'_>) -> Result<Capabilities, StartupError> {
        opening.send(Content::WorkerInitRequest(WorkerInitRequest {
            host_version: HOST_VERSION.to_owned(),
            // Of the protocol of our own workers: what they say outside any invocation is shown, and need not stand on the console
            // as well.
            capabilities: HashMap::from([("ShowsSystemLogs".to_owned(), "true".to_owned())]),
            log_categories: HashMap::new(),
            worker_directory: self.worker_directory.display().to_string(),
            function_app_directory: self.app_directory.display().to_string(),
        }));
        let response = opening
            .receive("WorkerInitRequest", INIT_LIMIT, |content| match content {
                Content::WorkerInitResponse(response) => Some(response),
                _ => None,
            })
            .await?;
        let result = result(response.result, "WorkerInitRequest")?;
        status(Some(result)).map_err(|failure| StartupError::Init(failure.message))?;
        self.check_runtime(response.worker_metadata.as_ref())?;
        // The real host proxies HTTP to that address; see `ApplyCapabilities` in GrpcWorkerChannel.cs.
        match response.capabilities.get("HttpUri").filter(|uri| !uri.is_empty()) {
            Some(uri) if url::Url::parse(uri).is_err() => return Err(StartupError::HttpUri(uri.clone())),
            _ => {}
        }
        Ok(Capabilities::read(&response.capabilities))
    }

    /// As `UpdateWorkerMetadata` in GrpcMessageExtensionUtilities.cs: metadata may be missing, but where there is some, its
    /// version has to be filled in by the worker or the configuration.
    fn check_runtime(&self, metadata: Option<&WorkerMetadata>) -> Result<(), StartupError> {
        let Some(metadata) = metadata.filter(|metadata| metadata.runtime_version.is_empty()) else {
            return Ok(());
        };
        let settings = &self.settings.settings;
        let runtime = match (settings.get("FUNCTIONS_WORKER_RUNTIME"), metadata.runtime_name.as_str()) {
            (Some(runtime), _) => runtime,
            (None, "") => "rust",
            (None, named) => named,
        };
        match settings.get(&format!("languageWorkers__{runtime}__defaultRuntimeVersion")) {
            Some(_) => Ok(()),
            None => Err(StartupError::NoRuntimeVersion(runtime.to_owned())),
        }
    }

    async fn index(
        &self,
        opening: &mut Opening<'_>,
    ) -> Result<(BTreeMap<String, RpcFunctionMetadata>, Vec<Function>), StartupError> {
        opening.send(Content::FunctionsMetadataRequest(FunctionsMetadataRequest {
            function_app_directory: self.app_directory.display().to_string(),
        }));
        let response = opening
            .receive("FunctionsMetadataRequest", METADATA_LIMIT, |content| match content {
                Content::FunctionMetadataResponse(response) => Some(response),
                _ => None,
            })
            .await?;
        let result = result(response.result, "FunctionsMetadataRequest")?;
        if let Err(failure) = status(Some(result)) {
            let text = format!("The worker could not list all its functions: {}", failure.message);
            self.log.host(LogLevel::Error, &text);
        }
        let described = if response.use_default_metadata_indexing {
            metadata::read_function_json(&self.app_directory)
        } else {
            response.function_metadata_results
        };
        let functions = metadata::read(described.clone(), &self.settings);
        let by_id = described
            .into_iter()
            .map(|metadata| (metadata.function_id.clone(), metadata))
            .collect();
        Ok((by_id, functions))
    }

    async fn load(
        &self,
        opening: &mut Opening<'_>,
        metadata: &BTreeMap<String, RpcFunctionMetadata>,
        mut functions: Vec<Function>,
        capabilities: Capabilities,
    ) -> Result<Vec<Function>, StartupError> {
        let mut wanted: Vec<&Function> = functions.iter().filter(|function| function.error.is_none()).collect();
        // Disabled ones last, as the real host does.
        wanted.sort_by_key(|function| function.disabled);
        let requests: Vec<_> = wanted
            .iter()
            .map(|function| load_request(function, metadata.get(&function.id)))
            .collect();
        let mut missing: HashMap<String, usize> = functions
            .iter()
            .enumerate()
            .filter(|(_, function)| function.error.is_none())
            .map(|(index, function)| (function.id.clone(), index))
            .collect();
        if missing.is_empty() {
            return Ok(functions);
        }
        if capabilities.load_collection {
            opening.send(Content::FunctionLoadRequestCollection(FunctionLoadRequestCollection {
                function_load_requests: requests,
            }));
        } else {
            requests
                .into_iter()
                .for_each(|request| opening.send(Content::FunctionLoadRequest(request)));
        }
        let limit = LOAD_LIMIT.max(self.function_timeout.unwrap_or_default());
        while !missing.is_empty() {
            let responses: Vec<FunctionLoadResponse> = opening
                .receive("FunctionLoadRequest", limit, |content| match content {
                    Content::FunctionLoadResponse(response) => Some(vec![response]),
                    Content::FunctionLoadResponseCollection(collection) => Some(collection.function_load_responses),
                    _ => None,
                })
                .await?;
            for response in responses {
                let Some(index) = missing.remove(&response.function_id) else {
                    continue;
                };
                let result = result(response.result, "FunctionLoadRequest")?;
                if let Err(failure) = status(Some(result)) {
                    functions[index].error = Some(failure.message);
                }
            }
        }
        Ok(functions)
    }
}

/// Without a result the real host gives the worker up: it looks into what is not there.
fn result(result: Option<StatusResult>, request: &'static str) -> Result<StatusResult, StartupError> {
    result.ok_or(StartupError::NoResult(request))
}

fn load_request(function: &Function, metadata: Option<&RpcFunctionMetadata>) -> FunctionLoadRequest {
    let bindings = function.bindings.iter().map(|binding| {
        let direction = match binding.direction {
            Direction::In => binding_info::Direction::In,
            Direction::Out => binding_info::Direction::Out,
            Direction::InOut => binding_info::Direction::Inout,
        };
        let data_type = match binding.text("dataType").map(str::to_ascii_lowercase).as_deref() {
            Some("string") => binding_info::DataType::String,
            Some("binary") => binding_info::DataType::Binary,
            Some("stream") => binding_info::DataType::Stream,
            _ => binding_info::DataType::Undefined,
        };
        let info = BindingInfo {
            r#type: binding.kind.clone(),
            direction: direction.into(),
            data_type: data_type.into(),
            properties: HashMap::new(),
        };
        (binding.name.clone(), info)
    });
    FunctionLoadRequest {
        function_id: function.id.clone(),
        metadata: Some(RpcFunctionMetadata {
            name: function.name.clone(),
            directory: function.directory.clone(),
            script_file: function.script_file.clone(),
            entry_point: function.entry_point.clone(),
            function_id: function.id.clone(),
            bindings: bindings.collect(),
            properties: metadata.map(|metadata| metadata.properties.clone()).unwrap_or_default(),
            ..Default::default()
        }),
        managed_dependency_enabled: false,
    }
}

/// The stream before the worker is ready.
struct Opening<'a> {
    inbound: Inbound,
    outbound: Outbound,
    log: &'a Log,
}

impl Opening<'_> {
    fn send(&self, content: Content) {
        // A closed stream shows when the answer is awaited.
        let _ = self.outbound.send(Ok(message(content)));
    }

    /// The first content that `pick` takes. Logs on the way are written; everything else is dropped, as the real host does.
    async fn receive<T>(
        &mut self,
        request: &'static str,
        limit: Duration,
        pick: impl Fn(Content) -> Option<T>,
    ) -> Result<T, StartupError> {
        let receiving = async {
            loop {
                match self.inbound.next().await {
                    Some(Ok(StreamingMessage {
                        content: Some(Content::RpcLog(record)),
                        ..
                    })) => write_log(&record, None, self.log),
                    Some(Ok(StreamingMessage { content, .. })) => {
                        if let Some(picked) = content.and_then(&pick) {
                            return Ok(picked);
                        }
                    }
                    Some(Err(_)) | None => return Err(StartupError::Ended(request)),
                }
            }
        };
        tokio::time::timeout(limit, receiving)
            .await
            .unwrap_or(Err(StartupError::Silent(request, limit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        host::tests::captured::Captured,
        project::{LocalSettings, Settings},
    };

    #[test]
    fn a_setting_fills_in_the_version_of_the_runtime_as_it_does_for_the_real_host() {
        let check = |values: &str, runtime_name: &str, runtime_version: &str| {
            let local = format!(r#"{{"IsEncrypted":false,"Values":{{{values}}}}}"#);
            let local = LocalSettings::parse("local.settings.json", &local).unwrap();
            let startup = Startup {
                app_directory: PathBuf::new(),
                worker_directory: PathBuf::new(),
                settings: Arc::new(AppSettings {
                    settings: Settings::new([], &local),
                    allow_list: None,
                }),
                function_timeout: None,
                log: Captured::log().1,
            };
            let metadata = WorkerMetadata {
                runtime_name: runtime_name.to_owned(),
                runtime_version: runtime_version.to_owned(),
                ..WorkerMetadata::default()
            };
            startup
                .check_runtime(Some(&metadata))
                .map_err(|error| error.to_string())
        };
        assert_eq!(check("", "rust", "1"), Ok(()));
        assert_eq!(
            check(r#""languageWorkers__rust__defaultRuntimeVersion":"1""#, "rust", ""),
            Ok(())
        );
        assert_eq!(
            check(r#""languageWorkers:rust:defaultRuntimeVersion":"1""#, "", ""),
            Ok(())
        );
        for (name, setting) in [("", "languageWorkers__rust__"), ("other", "languageWorkers__other__")] {
            let error = check("", name, "").unwrap_err();
            assert!(
                error.contains("ArgumentNullException") && error.contains(setting),
                "{error}"
            );
        }
    }
}
