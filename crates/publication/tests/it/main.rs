//! The checker against a real name server and a real HTTPS host, with every fault that it names.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by a panic that says what was found"
)]

mod dnssec;
mod domain;
mod faults_of_mail;
mod faults_of_policy;
mod faults_of_records;
mod host;
mod looks;
mod reach;
mod unanswered;
mod world;
