//! R6-R10: telling an instance something.

use http::{StatusCode, header};
use serde_json::json;

use super::{
    Answer, Call,
    response::{empty, error, json as json_response},
};
use crate::durable::hub::request_error::RequestError;

impl Call<'_> {
    /// Checked in this order: the instance exists, has not ended, the media type, the JSON.
    pub(super) async fn raise_event(&self, id: &str, event: &str) -> Answer {
        let status = self.hub.status(id).await?;
        if status.is_terminal() {
            return Err(RequestError::Ended(status));
        }
        let media_type = self
            .request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let media_type = media_type
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default()
            .trim();
        if !media_type.eq_ignore_ascii_case("application/json") {
            return Ok(error(
                StatusCode::BAD_REQUEST,
                "Only application/json request content is supported",
                None,
            ));
        }
        let input = self.json_body()?.to_owned();
        self.hub.raise_event(id, event.to_owned(), input).await?;
        Ok(empty(StatusCode::ACCEPTED))
    }

    pub(super) async fn terminate(&self, id: &str) -> Answer {
        let recursive = self.query.flag("recursive").unwrap_or(false);
        Ok(match self.hub.terminate(id, self.reason(), recursive).await? {
            Some(0) => empty(StatusCode::ACCEPTED),
            // A body of ours; the extension has none. Null: it is not known.
            running => json_response(StatusCode::ACCEPTED, &json!({ "runningSubOrchestrations": running })),
        })
    }

    pub(super) async fn suspend(&self, id: &str) -> Answer {
        self.hub.suspend(id, self.reason()).await?;
        Ok(empty(StatusCode::ACCEPTED))
    }

    pub(super) async fn resume(&self, id: &str) -> Answer {
        self.hub.resume(id, self.reason()).await?;
        Ok(empty(StatusCode::ACCEPTED))
    }

    pub(super) async fn rewind(&self, id: &str) -> Answer {
        match self.hub.rewind(id, &self.reason()).await {
            Ok(()) => Ok(empty(StatusCode::ACCEPTED)),
            Err(RequestError::NotFound) => Ok(json_response(
                StatusCode::NOT_FOUND,
                // The dollar sign is the extension's.
                &format!("No orchestration with instance ID \"${id}\" found."),
            )),
            Err(error) => Err(error),
        }
    }

    fn reason(&self) -> String {
        self.query.text("reason").unwrap_or_default().to_owned()
    }
}
