//! Tests of the store on disk.

use super::{schema::VERSION, *};
use crate::durable::{
    engine::runtime_status::RuntimeStatus,
    store::{ActivityRow, EntityInboxRow, EntityTimerRow, InboxRow, InstanceRow, InstanceState, TimerRow},
    work::Wire,
};

fn store() -> (tempfile::TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("hub.db"), Durability::Process).unwrap();
    (folder, store)
}

fn state(status: RuntimeStatus) -> InstanceState {
    InstanceState {
        execution_id: "x".into(),
        version: Some("1".into()),
        generation: 2,
        status,
        created: 10,
        updated: 20,
        custom_status: Some("\"c\"".into()),
        output: None,
        ending: Some("{}".into()),
        wire: Some(Wire::Protobuf),
    }
}

pub(super) fn new(key: i64, id: &str, status: RuntimeStatus) -> InstanceRow {
    InstanceRow {
        key: InstanceKey(key),
        id: id.into(),
        name: "f".into(),
        input: Some("5".into()),
        tags: Some("{\"a\":\"b\"}".into()),
        parent: Some("p".into()),
        scheduled_start: Some(5),
        state: state(status),
    }
}

#[test]
fn a_store_that_is_dropped_without_a_close_folds_its_log_into_the_file() {
    let (folder, store) = store();
    store
        .write(&[Commit {
            created: vec![new(1, "i", RuntimeStatus::Running)],
            ..Commit::default()
        }])
        .unwrap();
    // A reader is kept.
    assert!(store.find("i").unwrap().is_some());
    drop(store);
    assert!(!folder.path().join("hub.db-wal").exists());
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
        version: Some("2".into()),
        tags: Some("{}".into()),
        trace: Some("{}".into()),
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
        (found.input.as_deref(), found.state.version.as_deref()),
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
        Err(StoreError::Corrupt { .. })
    ));
    assert_eq!(store.find("i").unwrap(), None);
    store.write(&[good]).unwrap();
    assert!(store.find("i").unwrap().is_some());
}

/// How many rows a batch has changed.
fn changes(store: &SqliteStore, batch: &[Commit]) -> u64 {
    let changed = || lock(&store.writer).as_ref().unwrap().connection.total_changes();
    let before = changed();
    store.write(batch).unwrap();
    changed() - before
}

#[test]
fn what_a_later_commit_of_a_batch_undoes_is_not_written() {
    let (_folder, store) = store();
    let key = InstanceKey(1);
    let message = |row| InboxRow {
        row,
        instance: key,
        message: "m".into(),
    };
    let turn = |row: i64, status| Commit {
        updated: vec![(key, state(status))],
        history: vec![(row, key, row.to_string())],
        inbox_removed: vec![row - 1],
        ..Commit::default()
    };
    let start = Commit {
        created: vec![InstanceRow {
            input: None,
            ..new(1, "i", RuntimeStatus::Pending)
        }],
        inbox_added: vec![message(2)],
        ..Commit::default()
    };
    let result = Commit {
        inbox_added: vec![message(4)],
        ..Commit::default()
    };
    // The instance and its two turns; the messages come and go.
    let batch = [
        start,
        turn(3, RuntimeStatus::Running),
        result,
        turn(5, RuntimeStatus::Completed),
    ];
    assert_eq!(changes(&store, &batch), 3);
    assert_eq!(store.find("i").unwrap().unwrap().state.status, RuntimeStatus::Completed);
    assert_eq!(store.history(key).unwrap(), ["3", "5"]);
    assert!(store.recover().unwrap().inbox.is_empty());
    // A history that is dropped, and an instance that goes: two rows of history and the instance.
    let restart = Commit {
        cleared: vec![key],
        ..Commit::default()
    };
    let purge = Commit {
        removed: vec![key],
        ..Commit::default()
    };
    let batch = [
        turn(6, RuntimeStatus::Running),
        restart,
        turn(7, RuntimeStatus::Failed),
        purge,
    ];
    assert_eq!(changes(&store, &batch), 3);
    assert_eq!(
        (store.find("i").unwrap(), store.history(key).unwrap()),
        (None, Vec::new())
    );
}

