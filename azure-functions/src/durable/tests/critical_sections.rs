//! Critical sections: the locks, what may be done under them, and the form in which the host's shim understands it.

use super::{
    both_wires,
    script::{Turn, body, entity, fallible, ok, payload, payload_with_locks, run_on_json, run_payload, run_with_locks},
};
use crate::durable::{CalledKind, CriticalSection, DurableOrchestrationContext, KnownFunctions, Orchestrator};
use serde_json::{Value, json};
use std::time::Duration;

const A: &str = "@acct@a";
const B: &str = "@acct@b";

async fn both(c: &DurableOrchestrationContext) -> CriticalSection {
    c.lock([entity(B), entity(A), entity(B)]).await
}

const TRANSFER: Orchestrator = |c| {
    fallible(async move {
        let section = both(&c).await;
        let taken = section.call_entity(&entity(A), "withdraw", 5).await?;
        drop(section);
        ok(&c, "X").await;
        Ok(taken)
    })
};

const LOCKED: &str =
    "12 0 14#0(@acct@a)=lock:L[@acct@a+@acct@b] 13 12 15(L)={\"result\":\"Lock_Acquisition_Completed\"}";

#[test]
fn a_lock_is_asked_for_sorted_and_each_entity_once() {
    let turn = run_with_locks(TRANSFER, "12 0");
    let action = &turn.answer["actions"][0][0];
    assert_eq!(
        (&action["actionType"], &turn.answer["schemaVersion"]),
        (&json!(13), &json!(3))
    );
    assert_eq!(
        action["lockSet"],
        json!([{"name": "acct", "key": "a"}, {"name": "acct", "key": "b"}])
    );
    let again = run_with_locks(TRANSFER, "12 0 14#0(@acct@a)=lock:L[@acct@a+@acct@b] 13 12");
    assert_eq!(again.answer["actions"][0][0], *action, "the same in every replay");
}

/// Row 18 of the protocol's test vectors.
#[test]
fn the_release_takes_an_id_per_lock_and_is_one_action() {
    let script = format!("{LOCKED} 14#1(@acct@a)=call:Q 13 12 15(Q)={{\"result\":\"5\"}}");
    let turn = run_with_locks(TRANSFER, &script);
    assert_eq!(turn.actions(), "lock(@acct@a @acct@b) call(@acct@a) release X");
    let script = format!("{script} 14#2(@acct@a)=release 14#3(@acct@b)=release 4#4(X) 13 12 5>4=1");
    let turn = run_with_locks(TRANSFER, &script);
    assert_eq!((turn.is_done(), turn.output()), (true, &json!(5)));
}

#[test]
fn an_error_gives_the_locks_back_before_it_fails_the_instance() {
    let failing: Orchestrator = |c| {
        fallible(async move {
            let section = both(&c).await;
            section.call_entity(&entity(A), "withdraw", 5).await?;
            Ok(Value::Null)
        })
    };
    let script = format!(
        "{LOCKED} 14#1(@acct@a)=call:Q 13 12 15(Q)={{\"result\":\"\\\"broke\\\"\",\"exceptionType\":\"Error\"}}"
    );
    let turn = run_with_locks(failing, &script);
    assert!(
        turn.failure()
            .contains("operation 'withdraw' of entity '@acct@a' failed: broke")
    );
    assert_eq!(turn.actions(), "lock(@acct@a @acct@b) call(@acct@a) release");
}

#[test]
fn a_panic_in_a_section_leaves_the_locks_to_the_host() {
    let panicking: Orchestrator = |c| {
        fallible(async move {
            let _section = both(&c).await;
            panic!("oh no");
        })
    };
    let turn = run_with_locks(panicking, LOCKED);
    assert!(turn.failure().contains("oh no"));
    assert_eq!(turn.actions(), "lock(@acct@a @acct@b)");
}

#[test]
fn a_panic_behind_a_section_says_again_what_the_section_did() {
    let panicking: Orchestrator = |c| {
        fallible(async move {
            both(&c).await.release();
            ok(&c, "X").await;
            panic!("oh no");
        })
    };
    let script = format!("{LOCKED} 14#1(@acct@a)=release 14#2(@acct@b)=release 4#3(X) 13 12 5>3=1");
    let turn = run_with_locks(panicking, &script);
    assert!(turn.failure().contains("oh no"));
    assert_eq!(turn.actions(), "lock(@acct@a @acct@b) release X");
}

