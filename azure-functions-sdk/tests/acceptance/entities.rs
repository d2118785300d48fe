//! Rows 121 to 131: entities.
