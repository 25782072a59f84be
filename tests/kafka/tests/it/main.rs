//! Clusters do what tests ask of them, and leave nothing behind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs, unreachable_pub)]

mod client;
mod ends;
mod failover;
mod large;
mod one;
mod proxied;
mod sasl_ssl;
