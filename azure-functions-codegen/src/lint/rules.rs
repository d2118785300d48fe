//! What an orchestration cannot do and remain the same in every replay: how it is recognised, and what to write instead.
//!
//! Clocks of all crates, threads, and files are known by the last two names of a path, since it cannot be seen from here what was
//! imported outside; crates without anything that replays are known by their own name.

use super::path::matches;

/// Something to refuse.
pub(super) struct Rule {
    /// Paths, as [`matches`] takes them.
    paths: &'static [&'static str],
    /// Names that make a path harmless, such as those of plain data types.
    except: &'static [&'static str],
    /// Why it is refused: reads after the path.
    why: &'static str,
    /// What to write instead; `{context}` is what the parameter is called.
    instead: &'static str,
}

impl Rule {
    /// The rule that refuses a path, if one does.
    pub(super) fn find(path: &[String]) -> Option<&'static Self> {
        // A path that begins so leads to the user's own code.
        if path.len() < 2 || ["crate", "self", "super", "Self"].contains(&path[0].as_str()) {
            return None;
        }
        RULES.iter().find(|rule| {
            rule.paths.iter().any(|pattern| matches(pattern, path))
                && !path.iter().any(|name| rule.except.contains(&name.as_str()))
        })
    }

    /// The rule for `.block_on(..)`, whatever it is called on.
    pub(super) fn block_on() -> &'static Self {
        &BLOCK_ON
    }

    /// What is wrong with a path or method that is shown like this.
    pub(super) fn message(&self, shown: &str, context: &str) -> String {
        format!("{shown} {}: {}", self.why, self.instead.replace("{context}", context))
    }
}

const fn rule(paths: &'static [&'static str], why: &'static str, instead: &'static str) -> Rule {
    Rule {
        paths,
        except: &[],
        why,
        instead,
    }
}

const BLOCK_ON: Rule = rule(
    &["*::block_on"],
    "blocks the worker until something outside the history is ready",
    "`.await` what `{context}` gives out, and do everything else in an activity",
);

const ORDER: &str = "waits for several things in an order that no replay can repeat";
const SECOND_TIME: &str = "would do its work again in every replay";
const ACTIVITY: &str = "do it in an activity and await `{context}.call_activity(..)`";

