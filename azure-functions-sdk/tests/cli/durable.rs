//! `cargo func durable` on the example app: each verb does what the durable HTTP API does.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};

use crate::{
    cargo_func, checkout, done, refused,
    run::{INSTANCES, Running, example},
};

/// The verbs, spoken to one host.
struct Verbs<'a> {
    app: &'a Running,
}

impl Verbs<'_> {
    fn output(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-func"));
        command.args(["func", "durable"]).args(arguments);
        command.args(["--port", &self.app.port.to_string()]).output().unwrap()
    }

    /// What a verb that must work prints, JSON.
    fn answer(&self, arguments: &[&str]) -> Value {
        let output = self.output(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
    }

    /// What a verb that must work says of what it does.
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        said
    }

    fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        said
    }

    fn until(&self, id: &str, status: &str) -> Value {
        self.app
            .poll(&format!("{INSTANCES}/{id}"), |found| found["runtimeStatus"] == status)
    }
}

#[test]
fn row_106_the_verbs_of_durable_do_what_the_api_does() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let app = Running::start(&example(), folder.path().join("log"), &["--data-dir", data]);
    let verbs = Verbs { app: &app };

    let started = verbs.answer(&["start-new", "fan_out", "--id", "a sum", "--input", "10"]);
    assert_eq!(started["id"], "a sum");
    assert!(
        started["statusQueryGetUri"]
            .as_str()
            .unwrap()
            .contains("/instances/a+sum?")
    );
    assert_eq!(app.status("a%20sum")["output"], 385);
    let input = folder.path().join("input.json");
    fs::write(&input, "{\"left\":5}").unwrap();
    let made = verbs.answer(&["start-new", "looping", "-i", &format!("@{}", input.display())]);
    let made = made["id"].as_str().unwrap();
    assert_eq!(app.status(made)["output"], 55);
    assert!(
        verbs
            .refusal(&["start-new", "nobody"])
            .contains("'nobody' doesn't exist")
    );
    let busy = ["start-new", "event_with_timeout", "--id", "ask", "--input", "6000000"];
    verbs.answer(&busy);
    assert!(verbs.refusal(&busy).contains("already exists"));

    verbs.until("ask", "Running");
    let said = verbs.says(&["suspend", "ask", "--reason", "a break & more"]);
    assert!(said.contains("Suspending instance `ask`"), "{said}");
    assert_eq!(verbs.until("ask", "Suspended")["output"], "a break & more");
    verbs.says(&["resume", "ask"]);
    verbs.until("ask", "Running");
    let said = verbs.says(&["raise-event", "ask", "approval", "true"]);
    assert!(said.contains("Raised event `approval` for instance `ask`"), "{said}");
    assert_eq!(verbs.until("ask", "Completed")["output"], "approved");
    assert!(
        verbs
            .refusal(&["raise-event", "ask", "approval"])
            .contains("instance `ask` has already ended")
    );
    assert!(
        verbs
            .refusal(&["terminate", "none"])
            .contains("there is no instance `none`")
    );

    assert_eq!(verbs.answer(&["restart", "ask", "--same-id"])["id"], "ask");
    verbs.until("ask", "Running");
    let again = verbs.answer(&["restart", "ask"]);
    let again = again["id"].as_str().unwrap();
    for id in ["ask", again] {
        verbs.until(id, "Running");
        verbs.says(&["terminate", id, "-r", "enough"]);
        assert_eq!(verbs.until(id, "Terminated")["output"], "enough");
    }

    // It fails for its input, and will so again: a rewind that worked is in the history.
    verbs.answer(&["start-new", "timer", "--id", "odd", "--input", "\"soon\""]);
    verbs.until("odd", "Failed");
    assert!(
        verbs
            .refusal(&["rewind", "ask"])
            .contains("only orchestrations in the \"Failed\" state")
    );
    verbs.says(&["rewind", "odd", "--reason", "for the test"]);
    app.poll(&format!("{INSTANCES}/odd?showHistory=true"), |odd| {
        odd["runtimeStatus"] == "Failed" && odd["historyEvents"].to_string().contains("for the test")
    });

    let listed = verbs.answer(&["get-instances"]);
    assert_eq!(listed.as_array().unwrap().len(), 5, "{listed}");
    let some = |arguments: &[&str]| {
        verbs
            .answer(&[&["get-instances"], arguments].concat())
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(some(&["--status", "Terminated", "--prefix", "ask"]), 1);
    assert_eq!(some(&["--status", "Completed,Failed"]), 3);
    assert_eq!(some(&["--top", "2", "--json"]), 2);
    assert_eq!(some(&["--created-from", "2999-01-01T00:00:00Z"]), 0);
    assert_eq!(some(&["--created-to", "2999-01-01T00:00:00Z"]), 5);
    assert_eq!(
        verbs.answer(&["get-runtime-status", "ask"])["runtimeStatus"],
        "Terminated"
    );
    assert_eq!(verbs.answer(&["get-history", "ask"])["instanceId"], "ask");

    let one = json!({"instancesDeleted": 1});
    assert_eq!(verbs.answer(&["purge-history", made]), one);
    assert!(
        verbs
            .refusal(&["get-runtime-status", made])
            .contains("there is no instance")
    );
    let failed = [
        "purge-history",
        "--created-from",
        "2020-01-01T00:00:00Z",
        "--status",
        "Failed,Canceled",
    ];
    assert_eq!(verbs.answer(&failed), one);
    assert_eq!(verbs.answer(&failed), json!({"instancesDeleted": 0}));
    let all = [
        "purge-history",
        "--created-from",
        "2020-01-01T00:00:00Z",
        "--created-to",
        "2999-01-01T00:00:00Z",
    ];
    assert_eq!(verbs.answer(&all), json!({"instancesDeleted": 3}));
    verbs.answer(&["start-new", "timer", "--id", "last", "--input", "60000000"]);

    let delete = format!("durable delete-task-hub {} --data-dir {data}", example().display());
    let said = refused(checkout(), &delete, 1);
    assert!(said.contains("in use by pid"), "{said}");
    drop(app);
    let said = done(checkout(), &delete);
    assert!(said.contains("Deleted task hub `"), "{said}");
    assert!(refused(checkout(), &delete, 1).contains("there is no task hub"));
    let app = Running::start(&example(), folder.path().join("log"), &["--data-dir", data]);
    assert_eq!(Verbs { app: &app }.answer(&["get-instances"]), json!([]));
}

#[test]
fn what_is_no_json_or_no_time_is_told_before_anything_is_sent() {
    let refused = |line: &str| {
        let output = cargo_func(Path::new("."), line);
        assert_eq!(output.status.code(), Some(2), "{line}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused("durable start-new flow --input Tokyo").contains("it is not JSON"));
    assert!(refused("durable raise-event id go --data @nothing.json").contains("`nothing.json` could not be read"));
    let neither = refused("durable purge-history");
    assert!(neither.contains("<ID|--created-from <TIME>>"), "{neither}");
    let running = refused("durable purge-history --created-from 2020-01-01T00:00:00Z --status Failed,Running");
    assert!(
        running.contains("only instances that have ended are purged"),
        "{running}"
    );
    assert!(refused("durable purge-history id --created-from 2020-01-01T00:00:00Z").contains("cannot be used with"));
    assert!(refused("durable purge-history --created-from yesterday").contains("--created-from"));
    assert!(refused("durable purge-history --created-from 2020-01-01T00:00:00Z --status Lost").contains("`Lost`"));
}
