//! Lists that are read to the end, a page at a time.

use super::ClientFuture;
use super::error::OrchestrationClientError;
use futures_core::Stream;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::vec;

/// What a request for one page gives: the entries, and where the next page begins.
type Page<T> = (Vec<T>, Option<String>);
type PageFuture<T> = ClientFuture<'static, Result<Page<T>, OrchestrationClientError>>;

/// The entries of a list, one after the other. The next page is asked for when the entries of the last one are used up.
///
/// It is a `Stream`, and has a method of its own for those who do not use the crate `futures`:
///
/// ```no_run
/// # async fn example(client: azure_functions_durable::OrchestrationClient) -> Result<(), Box<dyn std::error::Error>> {
/// use azure_functions_durable::{OrchestrationRuntimeStatus, StatusQuery};
///
/// let mut failed = client.instances(StatusQuery::new().runtime_statuses([OrchestrationRuntimeStatus::Failed]));
/// while let Some(status) = failed.next_entry().await? {
///     println!("{}: {}", status.instance_id, status.output);
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "the host is not asked unless you take entries"]
pub struct Listing<T> {
    ask: Box<dyn Fn(Option<String>) -> PageFuture<T> + Send + Sync>,
    page: vec::IntoIter<T>,
    next: Next<T>,
}

enum Next<T> {
    /// The page that begins here.
    At(Option<String>),
    Asked(PageFuture<T>),
    Nothing,
}

impl<T> Listing<T> {
    pub(super) fn new(
        start: Option<String>,
        ask: impl Fn(Option<String>) -> PageFuture<T> + Send + Sync + 'static,
    ) -> Self {
        Self {
            ask: Box::new(ask),
            page: Vec::new().into_iter(),
            next: Next::At(start),
        }
    }

    /// The next entry; `None` at the end of the list, and after an error.
    ///
    /// # Errors
    /// The host cannot be reached, or refuses the request.
    pub async fn next_entry(&mut self) -> Result<Option<T>, OrchestrationClientError> {
        poll_fn(|cx| self.poll_entry(cx)).await.transpose()
    }

    /// All entries that are left.
    ///
    /// # Errors
    /// As [`next_entry`](Self::next_entry); what was read before is lost.
    pub async fn into_vec(mut self) -> Result<Vec<T>, OrchestrationClientError> {
        let mut entries = Vec::new();
        while let Some(entry) = self.next_entry().await? {
            entries.push(entry);
        }
        Ok(entries)
    }

    fn poll_entry(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, OrchestrationClientError>>> {
        loop {
            if let Some(entry) = self.page.next() {
                return Poll::Ready(Some(Ok(entry)));
            }
            match &mut self.next {
                Next::Nothing => return Poll::Ready(None),
                Next::At(start) => self.next = Next::Asked((self.ask)(start.take())),
                Next::Asked(answer) => match ready!(answer.as_mut().poll(cx)) {
                    Ok((page, next)) => {
                        self.page = page.into_iter();
                        self.next = next.map_or(Next::Nothing, |next| Next::At(Some(next)));
                    }
                    Err(error) => {
                        self.next = Next::Nothing;
                        return Poll::Ready(Some(Err(error)));
                    }
                },
            }
        }
    }
}

// Nothing in it is pinned in place.
impl<T> Unpin for Listing<T> {}

impl<T> Stream for Listing<T> {
    type Item = Result<T, OrchestrationClientError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_entry(cx)
    }
}

impl<T> fmt::Debug for Listing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing").finish_non_exhaustive()
    }
}
