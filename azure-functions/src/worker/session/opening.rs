//! Opens the stream to the host.

use super::{
    Session,
    error::{SessionError, root_cause},
};
use crate::{
    durable_wire::Spoken,
    functions::Functions,
    outgoing,
    rpc::{StartStream, function_rpc_client::FunctionRpcClient, streaming_message::Content},
    worker::{
        arguments::HostArguments, exit::Serving, levels::Levels, logger::Console, running::Running, start::Start,
    },
};
use std::{collections::HashMap, sync::Arc};
use tonic::transport::Endpoint;

/// What the host may send ahead, in bytes.
const WINDOW: u32 = 16 << 20;

/// Where the local host looks for the secret that it gave to the worker.
const SECRET_METADATA: &str = "azure-functions-worker-secret";

/// The protocol's bound on the size of a message, in both directions.
const MAX_MESSAGE: usize = i32::MAX as usize;

/// Opens the stream to the host.
///
/// `secret` proves to the host that this is the process it started. The real host gives none.
pub(in crate::worker) async fn open(
    app: Functions,
    options: crate::App,
    host: HostArguments,
    serving: Serving,
    secret: Option<String>,
) -> Result<Session, SessionError> {
    let (out, outgoing) = outgoing::channel();
    out.send(
        host.request_id,
        Content::StartStream(StartStream {
            worker_id: host.worker_id,
        }),
    );
    let endpoint =
        Endpoint::from_shared(host.uri.clone()).map_err(|_| SessionError::Address { uri: host.uri.clone() })?;
    // The history of a long orchestration is megabytes: the default of 64 KiB would stop the host every few messages.
    let endpoint = endpoint
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .tcp_nodelay(true);
    let unreachable = |reason: String| SessionError::Unreachable {
        uri: host.uri.clone(),
        reason,
    };
    let channel = endpoint.connect().await.map_err(|e| unreachable(root_cause(&e)))?;
    let mut request = tonic::Request::new(outgoing);
    // What cannot be sent is not what a host gave.
    if let Some(secret) = secret.and_then(|secret| secret.parse().ok()) {
        request.metadata_mut().insert(SECRET_METADATA, secret);
    }
    let incoming = FunctionRpcClient::new(channel)
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE)
        .event_stream(request)
        .await
        .map_err(|status| unreachable(root_cause(&status)))?
        .into_inner();
    Ok(Session {
        incoming,
        wire: options.wire,
        spoken: Arc::new(Spoken::new(options.wire, false)),
        start: Start::new(options.startup, &app),
        shutdowns: options.shutdowns,
        app,
        running: Arc::new(Running::new(out.clone())),
        out,
        levels: Levels::default(),
        app_directory: String::new(),
        console: Console::Written,
        loaded: HashMap::new(),
        threads: None,
        has_run: false,
        serving: Some(serving),
    })
}
