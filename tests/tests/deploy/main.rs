//! What an operator is given beside the program: pages, units, containers, chart, rules and dashboards, each held against the real
//! program and the real tools.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod pages;
