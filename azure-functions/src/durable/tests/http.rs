//! Durable HTTP calls: plain requests on the wire; polls and further attempts are actions of ours.

use super::script::{body, fallible, payload, run, run_payload};
use crate::durable::{
    CallError, DurableHttpRequest, KnownFunctions, ManagedIdentity, OrchestrationOutput, Orchestrator, RetryOptions,
};
use serde_json::{Value, json};
use std::time::Duration;

const JOB: &str = "https://example.org/a/jobs?sig=secret";

const POST: Orchestrator = |c| {
    fallible(async move {
        let request = DurableHttpRequest::post(JOB)
            .header("X-Functions-Key", "k")
            .header("X-Trace", "1")
            .json(&json!({"n": 1}));
        let answer = c.call_http(request).await?;
        Ok(json!([answer.status(), answer.text(), answer.header("x-kind")]))
    })
};

fn actions(orchestrator: Orchestrator, script: &str) -> Vec<Value> {
    run(orchestrator, script).answer["actions"][0]
        .as_array()
        .unwrap()
        .clone()
}

#[test]
fn the_host_is_asked_for_one_plain_request() {
    let request = actions(POST, "12 0")[0].clone();
    let expected = json!({"actionType": 8, "httpRequest": {
        "method": "POST", "uri": JOB, "content": "{\"n\":1}", "asynchronousPatternEnabled": false,
        "headers": {"X-Functions-Key": "k", "X-Trace": "1", "Content-Type": "application/json"},
    }});
    assert_eq!(request, expected);
    let all: Orchestrator = |c| {
        body(async move {
            let identity = ManagedIdentity::new("https://management.core.windows.net").tenant_id("t");
            let request = DurableHttpRequest::get(JOB)
                .header("Accept", "a")
                .header("accept", "b")
                .timeout(Duration::from_millis(90_061_500))
                .managed_identity(identity);
            let _ = c.call_http(request).await;
            Value::Null
        })
    };
    let request = actions(all, "12 0")[0]["httpRequest"].clone();
    assert_eq!(request["timeout"], "1.01:01:01.5000000");
    assert_eq!(request["headers"], json!({"Accept": ["a", "b"]}));
    let source = json!({"kind": "AzureManagedIdentity", "resource": "https://management.core.windows.net", "options": {"tenantid": "t"}});
    assert_eq!(request["tokenSource"], source);
}

