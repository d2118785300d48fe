//! Functions and results as workers describe them.

use crate::host::rpc::messages::{RpcException, RpcFunctionMetadata, StatusResult, status_result::Status};

pub(crate) fn success() -> Option<StatusResult> {
    Some(StatusResult {
        status: Status::Success.into(),
        ..Default::default()
    })
}

pub(crate) fn failure(message: &str) -> Option<StatusResult> {
    Some(StatusResult {
        status: Status::Failure.into(),
        exception: Some(RpcException {
            message: message.to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    })
}

/// Metadata of a function with these bindings, each a JSON object.
pub(crate) fn metadata(name: &str, bindings: &[&str]) -> RpcFunctionMetadata {
    RpcFunctionMetadata {
        name: name.to_owned(),
        function_id: format!("id-of-{name}"),
        script_file: "app".to_owned(),
        raw_bindings: bindings.iter().map(|text| (*text).to_owned()).collect(),
        ..Default::default()
    }
}

pub(crate) const ACTIVITY: &str = r#"{"type":"activityTrigger","name":"context","direction":"in"}"#;
pub(crate) const HTTP: &str = r#"{"type":"httpTrigger","name":"req","direction":"in","authLevel":"anonymous"}"#;
pub(crate) const HTTP_RETURN: &str = r#"{"type":"http","name":"$return","direction":"out"}"#;
pub(crate) const DURABLE_CLIENT: &str =
    r#"{"type":"durableClient","name":"client","direction":"in","taskHub":"%HUB%"}"#;
