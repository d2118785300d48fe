//! Pages of instances. What an index answers is not looked for in the table: a page takes what it shows, not what is stored.
//!
//! Pages are in the order of the keys. The columns that a filter must not lead over an index stand behind a plus, as SQLite has it.

use std::fmt::Write;

use rusqlite::{Connection, params_from_iter, types::Value};

use super::{
    fault::is_damage,
    read::{COLUMNS, damaged, instance},
};
use crate::durable::{
    engine::runtime_status::RuntimeStatus,
    store::{DamagedRow, InstanceQuery, InstanceRow, Page},
};

/// So many instances with a prefix are found by it; if there are more, it is found soon while others lead the way.
const FEW: i64 = 1_000;

pub(super) fn list(connection: &Connection, query: &InstanceQuery) -> rusqlite::Result<Page> {
    if query.statuses.as_ref().is_some_and(Vec::is_empty) || query.limit == 0 {
        return Ok(Page::default());
    }
    let Some(statement) = Statement::of(connection, query)? else {
        return Ok(Page::default());
    };
    let mut rows: Vec<Result<InstanceRow, DamagedRow>> = connection
        .prepare_cached(&statement.sql)?
        .query_map(params_from_iter(statement.values), |row| match instance(row) {
            Ok(instance) => Ok(Ok(instance)),
            Err(error) if is_damage(&error) => Ok(Err(damaged(row, &error)?)),
            Err(error) => Err(error),
        })?
        .collect::<rusqlite::Result<_>>()?;
    let more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let last = rows
        .last()
        .map(|row| row.as_ref().map_or_else(|row| row.key, |row| row.key));
    let mut page = Page {
        next: last.filter(|_| more),
        ..Page::default()
    };
    for row in rows {
        match row {
            Ok(row) => page.instances.push(row),
            Err(row) => page.damaged.push(row),
        }
    }
    Ok(page)
}

/// A query as SQL, with what stands for its question marks.
#[derive(Debug)]
struct Statement {
    sql: String,
    values: Vec<Value>,
}

/// What leads to the rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Prefix,
    Parent,
    Status,
    Key,
}

impl Statement {
    /// `None` if nothing can be found.
    fn of(connection: &Connection, query: &InstanceQuery) -> rusqlite::Result<Option<Self>> {
        let Some(keys) = keys(connection, query)? else {
            return Ok(None);
        };
        let prefix = query.id_prefix.as_deref().map(Prefix::new);
        let way = match (&prefix, &query.parent, &query.statuses) {
            (_, Some(_), _) => Way::Parent,
            (Some(prefix), None, _) if prefix.has_few(connection)? => Way::Prefix,
            (_, None, Some(_)) => Way::Status,
            (_, None, None) => Way::Key,
        };
        let mut this = Self {
            sql: String::new(),
            values: Vec::new(),
        };
        // One more than asked tells whether there is a next page.
        let limit = query.limit.saturating_add(1).min(i64::MAX as usize);
        match (way, &query.statuses) {
            // The entries of one status are in the order of the keys, those of several are not.
            (Way::Status, Some(statuses)) => {
                for (index, status) in statuses.iter().enumerate() {
                    // Named twice, it is found once.
                    if statuses[..index].contains(status) {
                        continue;
                    }
                    let union = if index == 0 { "" } else { " UNION ALL " };
                    let _ = write!(this.sql, "{union}SELECT * FROM (");
                    this.select(query, way, keys, prefix.as_ref(), &[*status]);
                    let _ = write!(this.sql, " ORDER BY key LIMIT {limit})");
                }
            }
            (_, statuses) => this.select(
                query,
                way,
                keys,
                prefix.as_ref(),
                statuses.as_deref().unwrap_or_default(),
            ),
        }
        let order = if way == Way::Prefix { "+key" } else { "key" };
        let _ = write!(this.sql, " ORDER BY {order} LIMIT {limit}");
        Ok(Some(this))
    }

