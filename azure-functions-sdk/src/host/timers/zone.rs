//! The time zone that schedules are read in: UTC as in Azure, or what the app setting `WEBSITE_TIME_ZONE` names.

use chrono::{DateTime, FixedOffset, Local, MappedLocalTime, NaiveDateTime, Offset as _, TimeZone as _, Utc};
use chrono_tz::Tz;

/// A time zone for schedules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(Inner);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inner {
    Named(Tz),
    Machine,
}

/// `WEBSITE_TIME_ZONE` names no time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "WEBSITE_TIME_ZONE is '{0}', which is not an IANA time zone: write one such as Europe/Amsterdam or UTC, or Local for this \
     machine's zone (Windows names such as 'Eastern Standard Time' are not known here: that one is America/New_York)"
)]
pub struct UnknownZone(String);

impl Zone {
    /// UTC, the default.
    pub const UTC: Self = Self(Inner::Named(Tz::UTC));

    /// Reads the app setting; without it, or if it is empty: UTC.
    ///
    /// # Errors
    /// The name is no IANA time zone, nor `Local`.
    pub fn from_setting(name: Option<&str>) -> Result<Self, UnknownZone> {
        let name = name.unwrap_or_default().trim();
        if name.is_empty() {
            Ok(Self::UTC)
        } else if name.eq_ignore_ascii_case("local") {
            Ok(Self(Inner::Machine))
        } else {
            let mut zones = chrono_tz::TZ_VARIANTS.iter();
            let zone = zones.find(|zone| zone.name().eq_ignore_ascii_case(name));
            zone.map(|zone| Self(Inner::Named(*zone)))
                .ok_or_else(|| UnknownZone(name.to_owned()))
        }
    }

    /// An instant with the zone's offset at that time.
    pub(super) fn local(self, time: DateTime<Utc>) -> DateTime<FixedOffset> {
        match self.0 {
            Inner::Named(zone) => time.with_timezone(&zone).fixed_offset(),
            Inner::Machine => time.with_timezone(&Local).fixed_offset(),
        }
    }

    /// The offsets that a wall clock time can have.
    pub(super) fn offsets(self, wall: NaiveDateTime) -> MappedLocalTime<FixedOffset> {
        match self.0 {
            Inner::Named(zone) => zone.offset_from_local_datetime(&wall).map(|offset| offset.fix()),
            Inner::Machine => Local.offset_from_local_datetime(&wall),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_names_a_zone() {
        assert_eq!(Zone::from_setting(None), Ok(Zone::UTC));
        assert_eq!(Zone::from_setting(Some(" utc ")), Ok(Zone(Inner::Named(Tz::UTC))));
        assert_eq!(
            Zone::from_setting(Some("europe/amsterdam")),
            Ok(Zone(Inner::Named(Tz::Europe__Amsterdam)))
        );
        assert_eq!(Zone::from_setting(Some("Local")), Ok(Zone(Inner::Machine)));
        assert!(
            Zone::from_setting(Some("Eastern Standard Time"))
                .unwrap_err()
                .to_string()
                .starts_with("WEBSITE_TIME_ZONE is")
        );
    }
}