/// The first that matches counts: what is known exactly comes before whole crates.
const RULES: &[Rule] = &[
    rule(
        &[
            "SystemTime|Instant|Utc|Local|Zoned|Timestamp|UtcDateTime::now",
            "OffsetDateTime::now_utc|now_local",
            "Utc|Local::today",
        ],
        "reads the clock, which shows another time in every replay",
        "use `{context}.current_time()`",
    ),
    rule(
        &["Uuid::new_v4|now_v7|now_v6|now_v1", "Ulid::new", "nanoid::nanoid"],
        "makes another id in every replay",
        "use `{context}.new_guid()`",
    ),
    Rule {
        except: &[
            "from_seed",
            "seed_from_u64",
            "with_seed",
            "distr",
            "distributions",
            "seq",
            "Rng",
            "RngCore",
            "RngExt",
        ],
        ..rule(
            &[
                "rand|fastrand|getrandom::**",
                "rngs::OsRng|SysRng|ThreadRng",
                "*::from_os_rng|try_from_os_rng|from_entropy",
                "RandomState::new|default",
            ],
            "is random, so every replay gets another value",
            "use `{context}.new_guid()` for a value of its own, or draw it in an activity",
        )
    },
    rule(
        &["thread::sleep|sleep_ms|sleep_until"],
        "blocks the worker, and the wait is lost with its process",
        "await `{context}.create_timer_after(..)`",
    ),
    rule(
        &[
            "time::sleep|sleep_until|interval|interval_at",
            "task::sleep",
            "futures_timer::**",
        ],
        "is a timer of the process, which is lost with it",
        "await `{context}.create_timer_after(..)`",
    ),
    rule(
        &["time::timeout|timeout_at", "tokio|async_std::future::timeout"],
        "is a timer of the process, which is lost with it",
        "use `{context}.timeout(..)`",
    ),
    rule(
        &[
            "tokio|futures|futures_util|futures_lite::join",
            "future::join|join3|join4|join5",
        ],
        ORDER,
        "use `{context}.join(..)`",
    ),
    rule(
        &[
            "tokio|futures|futures_util::try_join",
            "future::try_join|try_join3|try_join4|try_join5",
        ],
        ORDER,
        "use `{context}.try_join(..)`",
    ),
    rule(&["future::join_all"], ORDER, "use `{context}.join_all(..)`"),
    rule(&["future::try_join_all"], ORDER, "use `{context}.try_join_all(..)`"),
    rule(
        &[
            "tokio|futures|futures_util::select|select_biased",
            "future::select|try_select|race|or",
        ],
        ORDER,
        "use `{context}.select(..)` or `{context}.race(..)`",
    ),
    rule(
        &["future::select_all|select_ok"],
        ORDER,
        "use `{context}.select_all(..)`",
    ),
    rule(
        &["FuturesUnordered|FuturesOrdered|JoinSet::new"],
        ORDER,
        "use `{context}.join_all(..)` or `{context}.as_completed(..)`",
    ),
    BLOCK_ON,
    rule(
        &[
            "tokio|async_std|smol::spawn",
            "tokio|async_std::task::spawn",
            "task::spawn_blocking|spawn_local",
            "task::block_in_place",
            "rayon::**",
        ],
        "starts work that the history does not know",
        "put futures together with `{context}.join(..)`, and do work in an activity",
    ),
    rule(
        &[
            "thread::spawn|scope|park|park_timeout|yield_now|current|available_parallelism",
            "thread::Builder::new",
        ],
        "is about threads, which are others in every replay",
        ACTIVITY,
    ),
    rule(
        &[
            "env::var|vars|var_os|vars_os|args|args_os|current_dir|current_exe|temp_dir|home_dir",
            "env::set_var|remove_var|set_current_dir",
            "dotenv|dotenvy::**",
        ],
        "is about the environment, which may be another one in the next replay",
        "read it in an activity, or hand it over in the input",
    ),
    rule(
        &[
            "fs::read|read_to_string|read_dir|read_link|write|copy|rename|metadata|symlink_metadata|canonicalize",
            "fs::remove_file|remove_dir|remove_dir_all|create_dir|create_dir_all|exists|hard_link|set_permissions",
            "File::open|create|create_new|options",
            "OpenOptions::new",
            "io::stdin|read_to_string",
        ],
        SECOND_TIME,
        ACTIVITY,
    ),
    rule(
        &[
            "TcpStream|UnixStream::connect|connect_timeout",
            "TcpListener|UdpSocket|UnixListener|UnixDatagram::bind",
            "process::Command::new",
        ],
        SECOND_TIME,
        ACTIVITY,
    ),
    rule(
        &["process::exit|abort"],
        "ends the worker with all it is doing",
        "return an `Err` to fail this instance",
    ),
    rule(
        &["process::id"],
        "is another one in every process",
        "use `{context}.instance_id()`",
    ),
    Rule {
        // Data that these crates hand through.
        except: &[
            "StatusCode",
            "Method",
            "Url",
            "Version",
            "HeaderMap",
            "HeaderName",
            "HeaderValue",
            "header",
        ],
        ..rule(
            &[
                "reqwest|ureq|isahc|attohttpc|minreq|surf|awc::**",
                "hyper|hyper_util::client|Client::**",
            ],
            "sends requests, and every replay would send them again",
            ACTIVITY,
        )
    },
    Rule {
        except: &["Duration", "pin"],
        ..rule(
            &["tokio|async_std|smol|async_io::**"],
            "belongs to a runtime, which wakes no orchestration",
            "await `{context}.wait_for_event(..)` or `{context}.create_timer(..)`, and do everything else in an activity",
        )
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &str) -> bool {
        Rule::find(&path.split("::").map(str::to_owned).collect::<Vec<_>>()).is_some()
    }

    #[test]
    fn every_pattern_is_reached() {
        for rule in RULES {
            for pattern in rule.paths {
                for path in examples(pattern) {
                    let path: Vec<_> = path.split("::").map(str::to_owned).collect();
                    let found = Rule::find(&path).unwrap_or_else(|| panic!("{path:?} of {pattern} is not refused"));
                    let whole_crate = pattern.ends_with("**");
                    assert!(
                        whole_crate || found.paths.contains(pattern),
                        "{path:?} of {pattern} is taken by the rule {:?}",
                        found.paths
                    );
                }
            }
        }
    }

    /// The paths that a pattern spells out.
    fn examples(pattern: &str) -> Vec<String> {
        pattern.split("::").fold(vec![String::new()], |paths, names| {
            let names = names.replace("**", "anything").replace('*', "Any");
            paths
                .iter()
                .flat_map(|path| {
                    let colons = if path.is_empty() { "" } else { "::" };
                    names.split('|').map(move |name| format!("{path}{colons}{name}"))
                })
                .collect()
        })
    }

    #[test]
    fn whatever_leads_to_them_the_last_two_names_tell() {
        for path in [
            "std::time::SystemTime::now",
            "time::SystemTime::now",
            "chrono::offset::Utc::now",
            "tokio::fs::read",
            "std::process::Command::new",
            "hyper_util::client::legacy::Client::builder",
        ] {
            assert!(refused(path), "{path}");
        }
    }

    #[test]
    fn names_of_the_users_own_and_plain_data_are_free() {
        for path in [
            "now",
            "sleep",
            "crate::clock::Utc::now",
            "super::rand::random",
            "Clock::now",
            "Command::new",
            "Client::new",
            "tokio::time::Duration::from_secs",
            "std::time::Duration::from_secs",
            "reqwest::StatusCode::from_u16",
            "reqwest::StatusCode::OK",
            "rand::rngs::StdRng::seed_from_u64",
            "uuid::Uuid::parse_str",
            "chrono::Utc::timestamp_opt",
            "std::env::consts::OS",
            "Uuid::new_v5",
            "std::future::ready",
            "std::thread::Result::Ok",
        ] {
            assert!(!refused(path), "{path}");
        }
    }

    #[test]
    fn what_the_clippy_toml_of_a_new_app_disallows_is_refused() {
        let template = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../azure-functions-sdk/src/template/files/app/clippy.toml.in"
        );
        let template = std::fs::read_to_string(template).unwrap();
        let paths: Vec<_> = template
            .lines()
            .filter_map(|line| line.split("path = \"").nth(1)?.split('"').next())
            .collect();
        assert!(paths.len() >= 10, "{paths:?}");
        for path in paths {
            assert!(refused(path), "{path}");
        }
    }
}