    /// The rows between these keys that pass the filters; `statuses` that are empty let all pass.
    fn select(
        &mut self,
        query: &InstanceQuery,
        way: Way,
        (after, last): (i64, i64),
        prefix: Option<&Prefix>,
        statuses: &[RuntimeStatus],
    ) {
        let input = match query.with_input {
            true => "(SELECT input FROM inputs WHERE instance = key)",
            false => "NULL",
        };
        let plus = |is_the_way| if is_the_way { "" } else { "+" };
        let key = plus(way != Way::Prefix);
        // Writing to a string cannot fail.
        let _ = write!(
            self.sql,
            "SELECT {COLUMNS}, {input} FROM instances WHERE {key}key > ? AND {key}key <= ?"
        );
        self.values.extend([Value::from(after), last.into()]);
        if let Some(from) = query.created_from {
            self.and("+created >= ?", from);
        }
        if let Some(to) = query.created_to {
            self.and("+created <= ?", to);
        }
        if let Some(prefix) = prefix {
            let id = plus(way == Way::Prefix);
            let _ = write!(self.sql, " AND {id}id >= ? AND {id}id < ?");
            self.values.extend(prefix.values());
        }
        if let Some(parent) = &query.parent {
            self.and("parent = ?", parent.clone());
        }
        match statuses {
            [] => {}
            [status] => {
                let _ = write!(
                    self.sql,
                    " AND {}status = {}",
                    plus(way == Way::Status),
                    status.number()
                );
            }
            statuses => {
                let list: Vec<String> = statuses.iter().map(|status| status.number().to_string()).collect();
                let _ = write!(self.sql, " AND +status IN ({})", list.join(", "));
            }
        }
    }

    fn and(&mut self, condition: &str, value: impl Into<Value>) {
        let _ = write!(self.sql, " AND {condition}");
        self.values.push(value.into());
    }
}

