//! The limit: a worker that does nothing but answer. It has one thread, looks at nothing of an invocation but its id, and answers with
//! bytes that were made before. What it cannot do, no worker can.

use crate::http2::Stream;
use azure_functions::rpc::{
    FunctionLoadResponse, FunctionLoadResponseCollection, FunctionMetadataResponse, InvocationResponse,
    RpcFunctionMetadata, RpcHttp, StartStream, StatusResult, StreamingMessage, TypedData, WorkerInitResponse,
    status_result::Status, streaming_message::Content, typed_data::Data,
};
use prost::Message;
use std::io;

/// Set for a process that is to be this worker.
pub(crate) const SETTING: &str = "WORKER_BENCH_ECHO";

const METHOD: &str = "/AzureFunctionsRpcMessages.FunctionRpc/EventStream";

/// Ids of invocations are as long as this.
const ID: &str = "00000000-0000-4000-8000-000000000000";

/// Length-delimited fields of the messages: `StreamingMessage.invocation_request`, `InvocationRequest.invocation_id`.
const INVOCATION_REQUEST: u8 = 4 << 3 | 2;
const INVOCATION_ID: u8 = 1 << 3 | 2;

/// Answers the host at this address until it ends the stream.
pub(crate) fn run(uri: &str, functions: &[&str]) -> io::Result<()> {
    let authority = uri.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = Stream::open(authority, METHOD)?;
    let begun = StartStream {
        worker_id: "worker-1".to_owned(),
    };
    stream.send(&encode(Content::StartStream(begun)));
    stream.flush()?;
    let (mut answer, at) = answer();
    while stream.receive(|stream, message| match invocation_id(message) {
        Some(id) => {
            answer[at..at + ID.len()].copy_from_slice(id);
            stream.send(&answer);
        }
        None => {
            if let Some(reply) = reply(message, functions) {
                stream.send(&encode(reply));
            }
        }
    })? {
        stream.flush()?;
    }
    Ok(())
}

/// The answer to every invocation, and where its id stands in it.
fn answer() -> (Vec<u8>, usize) {
    let http = RpcHttp {
        status_code: "200".to_owned(),
        body: Some(Box::new(TypedData {
            data: Some(Data::String("Hello from Rust!".to_owned())),
        })),
        ..RpcHttp::default()
    };
    let answer = encode(Content::InvocationResponse(InvocationResponse {
        invocation_id: ID.to_owned(),
        result: Some(success()),
        return_value: Some(TypedData {
            data: Some(Data::Http(Box::new(http))),
        }),
        ..InvocationResponse::default()
    }));
    let at = answer.windows(ID.len()).position(|part| part == ID.as_bytes());
    (answer, at.expect("it has an id"))
}

/// The id of an invocation: the first field of the only field of the message.
fn invocation_id(message: &[u8]) -> Option<&[u8]> {
    let rest = message.strip_prefix(&[INVOCATION_REQUEST])?;
    // The length, in as many bytes as it takes.
    let end = rest.iter().position(|byte| byte & 0x80 == 0)?;
    let rest = rest[end + 1..].strip_prefix(&[INVOCATION_ID, ID.len() as u8])?;
    rest.get(..ID.len())
}

/// The answer to what a host asks before the first invocation.
fn reply(message: &[u8], functions: &[&str]) -> Option<Content> {
    let message = StreamingMessage::decode(message).expect("the host sends messages");
    Some(match message.content? {
        Content::WorkerInitRequest(_) => Content::WorkerInitResponse(WorkerInitResponse {
            result: Some(success()),
            ..WorkerInitResponse::default()
        }),
        Content::FunctionsMetadataRequest(_) => Content::FunctionMetadataResponse(FunctionMetadataResponse {
            function_metadata_results: functions
                .iter()
                .map(|name| RpcFunctionMetadata {
                    name: (*name).to_owned(),
                    function_id: (*name).to_owned(),
                    ..RpcFunctionMetadata::default()
                })
                .collect(),
            result: Some(success()),
            ..FunctionMetadataResponse::default()
        }),
        Content::FunctionLoadRequestCollection(requests) => {
            let requests = requests.function_load_requests.into_iter();
            let loaded = requests.map(|request| FunctionLoadResponse {
                function_id: request.function_id,
                result: Some(success()),
                ..FunctionLoadResponse::default()
            });
            Content::FunctionLoadResponseCollection(FunctionLoadResponseCollection {
                function_load_responses: loaded.collect(),
            })
        }
        _ => return None,
    })
}

fn success() -> StatusResult {
    StatusResult {
        status: Status::Success.into(),
        ..StatusResult::default()
    }
}

fn encode(content: Content) -> Vec<u8> {
    let message = StreamingMessage {
        request_id: String::new(),
        content: Some(content),
    };
    message.encode_to_vec()
}
