//! Tests of the store on disk.

use super::*;
use crate::durable::{
    engine::instance::RuntimeStatus,
    store::{ActivityRow, InboxRow, InstanceState, NewInstance, TimerRow},
};

fn store() -> (tempfile::TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("hub.db"), Durability::Process).unwrap();
    (folder, store)
}

fn state(status: RuntimeStatus) -> InstanceState {
    InstanceState {
        execution_id: "x".into(),
        generation: 2,
        status,
        created: 10,
        updated: 20,
        custom_status: Some("\"c\"".into()),
        output: None,
    }
}

fn new(key: i64, id: &str, status: RuntimeStatus) -> NewInstance {
    NewInstance {
        key: InstanceKey(key),
        id: id.into(),
        name: "f".into(),
        version: Some("1".into()),
        input: Some("5".into()),
        state: state(status),
    }
}

#[test]
fn what_was_written_is_there_after_reopening() {
    let (folder, store) = store();
    let key = InstanceKey(1);
    let inbox = InboxRow {
        row: 4,
        instance: key,
        message: "m".into(),
    };
    let timer = TimerRow {
        row: 5,
        instance: key,
        due: 99,
        message: "t".into(),
    };
    let activity = ActivityRow {
        row: 6,
        instance: key,
        execution_id: "x".into(),
        event_id: 3,
        name: "a".into(),
        input: None,
    };
    let commit = Commit {
        created: vec![
            new(1, "i", RuntimeStatus::Running),
            new(2, "done", RuntimeStatus::Completed),
        ],
        history: vec![(7, key, "one".into()), (8, key, "two".into())],
        inbox_added: vec![
            InboxRow {
                row: 3,
                ..inbox.clone()
            },
            inbox.clone(),
        ],
        timers_added: vec![
            timer.clone(),
            TimerRow {
                row: 9,
                ..timer.clone()
            },
        ],
        activities_added: vec![
            activity.clone(),
            ActivityRow {
                row: 10,
                ..activity.clone()
            },
        ],
        ..Commit::default()
    };
    let consumed = Commit {
        inbox_removed: vec![3],
        timers_removed: vec![9],
        activities_removed: vec![10],
        ..Commit::default()
    };
    store.write(&[commit, consumed]).unwrap();
    store.close();
    assert!(matches!(store.write(&[]), Err(StoreError::Closed)));

    let store = SqliteStore::open(&folder.path().join("hub.db"), Durability::Full).unwrap();
    let recovery = store.recover().unwrap();
    assert_eq!(recovery.instances.len(), 1, "what has ended is not recovered");
    assert_eq!(
        (recovery.instances[0].key, &recovery.instances[0].state),
        (key, &state(RuntimeStatus::Running))
    );
    assert_eq!(recovery.inbox, [inbox]);
    assert_eq!(recovery.timers, [timer]);
    assert_eq!(recovery.activities, [activity]);
    assert_eq!(recovery.next_row, 9, "rows of messages that are gone are free");
    assert_eq!(store.history(key).unwrap(), ["one", "two"]);
    let found = store.find("i").unwrap().unwrap();
    assert_eq!(
        (found.input.as_deref(), found.version.as_deref()),
        (Some("5"), Some("1"))
    );
    assert_eq!(store.find("I").unwrap(), None, "ids are compared exactly");
}

#[test]
fn batch_is_written_completely_or_not_at_all() {
    let (_folder, store) = store();
    let good = Commit {
        created: vec![new(1, "i", RuntimeStatus::Running)],
        ..Commit::default()
    };
    let twice = (7, InstanceKey(1), "one".to_owned());
    let bad = Commit {
        history: vec![twice.clone(), twice],
        ..Commit::default()
    };
    assert!(matches!(
        store.write(&[good.clone(), bad]),
        Err(StoreError::Database { .. })
    ));
    assert_eq!(store.find("i").unwrap(), None);
    store.write(&[good]).unwrap();
    assert!(store.find("i").unwrap().is_some());
}

#[test]
fn continue_as_new_replaces_history_and_input() {
    let (_folder, store) = store();
    let key = InstanceKey(1);
    let first = Commit {
        created: vec![new(1, "i", RuntimeStatus::Running)],
        history: vec![(2, key, "old".into())],
        ..Commit::default()
    };
    let second = Commit {
        cleared: vec![key],
        inputs: vec![(key, None)],
        history: vec![(3, key, "new".into())],
        updated: vec![(
            key,
            InstanceState {
                generation: 3,
                ..state(RuntimeStatus::Running)
            },
        )],
        ..Commit::default()
    };
    store.write(&[first, second]).unwrap();
    assert_eq!(store.history(key).unwrap(), ["new"]);
    let row = store.find("i").unwrap().unwrap();
    assert_eq!((row.input, row.state.generation), (None, 3));
}

#[test]
fn purged_instances_give_their_space_back() {
    let (folder, store) = store();
    let text = "x".repeat(10_000);
    for key in 1..=500 {
        let commit = Commit {
            created: vec![new(key, &key.to_string(), RuntimeStatus::Completed)],
            history: vec![(1000 + key, InstanceKey(key), text.clone())],
            ..Commit::default()
        };
        store.write(&[commit]).unwrap();
    }
    let removed = Commit {
        removed: (1..=500).map(InstanceKey).collect(),
        ..Commit::default()
    };
    store.write(&[removed]).unwrap();
    assert_eq!(store.history(InstanceKey(1)).unwrap(), [""; 0]);
    store.tidy();
    store.close();
    let size = folder.path().join("hub.db").metadata().unwrap().len();
    assert!(size < 2_000_000, "{size} bytes are left of more than 5 MB");
}

#[test]
fn newer_file_is_refused_and_unusable_folder_is_named() {
    let (folder, store) = store();
    store.close();
    let path = folder.path().join("hub.db");
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 7)
        .unwrap();
    let refused = SqliteStore::open(&path, Durability::Process).unwrap_err();
    assert!(
        matches!(refused, StoreError::NewerSchema { found: 7, known: 1, .. }),
        "{refused}"
    );

    let refused = SqliteStore::open(&path.join("sub/hub.db"), Durability::Process).unwrap_err();
    assert!(
        refused.to_string().contains("check that the folder exists"),
        "{refused}"
    );
}
