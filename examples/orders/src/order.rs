//! What an order is, and how it can stand.

use std::fmt;

use azure_functions::{durable::CallError, event, http::HttpError, prelude::Entity};
use serde::{Deserialize, Serialize};

use crate::{payment::PaymentError, settings::Settings, stock::Stock};

/// What a customer orders.
#[derive(Clone, Serialize, Deserialize)]
pub struct Order {
    pub lines: Vec<Line>,
    /// The token by which the payment provider knows the card. Inputs are stored in plain text, so the number of a card has no place here.
    pub card: String,
    pub cents: u64,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Line {
    pub sku: String,
    pub pieces: u32,
}

impl Order {
    /// Refuses what no warehouse can pack.
    pub fn check(&self) -> Result<(), HttpError> {
        if self.lines.is_empty() {
            return Err(HttpError::new(422, "an order needs at least one line"));
        }
        for line in &self.lines {
            Stock::entity_id(&line.sku)?;
            if line.pieces == 0 {
                return Err(HttpError::new(422, format!("order at least one piece of {}", line.sku)));
            }
        }
        Ok(())
    }
}

/// An order, and the settings that it was placed under: the input of the orchestration.
#[derive(Serialize, Deserialize)]
pub struct PlacedOrder {
    pub order: Order,
    pub settings: Settings,
}

/// The warehouse has packed the order.
#[event("packed")]
#[derive(Serialize, Deserialize)]
pub struct Packed {
    pub parcel: String,
}

/// The customer does not want the order any more. It counts until the order is packed.
#[event("cancelled")]
#[derive(Serialize, Deserialize)]
pub struct Cancelled;

/// How far an order is: the custom status of its instance.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub enum Progress {
    Reserving,
    Paying,
    Packing,
    Reminded,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reserving => "the goods are being reserved",
            Self::Paying => "the payment is under way",
            Self::Packing => "paid, waiting to be packed",
            Self::Reminded => "paid, waiting to be packed; the warehouse has been reminded",
        })
    }
}

/// How an order ended: the output of its instance.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    Packed { parcel: String },
    Cancelled { reason: String },
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packed { parcel } => write!(f, "packed as parcel {parcel}"),
            Self::Cancelled { reason } => write!(f, "cancelled: {reason}"),
        }
    }
}

/// Why an order is not packed.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    #[error("there are not enough of {0}")]
    OutOfStock(String),
    #[error(transparent)]
    Payment(#[from] PaymentError),
    #[error("the customer changed their mind")]
    Cancelled,
    #[error("the warehouse did not pack it in time")]
    NotPacked,
    #[error(transparent)]
    Call(#[from] CallError),
}