#[test]
fn a_hub_opens_by_the_index_of_what_has_not_ended_and_a_row_that_is_written_needs_no_table_of_its_own() {
    let (_folder, store) = store();
    let writer = lock(&store.writer);
    let connection = &writer.as_ref().unwrap().connection;
    let steps = |sql: &str, column| -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        let steps = statement.query_map([], |row| row.get(column)).unwrap();
        steps.map(Result::unwrap).collect()
    };
    let plan = steps(&format!("EXPLAIN QUERY PLAN {}", recover::live_instances()), 3).join("\n");
    assert!(plan.contains("SEARCH instances USING INDEX instances_live"), "{plan}");
    let update = steps("EXPLAIN UPDATE instances SET status = 1, output = 'o' WHERE key = 5", 1);
    assert!(
        !update.is_empty() && !update.iter().any(|step| step == "OpenEphemeral"),
        "{update:?}"
    );
}

#[test]
fn the_settings_say_when_a_commit_is_safe() {
    for (durability, synchronous) in [(Durability::Process, 1), (Durability::Full, 2)] {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("hub.db"), durability).unwrap();
        let writer = lock(&store.writer);
        let connection = &writer.as_ref().unwrap().connection;
        let mode: String = connection
            .query_row("PRAGMA journal_mode", [], |row| row.get(0))
            .unwrap();
        let found: i64 = connection
            .query_row("PRAGMA synchronous", [], |row| row.get(0))
            .unwrap();
        assert_eq!((mode.as_str(), found), ("wal", synchronous));
    }
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
                version: Some("2".into()),
                ..state(RuntimeStatus::Running)
            },
        )],
        ..Commit::default()
    };
    store.write(&[first, second]).unwrap();
    assert_eq!(store.history(key).unwrap(), ["new"]);
    let row = store.find("i").unwrap().unwrap();
    assert_eq!((row.input, row.state.generation), (None, 3));
    assert_eq!(row.state.version.as_deref(), Some("2"));
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
        .pragma_update(None, "user_version", VERSION + 1)
        .unwrap();
    let refused = SqliteStore::open(&path, Durability::Process).unwrap_err();
    assert!(
        matches!(refused, StoreError::NewerSchema { found, known: VERSION, .. } if found == VERSION + 1),
        "{refused}"
    );

    let refused = SqliteStore::open(&path.join("sub/hub.db"), Durability::Process).unwrap_err();
    assert!(
        refused.to_string().contains("check that the folder exists"),
        "{refused}"
    );
}

/// A file as version 0.12 wrote it, before there were entities.
const VERSION_1: &str = "
    CREATE TABLE instances (key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, version TEXT,
        generation INTEGER NOT NULL, execution_id TEXT NOT NULL, status INTEGER NOT NULL, created INTEGER NOT NULL,
        updated INTEGER NOT NULL, custom_status TEXT, output TEXT);
    CREATE INDEX instances_live ON instances (status) WHERE status IN (0, 2, 6, 7);
    CREATE TABLE inputs (instance INTEGER PRIMARY KEY, input TEXT NOT NULL);
    CREATE TABLE history (row INTEGER PRIMARY KEY, instance INTEGER NOT NULL, events TEXT NOT NULL);
    CREATE INDEX history_instance ON history (instance);
    CREATE TABLE inbox (row INTEGER PRIMARY KEY, instance INTEGER NOT NULL, message TEXT NOT NULL);
    CREATE TABLE timers (row INTEGER PRIMARY KEY, instance INTEGER NOT NULL, due INTEGER NOT NULL, message TEXT NOT NULL);
    CREATE TABLE activities (row INTEGER PRIMARY KEY, instance INTEGER NOT NULL, execution_id TEXT NOT NULL,
        event_id INTEGER NOT NULL, name TEXT NOT NULL, input TEXT);
    INSERT INTO instances VALUES (1, 'i', 'f', '1', 2, 'x', 0, 10, 20, '\"c\"', NULL);
    INSERT INTO inputs VALUES (1, '5');
    INSERT INTO history VALUES (2, 1, 'one');
    INSERT INTO inbox VALUES (3, 1, 'm');
    PRAGMA user_version = 1;
