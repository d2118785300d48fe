//! Payments: the interface to a payment provider, and the activities that use it.

use std::{sync::Arc, time::Duration};

use azure_functions::prelude::*;
use serde::{Deserialize, Serialize};

/// What the activities share.
pub type Gateway = Arc<dyn PaymentGateway>;

/// A payment provider. An activity may run more than once, so a second call for the same order changes nothing.
pub trait PaymentGateway: Send + Sync {
    fn charge(&self, charge: &Charge) -> Result<Payment, PaymentError>;
    fn refund(&self, payment: &Payment) -> Result<(), PaymentError>;
}

#[derive(Serialize, Deserialize)]
pub struct Charge {
    /// The id of the order, which is the idempotency key.
    pub order: String,
    pub card: String,
    pub cents: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Payment {
    pub id: String,
    pub cents: u64,
}

/// Why there is no payment. It comes back to the orchestration as itself.
#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
pub enum PaymentError {
    #[error("the card was declined")]
    Declined,
    #[error("the payment provider does not answer: {0}")]
    Unavailable(String),
}

/// Six attempts within about two minutes. A declined card stays declined, so that error ends them.
const PATIENT: RetryOptions = RetryOptions::new(Duration::from_secs(1), 6)
    .backoff_coefficient(3.0)
    .retry_if(|error| !matches!(error.returned(), Some(PaymentError::Declined)));

/// For compensations, which should not give up early: 12 attempts within about nine hours.
const STUBBORN: RetryOptions = RetryOptions::new(Duration::from_secs(1), 12)
    .backoff_coefficient(3.0)
    .max_interval(Duration::from_hours(3));

#[func(activity, retry = PATIENT)]
pub fn charge(charge: Charge, gateway: State<Gateway>) -> Result<Payment, PaymentError> {
    gateway.charge(&charge)
}

#[func(activity, retry = STUBBORN)]
pub fn refund(payment: Payment, gateway: State<Gateway>) -> Result<(), PaymentError> {
    gateway.refund(&payment)
}