#[test]
fn a_section_that_is_open_at_the_end_is_the_hosts_to_release() {
    let leaving: Orchestrator = |c| {
        body(async move {
            let section = Box::leak(Box::new(both(&c).await));
            section.call_entity(&entity(A), "withdraw", 5).await.unwrap_or_default()
        })
    };
    let script = format!("{LOCKED} 14#1(@acct@a)=call:Q 13 12 15(Q)={{}}");
    let turn = run_with_locks(leaving, &script);
    assert_eq!(
        (turn.is_done(), turn.actions().as_str()),
        (true, "lock(@acct@a @acct@b) call(@acct@a)")
    );
}

#[test]
fn a_lock_that_is_given_up_while_it_is_asked_for_is_released_when_it_is_granted() {
    let impatient: Orchestrator = |c| {
        body(async move {
            let got = c.timeout(Duration::from_secs(30), both(&c)).await.is_ok();
            ok(&c, "X").await;
            json!(got)
        })
    };
    let start = "12 0 10#0=2031-05-04T10:00:30Z 14#1(@acct@a)=lock:L[@acct@a+@acct@b] 13 12 11#0 4#2(X) 13";
    let turn = run_with_relays(impatient, &format!("{start} 12 15(L)={{}}"));
    // The lock was asked for in a segment that is closed, so the shim learns from a relay that it has been granted.
    assert_eq!(turn.actions(), "any(timer lock(@acct@a @acct@b)) all(X timer)");
    let turn = run_with_relays(
        impatient,
        &format!("{start} 12 15(L)={{}} 10#3=2031-05-04T10:02:00Z 13 12 11#3 13 12 5>2=1"),
    );
    assert_eq!(turn.actions(), "any(timer lock(@acct@a @acct@b)) any(X timer) release");
    assert_eq!(turn.output(), false);
}

#[test]
fn a_call_whose_section_began_beside_other_work_waits_for_the_shim() {
    let beside: Orchestrator = |c| {
        body(async move {
            let section = async {
                let section = both(&c).await;
                section.call_entity(&entity(A), "withdraw", 5).await.unwrap_or_default()
            };
            let chain = async {
                ok(&c, "One").await;
                ok(&c, "Two").await
            };
            json!(c.join((section, chain)).await)
        })
    };
    let script = "12 0 14#0(@acct@a)=lock:L[@acct@a+@acct@b] 4#1(One) 13 12 5>1=1 4#2(Two) 13 12 15(L)={}";
    let turn = run_with_relays(beside, script);
    assert_eq!(turn.actions(), "any(lock(@acct@a @acct@b) One) all(Two timer)");
    let turn = run_with_relays(beside, &format!("{script} 10#3=2031-05-04T10:02:00Z 13 12 11#3"));
    assert_eq!(
        turn.actions(),
        "any(lock(@acct@a @acct@b) One) any(Two timer) call(@acct@a)"
    );
    // Without a shim the call is made at once.
    assert_eq!(asked_on_protobuf(beside, script), ["#3 message to @acct@a"]);
}

/// The answer that sets it off belongs to a closed segment, which cannot be closed on it again.
#[test]
fn a_call_that_something_older_sets_off_waits_for_the_call_before_it() {
    let older: Orchestrator = |c| {
        fallible(async move {
            let older = c.call_activity("X", ());
            let section = both(&c).await;
            section.call_entity(&entity(A), "withdraw", 5).await?;
            older.await?;
            Ok(section.call_entity(&entity(A), "withdraw", 6).await?)
        })
    };
    let script = "12 0 4#0(X) 14#1(@acct@a)=lock:L[@acct@a+@acct@b] 13 12 15(L)={} 14#2(@acct@a)=call:Q1 13 12 15(Q1)={} 13 12 5>0=1";
    assert_eq!(
        run_with_locks(older, script).actions(),
        "any(X lock(@acct@a @acct@b)) call(@acct@a) call(@acct@a)"
    );
}

