//! End-to-end suites against the real binary, one subject a module.
//!
//! `TLSRPT_BIN` names another binary than the one beside the tests; `TLSRPT_E2E_SEED` repeats a run of the suites that draw
//! numbers; `TLSRPT_CORPUS_DIR` names a directory of public sample reports.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod admin_inputs;
mod backup;
mod backup_faults;
mod chaos;
mod clients;
mod command_line;
mod corpus;
mod doctor;
mod duplicates;
mod erasure;
mod full_disk;
mod garbage;
mod hostile;
mod import;
mod intake;
mod isolation;
mod mail;
mod oidc;
mod openapi;
mod operations;
mod quickstart;
mod quirks;
mod report_way;
mod restart;
mod rollout;
mod seed;
mod tenant_metrics;
mod tenants;