";

#[test]
fn file_of_version_1_opens_with_all_it_holds_and_takes_entities() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch("PRAGMA auto_vacuum = 2; PRAGMA journal_mode = wal;")
        .unwrap();
    old.execute_batch(VERSION_1).unwrap();
    drop(old);
    for opened in 1..=2 {
        let store = SqliteStore::open(&path, Durability::Process).unwrap();
        let recovery = store.recover().unwrap();
        assert_eq!(
            (recovery.instances.len(), recovery.inbox.len()),
            (1, 1),
            "opened {opened} times"
        );
        let before = InstanceState {
            ending: None,
            wire: None,
            ..state(RuntimeStatus::Running)
        };
        assert_eq!(recovery.instances[0].state, before);
        assert_eq!(store.history(InstanceKey(1)).unwrap(), ["one"]);
        let found = store.find("i").unwrap().unwrap();
        assert_eq!((found.input.as_deref(), found.name.as_str()), (Some("5"), "f"));
        let commit = Commit {
            entities: vec![entity("@counter@a", None)],
            ..Commit::default()
        };
        store.write(&[commit]).unwrap();
        assert!(store.entity("@counter@a").unwrap().is_some());
        store.close();
    }
}

fn entity(id: &str, lock: Option<&str>) -> EntityRow {
    EntityRow {
        id: id.into(),
        exists: true,
        state: Some("5".into()),
        lock: lock.map(str::to_owned),
        updated: 20,
    }
}

#[test]
fn entities_and_their_messages_are_there_after_reopening() {
    let (folder, store) = store();
    let message = EntityInboxRow {
        row: 4,
        entity: "@counter@a".into(),
        message: "m".into(),
    };
    let timer = EntityTimerRow {
        row: 6,
        entity: "@counter@b".into(),
        due: 99,
        message: "t".into(),
    };
    let commit = Commit {
        entities: vec![
            entity("@counter@a", Some("l")),
            entity("@counter@b", None),
            entity("@counter@c", None),
        ],
        entity_inbox_added: vec![
            message.clone(),
            EntityInboxRow {
                row: 5,
                ..message.clone()
            },
        ],
        entity_timers_added: vec![
            timer.clone(),
            EntityTimerRow {
                row: 7,
                ..timer.clone()
            },
        ],
        ..Commit::default()
    };
    let taken = Commit {
        entities_removed: vec!["@counter@c".into()],
        entity_inbox_removed: vec![5],
        entity_timers_removed: vec![7],
        ..Commit::default()
    };
    store.write(&[commit, taken]).unwrap();
    store.close();
    let store = SqliteStore::open(&folder.path().join("hub.db"), Durability::Process).unwrap();
    let recovery = store.recover().unwrap();
    assert_eq!(recovery.locked, [entity("@counter@a", Some("l"))]);
    assert_eq!(
        (recovery.entity_inbox, recovery.entity_timers),
        (vec![message], vec![timer])
    );
    assert_eq!(recovery.next_row, 7);
    assert_eq!(store.entity("@counter@c").unwrap(), None);
}

#[test]
fn entities_of_one_name_are_listed_without_those_of_longer_names() {
    let (_folder, store) = store();
    let ids = ["@a@1", "@a@2", "@a@", "@ab@1", "@b@1", "@a@@x"];
    let commit = Commit {
        entities: ids.iter().map(|id| entity(id, None)).collect(),
        ..Commit::default()
    };
    store.write(&[commit]).unwrap();
    let memory = crate::durable::store::memory::MemoryStore::default();
    memory
        .write(&[Commit {
            entities: ids.iter().map(|id| entity(id, None)).collect(),
            ..Commit::default()
        }])
        .unwrap();
    let stores: [&dyn Store; 2] = [&store, &memory];
    for store in stores {
        let list = |name: Option<&str>, after: Option<&str>, limit| {
            let query = EntityQuery {
                name: name.map(str::to_owned),
                after: after.map(str::to_owned),
                limit,
                ..EntityQuery::default()
            };
            let page = store.entities(&query).unwrap();
            let ids: Vec<String> = page.entities.into_iter().map(|row| row.id).collect();
            (ids.join(" "), page.next)
        };
        assert_eq!(list(Some("a"), None, 9), ("@a@ @a@1 @a@2 @a@@x".to_owned(), None));
        assert_eq!(
            list(None, Some("@a@@x"), 1),
            ("@ab@1".to_owned(), Some("@ab@1".to_owned()))
        );
        assert_eq!(list(Some("none"), None, 9), (String::new(), None));
    }
}

