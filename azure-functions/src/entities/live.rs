//! The state as a value, from one operation of a batch to the next, so that a batch reads it once.
//!
//! The text stays what counts: each operation that changes the state writes it, which is what the next one is rolled back to if it
//! fails. A value is good for one text, known by its address, and for no other that says the same.

use std::{any::Any, fmt, sync::Arc};

/// The value of a text that is kept beside it, and so cannot give its address to another.
pub(crate) struct Live {
    text: Arc<str>,
    value: Box<dyn Any + Send>,
}

impl Live {
    pub(crate) fn new<E: Send + 'static>(text: Arc<str>, value: E) -> Self {
        Self {
            text,
            value: Box::new(value),
        }
    }

    /// The value, if it is that of this text.
    pub(crate) fn into_value_of<E: 'static>(self, text: &Arc<str>) -> Option<E> {
        let value = Arc::ptr_eq(&self.text, text).then_some(self.value)?;
        value.downcast().ok().map(|value| *value)
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the state: it may be a secret.
        f.debug_struct("Live").finish_non_exhaustive()
    }
}
