//! The embedded engine, used as its clients use it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "embedded/client.rs"]
mod client;
#[path = "embedded/engine.rs"]
mod engine;
#[path = "embedded/http.rs"]
mod http;
#[path = "embedded/lifecycle.rs"]
mod lifecycle;
#[path = "embedded/readonly.rs"]
mod readonly;