/// The key that the page follows, and the last one that can be on it, by what the index of the ids says; `None` if no instance passes.
fn keys(connection: &Connection, query: &InstanceQuery) -> rusqlite::Result<Option<(i64, i64)>> {
    let (mut after, mut last) = (query.after.map_or(i64::MIN, |key| key.0), i64::MAX);
    if let Some(prefix) = &query.id_prefix {
        let sql = format!("SELECT min(key), max(key) FROM instances WHERE {}", Prefix::RANGE);
        let found: (Option<i64>, Option<i64>) = connection
            .prepare_cached(&sql)?
            .query_row(params_from_iter(Prefix::new(prefix).values()), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        let (Some(least), Some(most)) = found else {
            return Ok(None);
        };
        after = after.max(least.saturating_sub(1));
        last = last.min(most);
    }
    Ok(Some((after, last)))
}

/// The ids that begin with a text: from it on, and before another.
#[derive(Debug)]
struct Prefix {
    first: Value,
    behind: Value,
}

impl Prefix {
    const RANGE: &str = "id >= ? AND id < ?";

    fn new(prefix: &str) -> Self {
        let mut characters: Vec<char> = prefix.chars().collect();
        // The bytes of texts are ordered as their characters are. Whatever is no text follows them all.
        let mut behind = Value::Blob(Vec::new());
        while let Some(last) = characters.pop() {
            if let Some(next) = (last..=char::MAX).nth(1) {
                characters.push(next);
                behind = Value::Text(characters.into_iter().collect());
                break;
            }
        }
        Self {
            first: prefix.to_owned().into(),
            behind,
        }
    }

    fn values(&self) -> [Value; 2] {
        [self.first.clone(), self.behind.clone()]
    }

    /// Whether there are so few that it takes no time to put them in order.
    fn has_few(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM instances WHERE {} LIMIT {})",
            Self::RANGE,
            FEW + 1
        );
        let count: i64 = connection
            .prepare_cached(&sql)?
            .query_row(params_from_iter(self.values()), |row| row.get(0))?;
        Ok(count <= FEW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::store::{
        Commit, Durability, InstanceKey, InstanceState, Store, memory::MemoryStore, sqlite::SqliteStore,
    };

    /// So many instances, of every status and of ten times, an odd one in three with a parent.
    fn row(key: i64) -> InstanceRow {
        let statuses = [
            RuntimeStatus::Completed,
            RuntimeStatus::Running,
            RuntimeStatus::Pending,
            RuntimeStatus::Terminated,
            RuntimeStatus::Suspended,
        ];
        InstanceRow {
            key: InstanceKey(key),
            id: format!("{}-{key:05}", if key % 500 == 0 { "rare" } else { "often" }),
            name: "f".into(),
            input: Some(key.to_string()),
            tags: None,
            parent: (key % 3 == 0).then(|| format!("often-{:05}", key % 7)),
            scheduled_start: None,
            state: InstanceState {
                execution_id: "x".into(),
                version: None,
                generation: 0,
                status: if key == 1_999 {
                    RuntimeStatus::Failed
                } else {
                    statuses[(key % 5) as usize]
                },
                created: key / 300 * 100 + key % 3,
                updated: key,
                custom_status: None,
                output: None,
                ending: None,
                wire: None,
            },
        }
    }

    fn queries() -> Vec<InstanceQuery> {
        let mut queries = Vec::new();
        let times = [
            (None, None),
            (Some(300), None),
            (None, Some(299)),
            (Some(301), Some(500)),
            (Some(9_999), None),
        ];
        let statuses = [
            None,
            Some(vec![RuntimeStatus::Failed]),
            Some(vec![RuntimeStatus::Pending]),
            Some(vec![
                RuntimeStatus::Running,
                RuntimeStatus::Completed,
                RuntimeStatus::Failed,
                RuntimeStatus::Running,
            ]),
        ];
        for (created_from, created_to) in times {
            for statuses in &statuses {
                for id_prefix in [None, Some("rare"), Some("often-"), Some("often-01999"), Some("never")] {
                    for parent in [None, Some("often-00003")] {
                        queries.push(InstanceQuery {
                            created_from,
                            created_to,
                            statuses: statuses.clone(),
                            id_prefix: id_prefix.map(str::to_owned),
                            parent: parent.map(str::to_owned),
                            with_input: true,
                            limit: 70,
                            after: None,
                        });
                    }
                }
            }
        }
        queries
    }

    fn stored(instances: i64) -> (tempfile::TempDir, SqliteStore, Commit) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("hub.db"), Durability::Process).unwrap();
        let commit = Commit {
            created: (1..=instances).map(row).collect(),
            ..Commit::default()
        };
        store.write(std::slice::from_ref(&commit)).unwrap();
        (folder, store, commit)
    }

    #[test]
    fn whatever_leads_to_them_the_same_instances_are_found_in_the_same_order() {
        let (_folder, store, commit) = stored(2_500);
        let memory = MemoryStore::default();
        memory.write(&[commit]).unwrap();
        for mut query in queries() {
            loop {
                let (page, expected) = (store.list(&query).unwrap(), memory.list(&query).unwrap());
                assert_eq!(page, expected, "{query:?}");
                query.after = page.next;
                if page.next.is_none() {
                    break;
                }
            }
        }
    }

    #[test]
    fn a_prefix_ends_before_what_follows_its_last_character() {
        let end = |prefix: &str| match Prefix::new(prefix).behind {
            Value::Text(text) => Some(text),
            _ => None,
        };
        assert_eq!(end("ab").as_deref(), Some("ac"));
        assert_eq!(end("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(end("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(end("\u{10ffff}"), None);
    }

    fn plan(connection: &Connection, sql: &str, values: &[Value]) -> Vec<String> {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let rows = statement.query_map(params_from_iter(values), |row| row.get(3)).unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    }

    #[test]
    fn no_list_walks_the_table_where_an_index_answers() {
        let (_folder, store, _) = stored(2_500);
        store
            .with_reader(|connection| {
                for query in queries() {
                    let Some(Statement { sql, values }) = Statement::of(connection, &query)? else {
                        continue;
                    };
                    let plan = plan(connection, &sql, &values);
                    let led_by = |index: &str| {
                        let searches = plan.iter().filter(|step| step.starts_with("SEARCH instances"));
                        let searches: Vec<_> = searches.collect();
                        !searches.is_empty() && searches.iter().all(|step| step.contains(index))
                    };
                    let index = match &query {
                        InstanceQuery { parent: Some(_), .. } => "INDEX instances_parent (parent=? AND rowid>?",
                        InstanceQuery {
                            id_prefix: Some(prefix),
                            ..
                        } if prefix != "often-" => "INDEX sqlite_autoindex_instances_1 (id>? AND id<?)",
                        InstanceQuery { statuses: Some(_), .. } => "(status=? AND rowid>?",
                        _ => "INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
                    };
                    assert!(led_by(index), "{query:?}: {plan:#?}");
                    assert!(!plan.iter().any(|step| step.starts_with("SCAN instances")), "{plan:#?}");
                    // What is put in order is never more than a few, or one page of each status.
                    let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE"));
                    let may_sort = index.contains("autoindex") || query.statuses.is_some_and(|some| some.len() > 1);
                    assert!(!sorts || may_sort, "{plan:#?}");
                }
                let sql = format!("SELECT min(key), max(key) FROM instances WHERE {}", Prefix::RANGE);
                let plan = plan(connection, &sql, &Prefix::new("often-").values());
                let index = "COVERING INDEX sqlite_autoindex_instances_1";
                assert!(plan.iter().all(|step| step.contains(index)), "{plan:#?}");
                Ok(())
            })
            .unwrap();
    }
}
