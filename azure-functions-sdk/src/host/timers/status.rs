//! When a timer last ran and will run next, kept in the data folder so that a restart finds what was missed.
//! The JSON is that of the real host's blob: `{Last, Next, LastUpdated}`.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use chrono::{DateTime, FixedOffset, NaiveDateTime, SubsecRound as _, Utc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::Zone;
use crate::private;

/// A timer's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleStatus {
    /// When the last run began; `None` before the first.
    pub last: Option<DateTime<Utc>>,
    /// When the next run is due.
    pub next: DateTime<Utc>,
    /// When this was written.
    pub last_updated: DateTime<Utc>,
}

/// The statuses of all timers of a data folder.
#[derive(Clone, Debug)]
pub struct StatusStore {
    folder: PathBuf,
}

/// The status on disk and in `TimerInfo`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct WireStatus {
    last: String,
    next: String,
    last_updated: String,
}

/// What .NET writes for a time that was never set.
const NEVER: &str = "0001-01-01T00:00:00";

impl StatusStore {
    /// Statuses in the folder `timers` of the data folder.
    pub fn new(data_dir: &Path) -> Self {
        Self {
            folder: data_dir.join("timers"),
        }
    }

    /// The status of a timer; `None` if there is none, or none that can be understood.
    pub(super) fn read(&self, function: &str) -> Option<ScheduleStatus> {
        let path = self.path(function);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    log::warn!(
                        "cannot read the timer status {}: {error}; the timer starts anew",
                        path.display()
                    );
                }
                return None;
            }
        };
        let status = serde_json::from_str::<WireStatus>(&text)
            .ok()
            .and_then(|wire| wire.read());
        if status.is_none() {
            log::warn!("the timer status {} is damaged; the timer starts anew", path.display());
        }
        status
    }

    /// Replaces the status of a timer. The files are tiny and written once a minute at most: no thread is needed.
    pub(super) fn write(&self, function: &str, status: &ScheduleStatus, zone: Zone) {
        let path = self.path(function);
        let write = || -> io::Result<()> {
            private::folder(&self.folder, |name| name.ends_with(".json") || name.starts_with(".tmp"))?;
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            serde_json::to_writer(&mut file, &WireStatus::new(status, zone))?;
            file.flush()?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok(())
        };
        if let Err(error) = write() {
            log::warn!(
                "cannot write the timer status {}: {error}; a restart may miss or repeat a run",
                path.display()
            );
        }
    }

    /// The names of functions come from the worker: only letters and digits reach the file system as they are.
    fn path(&self, function: &str) -> PathBuf {
        let name = function.to_ascii_lowercase();
        self.folder
            .join(format!("{}.json", utf8_percent_encode(&name, NON_ALPHANUMERIC)))
    }
}

impl WireStatus {
    pub(super) fn new(status: &ScheduleStatus, zone: Zone) -> Self {
        let text = |time| dotnet_time(&zone.local(time));
        Self {
            last: status.last.map_or_else(|| NEVER.to_owned(), text),
            next: text(status.next),
            last_updated: text(status.last_updated),
        }
    }

    fn read(&self) -> Option<ScheduleStatus> {
        let last = match self.last.starts_with("0001-01-01T00:00:00") {
            true => None,
            false => Some(parse(&self.last)?),
        };
        Some(ScheduleStatus {
            last,
            next: parse(&self.next)?,
            last_updated: parse(&self.last_updated)?,
        })
    }
}

/// With offset or `Z`, or with neither, which means UTC.
fn parse(text: &str) -> Option<DateTime<Utc>> {
    let with_offset = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    with_offset
        .or_else(|_| text.parse::<NaiveDateTime>().map(|time| time.and_utc()))
        .ok()
}

/// A time as .NET's JSON writes it: up to seven digits after the second, without zeros at the end, and the offset.
pub(super) fn dotnet_time(time: &DateTime<FixedOffset>) -> String {
    let fraction = time.trunc_subsecs(7).format("%.9f").to_string();
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    format!("{}{fraction}{}", time.format("%Y-%m-%dT%H:%M:%S"), time.format("%:z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn times_are_written_as_dotnet_writes_them() {
        let amsterdam = Zone::from_setting(Some("Europe/Amsterdam")).unwrap();
        for (time, zone, expected) in [
            ("2030-04-01T10:00:00.0123Z", Zone::UTC, "2030-04-01T10:00:00.0123+00:00"),
            ("2030-04-01T10:05:00Z", Zone::UTC, "2030-04-01T10:05:00+00:00"),
            (
                "2030-04-01T10:05:00.123456789Z",
                Zone::UTC,
                "2030-04-01T10:05:00.1234567+00:00",
            ),
            ("2030-04-01T10:05:00Z", amsterdam, "2030-04-01T12:05:00+02:00"),
        ] {
            assert_eq!(dotnet_time(&zone.local(at(time))), expected);
        }
    }

    #[test]
    fn statuses_survive_and_names_stay_in_their_folder() {
        let folder = tempfile::tempdir().unwrap();
        let store = StatusStore::new(folder.path());
        let status = ScheduleStatus {
            last: None,
            next: at("2030-04-01T10:05:00.1234567Z"),
            last_updated: at("2030-04-01T10:00:00Z"),
        };
        store.write("../Evil", &status, Zone::UTC);
        assert_eq!(store.read("../evil"), Some(status));
        assert_eq!(std::fs::read_dir(folder.path().join("timers")).unwrap().count(), 1);
        assert_eq!(
            std::fs::read_to_string(folder.path().join("timers/%2E%2E%2Fevil.json")).unwrap(),
            r#"{"Last":"0001-01-01T00:00:00","Next":"2030-04-01T10:05:00.1234567+00:00","LastUpdated":"2030-04-01T10:00:00+00:00"}"#
        );
        assert_eq!(store.read("other"), None);
        std::fs::write(folder.path().join("timers/torn.json"), "{\"La").unwrap();
        assert_eq!(store.read("torn"), None);
    }
}
