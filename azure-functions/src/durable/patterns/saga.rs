//! Steps that are undone when a later one fails.

use crate::error::BoxError;
use std::{cell::RefCell, error::Error, fmt, future::Future, pin::Pin};

type Compensation<'a> = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = Result<(), BoxError>> + 'a>> + 'a>;

/// What a [`saga`] has to undo if it fails.
#[derive(Default)]
pub struct Saga<'a> {
    compensations: RefCell<Vec<Compensation<'a>>>,
}

impl<'a> Saga<'a> {
    /// Registers a compensation, which is called and awaited if a later step fails.
    pub fn on_failure<F, T, E>(&self, compensate: impl FnOnce() -> F + 'a)
    where
        F: Future<Output = Result<T, E>> + 'a,
        E: Into<BoxError>,
    {
        let compensation: Compensation<'a> = Box::new(|| {
            let future = compensate();
            Box::pin(async move { future.await.map(drop).map_err(Into::into) })
        });
        self.compensations.borrow_mut().push(compensation);
    }
}

impl fmt::Debug for Saga<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let compensations = self.compensations.borrow().len();
        f.debug_struct("Saga").field("compensations", &compensations).finish()
    }
}

/// The error of a failed saga, whose steps have been undone.
#[derive(Debug)]
#[non_exhaustive]
pub struct SagaError<E> {
    /// Why it failed.
    pub error: E,
    /// What could not be undone, in the order it was tried.
    pub not_undone: Vec<BoxError>,
}

impl<E: fmt::Display> fmt::Display for SagaError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)?;
        for failure in &self.not_undone {
            write!(f, "; not undone: {failure}")?;
        }
        Ok(())
    }
}

impl<E: fmt::Display + fmt::Debug> Error for SagaError<E> {}

/// Runs steps. If they fail, calls the compensations that they gave to [`Saga::on_failure`], the newest first, one after the other.
/// A compensation that fails does not stop the others.
///
/// ```
/// use azure_functions::{
///     bindings::DurableOrchestrationContext,
///     durable::{CallError, patterns::{SagaError, saga}},
///     func,
/// };
///
/// #[func]
/// pub async fn book_trip(context: DurableOrchestrationContext) -> Result<(), SagaError<CallError>> {
///     saga(async |saga| {
///         let flight = context.call_activity("book_flight", context.input()).await?;
///         saga.on_failure(|| context.call_activity("cancel_flight", flight));
///         let hotel = context.call_activity("book_hotel", context.input()).await?;
///         saga.on_failure(|| context.call_activity("cancel_hotel", hotel));
///         context.call_activity("charge", context.input()).await?;
///         Ok(())
///     })
///     .await
/// }
/// ```
///
/// The closures own what they undo: clone what a later step needs, too. An orchestration that has other errors as well returns a
/// `Box<dyn Error + Send + Sync>`, or takes the [`error`](SagaError::error) out. Then only [`not_undone`](SagaError::not_undone) tells
/// what is left to be undone, so do not drop it:
///
/// ```
/// # use azure_functions::{durable::patterns::saga, prelude::*};
/// #[func]
/// pub async fn ship(context: DurableOrchestrationContext<Vec<String>>) -> Result<OrchestrationOutput<String>, CallError> {
///     let context = &context;
///     let shipped = saga(async |parcel| {
///         for item in context.input() {
///             let packed = item.clone();
///             context.call_activity("pack", item).await?;
///             parcel.on_failure(move || context.call_activity("unpack", packed));
///         }
///         context.call_activity("ship", ()).await
///     });
///     match shipped.await {
///         Ok(receipt) => Ok(receipt.to_string().into()),
///         Err(failed) => {
///             for failure in &failed.not_undone {
///                 log::error!("a parcel is not unpacked: {failure}");
///             }
///             Err(failed.error)
///         }
///     }
/// }
/// ```
///
/// [Rewinding](azure_functions_durable::OrchestrationClient::rewind) an instance whose saga has failed does not run the steps
/// again. Restart it.
///
/// # Errors
/// The error of the steps, with what could not be undone.
pub async fn saga<'a, T, E>(steps: impl AsyncFnOnce(&Saga<'a>) -> Result<T, E>) -> Result<T, SagaError<E>> {
    let saga = Saga::default();
    let error = match steps(&saga).await {
        Ok(done) => return Ok(done),
        Err(error) => error,
    };
    let mut not_undone = Vec::new();
    for compensate in saga.compensations.into_inner().into_iter().rev() {
        not_undone.extend(compensate().await.err());
    }
    Err(SagaError { error, not_undone })
}
