//! The API over HTTP, with the real engine, the real log and the roles before it in the same process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::float_cmp)]

mod adoption;
mod audit;
mod audit_log;
mod harness;
mod held_database;
mod import;
mod isolation;
mod ledger;
mod limits;
mod mails;
mod operator;
mod problems;
mod raw;
mod server;
mod tenant;
