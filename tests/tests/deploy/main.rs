//! What an operator is given beside the program: pages, rules, dashboards, units, containers, chart, each held against the real program
//! and the real tools.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod chart;
mod compose;
mod dashboards;
mod database_clients;
mod metric_names;
mod pages;
mod rules;
mod runbook;
mod units;
mod watched;
