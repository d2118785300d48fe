//! Clients that send no more while their request runs.
//!
//! A client that has closed its half of the connection may have gone, or wait for its answer: nothing tells the one from the other
//! before something is written. So it gets its answer in any case, and the function is told to stop after a while.

use std::{future::Future, time::Duration};

use tokio::{net::TcpStream, time::timeout};
use tokio_util::sync::CancellationToken;

use super::client::Client;

/// In the extensions of a request: cancelled when its client has hung up.
#[derive(Clone, Debug, Default)]
pub(in crate::host) struct HungUp(pub(in crate::host) CancellationToken);

/// How often the connection is looked at while there are bytes that hide its end.
const LOOK: Duration = Duration::from_millis(250);

/// Waits for an answer, and says in `hung_up` when the client seems to have gone: it sends no more, and had `patience`.
pub(super) async fn watched<T>(
    stream: &TcpStream,
    client: &Client,
    patience: Duration,
    hung_up: &HungUp,
    answer: impl Future<Output = T>,
) -> T {
    tokio::pin!(answer);
    let is_whole = tokio::select! {
        biased;
        answer = answer.as_mut() => return answer,
        is_whole = sends_no_more(stream) => is_whole,
    };
    if is_whole && let Ok(answer) = timeout(patience, answer.as_mut()).await {
        return answer;
    }
    hung_up.0.cancel();
    client.hung_up();
    let answer = answer.await;
    client.answer_began();
    answer
}

/// Returns when the client will send nothing more; false if the connection is broken.
async fn sends_no_more(stream: &TcpStream) -> bool {
    loop {
        match stream.peek(&mut [0]).await {
            Ok(0) => return true,
            // The rest of the body, or the next request.
            Ok(_) => tokio::time::sleep(LOOK).await,
            Err(_) => return false,
        }
    }
}
