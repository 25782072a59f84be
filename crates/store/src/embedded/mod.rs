//! ClickHouse inside this process: `libchdb.so` loaded at run time behind a loopback HTTP endpoint.
//!
//! The way of a request: `endpoint` (who asks, what, with which settings) → `statement` (where an INSERT ends and its data
//! begins) → `engine` (a connection of its own) → `library` (the C interface) → `endpoint::answer` (chunks back to the client).
//!
//! Invariants: `library` is the only module with unsafe code; the listener is on loopback only and every request carries a token;
//! data of an INSERT always goes through the engine's insert stream, and only when all of it has arrived.

mod config;
mod endpoint;
mod engine;
mod exception;
mod library;
mod readonly;
mod service;
mod statement;

pub use config::{EmbeddedConfig, EmbeddedError, READONLY_USER, Readonly, USER, find_library};
pub use service::Embedded;
