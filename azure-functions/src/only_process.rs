//! Whether this worker process is the only one of its host. With more than one, another may have had the last turn of an instance, and
//! what is kept here of it is old.

/// How many processes the host starts.
const COUNT: &str = "FUNCTIONS_WORKER_PROCESS_COUNT";
/// Whether the host starts more of them when it sees fit.
const DYNAMIC: &str = "FUNCTIONS_WORKER_DYNAMIC_CONCURRENCY_ENABLED";

/// As far as the environment says.
pub(crate) fn is_only_process() -> bool {
    let setting = |name| std::env::var_os(name).map(|text| text.to_string_lossy().trim().to_ascii_lowercase());
    tells_one(setting(COUNT).as_deref(), setting(DYNAMIC).as_deref())
}

/// A count that is set turns the other setting off.
fn tells_one(count: Option<&str>, dynamic: Option<&str>) -> bool {
    match count {
        None | Some("") => !matches!(dynamic, Some("1" | "true")),
        Some(count) => matches!(count, "0" | "1"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_processes_are_told_by_their_count_or_come_when_the_host_sees_fit() {
        for (count, dynamic, only) in [
            (None, None, true),
            (Some("1"), None, true),
            (Some("2"), None, false),
            (None, Some("true"), false),
            (None, Some("1"), false),
            (None, Some("false"), true),
            (Some("1"), Some("true"), true),
            (Some("many"), None, false),
        ] {
            assert_eq!(tells_one(count, dynamic), only, "{count:?} {dynamic:?}");
        }
    }
}
