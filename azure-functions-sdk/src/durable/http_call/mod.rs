//! HTTP calls that orchestrations ask for: what is to be called, what came back, and who does it.
//!
//! The host calls as the extension does: what is no success is a result, what did not get through is a failure. Polling and
//! pauses between attempts are the engine's.

mod caller;
#[cfg(feature = "host")]
mod charset;
#[cfg(feature = "host")]
mod client;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, IgnoredAny},
};

use self::caller::without_query;
pub use self::caller::{HttpCallError, HttpCallRequest, HttpCallResponse, HttpCaller};
use super::engine::time::{parse_span, write_span};

/// No call takes longer: the extension's client gives up then.
const LONGEST: Duration = Duration::from_secs(240);

/// The caller of a host.
pub(crate) fn default_caller() -> Arc<dyn HttpCaller> {
    #[cfg(feature = "host")]
    return Arc::new(client::Client::default());
    #[cfg(not(feature = "host"))]
    Arc::new(caller::Nobody)
}

/// A request as the action has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    method: Option<Method>,
    uri: Option<String>,
    #[serde(default)]
    headers: Option<BTreeMap<String, Values>>,
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    token_source: Option<IgnoredAny>,
    #[serde(default)]
    timeout: Option<String>,
    #[serde(default)]
    retry_options: Option<RetryOptions>,
}

/// What is no string reads as GET.
struct Method(String);

impl<'de> Deserialize<'de> for Method {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Token {
            Text(String),
            Other(IgnoredAny),
        }
        Ok(match Token::deserialize(deserializer).map_err(D::Error::custom)? {
            Token::Text(text) => Self(text.to_uppercase()),
            Token::Other(_) => Self("GET".to_owned()),
        })
    }
}

/// A string, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Several(Vec<String>),
}

/// The part of the retry options that concerns one attempt.
#[derive(Deserialize)]
struct RetryOptions {
    #[serde(rename = "StatusCodesToRetry", alias = "statusCodesToRetry", default)]
    codes: Option<Vec<u16>>,
}

impl RetryOptions {
    fn asks_again(&self, status: u16) -> bool {
        match &self.codes {
            Some(codes) if !codes.is_empty() => codes.contains(&status),
            _ => !(200..300).contains(&status),
        }
    }
}

/// Makes the call that the text of an action asks for. The result is the JSON text of the response, the error what the task
/// fails with.
pub(crate) async fn make(caller: &dyn HttpCaller, request: &str) -> Result<String, String> {
    let wire: Wire =
        serde_json::from_str(request).map_err(|error| format!("the HTTP request cannot be read: {error}"))?;
    let retry = wire.retry_options;
    if wire.token_source.is_some() {
        return Err(
            "The HTTP request asks for a token of a managed identity (tokenSource), which only a host in Azure has. For this \
             host, leave the token source out and put an Authorization header into the request, for example with what \
             `az account get-access-token` prints."
                .to_owned(),
        );
    }
    let (given, timeout) = match &wire.timeout {
        None => (None, LONGEST),
        Some(text) => {
            let span = parse_span(text)
                .ok_or_else(|| format!("the HTTP request has a timeout that is no time span: '{text}'"))?;
            (Some(span), span.to_std().unwrap_or_default().min(LONGEST))
        }
    };
    let mut headers = Vec::new();
    for (name, values) in wire.headers.unwrap_or_default() {
        match values {
            Values::One(value) => headers.push((name, value)),
            Values::Several(values) => headers.extend(values.into_iter().map(|value| (name.clone(), value))),
        }
    }
    let media_type = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    match (media_type, &wire.content) {
        (Some((_, media_type)), _) if media_type.trim_start().to_ascii_lowercase().starts_with("multipart") => {
            return Err(
                "HTTP calls of orchestrations cannot have multipart content: call an activity that sends it".to_owned(),
            );
        }
        (None, Some(_)) => headers.push(("Content-Type".to_owned(), "text/plain; charset=utf-8".to_owned())),
        _ => {}
    }
    let request = HttpCallRequest {
        method: wire.method.ok_or("the HTTP request has no method")?.0,
        uri: wire.uri.ok_or("the HTTP request has no uri")?,
        headers,
        content: wire.content,
        timeout,
    };
    let what = format!("{} {}", request.method, without_query(&request.uri));
    let response = match caller.call(request).await {
        Ok(response) => response,
        Err(HttpCallError::Failed(text)) => return Err(text),
        Err(HttpCallError::TimedOut) => {
            let mut text = format!("The HTTP request {what} has timed out. ");
            match given {
                Some(span) => {
                    text.push_str("Reached user specified timeout: ");
                    write_span(span, &mut text);
                    text.push('.');
                }
                None => text.push_str(&format!(
                    "No HTTP call may take longer than {} seconds.",
                    LONGEST.as_secs()
                )),
            }
            return Err(text);
        }
    };
    if retry.is_some_and(|retry| retry.asks_again(response.status)) {
        return Err(format!("Status code {} received, retry requested.", response.status));
    }
    Ok(response_json(&response))
}

/// Headers that .NET counts to the content; the extension does not hand them on.
const CONTENT_HEADERS: [&str; 11] = [
    "allow",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-md5",
    "content-range",
    "content-type",
    "expires",
    "last-modified",
];

