//! What comes from the host.

use super::error::{SessionError, root_cause};
use crate::rpc::StreamingMessage;
use tonic::Streaming;

/// The next message; nothing once the host has ended the stream.
pub(super) async fn next(incoming: &mut Streaming<StreamingMessage>) -> Result<Option<StreamingMessage>, SessionError> {
    incoming.message().await.map_err(|status| SessionError::Broken {
        reason: match status.message() {
            "" => root_cause(&status),
            message => message.to_owned(),
        },
    })
}
