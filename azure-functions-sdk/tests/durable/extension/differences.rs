//! The documented differences between the extension and this host, and those that answers show.

use std::collections::BTreeSet;

use serde_json::Value;

use super::recording::Masked;

/// The page that users read.
const PAGE: &str = include_str!("../../../src/durable/http/differences.md");
/// In the table: every request.
const ANY: &str = "any";
/// Stands for what one side does not have.
const ABSENT: &str = "nothing";

/// One difference between two answers to the same request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// `status`, a header, or a place in the body.
    part: String,
    extension: String,
    here: String,
}

/// A row of the table.
struct Row {
    requests: Vec<String>,
    part: String,
    extension: String,
    here: String,
}

/// All differences of two answers, in a fixed order.
pub(crate) fn between(extension: &Masked, here: &Masked) -> Vec<Difference> {
    if extension.status != here.status {
        return vec![Difference {
            part: "status".to_owned(),
            extension: extension.status.to_string(),
            here: with_message(here),
        }];
    }
    let mut found = Vec::new();
    let names: BTreeSet<&String> = extension.headers.keys().chain(here.headers.keys()).collect();
    for name in names {
        let [theirs, ours] = [extension, here].map(|answer| answer.headers.get(name).map(String::as_str));
        if theirs != ours {
            let text = |value: Option<&str>| value.map_or_else(|| ABSENT.to_owned(), |value| format!("\"{value}\""));
            found.push(Difference {
                part: name.clone(),
                extension: text(theirs),
                here: text(ours),
            });
        }
    }
    compare("body", extension.body.as_ref(), here.body.as_ref(), &mut found);
    found
}

/// The status and what an error says.
fn with_message(answer: &Masked) -> String {
    let body = answer.body.as_ref().filter(|_| answer.status >= 400);
    let message = body.and_then(|body| {
        let member = |name: &str| body.get(name).and_then(Value::as_str);
        member("ExceptionMessage")
            .or_else(|| member("Message"))
            .or(body.as_str())
    });
    match message {
        Some(message) => format!("{} {message}", answer.status),
        None => answer.status.to_string(),
    }
}

fn compare(place: &str, extension: Option<&Value>, here: Option<&Value>, found: &mut Vec<Difference>) {
    match (extension, here) {
        (Some(Value::Object(theirs)), Some(Value::Object(ours))) => {
            let names: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
            for name in names {
                compare(&format!("{place}.{name}"), theirs.get(name), ours.get(name), found);
            }
        }
        // In another order, or not the same: what is in both is compared one by one.
        (Some(Value::Array(theirs)), Some(Value::Array(ours))) if ids(theirs) != ids(ours) => {
            found.push(Difference {
                part: place.to_owned(),
                extension: brief(theirs),
                here: brief(ours),
            });
            for theirs in theirs {
                let known = id(theirs);
                if let Some(ours) = ours.iter().find(|ours| id(ours) == known) {
                    let place = format!("{place}[{}]", known.unwrap_or_default());
                    compare(&place, Some(theirs), Some(ours), found);
                }
            }
        }
        (Some(Value::Array(theirs)), Some(Value::Array(ours))) if theirs.len() == ours.len() => {
            for (n, (theirs, ours)) in theirs.iter().zip(ours).enumerate() {
                compare(&format!("{place}[{n}]"), Some(theirs), Some(ours), found);
            }
        }
        _ if extension == here => {}
        _ => {
            let text = |value: Option<&Value>| value.map_or_else(|| ABSENT.to_owned(), Value::to_string);
            found.push(Difference {
                part: place.to_owned(),
                extension: text(extension),
                here: text(here),
            });
        }
    }
}

/// The ids of listed instances and entities; empty for any other array.
fn ids(items: &[Value]) -> Vec<String> {
    items.iter().filter_map(id).collect()
}

fn id(item: &Value) -> Option<String> {
    if let Some(id) = item.get("instanceId") {
        return id.as_str().map(str::to_owned);
    }
    let entity = item.get("entityId")?;
    Some(format!("@{}@{}", entity["name"].as_str()?, entity["key"].as_str()?))
}

/// A list by its ids, the long ones cut.
fn brief(items: &[Value]) -> String {
    let cut = |id: &str| match id.get(..20) {
        Some(start) if id.len() > 20 => format!("{start}..."),
        _ => id.to_owned(),
    };
    let ids: Vec<String> = ids(items).iter().map(|id| cut(id)).collect();
    format!("[{}]", ids.join(", "))
}

/// The table, and which of its rows have been needed.
pub(crate) struct Documented {
    rows: Vec<(Row, BTreeSet<String>)>,
}

impl Documented {
    /// The first table: requests that were recorded.
    pub(crate) fn recorded() -> Self {
        Self::table(0)
    }

    /// The second table: requests that were not.
    pub(crate) fn not_recorded() -> Self {
        Self::table(1)
    }

    fn table(number: usize) -> Self {
        let lines: Vec<&str> = PAGE.lines().collect();
        let mut tables = lines
            .split(|line| !line.starts_with('|'))
            .filter(|lines| !lines.is_empty());
        let table = tables.nth(number).expect("the page has two tables");
        let rows = table.iter().skip(2).map(|line| row(line));
        Self {
            rows: rows.map(|row| (row, BTreeSet::new())).collect(),
        }
    }

    /// Whether a row tells this difference.
    pub(crate) fn explains(&mut self, step: &str, difference: &Difference) -> bool {
        for (row, needed) in &mut self.rows {
            let Some(request) = row.requests.iter().find(|request| *request == step || *request == ANY) else {
                continue;
            };
            if row.part == difference.part
                && says(&row.extension, &difference.extension)
                && says(&row.here, &difference.here)
            {
                needed.insert(request.clone());
                return true;
            }
        }
        false
    }

    /// What the table tells and no answer has shown.
    pub(crate) fn unneeded(&self) -> Vec<String> {
        let unneeded = |(row, needed): &(Row, BTreeSet<String>)| {
            let missing = row.requests.iter().filter(|request| !needed.contains(*request));
            missing
                .map(|request| format!("{request} | {} | {} | {}", row.part, row.extension, row.here))
                .collect::<Vec<_>>()
        };
        self.rows.iter().flat_map(unneeded).collect()
    }
}

/// Whether a cell is this value; `…` stands for any text in it.
fn says(cell: &str, value: &str) -> bool {
    match cell.split_once('…') {
        None => cell == value,
        Some((start, end)) => {
            let behind = value.strip_prefix(start);
            behind.is_some_and(|rest| rest.ends_with(end))
        }
    }
}

/// Requests, separated by `<br>`; part; extension; here; why.
fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
    let [requests, part, extension, here, why] = cells[..] else {
        panic!("not five cells: {line}");
    };
    assert!(!why.is_empty(), "no reason is given: {line}");
    let plain = |cell: &str| cell.trim_matches('`').to_owned();
    Row {
        requests: requests
            .split("<br>")
            .map(|request| request.trim().to_owned())
            .collect(),
        part: plain(part),
        extension: plain(extension),
        here: plain(here),
    }
}