fn response_json(response: &HttpCallResponse) -> String {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Shown {
        One(String),
        Several(Vec<String>),
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        status_code: u16,
        headers: BTreeMap<String, Shown>,
        content: &'a str,
    }
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in &response.headers {
        if !CONTENT_HEADERS.iter().any(|content| name.eq_ignore_ascii_case(content)) {
            headers.entry(usual_case(name)).or_default().push(value.clone());
        }
    }
    let headers = headers
        .into_iter()
        .map(|(name, mut values)| match values.len() {
            1 => (name, Shown::One(values.remove(0))),
            _ => (name, Shown::Several(values)),
        })
        .collect();
    let body = Body {
        status_code: response.status,
        headers,
        content: &response.content,
    };
    // Numbers and strings have a JSON form.
    serde_json::to_string(&body).unwrap_or_default()
}

/// `Retry-After` for `retry-after`: workers of other languages look for `Location` in that case only.
fn usual_case(name: &str) -> String {
    let mut begins = true;
    name.chars()
        .map(|character| {
            let shown = if begins {
                character.to_ascii_uppercase()
            } else {
                character
            };
            begins = character == '-';
            shown
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::Pin, sync::Mutex};

    use super::*;

    /// Notes what it is asked, and answers always the same.
    #[derive(Debug)]
    struct Noted {
        requests: Mutex<Vec<HttpCallRequest>>,
        answer: Option<HttpCallResponse>,
    }

    impl Noted {
        fn new(answer: HttpCallResponse) -> Self {
            Self {
                requests: Mutex::default(),
                answer: Some(answer),
            }
        }
    }

    impl HttpCaller for Noted {
        fn call(
            &self,
            request: HttpCallRequest,
        ) -> Pin<Box<dyn Future<Output = Result<HttpCallResponse, HttpCallError>> + Send>> {
            self.requests.lock().unwrap().push(request);
            match self.answer.clone() {
                Some(answer) => Box::pin(std::future::ready(Ok(answer))),
                None => Box::pin(std::future::ready(Err(HttpCallError::TimedOut))),
            }
        }
    }

    #[tokio::test]
    async fn requests_and_responses_are_those_of_the_protocol() {
        let answer = HttpCallResponse::new(200, "hello")
            .header("content-type", "text/plain")
            .header("retry-after", "5")
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2");
        let caller = Noted::new(answer);
        let request = r#"{"method":"post","uri":"http://x/a","content":"c","headers":{"A":"1","B":["2","3"]},"retryOptions":null,
            "tokenSource":null,"asynchronousPatternEnabled":false}"#;
        assert_eq!(
            make(&caller, request).await.unwrap(),
            r#"{"statusCode":200,"headers":{"Retry-After":"5","Set-Cookie":["a=1","b=2"]},"content":"hello"}"#
        );
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            caller.requests.lock().unwrap()[..],
            [HttpCallRequest {
                method: "POST".into(),
                uri: "http://x/a".into(),
                headers: vec![
                    header("A", "1"),
                    header("B", "2"),
                    header("B", "3"),
                    header("Content-Type", "text/plain; charset=utf-8"),
                ],
                content: Some("c".into()),
                timeout: LONGEST,
            }]
        );
    }

    #[tokio::test]
    async fn what_is_no_success_is_a_result_unless_a_retry_is_asked_for_it() {
        let request = |retry: &str| format!(r#"{{"method":"GET","uri":"http://x/","retryOptions":{retry}}}"#);
        let caller = Noted::new(HttpCallResponse::new(503, ""));
        for (retry, again) in [
            ("null", false),
            ("{}", true),
            (r#"{"StatusCodesToRetry":[]}"#, true),
            (r#"{"StatusCodesToRetry":[503]}"#, true),
            (r#"{"StatusCodesToRetry":[500]}"#, false),
        ] {
            let result = make(&caller, &request(retry)).await;
            match again {
                true => assert_eq!(result.unwrap_err(), "Status code 503 received, retry requested."),
                false => assert!(result.unwrap().contains("503"), "{retry}"),
            }
        }
    }

    #[tokio::test]
    async fn requests_that_cannot_be_made_say_why() {
        let caller = Noted::new(HttpCallResponse::new(200, ""));
        for (request, why) in [
            (r#"{"uri":"http://x/"}"#, "no method"),
            (r#"{"method":"GET"}"#, "no uri"),
            ("[]", "cannot be read"),
            (r#"{"method":"GET","uri":"http://x/","timeout":"soon"}"#, "no time span"),
            (
                r#"{"method":"GET","uri":"http://x/","headers":{"content-type":"multipart/form-data"}}"#,
                "multipart",
            ),
            (
                r#"{"method":"GET","uri":"http://x/","tokenSource":{"kind":"AzureManagedIdentity","resource":"r"}}"#,
                "Authorization header",
            ),
        ] {
            let refused = make(&caller, request).await.unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
        assert!(caller.requests.lock().unwrap().is_empty());
        make(&caller, r#"{"method":5,"uri":"http://x/"}"#).await.unwrap();
        assert_eq!(caller.requests.lock().unwrap()[0].method, "GET");
    }

    #[tokio::test]
    async fn a_request_that_takes_too_long_fails_with_the_time_that_it_had() {
        let caller = Noted {
            requests: Mutex::default(),
            answer: None,
        };
        let request = r#"{"method":"GET","uri":"http://x/a?code=secret","timeout":"00:00:05"}"#;
        let failed = make(&caller, request).await.unwrap_err();
        assert!(
            failed.ends_with("Reached user specified timeout: 00:00:05."),
            "{failed}"
        );
        assert!(!failed.contains("secret"), "{failed}");
        let failed = make(&caller, r#"{"method":"GET","uri":"http://x/"}"#)
            .await
            .unwrap_err();
        assert!(failed.contains("240 seconds"), "{failed}");
    }
}
