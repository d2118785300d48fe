//! The sandbox of a payment provider: test cards, and no money. An app that earns money has its provider's client in this place.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use crate::payment::{Charge, Payment, PaymentError, PaymentGateway};

/// Declines the card `declined`, does not answer the first request for an order with the card `unstable`, and accepts all others.
#[derive(Default)]
pub struct Sandbox {
    unanswered: Mutex<HashSet<String>>,
}

impl PaymentGateway for Sandbox {
    fn charge(&self, charge: &Charge) -> Result<Payment, PaymentError> {
        let mut unanswered = self.unanswered.lock().unwrap_or_else(PoisonError::into_inner);
        match charge.card.as_str() {
            "declined" => Err(PaymentError::Declined),
            "unstable" if unanswered.insert(charge.order.clone()) => Err(PaymentError::Unavailable("try again".into())),
            _ => Ok(Payment {
                id: format!("payment-{}", charge.order),
                cents: charge.cents,
            }),
        }
    }

    fn refund(&self, payment: &Payment) -> Result<(), PaymentError> {
        log::info!("{} cents of {} go back", payment.cents, payment.id);
        Ok(())
    }
}
