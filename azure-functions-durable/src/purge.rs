//! The answer to a purge.

use serde::{Deserialize, Serialize};

/// How much a purge removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct PurgeHistoryResult {
    /// The number of instances whose history is gone.
    pub instances_deleted: u64,
}

impl PurgeHistoryResult {
    /// A purge that removed this many instances.
    pub const fn new(instances_deleted: u64) -> Self {
        Self { instances_deleted }
    }
}

#[cfg(test)]
mod tests {
    use super::PurgeHistoryResult;

    #[test]
    fn the_wire_form_is_the_hosts() {
        let text = r#"{"instancesDeleted":7}"#;
        let result: PurgeHistoryResult = serde_json::from_str(text).unwrap();
        assert_eq!(result, PurgeHistoryResult::new(7));
        assert_eq!(serde_json::to_string(&result).unwrap(), text);
    }
}
