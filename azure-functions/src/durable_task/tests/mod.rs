//! The worker against a server that a script plays, in virtual time.

mod limits;
mod reconnecting;
mod recorded;
mod refusals;
mod requests;
mod script;
mod stopping;
