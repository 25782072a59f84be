//! Schema, inserts and queries against the real engine: one engine for the whole binary, a database for each test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod adoption;
mod audit;
mod counted;
mod counting;
mod days;
mod erasure;
mod export;
mod filters;
mod groups;
mod incidents;
mod keys;
mod ledger;
mod lists;
mod mails;
mod model;
mod notices;
mod once;
mod policies;
mod replay;
mod reporters;
mod schema;
mod support;
mod top;
mod wall;

use tlsrpt_store::{ClusterName, Store, StoreConfig};

/// One server.
fn cluster() -> Option<ClusterName> {
    None
}

async fn migrate(_config: &StoreConfig, store: &Store) {
    store.migrate().await.expect("migrate");
}
