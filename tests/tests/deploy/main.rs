//! What an operator deploys with, checked against the real program and the schemas of what it is for, one subject a module.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod chart;
mod compose;