#[test]
fn a_release_that_something_older_sets_off_waits_for_the_call_before_it() {
    let older: Orchestrator = |c| {
        fallible(async move {
            let older = c.call_activity("X", ());
            let section = both(&c).await;
            section.call_entity(&entity(A), "withdraw", 5).await?;
            older.await?;
            section.release();
            Ok(c.call_activity("Y", ()).await?)
        })
    };
    let script = "12 0 4#0(X) 14#1(@acct@a)=lock:L[@acct@a+@acct@b] 13 12 15(L)={} 14#2(@acct@a)=call:Q1 13 12 15(Q1)={} 13 12 5>0=1";
    assert_eq!(
        run_with_locks(older, script).actions(),
        "any(X lock(@acct@a @acct@b)) call(@acct@a) release Y"
    );
}

#[test]
fn a_call_that_something_older_sets_off_waits_for_the_relay_of_the_grant() {
    let older: Orchestrator = |c| {
        body(async move {
            let older = c.call_activity("X", ());
            let section = async {
                let section = both(&c).await;
                older.await.unwrap_or_default();
                section.call_entity(&entity(A), "withdraw", 5).await.unwrap_or_default()
            };
            let chain = async {
                ok(&c, "One").await;
                ok(&c, "Two").await
            };
            json!(c.join((section, chain)).await)
        })
    };
    let script = "12 0 4#0(X) 14#1(@acct@a)=lock:L[@acct@a+@acct@b] 4#2(One) 13 12 5>2=1 4#3(Two) 13 \
                  12 15(L)={} 10#4=2031-05-04T10:02:00Z 13 12 11#4 13 12 5>0=1";
    assert_eq!(
        run_with_relays(older, script).actions(),
        "any(X lock(@acct@a @acct@b) One) any(Two timer) call(@acct@a)"
    );
}

#[test]
fn two_chains_of_calls_to_two_locked_entities_run_side_by_side() {
    let chains: Orchestrator = |c| {
        body(async move {
            let section = both(&c).await;
            let chain = |id: &'static str| {
                let section = &section;
                async move {
                    for n in 0..2 {
                        section.call_entity(&entity(id), "add", n).await.unwrap();
                    }
                }
            };
            c.join((chain(A), chain(B))).await;
            Value::Null
        })
    };
    let script = format!(
        "{LOCKED} 14#1(@acct@a)=call:Q1 14#2(@acct@b)=call:Q2 13 12 15(Q1)={{}} 14#3(@acct@a)=call:Q3 13 12 15(Q2)={{}}"
    );
    let turn = run_with_relays(chains, &script);
    let before = "lock(@acct@a @acct@b) any(call(@acct@a) call(@acct@b))";
    assert_eq!(turn.actions(), format!("{before} all(call(@acct@a) timer)"));
    let turn = run_with_relays(chains, &format!("{script} 10#4=2031-05-04T10:03:00Z 13 12 11#4"));
    assert_eq!(
        turn.actions(),
        format!("{before} any(call(@acct@a) timer) call(@acct@b)")
    );
}

/// Runs an orchestration where a timer stands between answer and action, as only the JSON wire's shim needs it.
fn run_with_relays(orchestrator: Orchestrator, script: &str) -> Turn {
    run_on_json(orchestrator, &payload_with_locks(script), &KnownFunctions::any())
}

fn asked_on_protobuf(orchestrator: Orchestrator, script: &str) -> Vec<String> {
    both_wires::asked_on_protobuf(orchestrator, &payload_with_locks(script), &KnownFunctions::any())
}

/// The orchestration is refused, with what the page of misuses promises and the line.
#[track_caller]
fn refused(script: &str, said: &[&str], orchestrator: Orchestrator) {
    let turn = run_with_relays(orchestrator, script);
    let failure = turn.failure();
    for said in said.iter().chain(&["critical_sections.rs:"]) {
        assert!(failure.contains(said), "{failure}");
    }
}

