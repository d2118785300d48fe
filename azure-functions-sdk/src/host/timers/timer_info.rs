//! `TimerInfo`, the data that a timer function gets.

use serde::Serialize;

use super::{Schedule, ScheduleStatus, status::WireStatus};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TimerInfo {
    schedule: WireSchedule,
    schedule_status: Option<WireStatus>,
    is_past_due: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireSchedule {
    #[serde(rename = "AdjustForDST")]
    adjust_for_dst: bool,
}

/// The JSON text; `status` is the one before the run, `None` for timers that keep none.
pub(super) fn timer_info(schedule: &Schedule, status: Option<&ScheduleStatus>, is_past_due: bool) -> String {
    let info = TimerInfo {
        schedule: WireSchedule {
            adjust_for_dst: schedule.adjusts_for_dst(),
        },
        schedule_status: status.map(|status| WireStatus::new(status, schedule.zone())),
        is_past_due,
    };
    // Strings and booleans under fixed names: nothing here can fail to serialise.
    serde_json::to_string(&info).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::timers::Zone;

    #[test]
    fn the_text_is_that_of_the_real_host() {
        let schedule = Schedule::parse("0 */5 * * * *", Zone::UTC).unwrap();
        let status = ScheduleStatus {
            last: Some("2030-04-01T10:00:00.0123Z".parse().unwrap()),
            next: "2030-04-01T10:05:00Z".parse().unwrap(),
            last_updated: "2030-04-01T10:00:00.0123Z".parse().unwrap(),
        };
        assert_eq!(
            timer_info(&schedule, Some(&status), false),
            r#"{"Schedule":{"AdjustForDST":true},"ScheduleStatus":{"Last":"2030-04-01T10:00:00.0123+00:00","Next":"2030-04-01T10:05:00+00:00","LastUpdated":"2030-04-01T10:00:00.0123+00:00"},"IsPastDue":false}"#
        );
        let every = Schedule::parse("00:00:30", Zone::UTC).unwrap();
        assert_eq!(
            timer_info(&every, None, true),
            r#"{"Schedule":{"AdjustForDST":false},"ScheduleStatus":null,"IsPastDue":true}"#
        );
    }
}
