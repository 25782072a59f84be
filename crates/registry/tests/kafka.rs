//! The registry over a real Kafka broker: the races that it must decide, and what a big one costs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "kafka/harness.rs"]
mod harness;
#[path = "it/races.rs"]
mod races;
#[path = "it/size.rs"]
mod size;
