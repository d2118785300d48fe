//! What the product promises, row by row: `rows.md` numbers it, and a test that shows row 62 is named `row_062_…`, wherever
//! in the workspace it stands. Here are those that have no better home, and the check that none is missing.

mod clients;
mod entities;
mod orchestrations;
mod rows;
