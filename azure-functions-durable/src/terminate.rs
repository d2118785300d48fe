//! The answer to a termination.

use serde::{Deserialize, Serialize};

/// What a termination found below the instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct TerminateResult {
    /// The number of sub-orchestrations below it that were running. A recursive termination ends them, too; any other leaves
    /// them running. Only the local host tells: with the Durable Task extension it is always 0.
    pub running_sub_orchestrations: u64,
}
