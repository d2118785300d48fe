//! Random JSON, and text that is nearly JSON, through everything that reads it, against one oracle: what `serde_json::Value`
//! reads (with the levels that the host writes around it) is accepted, and can then be listed, replayed and read back
//! unchanged from wherever it went; all else is refused at the door with its place.
//!
//! `JSON_CASES` sets how many texts are tried.

use std::fmt::{self, Write};

use azure_functions::{entities::EntityId, histories::replay_file, prelude::*};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;
use tokio::sync::oneshot;

use super::{
    TestHost,
    command::{Command, Exchanged},
};
use crate::durable::json::MAX_LEVELS;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Its input goes to an activity, a child, an entity, and the custom status; the output is what an event brings.
#[func]
async fn json_traveller(context: DurableOrchestrationContext) -> Result<OrchestrationOutput, Failure> {
    let keeper = EntityId::new("json_keeper", context.instance_id())?;
    context.set_custom_status(context.input());
    let value = context.call_activity("json_echo", context.input()).await?;
    let value = context.call_sub_orchestrator("json_child", None, value).await?;
    let value = context.call_entity(&keeper, "keep", value).await?;
    if value != context.input() {
        return Err(format!("{value} came back").into());
    }
    Ok(context.wait_for_event("json").await.into())
}

#[func]
async fn json_child(context: DurableOrchestrationContext) -> OrchestrationOutput {
    context.input().into()
}

#[func]
fn json_echo(context: DurableActivityContext) -> ActivityOutput {
    context.input().clone().into()
}

#[func]
fn json_keeper(context: DurableEntityContext) -> Result<EntityOutput, Failure> {
    context.set_state(&context.input())?;
    Ok(context.input().into())
}

/// The oracle.
fn read(text: &str) -> Option<Value> {
    // Read as another value if it comes first, which it does when the members are sorted: looked for under another name.
    let Names(names) = serde_json::from_str(&text.replace("RawValue", "RawValux")).ok()?;
    if names.iter().any(|name| name == "$serde_json::private::RawValux") {
        return None;
    }
    let value = serde_json::from_str(text).ok()?;
    let around = 127 - MAX_LEVELS;
    let deepest = format!("{}{text}{}", "[".repeat(around), "]".repeat(around));
    serde_json::from_str::<Value>(&deepest).ok().map(|_| value)
}

/// The names of all members on all levels, also of those that a later member of the same name replaces.
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NamesVisitor)
    }
}

struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = Names;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Names, E> {
        Ok(Names(Vec::new()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Names, E> {
        Ok(Names(Vec::new()))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Names, E> {
        Ok(Names(Vec::new()))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Names, E> {
        Ok(Names(Vec::new()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Names, E> {
        Ok(Names(Vec::new()))
    }

    fn visit_str<E>(self, _: &str) -> Result<Names, E> {
        Ok(Names(Vec::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Names, A::Error> {
        let mut names = Vec::new();
        while let Some(Names(inner)) = items.next_element()? {
            names.extend(inner);
        }
        Ok(Names(names))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Names, A::Error> {
        let mut names = Vec::new();
        while let Some((name, Names(inner))) = members.next_entry()? {
            names.push(name);
            names.extend(inner);
        }
        Ok(Names(names))
    }
}

#[test]
fn the_oracle_sees_members_that_others_of_the_same_name_replace() {
    let member = r#"{"$serde_json::private::RawValue":1}"#;
    assert_eq!(read(&format!(r#"{{"a":{member},"a":2}}"#)), None);
    assert_eq!(read(r#"{"a":1,"a":2}"#), Some(serde_json::json!({"a": 2})));
}

/// A deterministic source of choices (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap()
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    fn blank(&mut self, out: &mut String) {
        if self.one_in(5) {
            out.push_str(self.pick(&[" ", "\n", "\t", "\r\n", "  "]));
        }
    }

    /// A text: most are JSON, some nearly.
    fn text(&mut self) -> String {
        let mut out = String::new();
        if self.one_in(12) {
            let levels = [3, 63, 64, MAX_LEVELS - 1, MAX_LEVELS, MAX_LEVELS + 1, 127, 128, 300][self.below(9)];
            self.nested(levels, &mut out);
        } else {
            self.value(4, &mut out);
        }
        if self.one_in(6) {
            self.spoil(&mut out);
        }
        // No body at all is another case: there is no input then.
        if out.trim().is_empty() { "0".to_owned() } else { out }
    }

    fn nested(&mut self, levels: usize, out: &mut String) {
        let mut closing = Vec::new();
        for _ in 0..levels {
            if self.one_in(2) {
                out.push('[');
                closing.push(']');
            } else {
                out.push_str("{\"a\":");
                closing.push('}');
            }
        }
        out.push_str(self.pick(&["1", "null", "\"[[{\"", "1e400"]));
        out.extend(closing.into_iter().rev());
    }

    fn value(&mut self, depth: usize, out: &mut String) {
        self.blank(out);
        match self.below(if depth == 0 { 5 } else { 8 }) {
            0 => out.push_str(self.pick(&["null", "true", "false"])),
            1 | 2 => self.number(out),
            3 | 4 => self.string(out),
            5 | 6 => {
                out.push('[');
                for index in 0..self.below(4) {
                    out.push_str(if index == 0 { "" } else { "," });
                    self.value(depth - 1, out);
                }
                out.push(']');
            }
            _ => {
                out.push('{');
                for index in 0..self.below(4) {
                    out.push_str(if index == 0 { "" } else { "," });
                    self.blank(out);
                    self.string(out);
                    self.blank(out);
                    out.push(':');
                    self.value(depth - 1, out);
                }
                out.push('}');
            }
        }
        self.blank(out);
    }

    fn number(&mut self, out: &mut String) {
        match self.below(4) {
            0 => out.push_str(self.pick(&[
                "0",
                "-0",
                "-0.0",
                "1e400",
                "-1E+999",
                "1e-400",
                "5e-324",
                "1.7976931348623157e308",
                "1.8e308",
                "18446744073709551615",
                "18446744073709551616",
                "-9223372036854775808",
                "-9223372036854775809",
                "123456789012345678901234567890",
                "0.1",
                "1E2",
                "1e+2",
                "01",
                "1.",
                ".5",
                "+1",
                "NaN",
                "Infinity",
                "-",
                "1e",
                "0x10",
                "1_000",
            ])),
            1 => {
                // Writing to a String cannot fail.
                let _ = write!(out, "{}", self.next().cast_signed());
            }
            2 => {
                let float = f64::from_bits(self.next());
                let _ = write!(out, "{}", if float.is_finite() { float } else { 0.5 });
            }
            _ => {
                let _ = write!(out, "{}.{}e{}", self.below(10), self.next(), self.below(640));
            }
        }
    }

    fn string(&mut self, out: &mut String) {
        if self.one_in(24) {
            out.push_str(self.pick(&[
                "\"$serde_json::private::RawValue\"",
                "\"\\u0024serde_json::private::RawValue\"",
            ]));
            return;
        }
        out.push('"');
        for _ in 0..self.below(5) {
            out.push_str(self.pick(&[
                "a",
                "key",
                " ",
                "ü",
                "日本",
                "🦀",
                "\\\"",
                "\\\\",
                "\\/",
                "\\b",
                "\\n",
                "\\u0000",
                "\\u001f",
                "\\ud83e\\udd80",
                "\\uD83E\\uDD80",
                "[",
                "{",
                "]",
                ":",
                ",",
                "null",
                "\u{7f}",
                "\u{2028}",
                "\u{feff}",
                "$type",
                "isDone",
            ]));
            if self.one_in(24) {
                out.push_str(self.pick(&[
                    "\\ud83d",
                    "\\udc00",
                    "\\ud83d\\ud83d",
                    "\\udd80\\ud83e",
                    "\\x41",
                    "\\u12",
                    "\n",
                    "\u{1}",
                    "\\",
                    "\"",
                ]));
            }
        }
        out.push('"');
    }

    /// Takes a character out, puts one in, or cuts the end off.
    fn spoil(&mut self, text: &mut String) {
        let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
        let Some(place) = places.get(self.below(places.len().max(1))).copied() else {
            return;
        };
        match self.below(3) {
            0 => drop(text.remove(place)),
            1 => text.insert_str(
                place,
                self.pick(&["\"", "\\", ",", "]", "}", "[", "{", "0", "e", "\u{0}", "/*x*/", "'"]),
            ),
            _ => text.truncate(place),
        }
    }
}

/// Asks the hub, and waits until everything that follows has happened.
fn ask(host: &TestHost, method: Method, path: &str, body: &str) -> (StatusCode, Bytes) {
    let (reply, answer) = oneshot::channel();
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap();
    let exchanged = Exchanged {
        request,
        reply,
        settled: true,
    };
    host.commands.send(Command::Exchange(Box::new(exchanged))).unwrap();
    let answer = answer.blocking_recv().unwrap();
    (answer.status(), answer.into_body())
}

/// What a client reads.
fn get(host: &TestHost, path: &str, text: &str) -> Value {
    let (status, body) = ask(host, Method::GET, path, "");
    assert!(status.is_success(), "{path}: {status} for {text}");
    serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{path}: {error} for {text}"))
}

/// A refusal tells where the text goes wrong.
fn is_refused(answer: &(StatusCode, Bytes), text: &str) {
    let said = String::from_utf8_lossy(&answer.1);
    assert_eq!(answer.0, StatusCode::BAD_REQUEST, "{text}: {said}");
    assert!(
        said.contains(" at line ") && said.contains(" column "),
        "{text}: {said}"
    );
}

#[test]
fn what_serde_json_reads_is_accepted_listed_replayed_and_read_back_unchanged_and_all_else_is_refused() {
    let cases: u64 = std::env::var("JSON_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(2_000);
    let folder = tempfile::tempdir().unwrap();
    let host = TestHost::new();
    let (mut accepted, mut refused) = (0_u64, 0_u64);
    ask(&host, Method::POST, "/orchestrators/json_traveller/waits", "1");
    for case in 0..cases {
        let text = Dice(case).text();
        let start = ask(
            &host,
            Method::POST,
            &format!("/orchestrators/json_traveller/c{case}"),
            &text,
        );
        let signal = ask(
            &host,
            Method::POST,
            &format!("/entities/json_keeper/s{case}?op=keep"),
            &text,
        );
        let Some(value) = read(&text) else {
            is_refused(&start, &text);
            is_refused(&signal, &text);
            let event = ask(&host, Method::POST, "/instances/waits/raiseEvent/json", &text);
            is_refused(&event, &text);
            refused += 1;
            continue;
        };
        accepted += 1;
        let id = format!("c{case}");
        assert_eq!(
            (start.0, signal.0),
            (StatusCode::ACCEPTED, StatusCode::ACCEPTED),
            "{text}"
        );
        assert_eq!(
            get(&host, &format!("/entities/json_keeper/s{case}"), &text),
            value,
            "{text}"
        );
        assert_eq!(
            get(&host, &format!("/entities/json_keeper/{id}"), &text),
            value,
            "{text}"
        );
        let event = ask(&host, Method::POST, &format!("/instances/{id}/raiseEvent/json"), &text);
        assert_eq!(event.0, StatusCode::ACCEPTED, "{text}");
        let status = get(&host, &format!("/instances/{id}"), &text);
        assert_eq!(status["runtimeStatus"], "Completed", "{text}: {status}");
        for member in ["input", "customStatus", "output"] {
            assert_eq!(status[member], value, "{member} of {text}");
        }
        let list = get(&host, &format!("/instances?instanceIdPrefix={id}"), &text);
        assert_eq!(list[0]["input"], value, "{text}");
        let shown = get(
            &host,
            &format!("/instances/{id}?showHistory=true&showHistoryOutput=true"),
            &text,
        );
        assert!(shown["historyEvents"].as_array().unwrap().len() > 5, "{text}");
        if case % 16 == 0 {
            get(&host, "/entities?fetchState=true", &text);
            let path = folder.path().join("history.json");
            host.instance(&id).save_history(&path);
            let replayed = replay_file(&path).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(replayed.note(), None, "{text}");
        }
        ask(&host, Method::DELETE, &format!("/instances/{id}"), "");
        if case % 64 == 0 {
            // The children, too: lists would take longer and longer.
            let ended = "/instances?createdTimeFrom=1970-01-01T00:00:00Z&runtimeStatus=Completed";
            ask(&host, Method::DELETE, ended, "");
        }
    }
    assert!(
        cases < 1_000 || (accepted > cases / 3 && refused > cases / 20),
        "{accepted} and {refused}"
    );
    get(&host, "/instances", "all");
}