#[test]
fn locks_within_locks() {
    let said = "Name all entities in one `context.lock(..)`";
    refused(LOCKED, &["name all entities in one `context.lock(..)`"], |c| {
        body(async move {
            let _section = both(&c).await;
            let _again = c.lock([entity(A)]).await;
            Value::Null
        })
    });
    refused("12 0", &[said, "while it waits for others"], |c| {
        body(async move {
            let _first = c.lock([entity(A)]);
            let _second = c.lock([entity(B)]);
            Value::Null
        })
    });
}

#[test]
fn a_call_outside_the_locks() {
    refused(LOCKED, &["Name it in `context.lock(..)` too", "'@acct@c'"], |c| {
        body(async move {
            let _section = both(&c).await;
            let other = c.call_entity(&entity("@acct@c"), "x", ());
            other.await.unwrap_or_default()
        })
    });
}

#[test]
fn two_calls_at_once_to_a_locked_entity() {
    refused(
        LOCKED,
        &["Await the calls to one entity one after the other", "'@acct@a'"],
        |c| {
            body(async move {
                let section = both(&c).await;
                let _one = section.call_entity(&entity(A), "x", ());
                let _two = section.call_entity(&entity(A), "x", ());
                Value::Null
            })
        },
    );
}

#[test]
fn a_signal_to_a_locked_entity() {
    refused(LOCKED, &["Call it instead", "'@acct@a'"], |c| {
        body(async move {
            let _section = both(&c).await;
            let _sent = c.signal_entity(&entity(A), "x", ());
            Value::Null
        })
    });
}

#[test]
fn a_sub_orchestration_under_locks() {
    refused(
        LOCKED,
        &["Call it before the lock, or after the guard is dropped"],
        |c| {
            body(async move {
                let _section = both(&c).await;
                let child = c.call_sub_orchestrator("Child", None, ());
                child.await.unwrap_or_default()
            })
        },
    );
}

#[test]
fn a_lock_of_nothing() {
    refused("12 0", &["Give `context.lock(..)` at least one"], |c| {
        body(async move {
            let _section = c.lock([] as [azure_functions_durable::EntityId; 0]).await;
            Value::Null
        })
    });
}

#[test]
fn a_signal_to_another_entity_and_activities_are_free_under_locks() {
    let turn = run_with_locks(
        |c| {
            body(async move {
                let _section = both(&c).await;
                c.signal_entity(&entity("@audit@all"), "log", ()).unwrap();
                ok(&c, "X").await
            })
        },
        LOCKED,
    );
    assert_eq!(turn.actions(), "lock(@acct@a @acct@b) signal(@audit@all) X");
}

#[test]
fn a_host_that_knows_no_locks_is_told_which_version_does() {
    let turn = run_on_json(TRANSFER, &payload("12 0", &Value::Null), &KnownFunctions::any());
    assert!(
        turn.failure()
            .contains("version 3.13.0 or newer of the Durable Task extension"),
        "{}",
        turn.failure()
    );
    assert_eq!(turn.actions(), "");
}

#[test]
fn a_lock_of_an_entity_that_the_app_does_not_have_is_refused_with_its_name() {
    let mut payload = payload("12 0", &Value::Null);
    payload["upperSchemaVersionNew"] = json!(3);
    let known = KnownFunctions::new([(CalledKind::Entity, "other".to_owned())]);
    let turn = run_payload(TRANSFER, &payload, &known);
    assert!(
        turn.failure().contains("this app does not have (here '@acct@b')"),
        "{}",
        turn.failure()
    );
}

#[test]
fn a_retried_sub_orchestration_must_not_begin_anew_in_a_section() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let options = crate::durable::RetryOptions::new(Duration::from_secs(1), 3);
            let child = c.call_sub_orchestrator_with_retry("Child", None, options, ());
            let _section = both(&c).await;
            child.await.unwrap_or_default()
        })
    };
    let turn = run_with_locks(
        orchestrator,
        "12 0 7#0(Child) 14#1(@acct@a)=lock:L[@acct@a+@acct@b] 13 12 9>0=boom 10#2=2031-05-04T10:01:01Z 13 12 15(L)={} 13 12 11#2",
    );
    assert!(
        turn.failure().contains("sub-orchestration while it holds locks"),
        "{}",
        turn.failure()
    );
}
