//! An app with options: a binary of its own, since its functions take states, which every test host of the binary must give.

mod config;
mod layers;
mod records;
mod state;
mod traces;
mod wire;
