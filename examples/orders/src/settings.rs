//! The settings of the app.

use serde::{Deserialize, Serialize};

/// App settings, each of which may be missing. An order keeps those that it was placed under, since they are part of the input of its
/// orchestration, which must not read settings that may change between two replays.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Settings {
    /// The address that is told how orders stand. Without it, no notifications are sent.
    pub notification_url: Option<String>,
    /// How many hours the warehouse has to pack an order before it is reminded, and again before the order is cancelled.
    pub hours_to_pack: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            notification_url: None,
            hours_to_pack: 24,
        }
    }
}
