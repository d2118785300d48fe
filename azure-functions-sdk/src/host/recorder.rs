//! `--record DIR`: keeps every trigger payload of orchestrations as a file, for `cargo func replay`.

use crate::{durable::work::WorkItem, private};
use std::{
    collections::HashMap,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Names from outside become at most this much of a file name.
const LONGEST_PART: usize = 100;

/// Writes payloads to `DIR/<function>-<instance>-<n>.json`; never over a file that is there.
#[derive(Debug)]
pub(crate) struct Recorder {
    directory: Arc<Path>,
    /// The next number of each stem.
    numbers: Arc<Mutex<HashMap<String, u64>>>,
}

impl Recorder {
    /// Makes the directory if needed.
    pub(crate) fn new(directory: PathBuf) -> io::Result<Self> {
        private::folder(&directory, |name| name.ends_with(".json"))?;
        Ok(Self {
            directory: directory.into(),
            numbers: Arc::default(),
        })
    }

    /// Writes the payload of `item`; a file that cannot be written is reported and does not stop the item.
    pub(crate) async fn record(&self, item: &WorkItem) {
        let stem = format!(
            "{}-{}",
            file_name_part(&item.function),
            file_name_part(&item.instance_id)
        );
        let payload = item
            .as_json
            .as_ref()
            .or(item.payload.as_ref())
            .cloned()
            .unwrap_or_else(|| "null".to_owned());
        let directory = Arc::clone(&self.directory);
        let number = self.next_number(&stem);
        let numbers = Arc::clone(&self.numbers);
        let written = tokio::task::spawn_blocking(move || write(&directory, &stem, number, &payload, &numbers)).await;
        match written {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log::error!("cannot record a payload in {}: {error}", self.directory.display()),
            Err(error) => log::error!("cannot record a payload: {error}"),
        }
    }

    fn next_number(&self, stem: &str) -> u64 {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let number = numbers.entry(stem.to_owned()).or_insert(1);
        *number += 1;
        *number - 1
    }
}

fn write(
    directory: &Path,
    stem: &str,
    mut number: u64,
    payload: &str,
    numbers: &Mutex<HashMap<String, u64>>,
) -> io::Result<()> {
    loop {
        let path = directory.join(format!("{stem}-{number}.json"));
        match private::create_new(&path) {
            Ok(mut file) => return file.write_all(payload.as_bytes()),
            // Of an earlier run.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let mut numbers = numbers.lock().unwrap_or_else(PoisonError::into_inner);
                let next = numbers.entry(stem.to_owned()).or_insert(number + 1);
                number = *next;
                *next += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Keeps letters, digits and `_ . - @`, but no leading dot; everything else becomes `_`.
fn file_name_part(name: &str) -> String {
    let safe = |character: char| match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' | '.' | '@' => character,
        _ => '_',
    };
    let mut part: String = name.chars().take(LONGEST_PART).map(safe).collect();
    if part.starts_with('.') {
        part.replace_range(..1, "_");
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::work::{Begun, WorkKind};
    use std::fs;

    fn item(instance: &str, payload: &str) -> WorkItem {
        WorkItem {
            kind: WorkKind::Orchestration,
            function: "flow".to_owned(),
            instance_id: instance.to_owned(),
            payload: Some(payload.to_owned()),
            as_json: None,
            whole: None,
            trace: None,
            solitude: None,
            begun: Begun::default(),
        }
    }

    #[tokio::test]
    async fn payloads_are_numbered_and_nothing_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        for run in ["first", "second"] {
            let recorder = Recorder::new(directory.path().join("made")).unwrap();
            for turn in 0..2 {
                recorder.record(&item("abc", &format!("{run}{turn}"))).await;
            }
        }
        let read = |number| fs::read_to_string(directory.path().join(format!("made/flow-abc-{number}.json"))).unwrap();
        assert_eq!(
            [read(1), read(2), read(3), read(4)],
            ["first0", "first1", "second0", "second1"]
        );
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn payloads_are_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("record");
        let recorder = Recorder::new(directory.clone()).unwrap();
        recorder.record(&item("abc", "1")).await;
        for (path, expected) in [(directory.join("flow-abc-1.json"), 0o600), (directory, 0o700)] {
            let mode = fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, expected);
        }
    }

    #[tokio::test]
    async fn an_instance_id_cannot_leave_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let recorder = Recorder::new(directory.path().to_owned()).unwrap();
        recorder.record(&item("../../etc/x y", "1")).await;
        let names: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["flow-_._.._etc_x_y-1.json"]);
    }
}
