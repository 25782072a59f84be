//! What lies in `deploy/` and `helm/`, held against the program and against the tools that read it, one subject a module.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod units;
