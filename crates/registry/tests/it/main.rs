//! The registry over the real embedded log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod commands;
mod harness;
mod keys;
mod model;
mod onboard;
mod races;
mod size;
