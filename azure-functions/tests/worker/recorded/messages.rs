//! What a real host and this worker said to each other: `functions-host.txt`, a message a line, its name before it, in the text
//! format of Protocol Buffers.
//!
//! Recorded with host 4.1037 and the Durable extension 3.19 on Azurite, with the example apps and a probe of HTTP and timers;
//! lists of functions and variables are shortened. Ports, keys, and folders are replaced.

use azure_functions::rpc::{InvocationRequest, InvocationResponse, StreamingMessage, streaming_message::Content};
use prost::Message as _;
use protox::prost_reflect::{DescriptorPool, DynamicMessage};
use std::collections::BTreeMap;

/// Messages by name; those of the worker end in `.worker`.
pub(super) struct Recorded(BTreeMap<&'static str, StreamingMessage>);

impl Recorded {
    /// All messages, with `root` for the folder of the app.
    pub(super) fn read(root: &str) -> Self {
        let proto = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");
        let files = protox::compile(["FunctionRpc.proto"], [proto]).unwrap();
        let pool = DescriptorPool::from_file_descriptor_set(files).unwrap();
        let message = pool
            .get_message_by_name("AzureFunctionsRpcMessages.StreamingMessage")
            .unwrap();
        let lines = include_str!("functions-host.txt").lines();
        let parse = |line: &'static str| {
            let (name, text) = line.split_once(' ').unwrap();
            let text = text.replace("/home/site/wwwroot", root);
            let message = DynamicMessage::parse_text_format(message.clone(), &text).unwrap();
            (
                name,
                StreamingMessage::decode(message.encode_to_vec().as_slice()).unwrap(),
            )
        };
        Self(lines.map(parse).collect())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }

    pub(super) fn get(&self, name: &str) -> &StreamingMessage {
        self.0.get(name).unwrap_or_else(|| panic!("no recording {name}"))
    }

    pub(super) fn content(&self, name: &str) -> Content {
        self.get(name).content.clone().unwrap()
    }

    pub(super) fn invocation(&self, case: &str) -> InvocationRequest {
        match self.content(&format!("InvocationRequest.{case}")) {
            Content::InvocationRequest(request) => request,
            other => panic!("{other:?}"),
        }
    }

    /// What the worker answered then.
    pub(super) fn answer(&self, case: &str) -> InvocationResponse {
        match self.content(&format!("InvocationResponse.{case}.worker")) {
            Content::InvocationResponse(response) => response,
            other => panic!("{other:?}"),
        }
    }
}
