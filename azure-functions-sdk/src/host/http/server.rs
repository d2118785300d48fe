//! The socket side: accepts connections, speaks HTTP/1.1 on each, disconnects slow clients, and ends all when told to
//! stop.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::Future,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use log::Level;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{Id, JoinSet},
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

use super::{
    RequestBody, ServerLimits,
    answer_body::AnswerBuffers,
    client::Client,
    client_stream::ClientStream,
    hang_up::{self, HungUp},
    room::Room,
};
use crate::host::seldom::Seldom;

/// What stands behind a server.
pub(in crate::host) trait Service: Send + Sync + 'static {
    /// Answers a request. [`HungUp`] in its extensions tells when the client has gone, it seems.
    fn answer(&self, request: Request<RequestBody>) -> impl Future<Output = Response<Bytes>> + Send;
}

/// Serves HTTP/1.1 on one listener.
#[derive(Debug)]
pub(in crate::host) struct Server<S> {
    service: S,
    limits: ServerLimits,
    buffers: AnswerBuffers,
    bodies: Room,
    malformed: Mutex<Seldom>,
}

/// A pause after a failure to accept, or when all places are taken: running requests may end meanwhile.
const PAUSE: Duration = Duration::from_millis(50);

impl<S: Service> Server<S> {
    /// Answers that are too many for memory wait in `folder`.
    pub(in crate::host) fn new(service: S, limits: ServerLimits, folder: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            service,
            limits,
            buffers: AnswerBuffers::new(limits.answers, folder),
            bodies: Room::new(limits.bodies),
            malformed: Mutex::default(),
        })
    }

    /// Serves until `stop`; then takes no new connection, lets running requests finish for `grace`, and drops the rest.
    pub(in crate::host) async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        stop: CancellationToken,
        grace: Duration,
    ) {
        let mut clients = Clients::default();
        let mut failures = Seldom::default();
        let mut crowds = Seldom::default();
        let mut beat = tokio::time::interval((self.limits.min_rate.grace / 5).max(Duration::from_millis(10)));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // A place is kept free as long as anybody can be spared: the next client need not wait.
            while clients.tasks.len() >= self.limits.connections && clients.cut_slowest() {
                let limit = self.limits.connections;
                let text = format!(
                    "all {limit} connections are in use, so the slowest client was disconnected: `ulimit -n` allows more"
                );
                crowds.log(Level::Warn, text);
                clients.forget_next().await;
            }
            let has_room = clients.tasks.len() < self.limits.connections;
            if !has_room {
                let limit = self.limits.connections;
                let text =
                    format!("all {limit} connections wait for answers, so new ones wait: `ulimit -n` allows more");
                crowds.log(Level::Warn, text);
            }
            tokio::select! {
                () = stop.cancelled() => break,
                _ = beat.tick() => clients.check(),
                () = clients.forget_next() => {}
                // Some client may be spared by then.
                () = tokio::time::sleep(PAUSE), if !has_room => {}
                accepted = listener.accept(), if has_room => match accepted {
                    Ok((stream, _)) => {
                        let client = Arc::new(Client::new(self.limits.min_rate));
                        clients.add(Arc::clone(&client), Arc::clone(&self).connection(stream, client, stop.clone()));
                    }
                    Err(error) => {
                        failures.log(Level::Warn, format_args!("cannot accept a connection: {error}"));
                        if no_more_files(&error) {
                            clients.cut_slowest();
                        }
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        }
        drop(listener);
        let all_ended = async { while clients.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(grace, all_ended).await;
    }

    /// One connection. A request of a client that goes away runs to its end, and is told of it, unless its
    /// connection is cut to make room for another client.
    async fn connection(self: Arc<Self>, stream: TcpStream, client: Arc<Client>, stop: CancellationToken) {
        let _ = stream.set_nodelay(true);
        let stream = ClientStream::new(stream, Arc::clone(&client));
        let (cut, reader) = (client.cut.clone(), stream.reader());
        let header_timeout = self.limits.header_timeout;
        let this = Arc::clone(&self);
        let service = service_fn(move |request: Request<Incoming>| {
            let (server, client, reader) = (Arc::clone(&self), Arc::clone(&client), Arc::clone(&reader));
            client.request_began();
            async move {
                let hung_up = HungUp::default();
                let mut request =
                    request.map(|body| RequestBody::new(body, Arc::clone(&client), server.bodies.clone()));
                request.extensions_mut().insert(hung_up.clone());
                let answer = server.service.answer(request);
                let patience = server.limits.patience;
                let answer = hang_up::watched((*reader).as_ref(), &client, patience, &hung_up, answer).await;
                Ok::<_, Infallible>(server.buffers.hold(answer, client).await)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // A client that sends no more may still read.
            .half_close(true)
            .header_read_timeout(header_timeout)
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => {
                // Broken connections are the client's affair.
                if let Err(error) = ended
                    && error.is_parse()
                {
                    let text = format!("a request that is not HTTP/1.1 was refused: {error}");
                    let mut malformed = this.malformed.lock().unwrap_or_else(PoisonError::into_inner);
                    malformed.log(Level::Info, text);
                }
                return;
            }
            () = cut.cancelled() => return,
            () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        tokio::select! {
            _ = connection => {}
            () = cut.cancelled() => {}
        }
    }
}

/// The open connections.
#[derive(Default)]
struct Clients {
    tasks: JoinSet<()>,
    by_task: HashMap<Id, Arc<Client>>,
}

impl Clients {
    fn add(&mut self, client: Arc<Client>, connection: impl Future<Output = ()> + Send + 'static) {
        let task = self.tasks.spawn(connection);
        self.by_task.insert(task.id(), client);
    }

    /// Waits for the end of a connection; for ever if there is none.
    async fn forget_next(&mut self) {
        let id = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(error)) => error.id(),
            None => return std::future::pending().await,
        };
        self.by_task.remove(&id);
    }

    fn check(&self) {
        let now = Instant::now();
        self.by_task.values().for_each(|client| client.check(now));
    }

    /// Disconnects the client that can be spared best; false if none can be.
    fn cut_slowest(&self) -> bool {
        let now = Instant::now();
        let spare = self
            .by_task
            .values()
            .filter_map(|client| Some((client.spare(now)?, client)));
        let Some((_, slowest)) = spare.max_by_key(|(spare, _)| *spare) else {
            return false;
        };
        slowest.cut.cancel();
        true
    }
}

/// The process, or the system, has no file left.
fn no_more_files(error: &io::Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    cfg!(unix) && matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
}