#[test]
fn a_row_that_cannot_be_read_is_one_entry_and_does_not_keep_the_hub_from_opening() {
    let (folder, store) = store();
    let created = vec![
        new(1, "a", RuntimeStatus::Running),
        new(2, "b", RuntimeStatus::Completed),
        new(3, "c", RuntimeStatus::Running),
        new(4, "d", RuntimeStatus::Running),
    ];
    let inbox = |row, message: &str| InboxRow {
        row,
        instance: InstanceKey(1),
        message: message.into(),
    };
    let commit = Commit {
        created,
        inbox_added: vec![inbox(5, "one"), inbox(6, "two")],
        ..Commit::default()
    };
    store.write(&[commit]).unwrap();
    let damage = "UPDATE instances SET status = 99 WHERE key = 2;
                  UPDATE instances SET generation = 'x', name = x'ff66' WHERE key = 3;
                  UPDATE inbox SET message = x'ff' WHERE row = 5;";
    let other = Connection::open(folder.path().join("hub.db")).unwrap();
    other.execute_batch(damage).unwrap();

    let query = InstanceQuery {
        with_input: true,
        limit: 3,
        ..InstanceQuery::default()
    };
    let page = store.list(&query).unwrap();
    let ids: Vec<_> = page.instances.iter().map(|row| row.id.as_str()).collect();
    assert_eq!((ids, page.next), (vec!["a"], Some(InstanceKey(3))));
    let damaged: Vec<_> = page
        .damaged
        .iter()
        .map(|row| (row.key.0, row.id.as_str(), row.name.as_str()))
        .collect();
    assert_eq!(damaged, [(2, "b", "f"), (3, "c", "\u{fffd}f")]);
    assert!(
        page.damaged[0].problem().contains("99"),
        "{}",
        page.damaged[0].problem()
    );
    let rest = InstanceQuery {
        after: page.next,
        ..query
    };
    assert_eq!(store.list(&rest).unwrap().instances[0].id, "d");
    assert!(store.find("b").is_err() && store.find("a").unwrap().is_some());

    let recovery = store.recover().unwrap();
    let ids: Vec<_> = recovery.instances.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids, ["a", "d"]);
    assert_eq!(recovery.inbox, [inbox(6, "two")]);
}

#[cfg(unix)]
#[test]
fn all_files_of_a_hub_are_for_their_owner_only_even_if_they_were_not() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let path = data.join("hub.db");
    let open = || {
        let store = SqliteStore::open(&path, Durability::Process).unwrap();
        let commit = Commit {
            created: vec![new(1, "i", RuntimeStatus::Running)],
            ..Commit::default()
        };
        store.write(&[commit]).unwrap();
        store
    };
    let files = || {
        let entries = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path());
        entries.collect::<Vec<_>>()
    };
    let store = open();
    assert_eq!(files().len(), 4, "{:?}", files());
    let are_private = || {
        for path in files().iter().chain([&data]) {
            let mode = std::fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}", path.display());
        }
    };
    are_private();
    // As a process that was killed leaves them, and with the mode that earlier builds gave.
    let copies: Vec<_> = files()
        .iter()
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    drop(store);
    for (path, bytes) in copies {
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
    let _store = open();
    are_private();
}

