//! What an operator deploys with, held against the real parts: what lies in `deploy/` and `helm/`, one subject a module.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod dashboards;
mod database_clients;
mod watched;
