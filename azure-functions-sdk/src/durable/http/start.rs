//! R1 start, R11 restart, and waiting for the end.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    Answer, Call,
    response::{bad_argument, error as refused, json, poll_at, raw_json},
    status::{Shown, status_body, value},
};
use crate::durable::{
    engine::runtime_status::RuntimeStatus,
    hub::{request_error::RequestError, requests::Start},
    json::check,
};

/// What is encoded in the path of a management URL: the extension encodes as forms do, and a blank becomes a plus.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'*')
    .remove(b'(')
    .remove(b')')
    .remove(b' ');
/// No HTTP client waits longer, and a wait that never ends would hold memory.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);
/// Seconds until a client should look again.
const RETRY_AFTER: u32 = 10;

impl Call<'_> {
    pub(super) async fn start(&self, function: &str, instance: Option<&str>) -> Answer {
        let input = match self.request.body().is_empty() {
            true => None,
            false => Some(self.json_body()?.to_owned()),
        };
        let start = Start {
            instance_id: instance.map(str::to_owned),
            input,
            version: self.query.text("version").map(str::to_owned),
            trace: self.trace(),
            ..Start::new(function)
        };
        let id = self.hub.start(start).await?;
        self.started(&id).await
    }

    pub(super) async fn restart(&self, id: &str) -> Answer {
        let new_instance = self.query.flag("restartwithnewinstanceid").unwrap_or(true);
        match self.hub.restart(id, new_instance).await {
            Ok(id) => self.started(&id).await,
            Err(RequestError::NotFound) => Ok(bad_argument(
                "InstanceId does not match a valid orchestration instance.",
            )),
            Err(error @ RequestError::InUse(_)) => Ok(refused(
                StatusCode::CONFLICT,
                "A non-terminal instance with this instance ID already exists.",
                Some(&error.to_string()),
            )),
            Err(error) => Err(error),
        }
    }

    /// The body as JSON text.
    pub(super) fn json_body(&self) -> Result<&str, RequestError> {
        let body: &[u8] = self.request.body();
        // A byte order mark in front is what some editors leave in files that people post.
        let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        let text = std::str::from_utf8(body).map_err(|error| RequestError::InvalidJson(error.to_string()))?;
        check(text).map_err(|error| RequestError::InvalidJson(error.to_string()))?;
        Ok(text.trim())
    }

    async fn started(&self, id: &str) -> Answer {
        let timeout = self.query.seconds("timeout");
        let interval = self.query.seconds("pollinginterval");
        let (Some(timeout), Some(interval)) = (timeout, interval) else {
            return Ok(self.check_status(id));
        };
        if interval > timeout {
            return Ok(bad_argument("Total timeout should be bigger than retry timeout"));
        }
        let Some(state) = self.hub.wait_for_end(id, timeout.min(LONGEST_WAIT)).await? else {
            return Ok(self.check_status(id));
        };
        if state.status == RuntimeStatus::Completed {
            return Ok(raw_json(
                StatusCode::OK,
                value(state.output.as_deref()).get().to_owned(),
            ));
        }
        let row = self.hub.find(id).await?.ok_or(RequestError::NotFound)?;
        // 200 also for one that failed: `returnInternalServerErrorOnFailure` concerns the status, not the start.
        Ok(json(
            StatusCode::OK,
            &status_body(
                &row,
                Shown {
                    input: true,
                    history: None,
                },
            ),
        ))
    }

    /// The 202 that tells where to look.
    fn check_status(&self, id: &str) -> Response<Bytes> {
        let in_path = utf8_percent_encode(id, SEGMENT).to_string().replace(' ', "+");
        let mut urls = self.urls().management(id, &in_path, false);
        if self.query.flag("returninternalservererroronfailure").unwrap_or(false) {
            urls.status_query_get_uri
                .push_str("&returnInternalServerErrorOnFailure=true");
        }
        let response = json(StatusCode::ACCEPTED, &urls);
        poll_at(response, &urls.status_query_get_uri, RETRY_AFTER)
    }
}