#[test]
fn an_entity_that_cannot_be_read_is_one_entry_with_an_error() {
    let (folder, store) = store();
    let entity = |key: &str| EntityRow {
        id: format!("@e@{key}"),
        exists: true,
        state: Some("1".into()),
        lock: None,
        updated: 10,
    };
    let commit = Commit {
        entities: vec![entity("a"), entity("b"), entity("c")],
        ..Commit::default()
    };
    store.write(&[commit]).unwrap();
    let other = Connection::open(folder.path().join("hub.db")).unwrap();
    let damage = "UPDATE entities SET updated = 'never' WHERE id = '@e@b'";
    other.execute_batch(damage).unwrap();
    let query = EntityQuery {
        with_state: true,
        limit: 2,
        ..EntityQuery::default()
    };
    let page = store.entities(&query).unwrap();
    assert_eq!(
        (page.entities[0].clone(), page.next.as_deref()),
        (entity("a"), Some("@e@b"))
    );
    let state = page.entities[1].state.as_deref().unwrap();
    assert!(
        page.entities[1].id == "@e@b" && state.contains("cannot be read"),
        "{state}"
    );
    let rest = EntityQuery {
        after: page.next,
        ..query
    };
    assert_eq!(store.entities(&rest).unwrap().entities, [entity("c")]);
}

#[cfg(unix)]
#[test]
fn a_file_that_is_not_there_any_more_takes_no_more_commits() {
    let (folder, store) = store();
    let commit = |key: i64| {
        [Commit {
            created: vec![new(key, &key.to_string(), RuntimeStatus::Running)],
            ..Commit::default()
        }]
    };
    let path = folder.path().join("hub.db");
    let elsewhere = folder.path().join("elsewhere");
    store.write(&commit(1)).unwrap();
    for name in ["hub.db", "hub.db-wal"] {
        let file = folder.path().join(name);
        let is_gone = |key| match store.write(&commit(key)).unwrap_err() {
            StoreError::Gone { path } => assert_eq!(path, file),
            other => panic!("{other}"),
        };
        std::fs::rename(&file, &elsewhere).unwrap();
        is_gone(2);
        // Another in its place.
        std::fs::write(&file, "").unwrap();
        is_gone(2);
        std::fs::rename(&elsewhere, &file).unwrap();
    }
    // Nothing of what was refused is there, and what is put back goes on.
    store.write(&commit(2)).unwrap();
    store.close();
    let store = SqliteStore::open(&path, Durability::Process).unwrap();
    assert_eq!(store.recover().unwrap().instances.len(), 2);
}

#[test]
fn a_damaged_page_refuses_what_is_written_there_and_nothing_else() {
    let (folder, store) = store();
    let path = folder.path().join("hub.db");
    store.close();
    let connection = Connection::open(&path).unwrap();
    let of = |sql| connection.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap();
    let page = of("SELECT rootpage FROM sqlite_master WHERE name = 'inputs'");
    let size = of("PRAGMA page_size");
    drop(connection);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[((page - 1) * size) as usize..(page * size) as usize].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();

    let store = SqliteStore::open(&path, Durability::Process).unwrap();
    let create = |row: InstanceRow| Commit {
        created: vec![row],
        ..Commit::default()
    };
    let error = store.write(&[create(new(1, "i", RuntimeStatus::Running))]).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert!(error.to_string().contains(".recover"), "{error}");
    let without_input = InstanceRow {
        input: None,
        ..new(2, "j", RuntimeStatus::Running)
    };
    store.write(&[create(without_input)]).unwrap();
}

#[test]
fn a_file_that_is_read_only_is_told_from_a_disk_that_is_full() {
    let (_folder, store) = store();
    let pragma = |sql: &str| {
        let writer = lock(&store.writer);
        writer.as_ref().unwrap().connection.execute_batch(sql).unwrap();
    };
    let commit = Commit {
        created: vec![new(1, "i", RuntimeStatus::Running)],
        ..Commit::default()
    };
    let write = || store.write(std::slice::from_ref(&commit)).unwrap_err();
    pragma("PRAGMA query_only = 1");
    assert!(matches!(write(), StoreError::Unwritable { .. }));
    pragma("PRAGMA query_only = 0; PRAGMA max_page_count = 1");
    let large = InstanceRow {
        input: Some("x".repeat(1_000_000)),
        ..new(1, "i", RuntimeStatus::Running)
    };
    let error = store
        .write(&[Commit {
            created: vec![large],
            ..Commit::default()
        }])
        .unwrap_err();
    assert!(matches!(error, StoreError::Database { .. }), "{error:?}");
}
