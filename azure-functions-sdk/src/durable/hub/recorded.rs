//! An instance's whole history as a history file: what `cargo func durable get-history` prints, tests save, and
//! `cargo func replay` takes.
//!
//! It is the trigger payload of an episode in which nothing new has happened, with a line for every event.

use std::{iter, sync::Arc};

use super::{Inner, TaskHub, recovery::rebuild, request_error::RequestError};
use crate::durable::engine::episode::write_frame;

impl TaskHub {
    /// The history of an instance's current execution, complete, as the text of a history file.
    ///
    /// # Errors
    /// There is no such instance, it has not run yet, or its history cannot be read.
    pub(crate) async fn recorded_history(&self, id: &str) -> Result<String, RequestError> {
        self.inner.recorded_history(id).await
    }
}

impl Inner {
    async fn recorded_history(self: &Arc<Self>, id: &str) -> Result<String, RequestError> {
        let row = self.find(id).await?.ok_or(RequestError::NotFound)?;
        let texts = self.history(row.key).await?;
        if texts.is_empty() {
            return Err(RequestError::WrongState(format!(
                "The instance has no history yet: it is {}.",
                row.state.status.name()
            )));
        }
        let loaded = rebuild(&row.state, &texts, iter::empty())
            .map_err(|error| RequestError::Broken(format!("instance '{id}': {error}")))?;
        let instance = loaded.instance;
        let mut out = String::with_capacity(loaded.played.len() + 1024);
        out.push_str("{\"history\":[\n");
        for (index, event) in instance.history.iter().enumerate() {
            if index > 0 {
                out.push_str(",\n");
            }
            event.write_json(true, &mut out);
        }
        out.push_str("\n]");
        write_frame(&instance, &self.settings, &mut out);
        out.push('\n');
        Ok(out)
    }
}
