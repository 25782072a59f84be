//! The API over HTTP, with the real engine, the real log and the roles before it in the same process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::float_cmp)]

mod adoption;
mod audit;
mod audit_log;
mod description;
mod domain_dns;
mod erasure;
mod export;
mod fleet;
mod harness;
mod held_database;
mod import;
mod isolation;
mod issuer;
mod keys;
mod ledger;
mod limits;
mod mails;
mod minimum_trust;
mod notifications;
mod oidc;
mod onboarding;
mod operator;
mod problems;
mod raw;
mod readiness;
mod recount;
mod reporters;
mod reuse;
mod server;
mod signer;
mod tenant;
