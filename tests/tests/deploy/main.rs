//! What operators deploy with, below `deploy/` and `helm/`: checked by the tools that read it, and against what the program has.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod metric_names;
mod rules;
mod runbook;
