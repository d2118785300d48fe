//! Monitor and saga.

use super::script::{body, fallible, ok, run};
use crate::durable::{
    Orchestrator,
    patterns::{MonitorOptions, monitor, saga},
};
use serde_json::{Value, json};
use std::time::Duration;

const MONITOR: Orchestrator = |c| {
    body(async move {
        let options = MonitorOptions::every(Duration::from_secs(60))
            .backoff_coefficient(2.0)
            .expires_after(Duration::from_secs(150));
        let found: Result<_, ()> = monitor(&c, options, async || {
            let seen = ok(&c, "Look").await;
            Ok((seen != 0).then_some(seen))
        })
        .await;
        json!(found.unwrap())
    })
};

#[test]
fn a_monitor_looks_until_it_has_found_something() {
    let turn = run(MONITOR, "12 0 4#0(Look) 13 12 5>0=7");
    assert_eq!((turn.output(), turn.actions().as_str()), (&json!(7), "Look"));
}

#[test]
fn a_monitor_waits_longer_each_time_and_looks_once_more_at_its_end() {
    // The script's episodes are a minute apart: the first look is over at 1 minute, the second at 3.
    let script = "12 0 4#0(Look) 13 12 5>0=0";
    let turn = run(MONITOR, script);
    assert_eq!(turn.answer["actions"][0][1]["fireAt"], "2031-05-04T10:02:00Z");
    let script = format!("{script} 10#1=2031-05-04T10:02:00Z 13 12 11#1 4#2(Look) 5>2=0");
    let turn = run(MONITOR, &script);
    assert_eq!(
        turn.answer["actions"][0][3]["fireAt"], "2031-05-04T10:02:30Z",
        "not at 10:04"
    );
    let script = format!("{script} 10#3=2031-05-04T10:02:30Z 13 12 11#3 4#4(Look) 13 12 5>4=0");
    let turn = run(MONITOR, &script);
    assert_eq!((turn.is_done(), turn.output()), (true, &Value::Null));
}

const SAGA: Orchestrator = |c| {
    fallible(async move {
        let done = saga(async |saga| {
            for step in ["A", "B"] {
                c.call_activity(step, ()).await?;
                let step = step.to_owned();
                saga.on_failure(|| c.call_activity("Undo", step));
            }
            c.call_activity("C", ()).await
        });
        Ok(done.await?)
    })
};

const STEPS: &str = "12 0 4#0(A) 13 12 5>0=1 4#1(B) 13 12 5>1=2 4#2(C) 13 12";

#[test]
fn a_saga_that_comes_to_its_end_undoes_nothing() {
    let turn = run(SAGA, &format!("{STEPS} 5>2=3"));
    assert_eq!((turn.output(), turn.actions().as_str()), (&json!(3), "A B C"));
}

#[test]
fn a_failed_step_undoes_those_before_it_newest_first() {
    let failed = format!("{STEPS} 6>2=boom");
    let turn = run(SAGA, &failed);
    assert_eq!(turn.answer["actions"][0][3]["input"], "\"B\"");
    let undone = format!("{failed} 4#3(Undo) 13 12 5>3=0");
    let turn = run(SAGA, &undone);
    assert_eq!(turn.answer["actions"][0][4]["input"], "\"A\"");
    let turn = run(SAGA, &format!("{undone} 4#4(Undo) 13 12 5>4=0"));
    assert_eq!(turn.failure(), "boom");
}

#[test]
fn what_cannot_be_undone_is_told_and_does_not_stop_the_rest() {
    let script = format!("{STEPS} 6>2=boom 4#3(Undo) 13 12 6>3=stuck 4#4(Undo) 13 12 5>4=0");
    let turn = run(SAGA, &script);
    assert_eq!(turn.failure(), "boom; not undone: stuck");
}
