//! What a worker says it can do: a key with any text is on, even with the text `false`.

use std::collections::HashMap;

/// The capabilities that this host heeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    /// `RpcHttpBodyOnly`: no `rawBody` beside the body.
    pub(crate) body_only: bool,
    /// `RawHttpBodyBytes`: bodies as bytes, whatever the content type.
    pub(crate) raw_body_bytes: bool,
    /// `RpcHttpTriggerMetadataRemoved`: the request is not repeated in the trigger metadata.
    pub(crate) trigger_metadata_removed: bool,
    /// `IgnoreEmptyValuedRpcHttpHeaders`.
    pub(crate) ignore_empty_headers: bool,
    /// `UseNullableValueDictionaryForHttp`: the nullable maps instead of the plain ones.
    pub(crate) nullable_maps: bool,
    /// `HandlesWorkerTerminateMessage`.
    pub(crate) terminate: bool,
    /// `HandlesInvocationCancelMessage`.
    pub(crate) cancel: bool,
    /// `SupportsLoadResponseCollection`.
    pub(crate) load_collection: bool,
}

impl Capabilities {
    pub(crate) fn read(announced: &HashMap<String, String>) -> Self {
        let on = |key: &str| announced.get(key).is_some_and(|value| !value.is_empty());
        Self {
            body_only: on("RpcHttpBodyOnly"),
            raw_body_bytes: on("RawHttpBodyBytes"),
            trigger_metadata_removed: on("RpcHttpTriggerMetadataRemoved"),
            ignore_empty_headers: on("IgnoreEmptyValuedRpcHttpHeaders"),
            nullable_maps: on("UseNullableValueDictionaryForHttp"),
            terminate: on("HandlesWorkerTerminateMessage"),
            cancel: on("HandlesInvocationCancelMessage"),
            load_collection: on("SupportsLoadResponseCollection"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_switches_a_capability_on_and_keys_are_case_sensitive() {
        let announced = [
            ("RpcHttpBodyOnly", "false"),
            ("RawHttpBodyBytes", ""),
            ("handlesinvocationcancelmessage", "true"),
        ];
        let announced = announced.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let capabilities = Capabilities::read(&announced.into());
        assert_eq!(
            capabilities,
            Capabilities {
                body_only: true,
                ..Capabilities::default()
            }
        );
    }
}
