//! R12-R15: reading, listing and signalling entities.

use chrono::{DateTime, SecondsFormat, Utc};
use http::{StatusCode, header};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    Answer, Call,
    list::{Position, page, page_size},
    response::{empty, error, raw_json},
    status::value,
};
use crate::durable::{
    engine::{entity::EntityId, event::json_string},
    hub::request_error::RequestError,
    store::{EntityQuery, EntityRow, Micros},
};

/// An entity in a listing.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    entity_id: EntityId,
    last_operation_time: String,
    /// Null unless the states were asked for.
    state: Box<RawValue>,
}

impl Call<'_> {
    /// In a URL, `$` stands for the empty key, which it cannot carry; on reading only.
    pub(super) async fn read_entity(&self, name: &str, key: &str) -> Answer {
        let id = entity_id(name, if key == "$" { "" } else { key })?;
        let row = self.hub.entity(&id).await?;
        let row = row.filter(|row| row.exists).ok_or(RequestError::NotFound)?;
        Ok(raw_json(StatusCode::OK, value(row.state.as_deref()).get().to_owned()))
    }

    pub(super) async fn list_entities(&self, name: Option<&str>) -> Answer {
        let micros = |time: Option<DateTime<Utc>>| time.map(|time| time.timestamp_micros());
        let top = page_size(&self.query)?;
        let mut query = EntityQuery {
            name: name.map(str::to_lowercase),
            updated_from: micros(self.query.time("lastoperationtimefrom")?),
            updated_to: micros(self.query.time("lastoperationtimeto")?),
            with_state: self.query.flag("fetchstate").unwrap_or(false),
            limit: top.max(1),
            after: None,
        };
        match Position::read(self.request.headers(), after) {
            Position::First => {}
            Position::After(id) => query.after = Some(id),
            Position::Nowhere => return Ok(page(&[(); 0], None)),
        }
        let after = query.after.clone();
        let found = self.hub.entities(query).await?;
        let next = match (top, found.entities.is_empty()) {
            // A page of nothing ends where it began; every id is behind this one.
            (0, false) => after.or(Some("@".to_owned())),
            _ => found.next,
        };
        let body: Vec<Listed> = found.entities.iter().take(top).map(listed).collect();
        Ok(page(&body, next.map(|next| hexadecimal(&next))))
    }

    pub(super) async fn signal_entity(&self, name: &str, key: &str, operation: Option<&str>) -> Answer {
        let id = entity_id(name, key)?;
        let operation = operation.or_else(|| self.query.text("op")).unwrap_or_default();
        let body = self.request.body();
        let media_type = self.request.headers().get(header::CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        let input = if body.is_empty() {
            None
        } else if media_type.eq_ignore_ascii_case("application/json") {
            match self.json_body() {
                Ok(text) => Some(text.to_owned()),
                Err(RequestError::InvalidJson(reason)) => {
                    let text = format!("Could not parse JSON content: {reason}");
                    return Ok(error(StatusCode::BAD_REQUEST, &text, None));
                }
                Err(other) => return Err(other),
            }
        } else {
            Some(json_string(&String::from_utf8_lossy(body)))
        };
        match self
            .hub
            .signal_entity(id, operation.to_owned(), input, self.trace())
            .await
        {
            Ok(()) => Ok(empty(StatusCode::ACCEPTED)),
            Err(RequestError::UnknownFunction(text)) => Ok(error(StatusCode::BAD_REQUEST, &text, None)),
            Err(other) => Err(other),
        }
    }
}

fn entity_id(name: &str, key: &str) -> Result<EntityId, RequestError> {
    EntityId::new(name, key).map_err(RequestError::InvalidEntity)
}

fn listed(row: &EntityRow) -> Listed {
    // One whose id is none is an entry all the same, not the end of the list.
    let entity_id = EntityId::parse(&row.id).unwrap_or_else(|_| EntityId {
        name: row.id.clone(),
        key: String::new(),
    });
    Listed {
        entity_id,
        last_operation_time: full_precision(row.updated),
        state: value(row.state.as_deref()),
    }
}

fn full_precision(time: Micros) -> String {
    let time = DateTime::from_timestamp_micros(time).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn hexadecimal(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The id that a token stands for.
fn after(token: &str) -> Option<String> {
    let (pairs, []) = token.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let bytes: Option<Vec<u8>> = pairs
        .iter()
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    let id = String::from_utf8(bytes?).ok()?;
    id.starts_with('@').then_some(id)
}