#[test]
fn an_answer_is_the_result_whatever_its_status() {
    let script = |answer| format!("12 0 4#0(BuiltIn::HttpActivity) 13 12 5>0={answer}");
    let turn = run(
        POST,
        &script(r#"{"statusCode":404,"headers":{"X-Kind":["a","b"]},"content":"none"}"#),
    );
    assert_eq!(turn.output(), &json!([404, "none", "a"]));
    let turn = run(POST, &script(r#"{"statusCode":204,"headers":null,"content":null}"#));
    assert_eq!(turn.output(), &json!([204, "", null]));
    let turn = run(POST, &script("[]"));
    assert!(turn.failure().contains("cannot be read"), "{}", turn.failure());
}

#[test]
fn a_request_without_an_answer_is_an_error() {
    let turn = run(POST, "12 0 4#0(BuiltIn::HttpActivity) 13 12 6>0=no_route_to_host");
    assert_eq!(turn.failure(), "no route to host");
}

#[test]
fn an_answer_of_202_is_asked_again_where_and_when_it_says() {
    let accepted = r#"12 0 4#0(BuiltIn::HttpActivity) 13 12 5>0={"statusCode":202,"headers":{"location":"../status/7","retry-after":"90"}}"#;
    let timer = actions(POST, accepted)[1].clone();
    assert_eq!(
        timer,
        json!({"actionType": 5, "fireAt": "2031-05-04T10:02:30Z", "isCanceled": false})
    );
    let asked = format!("{accepted} 10#1=2031-05-04T10:02:30Z 13 12 11#1");
    let request = actions(POST, &asked)[2]["httpRequest"].clone();
    let expected = json!({"method": "GET", "uri": "https://example.org/status/7", "asynchronousPatternEnabled": false, "headers": {"X-Trace": "1"}});
    assert_eq!(request, expected);
    let done = format!("{asked} 4#2(BuiltIn::HttpActivity) 13 12 5>2={{\"statusCode\":200,\"content\":\"done\"}}");
    assert_eq!(run(POST, &done).output(), &json!([200, "done", null]));
}

#[test]
fn without_a_retry_after_the_hosts_own_delay_counts() {
    let accepted = r#"12 0 4#0(BuiltIn::HttpActivity) 13 12 5>0={"statusCode":202,"headers":{"Location":"https://example.org/s"}}"#;
    assert_eq!(actions(POST, accepted)[1]["fireAt"], "2031-05-04T10:01:30Z");
    let mut other = payload(accepted, &Value::Null);
    other["defaultHttpAsyncRequestSleepTimeMillseconds"] = json!(5_000);
    let turn = run_payload(POST, &other, &KnownFunctions::any());
    assert_eq!(turn.answer["actions"][0][1]["fireAt"], "2031-05-04T10:01:05Z");
}

/// The delay is a setting of the host: raising it is no change of the code.
#[test]
fn a_delay_of_the_host_that_was_raised_or_lowered_since_leaves_recorded_polls_as_they_are() {
    let polled = r#"12 0 4#0(BuiltIn::HttpActivity) 13 12 5>0={"statusCode":202,"headers":{"Location":"/s"}} 10#1=2031-05-04T10:01:30Z 13 12 11>1 4#2(BuiltIn::HttpActivity) 13 12 5>2={"statusCode":200,"content":"done"}"#;
    for delay in [1_000, 30_000, 300_000, 2_000_000_000] {
        let mut payload = payload(polled, &Value::Null);
        payload["defaultHttpAsyncRequestSleepTimeMillseconds"] = json!(delay);
        let turn = run_payload(POST, &payload, &KnownFunctions::any());
        assert_eq!(turn.nondeterminism, None, "{delay}");
        assert_eq!(turn.output(), &json!([200, "done", null]), "{delay}");
    }
}

#[test]
fn a_202_with_an_empty_location_is_the_result() {
    for place in ["", " ", "\\t"] {
        let answer = format!(r#"{{"statusCode":202,"headers":{{"Location":"{place}"}},"content":"later"}}"#);
        let mut payload = payload("12 0 4#0(BuiltIn::HttpActivity) 13 12 5>0=x", &Value::Null);
        payload["history"][5]["Result"] = json!(answer);
        let turn = run_payload(POST, &payload, &KnownFunctions::any());
        assert_eq!(turn.output(), &json!([202, "later", null]), "{place:?}");
    }
}

#[test]
fn the_token_of_a_managed_identity_stays_with_the_origin_that_was_asked() {
    let request: Orchestrator = |c| {
        fallible(async move {
            let request = DurableHttpRequest::get(JOB).managed_identity(ManagedIdentity::new("https://example.org"));
            Ok(c.call_http(request).await?.status().into())
        })
    };
    for (place, goes_along) in [
        ("/s", true),
        ("https://example.org/s", true),
        ("https://elsewhere.org/s", false),
        ("http://example.org/s", false),
        ("https://example.org:8443/s", false),
    ] {
        let script = format!(
            r#"12 0 4#0(BuiltIn::HttpActivity) 13 12 5>0={{"statusCode":202,"headers":{{"Location":"{place}"}}}} 10#1 13 12 11>1"#
        );
        let poll = actions(request, &script)[2]["httpRequest"].clone();
        assert_eq!(poll.get("tokenSource").is_some(), goes_along, "{place}: {poll}");
    }
}

#[test]
fn a_202_that_does_not_say_where_or_is_not_to_be_polled_is_the_result() {
    let turn = run(
        POST,
        r#"12 0 4#0(BuiltIn::HttpActivity) 13 12 5>0={"statusCode":202,"headers":{}}"#,
    );
    assert_eq!(turn.output()[0], 202);
    let once: Orchestrator = |c| {
        fallible(async move {
            let answer = c.call_http(DurableHttpRequest::get(JOB).without_polling()).await?;
            Ok(answer.status().into())
        })
    };
    let turn = run(
        once,
        r#"12 0 4#0(BuiltIn::HttpActivity) 13 12 5>0={"statusCode":202,"headers":{"Location":"/x"}}"#,
    );
    assert_eq!(turn.output(), 202);
}

#[test]
fn who_asks_is_not_told_to_a_stranger() {
    let request: Orchestrator = |c| {
        fallible(async move {
            let request = DurableHttpRequest::get(JOB)
                .header("Authorization", "Bearer x")
                .header("Accept", "a");
            Ok(c.call_http(request).await?.status().into())
        })
    };
    for (place, headers) in [
        (
            "https://example.org/s",
            json!({"Authorization": "Bearer x", "Accept": "a"}),
        ),
        ("https://elsewhere.org/s", json!({"Accept": "a"})),
    ] {
        let script = format!(
            "12 0 4#0(BuiltIn::HttpActivity) 13 12 5>0={{\"statusCode\":202,\"headers\":{{\"Location\":\"{place}\",\"Retry-After\":\"0\"}}}} \
             10#1=2031-05-04T10:01:00Z 13 12 11#1"
        );
        assert_eq!(actions(request, &script)[2]["httpRequest"]["headers"], headers);
    }
}

fn retrying(c: crate::bindings::DurableOrchestrationContext) -> crate::durable::OrchestratorFuture {
    fallible(async move {
        let options = RetryOptions::new(Duration::from_secs(60), 2).retry_if(|e| !e.message().contains("fatal"));
        let request = DurableHttpRequest::get(JOB).retry(&options).retry_statuses([503]);
        let answer = c.call_http(request).await;
        Ok(match answer {
            Ok(answer) => answer.status().into(),
            Err(error) => json!(matches!(error, CallError::Http(_))),
        })
    })
}

#[test]
fn failures_and_the_statuses_that_were_named_are_tried_again() {
    let start = "12 0 4#0(BuiltIn::HttpActivity) 13 12";
    for failure in ["6>0=reset", r#"5>0={"statusCode":503}"#] {
        let script = format!("{start} {failure}");
        assert_eq!(run(retrying, &script).actions(), "http timer", "{failure}");
        let script = format!("{script} 10#1=2031-05-04T10:02:00Z 13 12 11#1");
        assert_eq!(run(retrying, &script).actions(), "http timer http");
        let script = format!("{script} 4#2(BuiltIn::HttpActivity) 13 12");
        let turn = run(retrying, &format!("{script} 5>2={{\"statusCode\":503}}"));
        assert_eq!(turn.output(), 503, "no attempt is left");
        assert_eq!(run(retrying, &format!("{script} 6>2=reset")).output(), true);
    }
    assert_eq!(
        run(retrying, &format!("{start} 5>0={{\"statusCode\":500}}")).output(),
        500
    );
    assert_eq!(run(retrying, &format!("{start} 6>0=fatal")).output(), true);
}

#[test]
fn dropping_the_call_cancels_its_timer() {
    let orchestrator: Orchestrator = |c| {
        body(async move {
            let call = c.call_http(DurableHttpRequest::get(JOB));
            let _ = c.timeout(Duration::from_secs(60), call).await;
            Value::Null
        })
    };
    let script = r#"12 0 4#0(BuiltIn::HttpActivity) 10#1=2031-05-04T10:01:00Z 13 12 5>0={"statusCode":202,"headers":{"Location":"/x"}} 10#2=2031-05-04T10:01:30Z 13 12 11#1"#;
    let turn = run(orchestrator, script);
    assert_eq!(
        (turn.is_done(), turn.actions().as_str()),
        (true, "any(http timer) timer!")
    );
}

#[test]
fn a_request_that_cannot_be_made_is_refused_before_it_takes_an_id() {
    fn refusal(request: DurableHttpRequest) -> String {
        thread_local!(static REQUEST: std::cell::RefCell<Option<DurableHttpRequest>> = const { std::cell::RefCell::new(None) });
        REQUEST.set(Some(request));
        let turn = run(
            |c| {
                Box::pin(async move {
                    let request = REQUEST.take().unwrap();
                    c.call_http(request).await?;
                    Ok(OrchestrationOutput::from(()))
                })
            },
            "12 0",
        );
        assert_eq!(turn.actions(), "");
        turn.failure().to_owned()
    }
    for (request, said) in [
        (
            DurableHttpRequest::get("/relative?code=key"),
            "its address `/relative` is not absolute: relative URL without a base",
        ),
        (
            DurableHttpRequest::get("https://me:pass@example.org:port/jobs#x"),
            "its address `https://example.org:port/jobs` cannot be read: invalid port number",
        ),
        (
            DurableHttpRequest::get("https://me:pa?ss@example.org"),
            "its address `https://...` cannot be read",
        ),
        (
            DurableHttpRequest::get("ftp://example.org"),
            "`ftp` is not `http` or `https`",
        ),
        (DurableHttpRequest::new("G T", JOB), "`G T` is no method"),
        (
            DurableHttpRequest::get(JOB).header("a b", ""),
            "`a b` is no name of a header",
        ),
        (
            DurableHttpRequest::get(JOB).header("a", "\n"),
            "the value of the header `a`",
        ),
    ] {
        let failure = refusal(request);
        assert!(failure.contains(said), "{failure}");
    }
}

#[test]
fn a_recorded_request_is_told_from_an_activity() {
    let turn = run(POST, "12 0 4#0(pay) 13 12");
    let report = turn.nondeterminism.unwrap();
    assert!(report.contains("activity 'pay'"), "{report}");
    assert!(
        report.contains("an HTTP request (POST https://example.org/a/jobs)"),
        "{report}"
    );
    let turn = run(
        |c| body(async move { c.call_activity("pay", ()).await.unwrap_or_default() }),
        "12 0 4#0(BuiltIn::HttpActivity) 13 12",
    );
    assert!(turn.nondeterminism.unwrap().contains("an HTTP request"));
    let panicked = run(
        |_| fallible(async { panic!("x") }),
        "12 0 4#0(BuiltIn::HttpActivity) 13 12",
    );
    assert_eq!(panicked.actions(), "any(http noop)");
}
