//! The trigger of functions that run on a schedule.

use crate::{
    BindingError,
    binding::{BindingSpec, FromBinding, Input, IntoTrigger, TriggerData, dotnet_time, table},
    http::Json,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::json;

/// What starts a function on its schedule.
///
/// Arguments of its binding: `schedule` (required), `run_on_startup` (`false` if absent), `use_monitor` (`true` if
/// absent: the host keeps the schedule's status, so that a run missed while it was down is made up for).
///
/// A schedule is an NCRONTAB expression `{second} {minute} {hour} {day} {month} {day of week}` (without seconds if it
/// has five fields), a time span such as `"00:05:00"`, or `"%SETTING%"`.
///
/// ```
/// use azure_functions::{bindings::TimerInfo, func};
///
/// #[func]
/// fn sweep(#[binding(schedule = "0 */5 * * * *")] timer: TimerInfo) {
///     if timer.is_past_due {
///         log::warn!("late");
///     }
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimerInfo {
    /// When the timer ran and will run; nothing if the host keeps no status.
    pub schedule_status: Option<ScheduleStatus>,
    /// Whether this run comes late.
    pub is_past_due: bool,
}

/// The times that the host keeps for a timer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ScheduleStatus {
    /// When it last ran; the year 1 if it never did.
    #[serde(default, alias = "Last", deserialize_with = "time")]
    pub last: DateTime<Utc>,
    /// When it will run next.
    #[serde(default, alias = "Next", deserialize_with = "time")]
    pub next: DateTime<Utc>,
    /// When this status was written.
    #[serde(default, alias = "LastUpdated", alias = "lastUpdated", deserialize_with = "time")]
    pub last_updated: DateTime<Utc>,
}

/// The host writes `PascalCase`, some tools `camelCase`; what is missing or `null` is not known.
#[derive(Default, Deserialize)]
struct Wire {
    #[serde(default, alias = "ScheduleStatus", alias = "scheduleStatus")]
    schedule_status: Option<ScheduleStatus>,
    #[serde(default, alias = "IsPastDue", alias = "isPastDue")]
    is_past_due: Option<bool>,
}

impl FromBinding for TimerInfo {
    const SPEC: BindingSpec = BindingSpec::of(&table::TIMER_TRIGGER);

    fn from_binding(mut input: Input<'_>) -> Result<Self, BindingError> {
        let data = input.take_data();
        // A function fired by hand gets whatever its caller sent, mostly nothing.
        let wire = match data.as_text() {
            Some(text) if text.trim_start().starts_with('{') => data.parse::<Wire>()?,
            _ => Wire::default(),
        };
        Ok(Self {
            schedule_status: wire.schedule_status,
            is_past_due: wire.is_past_due.unwrap_or_default(),
        })
    }
}

impl IntoTrigger for TimerInfo {
    fn into_trigger(self) -> Result<TriggerData, BindingError> {
        let status = self
            .schedule_status
            .map(|status| json!({"Last": status.last, "Next": status.next, "LastUpdated": status.last_updated}));
        TriggerData::new(Json(json!({"ScheduleStatus": status, "IsPastDue": self.is_past_due})))
    }
}

/// A .NET date and time: with offset, with `Z`, or with neither, which means UTC.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(DateTime::default());
    };
    dotnet_time::parse(&text).map_err(|error| D::Error::custom(format!("{text:?} is not a date and time: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{binding::recorded::Recorded, bindings::shown::shows, rpc::Data};

    const RECORDED: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/recorded/triggers/timer.jsonl"
    ));

    #[test]
    fn a_recorded_timer_has_its_status() {
        let timer: TimerInfo = Recorded::named(RECORDED, "retry.timer.1").take().unwrap();
        let status = timer.schedule_status.unwrap();
        assert_eq!(status.next.to_rfc3339(), "2027-01-01T00:00:00+00:00");
        assert_eq!(status.last.to_rfc3339(), "0001-01-01T00:00:00+00:00");
        assert!(!timer.is_past_due);
    }

    #[test]
    fn a_timer_without_status_or_fired_by_hand_has_none() {
        for data in [r#"{"ScheduleStatus":null,"IsPastDue":true}"#, "", "now"] {
            let timer: TimerInfo = Recorded::by_hand("timer", Data::String(data.to_owned()), &[])
                .take()
                .unwrap();
            assert_eq!(
                (timer.schedule_status, timer.is_past_due),
                (None, data.starts_with('{')),
                "{data}"
            );
        }
    }

    shows!(TIMER_TRIGGER, Decoding: a_recorded_timer_has_its_status, a_timer_without_status_or_fired_by_hand_has_none);
}
