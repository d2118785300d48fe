//! Rows 84 to 106: the orchestration client, and the HTTP API.
